//! `watch`: a run of another process is followed to its end, to its owner's, or for a while.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::look::Terminal;
use crate::running::Running;
use crate::world::{Done, World, echo, fail, plan, sleep, touch};

fn steps(ms: u64) -> World {
    let last = echo("last", "slept {{ results.long.slept_ms }}");
    World::with_plan(&plan(json!([echo("a", 1), sleep("long", ms), last])))
}

#[test]
fn a_live_run_is_followed_to_its_end() {
    let world = steps(1_000);
    let mut command = world.command(&["run", "plan.json", "--output", "jsonl"]);
    let runs = command.stdout(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while world.pe(&["ls", "--json"]).json() == json!([]) {
        assert!(began.elapsed() < Duration::from_secs(30), "the run never began");
    }
    let watched = world.pe(&["watch", "last", "--output", "jsonl"]).exits(0);
    let run = Done::of(runs.wait_with_output().unwrap()).exits(0);
    assert_eq!(watched.events(), run.events(), "from the first event to the last");
    watched.says("long completed in ").says("3 completed, 0 recovered, 0 failed in ");
}

#[test]
fn a_run_that_has_ended_is_shown_at_once_with_its_exit_code() {
    let world = steps(1);
    world.pe(&["run", "plan.json"]).exits(0);
    let done = world.pe(&["watch", "last"]).exits(0).says("a completed in ");
    assert_eq!(done.stdout, "1\nslept 1\n");
    let report = world.pe(&["watch", "last", "--json", "-q"]).exits(0);
    assert_eq!(report.json(), world.pe(&["show", "last", "--json"]).exits(0).json());
    assert_eq!(report.stderr, "");

    world.write("plan.json", plan(json!([fail("b")])).to_string());
    world.pe(&["run", "plan.json"]).exits(1);
    let done = world.pe(&["watch", "last"]).exits(1).says("next: `pe retry ");
    assert_eq!(done.stdout, "");
    world.write("plan.json", plan(json!([touch("b", "x")])).to_string());
    world.pe(&["run", "plan.json"]).exits(5);
    world.pe(&["watch", "last"]).exits(5).says("step `b` waits for consent");
    world.pe(&["watch", "nothing"]).exits(2).says("there is no run `nothing`");
}

#[test]
fn watching_ends_when_the_owner_dies_and_says_how_to_go_on() {
    let world = steps(60_000);
    let running = Running::start(&world, &["run", "plan.json"], "long");
    let watching = Running::start(&world, &["watch", "last"], "long");
    running.signal("KILL");
    running.end();
    assert_eq!(watching.end().0, Some(1));
    let done = world.pe(&["watch", "last"]).exits(1).says("nobody runs run ");
    done.says("hint: `pe resume ");
}

#[test]
fn an_interrupt_ends_the_watching_and_not_the_run() {
    let world = steps(60_000);
    let running = Running::start(&world, &["run", "plan.json"], "long");
    let mut watching = Running::start(&world, &["watch", "last"], "long");
    watching.signal("INT");
    watching.until("no longer watching; run ");
    assert_eq!(watching.end().0, Some(130));
    let run = world.pe(&["ls", "--json"]).exits(0).json();
    assert_eq!((&run[0]["is_live"], &run[0]["status"]), (&json!(true), &json!("running")));
    running.signal("KILL");
    running.end();
}

#[test]
fn the_live_view_counts_from_the_begin_of_the_run() {
    let world = steps(60_000);
    let running = Running::start(&world, &["run", "plan.json"], "long");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1_100) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut terminal = Terminal::run(&world, &["watch", "last"], &[]);
    // Never a frame in which the run has just begun.
    terminal.until("long  ").until(" sleep");
    running.signal("KILL");
    running.end();
    let (seen, code, _) = terminal.end();
    assert!(!seen.contains("long  0 ms") && !seen.contains(" ms  sleep"), "{seen}");
    assert_eq!(code, Some(1), "{seen}");
}
