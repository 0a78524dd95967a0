//! Malformed answers and what becomes of each: `tests/data/answers/*.cases`.
//!
//! A case is `=== name | flags`, the answer, and `~~> expectation`: the steps in the short
//! notation, `error KIND`, or the name of steps that stand at the top of the file. Each is read
//! whole and a character at a time; both must say the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use pe_llm::{Draft, DraftError, DraftParser, parse_draft, read_step, write_step};
use pe_model::{FinishReason, PlanStep};
use serde_json::Value;

/// One answer and what it should become.
pub(crate) struct Case {
    /// The file and the case in it.
    pub(crate) name: String,
    /// What the model wrote.
    pub(crate) answer: String,
    /// Why it stopped.
    pub(crate) finish: FinishReason,
    /// The kind of error, or the steps.
    pub(crate) expected: Result<Vec<PlanStep>, String>,
}

/// All cases of all files.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/answers");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        read_file(&name, &text, &mut cases);
    }
    cases
}

fn read_file(file: &str, text: &str, cases: &mut Vec<Case>) {
    let (head, body) = text.split_once("\n=== ").unwrap();
    let named: BTreeMap<&str, &str> =
        head.lines().filter_map(|line| line.strip_prefix('$')?.split_once(" = ")).collect();
    for block in body.split("\n=== ") {
        let (title, rest) = block.split_once('\n').unwrap();
        let (answer, expected) = match rest.strip_prefix("~~> ") {
            Some(expected) => ("", expected),
            None => rest.split_once("\n~~> ").unwrap_or_else(|| panic!("{title}: no expectation")),
        };
        let (title, flags) = title.split_once(" | ").unwrap_or((title, ""));
        let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
        let mut answer = answer.to_owned();
        if has("crlf") {
            answer = answer.replace('\n', "\r\n");
        }
        if has("bom") {
            answer.insert(0, '\u{feff}');
        }
        let finish = match () {
            () if has("length") => FinishReason::Length,
            () if has("cutoff") => FinishReason::CutOff,
            () if has("filter") => FinishReason::ContentFilter,
            () => FinishReason::Stop,
        };
        let expected = expected.trim();
        let expected = match expected.strip_prefix("error ") {
            Some(kind) => Err(kind.to_owned()),
            None => Ok(steps(expected.strip_prefix('$').map_or(expected, |name| named[name]))),
        };
        cases.push(Case { name: format!("{file}: {title}"), answer, finish, expected });
    }
}

fn steps(text: &str) -> Vec<PlanStep> {
    let steps: Vec<Value> =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    steps.iter().map(|step| read_step(step).unwrap()).collect()
}

pub(crate) fn kind(error: &DraftError) -> &'static str {
    match error {
        DraftError::Truncated { .. } => "truncated",
        DraftError::NoJson { .. } => "no_json",
        DraftError::Malformed { .. } => "malformed",
        DraftError::NoSteps => "no_steps",
        DraftError::Step { .. } => "step",
        DraftError::TooLarge { .. } => "too_large",
    }
}

/// Reads an answer a character at a time: what was yielded, and the whole.
pub(crate) fn in_pieces(
    answer: &str,
    finish: FinishReason,
) -> (Vec<PlanStep>, Result<Draft, DraftError>) {
    let mut parser = DraftParser::new();
    let mut yielded = Vec::new();
    for c in answer.chars() {
        yielded.extend(parser.push(c.encode_utf8(&mut [0; 4])));
    }
    (yielded, parser.finish(finish))
}

#[test]
fn every_answer_becomes_what_its_case_says() {
    let cases = cases();
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let mut report = String::new();
    for case in &cases {
        let whole = parse_draft(&case.answer, case.finish);
        let (_, pieces) = in_pieces(&case.answer, case.finish);
        assert_eq!(whole, pieces, "{}", case.name);
        let found =
            whole.as_ref().map(|draft| &draft.steps).map_err(|error| kind(error).to_owned());
        if found != case.expected.as_ref().map_err(Clone::clone) {
            let shown = match &whole {
                Ok(draft) => draft.steps.iter().map(|step| write_step(step).to_string()).collect(),
                Err(error) => error.to_string(),
            };
            let _ = writeln!(report, "{}\n    {shown}", case.name);
        }
    }
    assert!(report.is_empty(), "these answers became something else:\n{report}");
}
