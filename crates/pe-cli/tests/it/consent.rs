//! Consent: nothing that needs it happens without it.

use serde_json::json;

use crate::world::{World, echo, plan, touch};

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_done() {
    let world = World::with_plan(&plan(json!([touch("t", "made"), echo("other", 1)])));
    let done = world.pe(&["run", "plan.json", "--json"]).exits(5);
    assert!(!world.exists("made"));
    let report = done.json();
    assert_eq!((&report["status"], &report["success"]), (&json!("waiting"), &json!(false)));
    assert_eq!(report["results"], json!({"other": 1}), "other branches go on");
    let done = done.says("step `t` waits for consent; `--allow 'touch made'` or `--yes` gives it");
    done.says("run_command: touch made")
        .says("waiting: 1 completed, 0 recovered, 0 failed, 1 waiting in ");
}

#[test]
fn a_rule_allows_what_it_names_and_nothing_else() {
    let world = World::with_plan(&plan(json!([touch("t", "made")])));
    world.pe(&["run", "plan.json", "--allow", "touch other", "--allow", "echo"]).exits(5);
    assert!(!world.exists("made"));
    for rule in ["touch made", "touch", "run_command"] {
        let world = World::with_plan(&plan(json!([touch("t", "made")])));
        world.pe(&["run", "plan.json", "--allow", "git", "--allow", rule]).exits(0);
        assert!(world.exists("made"), "{rule}");
    }
}

#[test]
fn yes_allows_calls_and_approves_steps() {
    let mut approved = touch("t", "made");
    approved["approval"] = json!(true);
    let world = World::with_plan(&plan(json!([approved])));
    let done = world.pe(&["run", "plan.json"]).exits(5);
    done.says("step `t` waits for approval; `--allow 'touch made'` or `--yes` gives it");
    assert!(!world.exists("made"));
    world.pe(&["run", "plan.json", "--yes"]).exits(0);
    assert!(world.exists("made"));
    let mut harmless = echo("e", 1);
    harmless["approval"] = json!(true);
    let world = World::with_plan(&plan(json!([harmless])));
    world.pe(&["run", "plan.json"]).exits(5).says("`--allow echo` or `--yes`");
    world.pe(&["run", "plan.json", "--allow", "echo"]).exits(0);
}

#[test]
fn a_question_cannot_be_answered_by_a_pipe() {
    let world = World::with_plan(&plan(json!([touch("t", "made")])));
    world.pe_reading(&["run", "plan.json"], b"y\ny\n").exits(5);
    assert!(!world.exists("made"));
}

#[test]
fn a_message_never_names_a_rule_that_allows_more_than_it_shows() {
    let step = json!({"step_id": "t", "tool": "run_command",
        "parameters": {"argv": ["sh", "-c", "echo it's"]}});
    let done = World::with_plan(&plan(json!([step]))).pe(&["run", "plan.json"]).exits(5);
    done.says("waits for consent; `--yes` gives it").says(r"run_command: sh -c 'echo it'\''s'");
    let step = json!({"step_id": "w", "tool": "write_file",
        "parameters": {"path": "made", "content": "x"}});
    let done = World::with_plan(&plan(json!([step]))).pe(&["run", "plan.json"]).exits(5);
    done.says("`--allow write_file` or `--yes`").says(r#""path":"made""#);
}
