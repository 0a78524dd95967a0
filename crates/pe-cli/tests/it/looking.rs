//! `show`: a recorded run, one step of it, its failures and its events.

use serde_json::{Value, json};

use crate::running::Running;
use crate::world::{World, echo, fail, plan, sleep, touch};

/// A recovered failure, a loop, a failure, and a step that waits.
fn eventful() -> Value {
    plan(json!([
        fail("broken"),
        {"step_id": "instead", "tool": "echo", "step_type": "fallback", "fallback_for": "broken",
            "parameters": {"value": "stand-in"}},
        {"step_id": "each", "tool": "echo", "step_type": "loop", "loop_over": "[1, 2]",
            "parameters": {"value": "{{ item }} of {{ results.broken }}"}},
        fail("bad"),
        touch("made", "x"),
    ]))
}

#[test]
fn the_json_is_what_the_run_printed() {
    for (steps, code) in
        [(eventful(), 5), (plan(json!([echo("a", "hé"), echo("b", "{{ results.a }}!")])), 0)]
    {
        let world = World::with_plan(&steps);
        let printed = world.pe(&["run", "plan.json", "--json"]).exits(code).json();
        assert!(printed["run_name"].is_string());
        assert_eq!(world.pe(&["show", "last", "--json"]).exits(0).json(), printed);
        let id = printed["run_id"].as_str().unwrap();
        assert_eq!(world.pe(&["show", id, "--json"]).exits(0).json(), printed);
    }
}

#[test]
fn events_are_what_the_run_printed_and_each_has_a_line() {
    let world = World::with_plan(&eventful());
    let printed = world.pe(&["run", "plan.json", "--output", "jsonl"]).exits(5);
    let shown = world.pe(&["show", "last", "--events", "--json"]).exits(0).json();
    assert_eq!(shown, Value::Array(printed.events()));
    let done = world.pe(&["show", "last", "--events"]).exits(0);
    assert_eq!(done.stdout.lines().count(), printed.events().len(), "{}", done.stdout);
    for line in done.stdout.lines() {
        let (time, words) = line.split_once("  ").unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && !words.is_empty(), "{line}");
        assert!(!words.contains("something happened"), "{line}");
    }
    let done = done.prints("  bad: attempt 1 failed after ").prints("  each[1] completed in ");
    done.prints("  broken recovered by instead\n").prints("  the run ended: waiting\n");
}

#[test]
fn a_run_is_shown_with_its_steps_errors_next_moves_and_answer() {
    let world = World::with_plan(&eventful());
    world.pe(&["run", "plan.json", "-q"]).exits(5);
    let done = world.pe(&["show", "last"]).exits(0);
    assert_eq!(done.stderr, "", "what is shown is data");
    let name = done.stdout.split_whitespace().nth(1).unwrap().to_owned();
    let root = format!("Root:     {}\n", world.path().canonicalize().unwrap().display());
    for text in [
        "Status:   waiting\n",
        "Source:   plan.json\n",
        &root,
        "broken   ✗ recovered  1 ",
        "waiting: 2 completed, 1 recovered, 1 failed, 1 waiting in ",
        "  bad: not_found: cannot read `no-such-file`",
        "waiting: step `made` waits for consent; `--allow 'touch x'`",
        &format!("next: `pe resume {name}` goes on"),
    ] {
        assert!(done.stdout.contains(text), "no {text:?} in {}", done.stdout);
    }
    assert!(!done.stdout.contains("Answer") && !done.stdout.contains("Resumed"));

    world.pe(&["resume", "last", "-q", "--allow", "touch"]).exits(1);
    world.pe(&["show", &name]).exits(0).prints("Resumed:  1 time\n").prints("pe retry ");
    world.write("plan.json", plan(json!([echo("a", "forty-two")])).to_string());
    world.pe(&["run", "plan.json"]).exits(0);
    let done = world.pe(&["show", "last"]).exits(0);
    assert!(done.stdout.ends_with("\nAnswer:\nforty-two\n"), "{}", done.stdout);
    assert!(!done.stdout.contains("next:"), "{}", done.stdout);
}

#[test]
fn what_was_taken_over_is_said() {
    let world = World::with_plan(&plan(json!([echo("a", 1), fail("b")])));
    let first = world.pe(&["run", "plan.json", "--json"]).exits(1).json();
    world.pe(&["retry", "last", "--failed", "-q"]).exits(1);
    let name = first["run_name"].as_str().unwrap();
    world.pe(&["show", "last"]).exits(0).prints(&format!("Reused:   1 step from {name}\n"));
    let done = world.pe(&["show", "last", "--step", "a"]).exits(0);
    done.prints(&format!("Taken over from:  run {name}\n"));
}

#[test]
fn one_step_is_shown_with_every_attempt() {
    let retry = json!({"max_retries": 1, "base_delay_ms": 1});
    let flaky = json!({"step_id": "flaky", "tool": "sleep", "retry": retry, "timeout_ms": 20,
        "parameters": {"duration_ms": "{{ 60 * 1000 }}"}});
    let loops = json!({"step_id": "each", "tool": "echo", "step_type": "loop",
        "loop_over": "[1, 2]", "parameters": {"value": "{{ item }}{{ ' and more' }}"}});
    let long = echo("long", "x".repeat(5_000));
    let world = World::with_plan(&plan(json!([flaky, loops, long])));
    let report = world.pe(&["run", "plan.json", "--json", "-q"]).exits(1).json();
    let run_id = report["run_id"].as_str().unwrap();

    let step = world.pe(&["show", "last", "--step", "flaky", "--json"]).exits(0).json();
    assert_eq!((&step["step_id"], &step["status"]), (&json!("flaky"), &json!("failed")));
    assert_eq!(step["definition"]["parameters"]["duration_ms"], "{{ 60 * 1000 }}");
    let attempts = step["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{step}");
    assert_eq!(attempts[1]["attempt"], 2);
    assert_eq!(attempts[0]["arguments"]["duration_ms"], 60_000);
    assert_eq!(attempts[0]["idempotency_key"], format!("{run_id}/0/0/flaky"));
    assert_eq!(attempts[0]["error"]["class"], step["error"]["class"]);
    let done = world.pe(&["show", "last", "--step", "flaky"]).exits(0);
    let done = done.prints("Timeout:     20 ms\n").prints("  arguments: {\"duration_ms\":60000}\n");
    done.prints("  attempt 2, ").prints("✗ failed");

    let done = world.pe(&["show", "last", "--step", "each"]).exits(0);
    let done = done.prints("\nIteration [1] of 2: echo (effect: pure)\n");
    done.prints(&format!("  key: {run_id}/0/1/each\n")).prints("    output: \"2 and more\"\n");

    let done = world.pe(&["show", "last", "--step", "long"]).exits(0);
    assert!(done.stdout.len() < 3_000, "{}", done.stdout.len());
    done.prints("(5002 bytes; `--json` has all)");
    let step = world.pe(&["show", "last", "--step", "long", "--json"]).exits(0).json();
    assert_eq!(step["output"].as_str().unwrap().len(), 5_000);
    assert_eq!(step["attempts"][0]["output"], step["output"]);

    world.pe(&["show", "last", "--step", "flake"]).exits(2).says("did you mean `flaky`?");
}

#[test]
fn failures_are_those_that_somebody_has_to_look_at() {
    let world = World::with_plan(&eventful());
    world.pe(&["run", "plan.json", "-q"]).exits(5);
    let failed = world.pe(&["show", "last", "--failed", "--json"]).exits(0).json();
    let of = |at: usize, field: &str| failed[at][field].clone();
    assert_eq!(failed.as_array().unwrap().len(), 2, "a recovered failure is none: {failed}");
    assert_eq!((of(0, "step_id"), of(0, "status")), (json!("bad"), json!("failed")));
    assert_eq!(failed[0]["error"]["class"], "not_found");
    assert_eq!((of(1, "step_id"), of(1, "reason")), (json!("made"), json!("consent")));
    assert_eq!(failed[1]["pending_calls"][0]["arguments"]["argv"], json!(["touch", "x"]));
    let done = world.pe(&["show", "last", "--failed"]).exits(0);
    let done = done.prints("✗ bad (read_file) failed after 1 try\n  not_found: cannot read");
    assert!(!done.stdout.contains("broken"), "{}", done.stdout);

    world.write("plan.json", plan(json!([echo("a", 1)])).to_string());
    world.pe(&["run", "plan.json"]).exits(0);
    assert_eq!(world.pe(&["show", "last", "--failed", "--json"]).exits(0).json(), json!([]));
    let done = world.pe(&["show", "last", "--failed"]).exits(0);
    assert_eq!(done.stdout, "");
    done.says("of 1 step none failed");
}

#[test]
fn a_live_run_is_shown_as_far_as_it_has_come() {
    let world = World::with_plan(&plan(json!([echo("a", 1), sleep("long", 60_000)])));
    let mut running = Running::start(&world, &["run", "plan.json"], "long");
    running.until("a completed");
    let done = world.pe(&["show", "last"]).exits(0);
    let done = done.prints("Status:   running, run by process ").prints("▶ running ");
    done.prints("`pe watch ").prints("running: 1 completed, 0 recovered, 0 failed, 1 unfinished");
    running.signal("KILL");
    running.end();
    let done = world.pe(&["show", "last"]).exits(0);
    let done = done.prints("Status:   stopped\n").prints("▶ unfinished");
    done.prints("stopped: 1 completed").prints("goes on where its process ended");
    let report = world.pe(&["show", "last", "--json"]).exits(0).json();
    assert_eq!((&report["status"], &report["success"]), (&json!("running"), &json!(false)));
    let done = world.pe(&["show", "last", "--step", "long"]).exits(0);
    done.prints("no outcome was recorded");
}

#[test]
fn runs_are_found_by_name_id_and_their_beginnings() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let done = world.pe(&["show", "last"]).exits(2);
    done.says("there is no database at ").says("--db FILE");
    assert!(!world.exists("home"), "looking has created something");
    let first = world.pe(&["run", "plan.json", "--json"]).exits(0).json();
    let second = world.pe(&["run", "plan.json", "--json"]).exits(0).json();
    let (name, id) = (first["run_name"].as_str().unwrap(), first["run_id"].as_str().unwrap());
    let shown = |word: &str| world.pe(&["show", word, "--json"]).exits(0).json()["run_id"].clone();
    assert_eq!(shown(name), id);
    assert_eq!(shown(&name[..name.len() - 1]), id);
    assert_eq!(shown("last"), second["run_id"]);
    let common: String = id
        .chars()
        .zip(second["run_id"].as_str().unwrap().chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a)
        .collect();
    let done = world.pe(&["show", &common]).exits(2).says("may be any of these runs");
    done.says(name).says(second["run_name"].as_str().unwrap());
    let typo = format!("{name}x");
    world.pe(&["show", &typo]).exits(2).says(&format!("did you mean `{name}`?"));
    world.pe(&["show", "last", "--failed", "--events"]).exits(2);
}

#[test]
fn showing_writes_nothing() {
    let world = World::with_plan(&eventful());
    world.pe(&["--db", "runs.db", "run", "plan.json", "-q"]).exits(5);
    // Whoever opens the file first after a process that ended in haste tidies up behind it.
    world.pe(&["--db", "runs.db", "ls"]).exits(0);
    let before = std::fs::read(world.path().join("runs.db")).unwrap();
    for words in [&["show", "last"][..], &["show", "last", "--events"], &["ls"]] {
        world.pe(&[&["--db", "runs.db"], words].concat()).exits(0);
    }
    assert!(std::fs::read(world.path().join("runs.db")).unwrap() == before);
}
