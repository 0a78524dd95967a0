//! Hostile and merely wrong documents.

use super::*;
use crate::PlanFile;

fn json(text: &str) -> Result<Value, ReadError> {
    read_value(text.as_bytes(), Format::Json)
}

fn yaml(text: &str) -> Result<Value, ReadError> {
    read_value(text.as_bytes(), Format::Yaml)
}

#[test]
fn both_notations_give_the_same_value() {
    let expected = serde_json::json!({"a": [1, -2.5, true, null, "x: y"], "b": {"c": "é"}});
    assert_eq!(json(r#"{"a":[1,-2.5,true,null,"x: y"],"b":{"c":"é"}}"#), Ok(expected.clone()));
    assert_eq!(yaml("a: [1, -2.5, true, null, 'x: y']\nb:\n  c: é\n"), Ok(expected.clone()));
    assert_eq!(json("\u{feff}{\"a\":1}"), Ok(serde_json::json!({"a": 1})), "a BOM is skipped");
    assert_eq!(yaml("\u{feff}a: 1"), Ok(serde_json::json!({"a": 1})));
}

#[test]
fn duplicate_keys_are_refused_at_any_depth() {
    let refused = |result: Result<Value, ReadError>, key: &str, line: usize| match result {
        Err(ReadError::DuplicateKey { key: found, at: Some((at, _)) }) => {
            assert_eq!((found.as_str(), at), (key, line));
        }
        other => panic!("{other:?}"),
    };
    refused(json("{\"a\": 1,\n \"a\": 2}"), "a", 2);
    refused(json("{\"p\": [{\"b\": 1,\n\n \"b\": 2}]}"), "b", 3);
    refused(yaml("a: 1\na: 2\n"), "a", 2);
    refused(yaml("p:\n  - b: 1\n    b: 2\n"), "b", 3);
}

#[test]
fn depth_is_bounded_the_same_way_in_both() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for read in [json, yaml] {
        assert!(read(&nested(MAX_NESTING)).is_ok());
        let error = read(&nested(MAX_NESTING + 1)).unwrap_err();
        assert!(matches!(error, ReadError::TooDeep { limit: 128, .. }), "{error:?}");
        let error = read(&nested(100_000)).unwrap_err();
        assert!(matches!(error, ReadError::TooDeep { .. } | ReadError::Syntax { .. }), "{error:?}");
    }
}

#[test]
fn what_is_no_document_is_named() {
    let syntax = |result: Result<Value, ReadError>| match result {
        Err(ReadError::Syntax { message, at, .. }) => (message, at),
        other => panic!("{other:?}"),
    };
    let (message, at) = syntax(json("{\"a\": 1,\n  oops}"));
    assert_eq!((message.as_str(), at), ("key must be a string", Some((2, 3))));
    assert_eq!(syntax(json("{} {}")).0, "trailing characters");
    assert_eq!(syntax(yaml("a: [1,\nb: 2")).1.map(|(line, _)| line), Some(1));
    assert_eq!(json(" \n"), Err(ReadError::Empty));
    assert_eq!(read_value(b"", Format::Yaml), Err(ReadError::Empty));
    assert_eq!(
        read_value(b"{\"a\": \"\xe9\"}", Format::Json),
        Err(ReadError::Encoding { offset: 7 })
    );
    assert!(matches!(json("{\"a\": 1e999}"), Err(ReadError::Syntax { .. })));
    for (text, shown) in [("a: .nan", ".nan"), ("a: -.inf", "-.inf"), ("a: 1e999", "1e999")] {
        let message = format!("`{shown}`: NaN and infinities are no JSON numbers");
        assert_eq!(yaml(text), Err(ReadError::Refused { message, at: Some((1, 4)) }));
    }
}

#[test]
fn messages_name_nothing_of_the_parsers() {
    for (text, expected) in [
        ("a: 1\n---\nb: 2\n", "the file holds more than one YAML document; keep one"),
        ("a: &a [*a]\n", "an alias stands inside what it stands for; write it out"),
        ("null: 1\n", "not YAML: a key must be a string, found null"),
        ("? [a]\n: 1\n", "not YAML: a key must be a string"),
        ("a: [1\nb: 2\n", "not YAML: illegal placement of ':' indicator"),
    ] {
        assert_eq!(yaml(text).unwrap_err().to_string(), expected, "{text}");
    }
    let anchor = "x: &x [1, 2, 3, 4, 5, 6, 7, 8, 9]\n";
    let aliases = |many: usize| format!("{anchor}y: [{}]\n", vec!["*x"; many].join(", "));
    let error = yaml(&aliases(20_000)).unwrap_err().to_string();
    assert!(error.contains("alias") && !error.contains("budget"), "{error}");
    let error = yaml(&"[".repeat(100_000)).unwrap_err();
    assert!(matches!(error, ReadError::TooDeep { limit: 128, .. }), "{error:?}");
}

#[test]
fn common_slips_are_helped_with() {
    let quotes = Some("put the template in quotes: \"{{ .. }}\"");
    let fence = Some("remove the ``` lines around the plan");
    for (text, format, expected) in [
        ("a:\n  value: {{ results.b }}\nz: 1\n", Format::Yaml, quotes),
        ("- {{ item }}\n", Format::Yaml, quotes),
        ("a: {{ x[0] }}\n", Format::Yaml, quotes),
        ("a: {{ x }} and more\nb: 1\n", Format::Yaml, quotes),
        ("a: {b: x {{ y }}, c: 1}\n", Format::Yaml, quotes),
        ("{\"a\": {{ x }}}", Format::Json, quotes),
        ("```yaml\ngoal: x\n```\n", Format::Yaml, fence),
        ("\n```json\n{}\n```\n", Format::Json, fence),
        ("{\"a\": \"{{ x }}\", b}", Format::Json, None),
        ("{\"a\": {{\"b\": 1}}}", Format::Json, None),
        ("a: \"{{ x }}\" }}\n", Format::Yaml, None),
        ("a: '{{ x }}' b\n", Format::Yaml, None),
        ("a: [1,\nb: {{ x }}", Format::Yaml, quotes),
        ("a: 'x", Format::Yaml, None),
    ] {
        let error = read_value(text.as_bytes(), format).unwrap_err();
        assert!(matches!(error, ReadError::Syntax { .. }), "{text}: {error:?}");
        assert_eq!(error.suggestion(), expected, "{text}: {error:?}");
    }
}

#[test]
fn utf16_is_named() {
    let wide = |bytes: fn(u16) -> [u8; 2], mark: &[u8]| {
        let text = "{\"goal\": \"é\"}".encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(text).collect::<Vec<u8>>()
    };
    for text in [
        wide(u16::to_le_bytes, b"\xFF\xFE"),
        wide(u16::to_be_bytes, b"\xFE\xFF"),
        wide(u16::to_le_bytes, b""),
        wide(u16::to_be_bytes, b""),
    ] {
        for format in [Format::Json, Format::Yaml] {
            assert_eq!(read_value(&text, format), Err(ReadError::Utf16));
        }
    }
}

#[test]
fn size_is_checked_before_anything_is_read() {
    let text = vec![b'['; MAX_DOCUMENT_BYTES + 1];
    assert_eq!(
        read_value(&text, Format::Json),
        Err(ReadError::TooLarge { bytes: text.len(), limit: MAX_DOCUMENT_BYTES })
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(yaml(&text).is_err());
}

#[test]
fn every_wrong_type_is_listed_with_its_place() {
    let text = r#"{"goal": 3, "steps": [
        {"step_id": "a", "tool": "t", "dependencies": "b", "retry": {"jitter": "x", "max_retries": -1}},
        7,
        {"step_id": "b", "tool": "t", "loop_count": "many", "step_type": "maybe"}]}"#;
    let Err(ReadError::Shape(issues)) = PlanFile::parse(text.as_bytes(), Format::Json) else {
        panic!("must not be read");
    };
    let places: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
    assert_eq!(
        places,
        [
            "/steps/0/dependencies",
            "/steps/0/retry/jitter",
            "/steps/0/retry/max_retries",
            "/steps/1",
            "/steps/2/loop_count",
            "/steps/2/step_type",
            "/goal",
        ]
    );
    assert!(issues[3].message.contains("found a number"), "{:?}", issues[3]);
}

#[test]
fn unknown_fields_are_left_out_and_named() {
    let text = r#"{"goal": "g", "stepz": [], "steps": [
        {"step_id": "a", "tool": "t", "dependancies": [], "retry": {"max_retry": 1}}]}"#;
    let file = PlanFile::parse(text.as_bytes(), Format::Json).unwrap();
    let named: Vec<_> =
        file.unknown.iter().map(|field| (field.pointer.as_str(), field.nearest)).collect();
    assert_eq!(
        named,
        [
            ("/stepz", Some("steps")),
            ("/steps/0/dependancies", Some("dependencies")),
            ("/steps/0/retry/max_retry", Some("max_retries")),
        ]
    );
    assert_eq!(file.plan.steps[0].retry, Some(crate::RetryPolicy::default()));
}

#[test]
fn other_tops_are_refused() {
    for (text, found) in [("[]", "a list"), ("3", "a number"), ("null", "null")] {
        let error = PlanFile::parse(text.as_bytes(), Format::Json).unwrap_err();
        assert_eq!(error, ReadError::NotAnObject { found });
    }
    let error = PlanFile::parse(b"just words", Format::Yaml).unwrap_err();
    assert_eq!(error, ReadError::NotAnObject { found: "a string" });
}

#[test]
fn formats_are_told_by_name_or_by_sight() {
    assert_eq!(Format::from_file_name("a/plan.YML"), Some(Format::Yaml));
    assert_eq!(Format::from_file_name("plan.json"), Some(Format::Json));
    assert_eq!(Format::from_file_name("plan.txt"), None);
    assert_eq!(Format::sniff(b" \n{"), Format::Json);
    assert_eq!(Format::sniff(b"goal: x"), Format::Yaml);
}

#[test]
fn yaml_words_are_words() {
    let read = yaml("[no, NO, y, n, on, off, yes, true, false, ~, 0o17]");
    let expected =
        serde_json::json!(["no", "NO", "y", "n", "on", "off", "yes", true, false, null, 15]);
    assert_eq!(read, Ok(expected));
}

#[test]
fn steps_that_are_read_one_by_one_are_those_of_the_tree() {
    let texts = [
        r#"{"goal": "g", "steps": [{"step_id": "a", "parameters": {"steps": [1, {"steps": 2}]}},
            {"step_id": "b", "metadata": {"x": null}, "retry": {"max_retries": 1}}], "context": {"steps": [3]}}"#,
        r#"{"steps": [{"step_id": "a", "colour": 1, "dependencies": "b"}, 7, {"parameters": 1}], "x": 2}"#,
        r#"{"steps": {"a": 1}, "goal": 2}"#,
        r#"{"steps": "a"}"#,
        r#"{"steps": []}"#,
        r#"[{"steps": [{}]}]"#,
    ];
    for text in texts {
        let tree = PlanFile::from_value(json(text).unwrap());
        for format in [Format::Json, Format::Yaml] {
            let read = PlanFile::parse(text.as_bytes(), format);
            assert_eq!(read, tree, "{format}: {text}");
        }
    }
    let again = br#"{"steps": [{}], "steps": []}"#;
    let error = PlanFile::parse(again, Format::Json).unwrap_err();
    assert!(matches!(error, ReadError::DuplicateKey { .. }), "{error:?}");
}

#[test]
fn reading_ends_with_the_first_step_too_many() {
    let text =
        |steps: usize, end: &str| format!("{{\"steps\": [{}{end}", vec!["{}"; steps].join(","));
    let read = |text: &str, limit| PlanFile::parse_at_most(text.as_bytes(), Format::Json, limit);
    assert_eq!(read(&text(3, "]}"), 3).unwrap().plan.steps.len(), 3);
    let refused = Err(ReadError::TooManySteps { limit: 3 });
    assert_eq!(read(&text(4, "]}"), 3), refused);
    assert_eq!(read(&text(4, ", not JSON"), 3), refused);
    assert!(matches!(read(&text(3, ", not JSON"), 3), Err(ReadError::Syntax { .. })));
    let other = "{\"context\": {\"steps\": [1, 2, 3, 4]}, \"metadata\": {\"list\": [1, 2, 3, 4]}}";
    assert!(read(other, 3).is_ok(), "only the plan's own steps are counted");
}
