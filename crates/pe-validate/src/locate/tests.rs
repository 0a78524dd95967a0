//! What is found where, in both notations.

use super::*;

fn check(text: &str, format: Format, pointer: &str, expected: (usize, usize)) {
    let place = locate(text, format, [pointer])[0];
    assert_eq!((place.line, place.column), expected, "{pointer} in {text}");
}

#[test]
fn json_places() {
    let text = "{\"goal\": \"ü\", \"steps\": [\n  {\"step_id\": \"a\",\n   \"retry\": {\"a/b~\": [1, 2]}}]}";
    check(text, Format::Json, "", (1, 1));
    check(text, Format::Json, "/goal", (1, 10));
    check(text, Format::Json, "/steps", (1, 24));
    check(text, Format::Json, "/steps/0", (2, 3));
    check(text, Format::Json, "/steps/0/retry/a~1b~0/1", (3, 26));
    check("\u{feff}{\"a\": 1}", Format::Json, "/a", (1, 7));
    check("\u{feff}a: 1", Format::Yaml, "/a", (1, 4));
    check(r#"{"\u0061\"": {"b": true}, "c":null}"#, Format::Json, "/a\"/b", (1, 20));
    check(r#"{"\u0061\"": {"b": true}, "c":null}"#, Format::Json, "/c", (1, 31));
    check(r#"["a", {"b": "}]"}, [[]], 1e5, -2]"#, Format::Json, "/4", (1, 31));
}

#[test]
fn yaml_places() {
    let text = "goal: g\nsteps:\n  - step_id: a\n    tool: echo\n  - step_id: ü\n    parameters: {u: ü, value: 1}\n";
    check(text, Format::Yaml, "/steps/0/tool", (4, 11));
    check(text, Format::Yaml, "/steps/1/step_id", (5, 14));
    check(text, Format::Yaml, "/steps/1/parameters/value", (6, 31));
    check("a: &x {b: 1}\nc: *x\nd: 2", Format::Yaml, "/d", (3, 4));
    check("a: &x {b: 1}\nc: *x\nd: 2", Format::Yaml, "/c/b", (2, 4));
}

#[test]
fn what_is_not_there_is_where_the_value_around_it_begins() {
    let text = "{\"steps\": [\n {\"tool\": 1}]}";
    check(text, Format::Json, "/steps/0/parameters/x", (2, 2));
    check(text, Format::Json, "/steps/1", (1, 11));
    check(text, Format::Json, "/steps/18446744073709551616/x", (1, 11));
    check(text, Format::Json, "/nowhere", (1, 1));
    check("", Format::Yaml, "/steps", (1, 1));
    check("a: 1\nb: [", Format::Yaml, "/a", (1, 4));
    check("{\"a\": 1, \"b\": \"", Format::Json, "/a", (1, 7));
}

#[test]
fn a_key_of_any_length_is_found() {
    let text = format!("{{\"{}\": {{\"x\": 1}}, \"b\": 2}}", "k".repeat(3_000));
    check(&text, Format::Json, "/b", (1, 3_021));
}

#[test]
fn serde_json_counts_bytes() {
    assert_eq!(offset_of("a\nüb", 2, 3), 4);
    assert_eq!(offset_of("a\nb", 9, 9), 3);
    assert_eq!(
        places("a\nüb", &[4, 99, 0]).iter().map(|p| p.column).collect::<Vec<_>>(),
        [2, 3, 1]
    );
}
