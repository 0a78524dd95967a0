//! Streams: who gets what, and readers that go away.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::json;

use crate::world::{Done, World, echo, plan, sleep};

#[test]
fn a_closed_stdout_is_no_error() {
    // More than a pipe holds.
    let steps: Vec<_> = (0..2_000).map(|n| echo(&format!("a_rather_long_name_{n}"), n)).collect();
    let world = World::with_plan(&plan(json!(steps)));
    for words in
        [&["graph", "plan.json"][..], &["tools"], &["schema", "plan"], &["man"], &["--help"]]
    {
        let mut child = world.command(words).spawn().unwrap();
        drop(child.stdout.take());
        let done = Done::of(child.wait_with_output().unwrap()).exits(0);
        assert_eq!(done.stderr, "", "{words:?}");
    }
}

#[test]
fn a_run_goes_on_when_its_reader_goes_away() {
    let mut write = json!({"step_id": "w", "tool": "write_file",
        "parameters": {"path": "made", "content": "x"}});
    write["dependencies"] = json!(["wait"]);
    let world = World::with_plan(&plan(json!([sleep("wait", 100), write])));
    for (kind, code) in [("jsonl", 0), ("text", 0), ("json", 0)] {
        let words = ["run", "plan.json", "--yes", "--output", kind];
        let mut child = world.command(&words).spawn().unwrap();
        drop(child.stdout.take());
        let done = Done::of(child.wait_with_output().unwrap()).exits(code);
        assert!(!done.stderr.to_lowercase().contains("broken pipe"), "{}", done.stderr);
        assert!(world.exists("made"), "{kind}");
        std::fs::remove_file(world.path().join("made")).unwrap();
    }
}

#[test]
fn a_failed_run_fails_whoever_reads() {
    let world = World::with_plan(&plan(json!([crate::world::fail("f")])));
    let mut child = world.command(&["run", "plan.json", "--output", "jsonl"]).spawn().unwrap();
    drop(child.stdout.take());
    Done::of(child.wait_with_output().unwrap()).exits(1);
}

#[test]
fn a_closed_stderr_is_no_error() {
    let world = World::with_plan(&plan(json!([sleep("a", 50), echo("b", "answer")])));
    let mut child = world.command(&["run", "plan.json"]).spawn().unwrap();
    drop(child.stderr.take());
    let done = Done::of(child.wait_with_output().unwrap()).exits(0);
    assert!(done.stdout.ends_with("answer\n"), "{}", done.stdout);
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    for words in [&["graph", "plan.json"][..], &["run", "plan.json"], &["--help"], &["--version"]] {
        let output = world.command(words).stdout(Stdio::from(full.try_clone().unwrap())).output();
        Done::of(output.unwrap()).exits(1).says("cannot write to stdout");
    }
}

#[test]
fn events_come_as_they_happen() {
    let world = World::with_plan(&plan(json!([sleep("long", 60_000)])));
    let mut child = world.command(&["run", "plan.json", "--output", "jsonl"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("run_started"));
    assert!(lines.next().unwrap().unwrap().contains("attempt_started"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn nothing_is_coloured_unless_it_is_asked_for() {
    let world = World::with_plan(&plan(json!([crate::world::fail("f")])));
    assert!(!world.pe(&["run", "plan.json"]).exits(1).stderr.contains('\x1b'));
    assert!(
        world.pe(&["run", "plan.json", "--color", "always"]).exits(1).stderr.contains("\x1b[31m")
    );
}

#[test]
fn results_are_passed_on_byte_by_byte() {
    let world = World::with_plan(&plan(json!([echo("a", "\u{1b}[2J ü 漢\n")])));
    assert_eq!(world.pe(&["run", "plan.json"]).exits(0).stdout, "\u{1b}[2J ü 漢\n");
}

#[test]
fn what_a_tool_says_cannot_control_the_terminal() {
    let step = json!({"step_id": "a", "tool": "assert",
        "parameters": {"that": false, "message": "\u{1b}[2J\u{202e}gone"}});
    let world = World::with_plan(&plan(json!([step])));
    let done = world.pe(&["run", "plan.json"]).exits(1);
    assert!(!done.stderr.contains(['\u{1b}', '\u{202e}']), "{}", done.stderr);
    done.says("gone");
}

#[test]
fn stdin_is_not_read_unless_it_is_named() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let mut child = world.command(&["run", "plan.json"]).stdin(Stdio::piped()).spawn().unwrap();
    // Held open: a program that read it would wait for ever.
    let _stdin = child.stdin.take().unwrap();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!((stdout.as_str(), child.wait().unwrap().code()), ("1\n", Some(0)));
}
