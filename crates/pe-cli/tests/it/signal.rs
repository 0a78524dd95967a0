//! Signals, sent for real, each once the run has been seen to be under way.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::running::Running;
use crate::world::{World, echo, plan, sleep};

fn long() -> World {
    World::with_plan(&plan(json!([sleep("long", 60_000), echo("next", "{{ results.long }}")])))
}

#[test]
fn x13_the_second_interrupt_stops_at_once_and_the_run_can_be_resumed() {
    let world = long();
    let mut running = Running::start(&world, &["run", "plan.json", "--json"], "long");
    running.signal("INT");
    running.until("once more stops them at once");
    running.signal("INT");
    running.until("interrupted: 0 completed");
    let (code, stdout) = running.end();
    assert_eq!(code, Some(130));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["status"], "cancelled");
    // The time of the run's own clock: the grace period would have been five seconds.
    assert!(report["execution_time_ms"].as_u64().unwrap() < 5_000, "{report}");
    assert_eq!(
        (&report["steps"][0]["status"], &report["steps"][1]["status"]),
        (&json!("pending"), &json!("pending"))
    );
}

#[test]
fn x13_running_steps_get_a_grace_period_and_no_new_ones_start() {
    let world =
        World::with_plan(&plan(json!([sleep("short", 500), echo("next", "{{ results.short }}")])));
    let mut running = Running::start(&world, &["run", "plan.json", "--json"], "short");
    running.signal("INT");
    running.until("short completed");
    let (code, stdout) = running.end();
    assert_eq!(code, Some(130));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&report["steps"][0]["status"], &report["steps"][1]["status"]),
        (&json!("completed"), &json!("pending"))
    );
}

#[test]
fn terminate_and_hangup_are_like_an_interrupt() {
    for name in ["TERM", "HUP"] {
        let world = long();
        let mut running = Running::start(&world, &["run", "plan.json"], "long");
        running.signal(name);
        running.until("stopping");
        running.signal(name);
        assert_eq!(running.end().0, Some(130), "{name}");
    }
}

#[test]
fn under_nohup_a_hangup_is_nothing() {
    let world =
        World::with_plan(&plan(json!([sleep("a", 400), echo("b", "{{ results.a.slept_ms }}")])));
    let script = "trap '' HUP; exec \"$0\" run plan.json";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pe")]).current_dir(world.path());
    command.env("HOME", world.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut running = Running { child, stderr };
    running.until("a started");
    running.signal("HUP");
    running.until("2 completed");
    let (code, stdout) = running.end();
    assert_eq!((code, stdout.as_str()), (Some(0), "400\n"));
}
