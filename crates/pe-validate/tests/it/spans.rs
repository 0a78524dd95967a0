//! What each finding marks in its file, in both notations.

use pe_model::{Catalog, Format, ToolSpec};
use pe_validate::{Code, Finding, Limits, check_file};
use serde_json::json;

fn catalog() -> Catalog {
    let parameters = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["text"],
    });
    [ToolSpec { name: "say".to_owned(), parameters, ..ToolSpec::default() }].into_iter().collect()
}

/// The text between two places, both from 1 and in characters.
fn between(text: &str, finding: &Finding) -> String {
    let offset = |line: Option<usize>, column: Option<usize>| {
        let (line, column) = (line.unwrap(), column.unwrap());
        let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let mut characters = text[before..].trim_start_matches('\u{feff}').char_indices();
        let mark = text[before..].len() - text[before..].trim_start_matches('\u{feff}').len();
        let rest = text.len() - before - mark;
        before + mark + characters.nth(column - 1).map_or(rest, |(at, _)| at)
    };
    let start = offset(finding.line, finding.column);
    text[start..offset(finding.end_line, finding.end_column)].to_owned()
}

fn check(text: &str, format: Format, expected: &[(Code, &str)]) {
    let report = check_file(text.as_bytes(), format, &catalog(), &Limits::default()).report;
    let found: Vec<(Code, String)> =
        report.findings.iter().map(|finding| (finding.code, between(text, finding))).collect();
    let found: Vec<(Code, &str)> = found.iter().map(|(code, text)| (*code, &**text)).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn faults_of_a_json_plan() {
    let text = "\u{feff}{\r\n\"goal\": \"ü\", \"stpes\": 1, \"steps\": [\r\n\
        {\"step_id\": \"漢字\", \"tool\": \"say\", \"parameters\": {\"text\": 1, \"cuont\": 2}},\r\n\
        {\"step_id\": \"b\", \"tool\": \"sya\", \"step_type\": \"conditional\"},\r\n\
        {\"step_id\": \"c\", \"tool\": \"say\", \"parameters\": {\r\n\"count\": 1},\r\n\
         \"dependencies\": [\"d\", \"b\"], \"expect\": \"\\\"ü\\\" == resutl\"}]}";
    check(
        text,
        Format::Json,
        &[
            (Code::UnknownField, "\"stpes\""),
            (Code::UnknownParameter, "\"cuont\""),
            (Code::ParameterMismatch, "1"),
            (Code::MissingField, "\"b\""),
            (Code::MissingTool, "\"sya\""),
            (Code::UnknownDependency, "\"d\""),
            (Code::UnknownVariable, "resutl"),
            (Code::MissingParameter, "{"),
        ],
    );
}

#[test]
fn faults_of_a_yaml_plan() {
    let text = "goal: ü\nstpes: 1\nsteps:\n- step_id: 漢字\n  tool: say # c\n  parameters:\n    \
                text: 1\n    'cuont': 2\n- step_id: b\n  tool: 'sya'\n  step_type: conditional\n\
                - tool: say\n  step_id: c\n  parameters:\n    count: 1\n  dependencies: [d, b]\n  \
                expect: >-\n    \"ü\" ==\n\n    resutl\n";
    check(
        text,
        Format::Yaml,
        &[
            (Code::UnknownField, "stpes"),
            (Code::UnknownParameter, "'cuont'"),
            (Code::ParameterMismatch, "1"),
            (Code::MissingField, "b"),
            (Code::MissingTool, "'sya'"),
            (Code::UnknownDependency, "d"),
            (Code::UnknownVariable, "resutl"),
            (Code::MissingParameter, "parameters"),
        ],
    );
}

#[test]
fn faults_inside_one_string_are_told_apart() {
    let text = r#"{"goal": "", "steps": [{"step_id": "a", "tool": "say", "parameters": {
        "text": "\t{{ results.x.y }} \"{{ c + results.z + item }}\" {{ 1 + }}",
        "count": "{{ results.a }}"}}]}"#;
    check(
        text,
        Format::Json,
        // An expression that cannot be read hides what else its string reads.
        &[(Code::BadExpression, "}"), (Code::SelfReference, "results.a")],
    );
    check(
        &text.replace("1 +", "1"),
        Format::Json,
        &[
            (Code::UnknownVariable, "c"),
            (Code::UnknownVariable, "item"),
            (Code::UnknownReference, "results.x.y"),
            (Code::UnknownReference, "results.z"),
            (Code::SelfReference, "results.a"),
        ],
    );
}

#[test]
fn faults_of_files_that_are_no_plans() {
    check(
        "{\"a\": 1,\n \"b\\\"\" : 2, \"b\\\"\" : 3}",
        Format::Json,
        &[(Code::Unreadable, "\"b\\\"\"")],
    );
    check("a: 1\nb c: 2\nb c: 3\n", Format::Yaml, &[(Code::Unreadable, "b c")]);
    check("{\"ü\": tru}", Format::Json, &[(Code::Unreadable, "}")]);
    check("{\"ü\" \"b\"}", Format::Json, &[(Code::Unreadable, "\"")]);
    check("{\"goal\": ", Format::Json, &[(Code::Unreadable, " ")]);
    check("", Format::Json, &[(Code::Unreadable, "")]);
    check("goal: x\nsteps: {a: [}\n", Format::Yaml, &[(Code::Unreadable, "[")]);
    check(
        "goal: 1\nsteps: [3, {tool: []}]",
        Format::Yaml,
        &[(Code::WrongType, "1"), (Code::WrongType, "3"), (Code::WrongType, "[")],
    );
}

#[test]
fn a_file_that_is_not_utf8_is_marked_at_its_first_bad_byte() {
    let report =
        check_file(b"goal: x\nb: \xe4\xf6\n", Format::Yaml, &catalog(), &Limits::default()).report;
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((finding.line, finding.column), (Some(2), Some(4)));
    assert_eq!((finding.end_line, finding.end_column), (Some(2), Some(5)));
}

#[test]
fn wherever_a_file_is_cut_off_its_faults_lie_inside() {
    let json = "{\"goal\": \"\\ud83d\\ude00 ü\", \"goal\": [{\"step_id\": \"漢\", \"expect\": \"\\n x.\"}]}";
    let yaml =
        "goal: 'it''s'\r\nsteps:\n- &a step_id: \"\\x41\"\n  expect: |\n    x.\n\n- *a\n? [b]\n: 2";
    for (text, format) in [(json, Format::Json), (yaml, Format::Yaml)] {
        for cut in 0..=text.len() {
            let bytes = &text.as_bytes()[..cut];
            let report = check_file(bytes, format, &catalog(), &Limits::default()).report;
            for found in &report.findings {
                let (start, end) = ((found.line, found.column), (found.end_line, found.end_column));
                assert!(start <= end && end.0.is_some() && end.1.is_some(), "{found:?}");
                between(&String::from_utf8_lossy(bytes), found);
            }
        }
    }
}
