//! What is found where, in both notations.

use super::*;

fn check(text: &str, format: Format, pointer: &str, expected: (usize, usize), marked: &str) {
    let mark = locate(text, format, [(pointer, Part::Value)]).remove(0);
    let place = places(text, &[mark.range.start])[0];
    assert_eq!((place.line, place.column), expected, "{pointer} in {text}");
    assert_eq!(&text[mark.range], marked, "{pointer} in {text}");
}

fn check_key(text: &str, format: Format, pointer: &str, marked: &str) {
    let mark = locate(text, format, [(pointer, Part::Key)]).remove(0);
    assert_eq!(&text[mark.range], marked, "{pointer} in {text}");
}

/// `value` is what is read at `/a`; where `part` of it is written must read `marked`.
fn check_inside(text: &str, format: Format, value: &str, part: &str, marked: Option<&str>) {
    let mark = locate(text, format, [("/a", Part::Value)]).remove(0);
    let start = value.rfind(part).unwrap();
    let within = Within::new(text, &mark);
    let found = within.and_then(|mut within| within.find(value, start..start + part.len()));
    assert_eq!(found.map(|range| &text[range]), marked, "{part} in {text}");
}

#[test]
fn json_places() {
    let text =
        "{\"goal\": \"ü\", \"steps\": [\n  {\"x\": \"a\",\n   \"retry\": {\"a/b~\": [1, 2]}}]}";
    check(text, Format::Json, "", (1, 1), "{");
    check(text, Format::Json, "/goal", (1, 10), "\"ü\"");
    check(text, Format::Json, "/steps", (1, 24), "[");
    check(text, Format::Json, "/steps/0", (2, 3), "{");
    check(text, Format::Json, "/steps/0/retry/a~1b~0/1", (3, 26), "2");
    check("\u{feff}{\"a\": 1}", Format::Json, "/a", (1, 7), "1");
    check("\u{feff}a: 1", Format::Yaml, "/a", (1, 4), "1");
    check(r#"{"\u0061\"": {"b": true}, "c":null}"#, Format::Json, "/a\"/b", (1, 20), "true");
    check(r#"{"\u0061\"": {"b": true}, "c":null}"#, Format::Json, "/c", (1, 31), "null");
    check(r#"["a", {"b": "}]"}, [[]], 1e5, -2]"#, Format::Json, "/4", (1, 31), "-2");
    check(r#"["a", {"b": "}]"}, [[]], 1e5, -2]"#, Format::Json, "/1/b", (1, 13), "\"}]\"");
}

#[test]
fn yaml_places() {
    let text = "goal: g # c\nsteps:\n  - step_id: a\n    tool: 'it''s'  # c\n  - step_id: ü\n    \
                parameters: {u: ü, value: 1}\n    dependencies:\n    - b\n  - tool: x # c\n    \
                expect: |-\n      one\n      two\n\n    goal:\n";
    check(text, Format::Yaml, "/goal", (1, 7), "g");
    check(text, Format::Yaml, "/steps/0/tool", (4, 11), "'it''s'");
    check(text, Format::Yaml, "/steps/1/step_id", (5, 14), "ü");
    check(text, Format::Yaml, "/steps/1/parameters", (6, 17), "{");
    check(text, Format::Yaml, "/steps/1/parameters/value", (6, 31), "1");
    // Without a bracket it is the key, and without a key the first line.
    check(text, Format::Yaml, "/steps/1/dependencies", (7, 5), "dependencies");
    check(text, Format::Yaml, "/steps/1/dependencies/0", (8, 7), "b");
    check(text, Format::Yaml, "/steps/2", (9, 5), "tool: x # c");
    check(text, Format::Yaml, "/steps/2/expect", (11, 7), "one\n      two");
    check(text, Format::Yaml, "/steps/2/goal", (14, 5), "goal");
    check("a: &x {b: 1}\nc: *x\nd: 2", Format::Yaml, "/d", (3, 4), "2");
    check("a: &x {b: 1}\nc: *x\nd: 2", Format::Yaml, "/c/b", (2, 4), "*x");
    check("a: !t \"b\"\n", Format::Yaml, "/a", (1, 7), "\"b\"");
}

#[test]
fn a_step_is_where_its_id_is() {
    let json = "{\"steps\": [\n {\"tool\": 1, \"step_id\": \"a\",\n  \"x\": {}}]}";
    check(json, Format::Json, "/steps/0", (2, 25), "\"a\"");
    check(json, Format::Json, "/steps/0/condition", (2, 25), "\"a\"");
    check(json, Format::Json, "/steps/0/x/y", (3, 8), "{");
    check("steps:\n- tool: x\n  step_id: a", Format::Yaml, "/steps/0/condition", (3, 12), "a");
}

#[test]
fn what_is_not_there_is_where_the_value_around_it_begins() {
    let text = "{\"steps\": [\n {\"tool\": 1}]}";
    check(text, Format::Json, "/steps/0/parameters/x", (2, 2), "{");
    check(text, Format::Json, "/steps/1", (1, 11), "[");
    check(text, Format::Json, "/steps/18446744073709551616/x", (1, 11), "[");
    check(text, Format::Json, "/nowhere", (1, 1), "{");
    check("", Format::Yaml, "/steps", (1, 1), "");
    check("a: 1\nb: [", Format::Yaml, "/a", (1, 4), "1");
    check("{\"a\": 1, \"b\": \"", Format::Json, "/a", (1, 7), "1");
}

#[test]
fn keys() {
    check_key("{\"a\": {\"b\\u0020c\": {\"d\": 1}}}", Format::Json, "/a/b c", "\"b\\u0020c\"");
    check_key("a:\n  'b c': {d: 1}", Format::Yaml, "/a/b c", "'b c'");
    check_key("a:\n  'b c': {d: 1}", Format::Yaml, "/a/b c/d", "d");
    check_key("[1, 2]", Format::Json, "/1", "2");
}

#[test]
fn a_key_of_any_length_is_found() {
    let text = format!("{{\"{}\": {{\"x\": 1}}, \"b\": 2}}", "k".repeat(3_000));
    check(&text, Format::Json, "/b", (1, 3_021), "2");
}

#[test]
fn inside_of_strings() {
    use Format::{Json, Yaml};
    check_inside(r#"{"a": "x + y"}"#, Json, "x + y", "y", Some("y"));
    check_inside(r#"{"a": "\"x\" + \u00fc + y"}"#, Json, "\"x\" + ü + y", "+ y", Some("+ y"));
    check_inside(r#"{"a": "\"x\" + \u00fc + y"}"#, Json, "\"x\" + ü + y", "ü", Some("\\u00fc"));
    check_inside(r#"{"a": "\ud83d\ude00 y"}"#, Json, "😀 y", "y", Some("y"));
    check_inside(r#"{"a": "\n\ty"}"#, Json, "\n\ty", "y", Some("y"));
    check_inside("a: x == 'b'", Yaml, "x == 'b'", "'b'", Some("'b'"));
    check_inside("a: 'x == ''b'' '", Yaml, "x == 'b' ", "'b'", Some("''b''"));
    check_inside("a: \"x \\x41\\U0001F600 \\\n   y\"", Yaml, "x A😀 y", "y", Some("y"));
    check_inside("a: x\n  y   \n\n  z", Yaml, "x y\nz", "z", Some("z"));
    check_inside("a: |\r\n  \"x\"\r\n    y\r\n", Yaml, "\"x\"\n  y\n", "y", Some("y"));
    check_inside("a: >-\n  x\n  y z\n", Yaml, "x y z", "y z", Some("y z"));
    check_inside("a: x", Yaml, "y", "y", None);
    check_inside("b: x", Yaml, "y", "y", None);
    check_inside("{\"a\": [\"y\"]}", Json, "y", "y", None);
}

#[test]
fn what_parsers_tell_of_a_fault() {
    assert_eq!(offset_of_byte("a\nüb", 2, 3), 4);
    assert_eq!(offset_of_byte("a\nb", 9, 9), 3);
    assert_eq!(offset_of_character("a\nüb", 2, 2), 4);
    assert_eq!(offset_of_character("\u{feff}ab", 1, 2), 4);
    assert_eq!(
        places("a\nüb", &[4, 99, 0]).iter().map(|p| p.column).collect::<Vec<_>>(),
        [2, 3, 1]
    );
    let marked = |text: &str, range: Range<usize>| text[range].to_owned();
    for (text, at, expected) in [("{a_b: ", 1, "a_b"), ("{:", 0, "{"), ("a\n", 1, ""), ("a", 9, "")]
    {
        assert_eq!(marked(text, token_at(text, at)), expected, "{text}");
    }
    for (text, at, expected) in [
        (r#"{"a": 1, "a": 2}"#, 11, r#""a""#),
        (r#"{"\"a\\" : 1}"#, 8, r#""\"a\\""#),
        ("{\"a\"\n: 1}", 5, "\"a\""),
    ] {
        assert_eq!(marked(text, key_before(text, at)), expected, "{text}");
    }
    for (text, at, expected) in
        [("a: 1\na b : 2", 5, "a b"), ("'it''s': 1", 0, "'it''s'"), ("x", 0, "x")]
    {
        assert_eq!(marked(text, key_at(text, at)), expected, "{text}");
    }
}
