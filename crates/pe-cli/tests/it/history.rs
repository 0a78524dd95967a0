//! `ls`: which runs are listed, how they are shown, and what it leaves alone.

use serde_json::{Value, json};

use crate::running::Running;
use crate::world::{World, echo, fail, plan, sleep, touch};

/// A plan with a goal and a name.
fn named(goal: &str, plan_id: &str, steps: Value) -> String {
    json!({"goal": goal, "plan_id": plan_id, "steps": steps}).to_string()
}

/// One run of each kind: completed, failed, waiting; the newest last.
fn three() -> World {
    let world = World::new();
    world.write("good.json", named("Write a héllo 漢字", "plan-good", json!([echo("a", 1)])));
    world.write("bad.json", named("Break", "plan-bad", json!([fail("a"), echo("b", 1)])));
    world.write("ask.json", named("Ask 100%", "plan-ask", json!([touch("a", "x")])));
    world.pe(&["run", "good.json"]).exits(0);
    world.pe(&["run", "bad.json"]).exits(1);
    world.pe(&["run", "ask.json"]).exits(5);
    world
}

/// The goals of the runs that `pe ls` lists with these words, in order.
#[track_caller]
fn goals(world: &World, words: &[&str]) -> Vec<String> {
    let words = [&["ls", "--json"], words].concat();
    let runs = world.pe(&words).exits(0).json();
    let goal = |run: &Value| run["goal"].as_str().unwrap().to_owned();
    runs.as_array().unwrap().iter().map(goal).collect()
}

#[test]
fn the_newest_run_comes_first_with_its_steps_and_its_goal() {
    let world = three();
    let table = world.pe(&["ls"]).exits(0).stdout;
    let cells = |line: &str| -> Vec<String> {
        line.split("  ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect()
    };
    let lines: Vec<Vec<String>> = table.lines().map(cells).collect();
    assert_eq!(lines[0], ["NAME", "STATUS", "STEPS", "STARTED", "TOOK", "GOAL"], "{table}");
    let cell = |row: usize, column: usize| lines[row][column].as_str();
    assert_eq!((cell(1, 1), cell(1, 2), cell(1, 5)), ("waiting", "0/1", "Ask 100%"));
    assert_eq!((cell(2, 1), cell(2, 2)), ("failed", "1/2"));
    assert_eq!((cell(3, 1), cell(3, 5)), ("completed", "Write a héllo 漢字"));
    assert!(cell(3, 3).ends_with("ago") || cell(3, 3) == "just now", "{table}");
    assert!(cell(3, 4).ends_with("ms") || cell(3, 4).ends_with(" s"), "{table}");
}

#[test]
fn the_json_of_a_run_is_its_summary() {
    let world = three();
    let runs = world.pe(&["ls", "--json"]).exits(0).json();
    let run = &runs[1];
    assert_eq!(run["plan_id"], "plan-bad");
    assert_eq!((&run["status"], &run["is_live"]), (&json!("failed"), &json!(false)));
    assert_eq!((&run["steps_total"], &run["steps_failed"]), (&json!(2), &json!(1)));
    let report = world.pe(&["run", "bad.json", "--json"]).exits(1).json();
    let newest = &world.pe(&["ls", "--json", "-n", "1"]).exits(0).json()[0];
    assert_eq!(newest["run_id"], report["run_id"]);
    assert_eq!(newest["name"], report["run_name"]);
    let started = newest["started_at"].as_str().unwrap();
    assert!(started.parse::<jiff::Timestamp>().is_ok(), "{started}");
}

#[test]
fn filters_leave_only_what_was_asked_for() {
    let world = three();
    let all = ["Ask 100%", "Break", "Write a héllo 漢字"];
    for (words, expected) in [
        (&[][..], &all[..]),
        (&["--status", "completed"], &all[2..]),
        (&["--status", "failed", "--status", "waiting"], &all[..2]),
        (&["--status", "resumable"], &all[..1]),
        (&["--status", "live"], &[]),
        (&["--status", "in-doubt"], &[]),
        (&["--since", "1h"], &all[..]),
        (&["--until", "1h"], &[]),
        (&["--since", "2020-01-01", "--until", "0"], &all[..]),
        (&["--until", "2020-01-01T00:00:00Z"], &[]),
        (&["--plan", "plan-bad"], &all[1..2]),
        (&["--plan", "plan-g"], &all[2..]),
        (&["--plan", "last"], &all[..1]),
        (&["bre"], &all[1..2]),
        (&["漢"], &all[2..]),
        (&["0%"], &all[..1]),
        (&["%"], &all[..1]),
        (&["-n", "2"], &all[..2]),
        (&["-n", "1", "--status", "resumable", "--status", "failed"], &all[..1]),
        (&["--status", "failed", "nothing like that"], &[]),
    ] {
        assert_eq!(goals(&world, words), expected, "{words:?}");
    }
    world.pe(&["ls", "--plan", "plan-"]).exits(2).says("may be any of these plans");
    world.pe(&["ls", "--plan", "plan-god"]).exits(2).says("did you mean `plan-good`?");
    world.pe(&["ls", "--since", "soon"]).exits(2).says("how long ago");
    world.pe(&["ls", "--status", "done"]).exits(2).says("resumable");
    world.pe(&["ls", "--limit", "0"]).exits(2);
}

#[test]
fn twenty_runs_are_listed_unless_more_are_asked_for() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    for _ in 0..21 {
        world.pe(&["run", "plan.json", "-q"]).exits(0);
    }
    let done = world.pe(&["ls"]).exits(0);
    assert_eq!(done.stdout.lines().count(), 21, "{}", done.stdout);
    done.says("newest 20 runs; `--all`");
    let done = world.pe(&["ls", "--all"]).exits(0);
    assert_eq!((done.stdout.lines().count(), done.stderr.as_str()), (22, ""));
    assert_eq!(goals(&world, &[]).len(), 20);
}

#[test]
fn a_run_whose_process_died_is_stopped_and_one_that_runs_is_live() {
    let steps = json!([echo("a", 1), sleep("long", 60_000)]);
    let world = World::with_plan(&plan(steps));
    let mut running = Running::start(&world, &["run", "plan.json"], "long");
    running.until("a completed");
    let run = &world.pe(&["ls", "--status", "live", "--json"]).exits(0).json()[0];
    assert_eq!((&run["status"], &run["is_live"]), (&json!("running"), &json!(true)));
    world.pe(&["ls"]).exits(0).prints("running").prints("1/2");
    assert!(goals(&world, &["--status", "resumable"]).is_empty(), "somebody runs it");

    running.signal("KILL");
    running.end();
    let run = &world.pe(&["ls", "--status", "resumable", "--json"]).exits(0).json()[0];
    assert_eq!((&run["status"], &run["is_live"]), (&json!("running"), &json!(false)));
    world.pe(&["ls", "--status", "stopped"]).exits(0).prints("stopped").prints("1/2");
    assert_eq!(goals(&world, &["--status", "running"]).len(), 1);
    assert!(goals(&world, &["--status", "live"]).is_empty());
}

#[test]
fn without_a_database_nothing_is_listed_and_nothing_is_made() {
    let world = World::new();
    assert_eq!(world.pe(&["ls", "--json"]).exits(0).json(), json!([]));
    let done = world.pe(&["ls", "--plan", "p"]).exits(0);
    assert_eq!(done.stdout, "");
    world.pe(&["ls"]).exits(0).says("nothing has been run yet");
    assert!(!world.exists("home"), "looking has created something");
    world.write("other.db", "no database at all, whatever the name says");
    world.pe(&["--db", "other.db", "ls"]).exits(1).says("not a database of this program");
}

#[test]
fn a_goal_cannot_control_the_terminal() {
    let world = World::new();
    let goal = "\u{1b}]0;gotcha\u{7}line\nbreak \u{202e}txt";
    world.write("plan.json", named(goal, "p", json!([echo("a", 1)])));
    world.pe(&["run", "plan.json"]).exits(0);
    let done = world.pe(&["ls"]).exits(0);
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    done.prints("\\u{1b}]0;gotcha\\u{7}line break \\u{202e}txt");
    assert_eq!(goals(&world, &[]), [goal], "data is passed on as it is");
}
