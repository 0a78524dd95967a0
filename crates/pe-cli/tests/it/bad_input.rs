//! Bad input: a clear message, the right exit code, nothing executed, no panic.

use serde_json::json;

use crate::world::{World, echo, plan};

/// Every verb that reads a plan.
const READERS: [&[&str]; 6] =
    [&["run"], &["apply"], &["validate"], &["simulate"], &["graph"], &["run", "--json"]];

fn check(name: &str, bytes: &[u8], code: i32, message: &str) {
    let world = World::new();
    world.write(name, bytes);
    for verb in READERS {
        let done = world.pe(&[verb, &[name]].concat()).exits(code);
        let said = format!("{}{}", done.stderr, done.stdout);
        assert!(said.contains(message), "{verb:?}: {message:?} is not in {said}");
    }
}

#[test]
fn not_json() {
    check("p.json", b"{\"goal\": nope}", 3, "not JSON");
    check("p.json", b"\x00\x01\x02", 3, "not JSON");
    check("p.json", b"{\"goal\": \"g\"} trailing", 3, "not JSON");
}

#[test]
fn not_yaml() {
    check("p.yaml", b"goal: [1, 2\nsteps: }", 3, "not YAML");
}

#[test]
fn not_utf_8() {
    check("p.json", b"{\"goal\": \"\xff\"}", 3, "not UTF-8 at byte 10");
}

#[test]
fn not_an_object() {
    check("p.json", b"[1, 2]", 3, "expected an object with `goal` and `steps`, found a list");
}

#[test]
fn wrong_types_are_all_named() {
    let text = br#"{"goal": 3, "steps": [{"step_id": "a", "tool": [], "complexity": "x"}]}"#;
    for pointer in ["/goal", "/steps/0/tool", "/steps/0/complexity"] {
        let world = World::new();
        world.write("p.json", text);
        let report = world.pe(&["validate", "--json", "p.json"]).exits(3).json();
        let found = report["findings"].as_array().unwrap().iter();
        assert!(found.clone().any(|finding| finding["pointer"] == pointer), "{pointer} {report}");
    }
    check("p.json", text, 3, "`tool` of step `a` must be a string, found a list");
}

#[test]
fn duplicate_keys() {
    check(
        "p.json",
        b"{\"goal\": \"a\", \"goal\": \"b\", \"steps\": []}",
        3,
        "duplicate key `goal`",
    );
    check("p.yaml", b"goal: a\ngoal: b\n", 3, "duplicate key `goal`");
}

#[test]
fn empty() {
    check("p.json", b"", 3, "the file is empty");
    check("p.yaml", b" \n\n", 3, "the file is empty");
}

#[test]
fn too_long() {
    let mut text = vec![b' '; 17 * 1024 * 1024];
    text.extend(b"{}");
    check("p.json", &text, 3, "the file has 17825794 bytes, more than the 16777216");
    let done = World::new().pe_reading(&["validate", "-"], &text).exits(3);
    done.prints("more than the 16777216 that are read");
}

#[test]
fn too_deep() {
    let text = format!("{{\"context\": {}", "[".repeat(100_000));
    check("p.json", text.as_bytes(), 3, "nested deeper than 128");
}

#[test]
fn a_directory_or_nothing_at_all() {
    let world = World::new();
    world.write("docs/x", "");
    for verb in READERS {
        let done = world.pe(&[verb, &["docs"]].concat()).exits(2);
        done.says("cannot read `docs`: it is a directory; name a plan file");
        world.pe(&[verb, &["gone.json"]].concat()).exits(2).says("cannot read `gone.json`");
    }
    let done = world.pe(&["diff", "docs", "gone.json"]).exits(2);
    done.says("it is a directory");
}

#[test]
fn unknown_fields_are_warned_about_with_the_nearest() {
    let mut written = plan(json!([echo("a", 1)]));
    written["steps"][0]["dependancies"] = json!([]);
    let world = World::with_plan(&written);
    let done = world.pe(&["run", "plan.json"]).exits(0);
    done.says("warning[PE003]").says("did you mean `dependencies`?");
    world.pe(&["run", "plan.json", "--strictness", "strict"]).exits(3).says("error[PE003]");
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let mut text = b"\xEF\xBB\xBF".to_vec();
    text.extend(plan(json!([echo("a", "ok")])).to_string().bytes());
    let world = World::new();
    world.write("p.json", &text);
    assert_eq!(world.pe(&["run", "p.json"]).exits(0).stdout, "ok\n");
    assert_eq!(world.pe_reading(&["run", "-"], &text).exits(0).stdout, "ok\n");
}

#[test]
fn bad_words_on_the_command_line() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    for words in [
        &["frobnicate"][..],
        &[],
        &["run"],
        &["run", "plan.json", "--no-such-flag"],
        &["run", "plan.json", "--json", "--output", "jsonl"],
        &["run", "plan.json", "--strictness", "loose"],
        &["run", "plan.json", "--allow", " "],
        &["validate", "-", "-"],
        &["diff", "-", "-"],
        &["schema", "nothing"],
        &["tools", "no_such_tool"],
        &["man", "no_such_verb"],
        &["validate", "plan.json", "--tools", "plan.json"],
    ] {
        let done = world.pe(words).exits(2);
        assert_eq!(done.stdout, "", "{words:?}");
        assert_ne!(done.stderr, "", "{words:?}");
    }
    // What is not built yet is absent.
    for verb in ["plan", "learn", "serve"] {
        world.pe(&[verb]).exits(2);
    }
    world.pe(&["tools", "ecko"]).exits(2).says("did you mean `echo`?");
}

#[test]
fn every_unreadable_path_is_named() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let done = world.pe(&["validate", "gone.json", "plan.json", "lost.json"]).exits(2);
    assert_eq!(done.stdout, "", "nothing is judged");
    done.says("`gone.json`").says("`lost.json`");
}

#[test]
fn quiet_still_says_why_a_plan_is_invalid_and_no_more() {
    let mut step = echo("a", 1);
    step["dependencies"] = json!(["gone"]);
    step["colour"] = json!("red");
    let world = World::with_plan(&plan(json!([step])));
    for verb in ["run", "simulate"] {
        let done = world.pe(&[verb, "plan.json"]).exits(3).says(": error[").says(": warning[");
        let errors = done.stderr.lines().filter(|line| !line.contains(": warning["));
        let errors: String = errors.map(|line| format!("{line}\n")).collect();
        let quiet = world.pe(&[verb, "-q", "plan.json"]).exits(3);
        assert_eq!(quiet.stderr, errors, "{verb}");
    }
}

#[test]
fn only_plans_and_runs_are_drawn() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let simulation = world.pe(&["simulate", "plan.json", "--json"]).exits(0).stdout;
    world.write("sim.json", simulation);
    let run = world.pe(&["run", "plan.json", "--json"]).exits(0).stdout;
    world.write("run.json", run);
    let message = "`sim.json` is neither a plan nor the JSON of a run: it has no `steps`";
    world.pe(&["graph", "sim.json"]).exits(3).says(message);
    world.pe(&["diff", "plan.json", "sim.json"]).exits(3).says(message);
    world.pe(&["diff", "plan.json", "run.json"]).exits(0);
}
