//! Any text whatever: no panic, bounded work, and the same outcome however it arrives.
//!
//! `PE_TEST_LONG=1` draws a thousand times as many texts.

use pe_llm::{
    Draft, DraftError, DraftParser, MAX_ANSWER_BYTES, extract_json, parse_draft, write_notation,
};
use pe_model::{FinishReason, PlanStep};
use pe_testkit::arbitrary_plan;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::corpus::{cases, kind};

fn config(cases: u32) -> Config {
    let long = std::env::var_os("PE_TEST_LONG").is_some();
    Config {
        cases: if long { cases * 1000 } else { cases },
        failure_persistence: None,
        ..Config::default()
    }
}

/// Pieces that answers are made of, whole and broken.
const PIECES: [&str; 64] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ",",
    ":",
    "\\",
    "\n",
    " ",
    "//",
    "/*",
    "*/",
    "#",
    "```",
    "```json\n",
    "<think>",
    "</think>",
    "<",
    "</",
    "<tool_call>",
    "{\"steps\":[",
    "]}",
    "{\"id\":\"a\",\"tool\":\"t\"}",
    "{'id':'b','tool':'u','args':{'x':'it's'}}",
    "\"id\":",
    "\"tool\":",
    "steps",
    "id: 1",
    "tool",
    "...",
    "…",
    "“",
    "”",
    "‘",
    "’",
    "é",
    "🐈",
    "\u{feff}",
    "\r\n",
    "\t",
    "\u{0}",
    "null",
    "None",
    "True",
    "1e999",
    "-",
    "0",
    "{{a.b}}",
    "{{",
    "}}",
    "{{=",
    "results",
    "\"{\\\"id\\\":1}\"",
    "{\\\"steps\\\":[",
    "\\\"",
    "\\u12",
    "\"dependencies\":[1]",
    "{\"task\":\"t\",\"id\":0,\"dep\":[-1],\"args\":{}}",
    "plan",
    "(",
    ")",
    "`",
];

fn soup() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            8 => (0..PIECES.len()).prop_map(|piece| PIECES[piece].to_owned()),
            1 => "\\PC{0,6}",
            1 => any::<char>().prop_map(String::from),
        ],
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

/// A plan's text with some bytes taken out, put in or repeated.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..3_u8, 0..PIECES.len());
    (arbitrary_plan(), any::<bool>(), vec(edit, 0..6)).prop_map(|(plan, long, edits)| {
        let mut text = match long {
            true => serde_json::to_string_pretty(&plan).unwrap(),
            false => write_notation(&plan),
        };
        for (place, what, piece) in edits {
            let mut at = place.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match what {
                0 => text.insert_str(at, PIECES[piece]),
                1 => {
                    let mut end = (at + 1 + piece).min(text.len());
                    while !text.is_char_boundary(end) {
                        end += 1;
                    }
                    text.replace_range(at..end, "");
                }
                _ => text.truncate(at),
            }
        }
        text
    })
}

/// Reads a text in pieces of drawn lengths.
fn in_parts(text: &str, cuts: &[usize]) -> (Vec<PlanStep>, Result<Draft, DraftError>) {
    let mut parser = DraftParser::new();
    let mut yielded = Vec::new();
    let mut rest = text;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let mut length = cuts.next().copied().unwrap_or(1).clamp(1, rest.len());
        while !rest.is_char_boundary(length) {
            length += 1;
        }
        let (part, after) = rest.split_at(length);
        yielded.extend(parser.push(part));
        rest = after;
    }
    (yielded, parser.finish(FinishReason::Stop))
}

fn check_parts(text: &str, cuts: &[usize]) -> Result<(), TestCaseError> {
    let whole = parse_draft(text, FinishReason::Stop);
    let (yielded, parts) = in_parts(text, cuts);
    prop_assert_eq!(&parts, &whole, "{}", text);
    let (at_once, _) = in_parts(text, &[usize::MAX]);
    // A closing tag takes back what came before it, unless that was given away already.
    let same = text.contains("</") || yielded == at_once;
    prop_assert!(same, "what is yielded depends on the pieces: {}", text);
    if let Err(error) = &whole {
        let message = error.to_string();
        prop_assert!(message.len() < 1200 && !message.contains('\n'), "{}", message);
    }
    let _ = extract_json(text, FinishReason::Stop);
    Ok(())
}

#[test]
fn an_error_that_quotes_the_model_is_one_line() {
    let step = r#"{"steps": [{"step_id": "a", "tool": "t", "step_type": "x\ny"}]}"#;
    let error = parse_draft(step, FinishReason::Stop).unwrap_err().to_string();
    assert!(error.contains("x y"), "{error:?}");
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn any_text_in_any_pieces(text in soup(), cuts in vec(1..9_usize, 1..6)) {
        check_parts(&text, &cuts)?;
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn mutated_plans_in_any_pieces(text in mutated(), cuts in vec(1..40_usize, 1..6)) {
        check_parts(&text, &cuts)?;
    }

    #[test]
    fn bytes_as_text(bytes in vec(any::<u8>(), 0..300), cuts in vec(1..9_usize, 1..6)) {
        check_parts(&String::from_utf8_lossy(&bytes), &cuts)?;
    }

    #[test]
    fn steps_that_were_yielded_begin_what_finish_gives(plan in arbitrary_plan(), cuts in vec(1..60_usize, 1..6)) {
        let texts = [
            write_notation(&plan),
            serde_json::to_string_pretty(&plan).unwrap(),
            format!("Here {{it}} is:\n```json\n{}\n```\n{{fine}}", write_notation(&plan)),
        ];
        for text in texts {
            let (yielded, whole) = in_parts(&text, &cuts);
            prop_assert_eq!(&yielded, &plan.steps);
            prop_assert_eq!(whole.unwrap().steps, yielded);
        }
    }
}

#[test]
fn the_corpus_in_any_pieces() {
    for case in cases() {
        for cuts in [[1, 1, 1], [2, 3, 5], [7, 1, 13]] {
            check_parts(&case.answer, &cuts)
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
    }
}

#[test]
fn what_was_yielded_of_a_whole_answer_is_in_it() {
    for case in cases() {
        let (yielded, whole) = in_parts(&case.answer, &[1]);
        // Drafts and examples before the plan are the cases in which the end disagrees.
        let drafts_first =
            ["first", "attempt", "draft", "closing tag", "escaped", "twice", "a plan as a map"];
        if drafts_first.iter().any(|word| case.name.contains(word)) {
            continue;
        }
        if let Ok(draft) = whole {
            assert!(draft.steps.starts_with(&yielded), "{}: {yielded:?}", case.name);
        }
    }
}

#[test]
fn nesting_ends_in_an_error() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"steps\":", "}]"), ("{'x':[", "]}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        let in_a_step =
            format!("{{\"steps\":[{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{\"x\":{deep}}}}}]}}");
        let as_text =
            serde_json::json!({"steps": [{"id": "a", "tool": "t", "args": deep}]}).to_string();
        for text in [&deep, &in_a_step, &open.repeat(200_000)] {
            let error = parse_draft(text, FinishReason::Stop).unwrap_err();
            assert_eq!(kind(&error), "malformed", "{error}");
            assert!(extract_json(text, FinishReason::Stop).is_err());
        }
        // Arguments in a string that is no JSON that anybody could mean stay a string.
        let draft = parse_draft(&as_text, FinishReason::Stop).unwrap();
        assert_eq!(draft.steps[0].parameters["input"].as_str(), Some(deep.as_str()));
    }
    let deepest = format!(
        "{{\"steps\":[{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{\"x\":{}1{}}}}}]}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    assert_eq!(parse_draft(&deepest, FinishReason::Stop).unwrap().steps.len(), 1);
}

#[test]
fn an_answer_without_end_is_refused() {
    let mut parser = DraftParser::new();
    let piece = "words and words ".repeat(64);
    for _ in 0..=MAX_ANSWER_BYTES / piece.len() {
        assert!(parser.push(&piece).is_empty());
    }
    let plan = r#"{"steps":[{"id":"a","tool":"t"}]}"#;
    assert!(parser.push(plan).is_empty(), "what comes after the limit is not read");
    let error = parser.finish(FinishReason::Stop).unwrap_err();
    assert_eq!(error, DraftError::TooLarge { limit: MAX_ANSWER_BYTES });
    let long = " ".repeat(MAX_ANSWER_BYTES) + plan;
    assert_eq!(parse_draft(&long, FinishReason::Stop), Err(error.clone()));
    assert_eq!(extract_json(&long, FinishReason::Stop), Err(error));
}

#[test]
fn a_restart_forgets_what_came_before() {
    let mut parser = DraftParser::new();
    assert_eq!(parser.push(r#"{"steps":[{"id":"a","tool":"t"},{"id":"b","#).len(), 1);
    parser.restart();
    assert_eq!(parser.push(r#"{"steps":[{"id":"c","tool":"t"}]}"#).len(), 1);
    let draft = parser.finish(FinishReason::Stop).unwrap();
    assert_eq!(draft.steps.len(), 1);
    assert_eq!(draft.steps[0].step_id.as_str(), "c");
}
/// Texts that would take minutes, were any of the work quadratic in their length.
#[test]
fn long_texts_end_soon() {
    let long = std::env::var_os("PE_TEST_LONG").is_some();
    let size = |times: usize| if long { times } else { times / 8 };
    let step = r#"{'id':'a','tool':'t','args':{'text':'it's words'}},"#;
    let texts = [
        format!("[{}]", step.repeat(size(80_000))),
        "{'a':".repeat(size(800_000)),
        "'".repeat(size(4_000_000)),
        format!("[{}]", "'".repeat(size(4_000_000))),
        format!("[{}]", "'' ".repeat(size(1_300_000))),
        format!("{{\"a\": \"{}\"}}", "\\".repeat(size(4_000_000))),
        format!("[{}]", "1 ".repeat(size(2_000_000))),
        format!("[{}", "\"x\" ".repeat(size(1_000_000))),
        format!("[{}]", "\"x\" ".repeat(size(1_000_000))),
        format!("[{}]", "\"x\"y ".repeat(size(800_000))),
        format!("[{}]", "x ".repeat(size(2_000_000))),
        format!("[\"{}]", "\" x".repeat(size(1_300_000))),
        format!("{{\"steps\":[{}]}}", "/* a */ ".repeat(size(500_000))),
        format!("{{\"steps\":[\"{}\"]}}", "a\nb".repeat(size(1_300_000))),
        "{".repeat(size(4_000_000)),
        "[ ".repeat(size(2_000_000)),
        "</think>".repeat(size(500_000)),
        "<think>".repeat(size(500_000)),
        "{\\\"a\\\":".repeat(size(500_000)),
        "{\"id\":1,\"tool\":\"t\"}\n".repeat(size(200_000)),
        "{\"a\":1}".repeat(size(500_000)),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{\"x\":\"{}\"}}}}",
            "{{a}}".repeat(size(700_000))
        ),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{\"x\":\"{}\"}}}}",
            "{{ 1 ".repeat(size(700_000))
        ),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{\"x\":\"{}\"}}}}",
            "{{a-".repeat(size(700_000))
        ),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",\"args\":{{{}}}}}",
            (0..size(200_000))
                .map(|n| format!("\"k{n}\":\"{{{{a{n}}}}}\""))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",\"after\":[{}]}}",
            (0..size(300_000)).map(|n| format!("\"k{n}\"")).collect::<Vec<_>>().join(",")
        ),
        format!(
            "{{\"id\":\"a\",\"tool\":\"t\",{}}}",
            (0..size(200_000)).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",")
        ),
    ];
    for text in texts {
        if let Err(error) = parse_draft(&text, FinishReason::Stop) {
            assert!(error.to_string().len() < 1200, "{error}");
        }
    }
}
