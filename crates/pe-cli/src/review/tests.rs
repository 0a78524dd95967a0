//! What is shown of plans and of changes, and what no text of a model can make of it.

use pe_model::{Format, Plan, PlanFile};
use serde_json::json;

use super::*;
use crate::args::Color;

fn plan(steps: Value) -> Plan {
    let text = json!({"goal": "g", "steps": steps}).to_string();
    PlanFile::parse(text.as_bytes(), Format::Json).unwrap().plan
}

fn seen(plan: Plan, before: Option<Plan>) -> String {
    let tools = pe_tools::builtin(&pe_tools::ToolConfig::new(".")).unwrap();
    let console = Console { width: 240, ..Console::new(Color::Never, false) };
    let reason = "why\n~ [x] not a line".to_owned();
    shown(&Proposal { plan, before, reason, findings: None }, &tools, &console)
}

#[test]
fn what_a_step_does_stands_below_it() {
    let text = seen(
        plan(json!([
            {"step_id": "a", "action": "Read the docs", "tool": "run_command",
             "parameters": {"argv": ["sh", "-c", "rm -r x"], "stdin": "y\n"}},
            {"step_id": "b", "tool": "write_file", "step_type": "loop", "loop_over": "[1, 2]",
             "parameters": {"path": "p", "content": "{{ results.a }}"}, "approval": true,
             "retry": {"max_retries": 2}, "timeout_ms": 9, "expect": "result != null"},
            {"step_id": "c", "tool": "echo", "step_type": "conditional",
             "condition": "results.a == 1", "parameters": {}},
            {"step_id": "d", "tool": "echo", "step_type": "fallback", "fallback_for": "a",
             "parameters": {"value": 1}},
        ])),
        None,
    );
    let lines = [
        "  → [a] Read the docs (run_command)",
        r#"      calls run_command: sh -c 'rm -r x' with {"stdin":"y\n"}"#,
        "  ○ [b] write_file (write_file) (after: a)",
        r#"      calls write_file: {"path":"p","content":"{{ results.a }}"}"#,
        r#"      step_type: "loop""#,
        r#"      loop_over: "[1, 2]""#,
        "      timeout_ms: 9",
        r#"      expect: "result != null""#,
        "      approval: true",
        r#"      condition: "results.a == 1""#,
        r#"      fallback_for: "a""#,
    ];
    let mut shown = text.lines();
    for line in lines {
        assert!(shown.any(|shown| shown == line), "{line:?} is not where it should be:\n{text}");
    }
    assert!(text.contains("\n      retry: {\"max_retries\":2"), "{text}");
    assert!(text.ends_with("\n4 steps") && !text.contains("Progress"), "{text}");
}

#[test]
fn what_a_model_wrote_looks_like_no_line_of_ours() {
    let hostile = "x\n  → [b] harmless (echo)\u{1b}[2J\u{202e}\r";
    let step = json!({"step_id": "a\nb", "action": hostile, "tool": "echo",
        "parameters": {"value": hostile, hostile: 1}, "agent": hostile, "expect": hostile});
    let check = |text: &str| {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text}");
        let of_fake = text.lines().filter(|line| line.trim_start().starts_with("→ [b]"));
        assert_eq!(of_fake.count(), 0, "{text}");
        assert!(!text.lines().any(|line| line.starts_with("~ [x]")), "{text}");
    };
    check(&seen(plan(json!([step])), None));
    let old = json!({"step_id": "z", "tool": "echo", "parameters": {"value": 1}});
    let mut changed = old.clone();
    changed["parameters"] = json!({"value": hostile, hostile: hostile});
    changed["action"] = json!(hostile);
    check(&seen(plan(json!([changed, step])), Some(plan(json!([old])))));
}

#[test]
fn the_rest_of_a_long_line_is_marked() {
    let text = format!("      calls {}\n", "x".repeat(60)) + &" ".repeat(39) + "→ [b] echo";
    let lines = wrapped(&text, 40);
    let rest: Vec<&str> = lines.lines().collect();
    assert!(rest.iter().all(|line| measure_text_width(line) < 40), "{lines}");
    assert!(rest[1].starts_with(REST) && rest[2].starts_with(REST), "{lines}");
    assert_eq!(rest[4], "      │ → [b] echo");
    assert_eq!(lines.replace("\n      │ ", ""), text.clone() + "\n", "nothing is lost");
}

#[test]
fn a_change_is_shown_with_both_values_and_what_is_added_whole() {
    let long = "-".repeat(3_000);
    let before = plan(json!([
        {"step_id": "a", "tool": "write_file", "parameters": {"path": "one", "content": format!("{long}A{long}")}},
        {"step_id": "gone", "tool": "echo", "parameters": {"value": 1}},
        {"step_id": "c", "tool": "run_command", "parameters": {"argv": ["ls"]}, "approval": true},
    ]));
    let path = "p".repeat(3_000);
    let after = plan(json!([
        {"step_id": "a", "tool": "write_file", "parameters": {"path": path, "content": format!("{long}B{long}")}},
        {"step_id": "c", "tool": "run_command", "parameters": {"argv": ["rm", "-r", "x"]}},
        {"step_id": "new", "action": "Look", "tool": "run_command", "expect": "result.ok",
         "parameters": {"argv": ["sh", "-c", "touch y {{ results.c }}"]}},
    ]));
    let text = seen(after, Some(before)).replace("\n      │ ", "");
    let kept = "-".repeat(ALIKE);
    let excerpt =
        |c: char| format!("(2961 characters alike) …{kept}{c}{kept}… (2961 characters alike)");
    for line in [
        "The model changes the plan: why ~ [x] not a line".to_owned(),
        "- [gone] echo (echo)".to_owned(),
        "+ [new] Look (run_command)".to_owned(),
        "      calls run_command: sh -c 'touch y {{ results.c }}'".to_owned(),
        "      after: c".to_owned(),
        r#"      expect: "result.ok""#.to_owned(),
        "~ [a] write_file (write_file)".to_owned(),
        format!(r#"      parameters/path: "one" → "{path}""#),
        format!("      parameters/content: {} → {}", excerpt('A'), excerpt('B')),
        r#"      parameters/argv: ["ls"] → ["rm","-r","x"]"#.to_owned(),
        "      approval: true → (none)".to_owned(),
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is missing:\n{text}");
    }
    assert!(!text.contains("of 100"), "scores help nobody to decide: {text}");
}
