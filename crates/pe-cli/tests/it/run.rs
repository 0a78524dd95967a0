//! `run` and `apply`: the answer, the table, the JSON and the exit codes of runs.

use serde_json::{Value, json};

use crate::world::{World, echo, fail, plan, sleep};

/// A failure that a fallback recovers, and a step that uses the outcome.
fn recovered() -> Value {
    let instead = json!({"step_id": "instead", "tool": "echo", "step_type": "fallback",
        "fallback_for": "broken", "parameters": {"value": "stand-in"}});
    plan(json!([fail("broken"), instead, echo("end", "got {{ results.broken }}")]))
}

#[test]
fn the_answer_is_all_that_stdout_gets() {
    let done =
        World::with_plan(&plan(json!([echo("a", "hello")]))).pe(&["run", "plan.json"]).exits(0);
    assert_eq!(done.stdout, "hello\n");
    assert!(done.stderr.contains("a started\n") && done.stderr.contains("a completed in "));
    assert!(done.stderr.contains("1 completed, 0 recovered, 0 failed in "), "{}", done.stderr);
}

#[test]
fn x8_a_recovery_is_a_success_that_says_so() {
    let done = World::with_plan(&recovered()).pe(&["apply", "plan.json"]).exits(0);
    assert_eq!(done.stdout, "got stand-in\n");
    let done =
        done.says("2 completed, 1 recovered, 0 failed in ").says("broken recovered by instead");
    assert!(done.stderr.contains("✗ recovered"), "{}", done.stderr);
}

#[test]
fn a_failed_run_never_looks_like_a_success() {
    let world = World::with_plan(&plan(json!([fail("broken"), echo("other", "part")])));
    let done = world.pe(&["run", "plan.json"]).exits(1);
    assert_eq!(done.stdout, "", "a part of an answer is no answer");
    assert!(!done.stderr.contains("success"), "{}", done.stderr);
    let done = done.says("failed: 1 completed, 0 recovered, 1 failed in ");
    done.says("broken failed: not_found: ").says("✗ failed");

    let report = world.pe(&["run", "plan.json", "--json"]).exits(1).json();
    assert_eq!(report["success"], false);
    assert_eq!(report["errors"][0]["step_id"], "broken");
    assert_eq!(report["results"], json!({"other": "part"}));
}

#[test]
fn quiet_leaves_out_all_but_failures() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    assert_eq!(world.pe(&["run", "plan.json", "--quiet"]).exits(0).stderr, "");
    let done = World::with_plan(&plan(json!([fail("a")]))).pe(&["run", "-q", "plan.json"]).exits(1);
    assert!(done.stderr.starts_with("failed: 0 completed"), "{}", done.stderr);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

#[test]
fn the_json_of_a_run_is_one_document_with_the_promised_fields() {
    let report = World::with_plan(&recovered()).pe(&["run", "plan.json", "--json"]).exits(0).json();
    let fields: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "run_id",
        "plan_id",
        "success",
        "status",
        "final_response",
        "plan_steps",
        "steps_completed",
        "steps_failed",
        "steps_skipped",
        "steps_recovered",
        "execution_time_ms",
        "iterations",
        "tool_calls_made",
        "adaptations",
        "planner",
        "errors",
        "results",
        "steps",
        "usage",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
    assert_eq!((&report["steps_recovered"], &report["planner"]), (&json!(1), &json!("file")));
    let other = World::with_plan(&recovered()).pe(&["run", "plan.json", "--output", "json"]);
    assert_eq!(other.exits(0).json()["success"], true);
}

#[test]
fn jsonl_is_the_gap_free_stream_of_events() {
    let done =
        World::with_plan(&recovered()).pe(&["run", "plan.json", "--output", "jsonl"]).exits(0);
    let events = done.events();
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(seq));
    }
    assert_eq!(events[0]["type"], "run_started");
    assert_eq!(events.last().unwrap()["type"], "run_finished");
    assert!(events.iter().any(|event| event["type"] == "step_recovered"));
}

#[test]
fn of_many_steps_only_the_odd_ones_are_listed() {
    let mut steps: Vec<Value> = (0..60).map(|n| echo(&format!("s{n}"), n)).collect();
    steps.push(fail("odd"));
    let done = World::with_plan(&plan(json!(steps))).pe(&["run", "plan.json"]).exits(1);
    let table: Vec<&str> =
        done.stderr.lines().skip_while(|line| !line.starts_with("STEP")).collect();
    assert!(table[1].starts_with("odd ") && table.len() < 8, "{table:?}");
    done.says("… and 60 more steps that completed");
}

#[test]
fn parameters_set_the_context_with_their_types() {
    let world = World::with_plan(&plan(json!([echo("a", "{{ context }}")])));
    let words =
        ["run", "plan.json", "--json", "-p", "n=5", "-p", "s=five", "-p", "q=\"5\"", "-p", "l=[1]"];
    let report = world.pe(&words).exits(0).json();
    assert_eq!(report["results"]["a"], json!({"n": 5, "s": "five", "q": "5", "l": [1]}));
    world.pe(&["run", "plan.json", "-p", "n"]).exits(2).says("expected KEY=VALUE");
}

#[test]
fn parameters_win_over_the_context_of_the_file() {
    let mut written = plan(json!([echo("a", "{{ context.who }} {{ context.kept }}")]));
    written["context"] = json!({"who": "file", "kept": true});
    let done = World::with_plan(&written).pe(&["run", "plan.json", "-p", "who=flag"]).exits(0);
    assert_eq!(done.stdout, "flag true\n");
}

#[test]
fn a_budget_of_calls_exits_with_6() {
    let world = World::with_plan(&plan(json!([echo("a", "1"), echo("b", "{{ results.a }}")])));
    world.pe(&["run", "plan.json", "--budget", "tool_calls=1"]).exits(6);
    world.pe(&["run", "plan.json", "--budget", "tool_calls=2"]).exits(0);
    world.pe(&["run", "plan.json", "--budget", "tool_calls=two"]).exits(2).says("budget");
    world.pe(&["run", "plan.json", "--budget", "calls=2"]).exits(2).says("tool_calls");
}

#[test]
fn x10_the_plans_timeout_exits_with_6() {
    let world = World::with_plan(&plan(json!([
        sleep("long", 60_000),
        echo("after", "{{ results.long }}")
    ])));
    let done = world.pe(&["run", "plan.json", "--timeout", "100ms", "--json"]).exits(6);
    assert_eq!(done.json()["status"], "cancelled");
    done.says("out of time: 0 completed");
    world.pe(&["run", "plan.json", "--timeout", "soon"]).exits(2).says("a whole number and a unit");
}

#[test]
fn a_steps_timeout_fails_the_step() {
    let mut long = sleep("long", 60_000);
    long["retry"] = json!({"max_retries": 0});
    let world = World::with_plan(&plan(json!([long])));
    let done = world.pe(&["run", "plan.json", "--step-timeout", "100ms"]).exits(1);
    done.says("long failed: timeout");
    world.pe(&["run", "plan.json", "--step-timeout", "0"]).exits(2).says("at least 1, found 0");
}

/// How many attempts ran at once at most, by the order of the events.
fn most_at_once(events: &[Value]) -> i32 {
    let change = |event: &Value| match event["type"].as_str().unwrap() {
        "attempt_started" => 1,
        "attempt_succeeded" => -1,
        _ => 0,
    };
    let running = events.iter().scan(0, |running, event| {
        *running += change(event);
        Some(*running)
    });
    running.max().unwrap()
}

#[test]
fn x2_independent_steps_overlap_up_to_the_limit() {
    let steps: Vec<Value> = (0..3).map(|n| sleep(&format!("s{n}"), 200)).collect();
    let world = World::with_plan(&plan(json!(steps)));
    for (words, expected) in [
        (&["run", "plan.json", "--output", "jsonl"][..], 3),
        (&["run", "plan.json", "--output", "jsonl", "--parallel", "2"], 2),
        (&["run", "plan.json", "--output", "jsonl", "--parallel", "1"], 1),
    ] {
        assert_eq!(most_at_once(&world.pe(words).exits(0).events()), expected, "{words:?}");
    }
    let off = [("PE_ENABLE_PARALLEL", "false")];
    let events = world.pe_with(&off, &["run", "plan.json", "--output", "jsonl"]).exits(0).events();
    assert_eq!(most_at_once(&events), 1);
    world.pe(&["run", "plan.json", "--parallel", "0"]).exits(2);
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let after = json!({"step_id": "after", "tool": "echo", "parameters": {"value": 1},
        "dependencies": ["slow"]});
    let world = World::with_plan(&plan(json!([fail("broken"), sleep("slow", 200), after])));
    let report = world.pe(&["run", "plan.json", "--fail-fast", "--json"]).exits(1).json();
    assert_eq!(report["steps"][2]["reason"], "fail_fast");
    let report = world.pe(&["run", "plan.json", "--json"]).exits(1).json();
    assert_eq!(report["steps"][2]["status"], "completed");
}

#[test]
fn a_dry_run_executes_nothing() {
    let write = json!({"step_id": "w", "tool": "write_file",
        "parameters": {"path": "made", "content": "x"}});
    let world = World::with_plan(&plan(json!([write])));
    let done = world.pe(&["run", "plan.json", "--dry-run", "--yes"]).exits(0);
    insta::assert_snapshot!(done.stdout, @"
    Plan: test
    Status: created
    Steps:
      → [w] write_file (write_file)

    Progress: 0.0%

    Makespan: 1.0 s with 3 workers (no schedule can take less than 1.0 s)
    Critical path: 1 step in 1.0 s
      w
    Work: 1.0 s
    ");
    done.says("nothing was executed");
    let simulation = world.pe(&["run", "plan.json", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(simulation["makespan_ms"], 1_000);
    assert!(!world.exists("made"));
    world.pe(&["run", "plan.json", "--dry-run", "--output", "jsonl"]).exits(2).says("use `--json`");
}

#[test]
fn an_invalid_plan_is_reported_and_not_executed() {
    let write = json!({"step_id": "w", "tool": "write_file",
        "parameters": {"path": "made", "content": "x"}});
    let world = World::with_plan(&plan(json!([write, {"step_id": "x", "tool": "ehco"}])));
    let done = world.pe(&["run", "plan.json", "--yes"]).exits(3);
    assert_eq!(done.stdout, "");
    let done = done.says("did you mean `echo`?").says("nothing was executed");
    drop(done);
    let report = world.pe(&["run", "plan.json", "--yes", "--json"]).exits(3).json();
    assert_eq!((&report["is_valid"], &report["missing_tools"]), (&json!(false), &json!(["ehco"])));
    assert!(!world.exists("made"));
}

#[test]
fn the_root_is_where_file_tools_work() {
    let read = json!({"step_id": "r", "tool": "read_file", "parameters": {"path": "note.txt"}});
    let world = World::with_plan(&plan(json!([read])));
    world.write("inner/note.txt", "from inside");
    world.pe(&["run", "plan.json"]).exits(1);
    let report = world.pe(&["run", "plan.json", "--root", "inner", "--json"]).exits(0).json();
    assert!(report["final_response"].as_str().unwrap().contains("from inside"), "{report}");
    world.pe(&["run", "plan.json", "--root", "nowhere"]).exits(2).says("nowhere");
}

#[test]
fn a_goal_needs_a_model_and_there_is_none() {
    let world = World::new();
    let nobody = [("PE_BASE_URL", "http://127.0.0.1:1/v1"), ("PE_LLM_MAX_RETRIES", "0")];
    let done = world.pe_with(&nobody, &["run", "write a report"]).exits(4);
    assert_eq!(done.stdout, "");
    done.says("connection refused").says("`pe prompt 'write a report'`");
    world.pe(&["run", "missing.yaml"]).exits(2).says("cannot read `missing.yaml`");
    world.pe(&["apply", "write a report"]).exits(2).says("cannot read `write a report`");
}

#[test]
fn plans_come_from_stdin_in_either_notation() {
    let world = World::new();
    let json = plan(json!([echo("a", "json")])).to_string();
    assert_eq!(world.pe_reading(&["run", "-"], json.as_bytes()).exits(0).stdout, "json\n");
    let yaml = "goal: g\nsteps:\n  - {step_id: a, tool: echo, parameters: {value: yaml}}\n";
    assert_eq!(world.pe_reading(&["run", "-"], yaml.as_bytes()).exits(0).stdout, "yaml\n");
    let forced = world.pe_reading(&["apply", "-", "--format", "json"], yaml.as_bytes());
    forced.exits(3).says("not JSON");
}
