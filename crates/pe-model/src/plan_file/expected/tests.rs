//! Every field has its words, and they are of use.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::{Format, Plan, PlanFile, PlanStep, ReadError, RetryPolicy};

/// The names of the fields, in order.
fn names(table: &Table) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

#[test]
fn every_field_has_an_expectation() {
    assert_eq!(names(&PLAN), Plan::FIELDS);
    assert_eq!(names(&STEP), PlanStep::FIELDS);
    assert_eq!(names(&RETRY), super::super::RETRY_FIELDS);
}

/// The words of a table are those that the reader takes, all of them.
fn same_words<T: DeserializeOwned>(table: &Table) {
    for (name, expected) in table {
        let Word(words) = expected else { continue };
        for word in *words {
            assert!(serde_json::from_value::<T>(json!({*name: word})).is_ok(), "{name}: {word}");
        }
        let Err(error) = serde_json::from_value::<T>(json!({*name: "no such word"})) else {
            panic!("{name} takes anything");
        };
        let (_, known) = error
            .to_string()
            .rsplit_once("one of ")
            .map(|(a, b)| (a.len(), b.split(", ").count()))
            .unwrap();
        assert_eq!(known, words.len(), "{name}: {error}");
    }
}

#[test]
fn words_are_those_that_are_read() {
    same_words::<Plan>(&PLAN);
    same_words::<PlanStep>(&STEP);
    same_words::<RetryPolicy>(&RETRY);
}

/// Message and suggestion for one field of a step.
fn of_step(field: &str, value: Value) -> (String, Option<String>) {
    let plan = json!({"goal": "g", "steps": [{"step_id": "b", "tool": "t", field: value}]});
    match PlanFile::parse(plan.to_string().as_bytes(), Format::Json) {
        Err(ReadError::Shape(mut issues)) if issues.len() == 1 => {
            let issue = issues.remove(0);
            assert_eq!(issue.step_id.as_ref().map(|id| id.as_str()), Some("b"));
            (issue.message, issue.suggestion)
        }
        other => panic!("{field}: {other:?}"),
    }
}

#[test]
fn messages_name_the_field_the_step_and_what_to_write() {
    let policy = "must be a retry policy (an object), found";
    for (field, value, message, suggestion) in [
        (
            "dependencies",
            json!("a"),
            "must be a list of step ids, found a string (`a`)",
            "write it as a list: [\"a\"]",
        ),
        (
            "dependencies",
            json!("a, c"),
            "must be a list of step ids, found a string (`a, c`)",
            "write it as a list: [\"a\", \"c\"]",
        ),
        (
            "dependencies",
            json!(null),
            "must be a list of step ids, found null",
            "write [], or leave it out",
        ),
        (
            "timeout_ms",
            json!("30s"),
            "must be a whole number of milliseconds, found a string (`30s`)",
            "write 30000",
        ),
        (
            "timeout_ms",
            json!(1500.0),
            "must be a whole number of milliseconds, found a number (`1500.0`)",
            "write 1500",
        ),
        (
            "trigger_rule",
            json!("all"),
            "must be one of all_success, all_done, none_failed, one_success, found `all`",
            "did you mean `all_success`?",
        ),
        (
            "step_type",
            json!("cond"),
            "must be one of normal, conditional, loop, parallel, fallback, found `cond`",
            "did you mean `conditional`?",
        ),
        (
            "step_type",
            json!("paralel"),
            "must be one of normal, conditional, loop, parallel, fallback, found `paralel`",
            "did you mean `parallel`?",
        ),
        ("retry", json!(3), &format!("{policy} a number (`3`)"), "write {\"max_retries\": 3}"),
        (
            "complexity",
            json!("3"),
            "must be a whole number from 1 to 5, found a string (`3`)",
            "write 3",
        ),
        ("approval", json!("yes"), "must be true or false, found a string (`yes`)", "write true"),
        ("tool", json!(["echo"]), "must be a string, found a list", "write \"echo\""),
        (
            "loop_over",
            json!(["a", 2]),
            "must be an expression that gives a list (a string), found a list",
            "write \"['a', 2]\"",
        ),
        (
            "condition",
            json!(1),
            "must be an expression (a string), found a number (`1`)",
            "write \"1\"",
        ),
        (
            "parameters",
            json!(null),
            "must be an object (names and values), found null",
            "give it a value, or leave it out",
        ),
    ] {
        let (found, instead) = of_step(field, value);
        assert_eq!(found, format!("`{field}` of step `b` {message}"));
        assert_eq!(instead.as_deref(), Some(suggestion), "{found}");
    }
    for (field, value, message) in [
        (
            "complexity",
            json!("high"),
            "must be a whole number from 1 to 5, found a string (`high`)",
        ),
        ("retry", json!([3]), &format!("{policy} a list")),
        ("retry", json!(["x"]), &format!("{policy} a list")),
        ("attempts", json!(-1), "must be a whole number, at least 0, found a number (`-1`)"),
        (
            "attempts",
            json!(5_000_000_000_u64),
            "must be a whole number, at most 4294967295, found a number (`5000000000`)",
        ),
        ("agent", json!({}), "must be a string, found an object"),
        (
            "trigger_rule",
            json!("whenever"),
            "must be one of all_success, all_done, none_failed, one_success, found `whenever`",
        ),
    ] {
        assert_eq!(of_step(field, value), (format!("`{field}` of step `b` {message}"), None));
    }
}

#[test]
fn found_values_are_shown_shortened_and_on_one_line() {
    let long = "é\u{1b}\n`".repeat(1_000);
    let (message, suggestion) = of_step("dependencies", json!(long));
    assert_eq!(message.matches('é').count(), 10, "{message}");
    assert!(!message.contains(char::is_control) && message.ends_with("…`)"), "{message}");
    assert_eq!(suggestion, None);
    let (message, _) = of_step("trigger_rule", json!(long));
    assert!(message.chars().count() < 160 && !message.contains(char::is_control), "{message}");
    let (message, _) = of_step("condition", json!([long]));
    assert!(!message.contains('é'), "{message}");
}

#[test]
fn wrong_elements_and_nested_fields_are_pointed_at() {
    let text = r#"{"goal": 3, "steps": [{}, {"tool": "t", "dependencies": ["x", 5, null],
        "retry": {"jitter": "0.2", "backoff": "lin"}}, 7], "format": "1"}"#;
    let Err(ReadError::Shape(issues)) = PlanFile::parse(text.as_bytes(), Format::Json) else {
        panic!("must not be read");
    };
    let told: Vec<_> = issues
        .iter()
        .map(|i| (i.pointer.as_str(), i.message.as_str(), i.suggestion.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            (
                "/steps/1/dependencies/1",
                "`dependencies/1` of step number 2 must be a step id (a string), found a number (`5`)",
                "write \"5\"",
            ),
            (
                "/steps/1/dependencies/2",
                "`dependencies/2` of step number 2 must be a step id (a string), found null",
                "give it a value, or leave it out",
            ),
            (
                "/steps/1/retry/jitter",
                "`retry/jitter` of step number 2 must be a number from 0.0 to 1.0, found a string (`0.2`)",
                "write 0.2",
            ),
            (
                "/steps/1/retry/backoff",
                "`retry/backoff` of step number 2 must be one of exponential, linear, constant, found `lin`",
                "did you mean `linear`?",
            ),
            (
                "/steps/2",
                "step number 3 must be an object with the step's fields, found a number (`7`)",
                ""
            ),
            ("/goal", "`goal` must be a string, found a number (`3`)", "write \"3\""),
            ("/format", "`format` must be a whole number, found a string (`1`)", "write 1"),
        ]
    );
}

#[test]
fn lengths_of_time_in_words() {
    for (text, expected) in [
        ("30s", Some(30_000)),
        ("500 ms", Some(500)),
        ("1.5 s", Some(1_500)),
        ("2min", Some(120_000)),
        ("1h", Some(3_600_000)),
        ("250", Some(250)),
        ("s", None),
        ("1.2.3s", None),
        ("0.1ms", None),
        ("99999999999999999999h", None),
        ("5 days", None),
        ("-1s", None),
    ] {
        assert_eq!(milliseconds(text), expected, "{text}");
    }
}
