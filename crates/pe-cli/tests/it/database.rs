//! `db`: check, backup, vacuum and prune of databases with real runs.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::look::Terminal;
use crate::running::Running;
use crate::world::{World, echo, fail, plan, sleep, touch};

/// A world whose runs are in `runs.db`: completed, failed, waiting, and completed again.
fn world() -> World {
    let world = World::new();
    for (code, steps) in [
        (0, json!([echo("a", "needle-0123456789")])),
        (1, json!([fail("a")])),
        (5, json!([touch("a", "x")])),
        (0, json!([echo("a", "x".repeat(300_000))])),
    ] {
        world.write("plan.json", plan(steps).to_string());
        world.pe(&["--db", "runs.db", "run", "plan.json", "-q"]).exits(code);
    }
    world
}

fn db<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["--db", "runs.db"], words].concat()
}

/// How the runs that are left stand, the newest first.
#[track_caller]
fn left(world: &World) -> Vec<String> {
    let runs = world.pe(&db(&["ls", "--json"])).exits(0).json();
    let status = |run: &Value| run["status"].as_str().unwrap().to_owned();
    runs.as_array().unwrap().iter().map(status).collect()
}

#[test]
fn a_sound_database_is_said_to_be_sound() {
    let world = world();
    let done = world.pe(&db(&["db", "check"])).exits(0);
    done.prints("runs.db: sound, 4 runs with ");
    let verdict = world.pe(&db(&["db", "check", "--json"])).exits(0).json();
    assert_eq!((&verdict["is_sound"], &verdict["runs"]), (&json!(true), &json!(4)));
    assert_eq!(verdict["findings"], json!([]));
    for task in ["check", "vacuum", "prune --keep 1", "backup copy.db"] {
        let words: Vec<&str> =
            ["--db", "gone.db", "db"].into_iter().chain(task.split(' ')).collect();
        world.pe(&words).exits(2).says("there is no database at gone.db");
    }
    assert!(!world.exists("gone.db") && !world.exists("copy.db"));
}

#[test]
fn a_byte_that_was_changed_is_found() {
    let world = world();
    let run = world.pe(&db(&["ls", "--json", "--status", "completed"])).exits(0).json();
    let run_id = run[1]["run_id"].as_str().unwrap();
    let path = world.path().join("runs.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"needle-0123456789";
    let places: Vec<usize> =
        (0..bytes.len() - needle.len()).filter(|&at| bytes[at..].starts_with(needle)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] = b'N';
    }
    std::fs::write(&path, bytes).unwrap();
    world.pe(&db(&["show", run_id])).exits(1).says("is damaged: ").says("hint: `pe db check`");
    let done = world.pe(&db(&["db", "check"])).exits(1);
    assert!(done.stdout.lines().all(|line| line.contains(": ")), "{}", done.stdout);
    done.prints(&format!("run {run_id}: ")).prints("checksum").says(" problem");
    let verdict = world.pe(&db(&["db", "check", "--json"])).exits(1).json();
    assert_eq!(verdict["is_sound"], false);
    assert!(!verdict["findings"].as_array().unwrap().is_empty());
}

#[test]
fn a_backup_is_a_database_and_overwrites_nothing() {
    let world = world();
    world.pe(&db(&["db", "backup", "copy.db"])).exits(0).says("is backed up to copy.db: ");
    let mode = world.path().join("copy.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let listed = |file: &str| world.pe(&["--db", file, "ls", "--json"]).exits(0).json();
    assert_eq!(listed("copy.db"), listed("runs.db"));
    world.pe(&["--db", "copy.db", "db", "check"]).exits(0);
    let done = world.pe(&db(&["db", "backup", "copy.db"])).exits(2);
    done.says("copy.db exists already").says("never overwrites");
}

#[test]
fn old_runs_are_forgotten_once_somebody_says_so() {
    let world = world();
    let all = ["completed", "waiting", "failed", "completed"];
    world.pe(&db(&["db", "prune"])).exits(2).says("--older-than");
    let done = world.pe(&db(&["db", "prune", "--older-than", "1h"])).exits(0);
    done.says("no run is like that; nothing was forgotten");
    let done = world.pe(&db(&["db", "prune", "--older-than", "0", "--dry-run"])).exits(0);
    assert_eq!(done.stdout.lines().count(), 5, "a header, three, and plans: {}", done.stdout);
    let done = done.prints("plans that go with them: ");
    assert!(!done.stdout.contains("waiting"), "it can be resumed: {}", done.stdout);
    world.pe(&db(&["db", "prune", "--older-than", "0"])).exits(2).says("hint: `--yes`");
    for words in [&["--status", "waiting"][..], &["--status", "resumable"]] {
        let words = [&db(&["db", "prune", "--keep", "0", "--yes"]), words].concat();
        world.pe(&words).exits(2).says("can be resumed");
    }
    assert_eq!(left(&world), all);

    let words = db(&["db", "prune", "--keep", "1", "--status", "failed", "--yes", "--json"]);
    let report = world.pe(&words).exits(0).json();
    assert_eq!(report["runs"][0]["status"], "failed");
    assert_eq!(report["plans"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(left(&world), ["completed", "waiting", "completed"]);
    let done = world.pe(&db(&["db", "prune", "--keep", "1", "--yes"])).exits(0);
    done.says("1 run forgotten, with 1 plan and ");
    assert_eq!(left(&world), ["completed", "waiting"]);
    world.pe(&db(&["db", "prune", "--keep", "0", "--resumable", "-y"])).exits(0);
    assert!(left(&world).is_empty());
    world.pe(&db(&["db", "check"])).exits(0);

    // With the log beside it, which stays when it is short.
    let size = || {
        let of = |file: &str| world.path().join(file).metadata().map_or(0, |found| found.len());
        of("runs.db") + of("runs.db-wal")
    };
    let before = size();
    let sizes = world.pe(&db(&["db", "vacuum", "--json"])).exits(0).json();
    let after = size();
    assert!(after + 300_000 < before, "{before} {after}");
    assert_eq!((&sizes["bytes_before"], &sizes["bytes_after"]), (&json!(before), &json!(after)));
    world.pe(&db(&["db", "vacuum"])).exits(0).says(" bytes before, ");
}

#[test]
fn a_run_that_somebody_runs_is_never_forgotten() {
    let world = World::with_plan(&plan(json!([sleep("long", 60_000)])));
    let running = Running::start(&world, &db(&["run", "plan.json"]), "long");
    let words = db(&["db", "prune", "--keep", "0", "--resumable", "--yes"]);
    world.pe(&words).exits(0).says("nothing was forgotten");
    world.pe(&db(&["db", "prune", "--keep", "0", "--status", "live"])).exits(2).says("never");
    running.signal("KILL");
    running.end();
    let words = db(&["db", "prune", "--keep", "0", "--status", "stopped", "--yes"]);
    world.pe(&words).exits(2).says("runs that are stopped can be resumed");
    world.pe(&[&words[..], &["--resumable"]].concat()).exits(0).prints("stopped");
    assert!(left(&world).is_empty());
}

#[test]
fn on_a_terminal_somebody_is_asked() {
    let world = world();
    let words = db(&["db", "prune", "--older-than", "0"]);
    let mut terminal = Terminal::run(&world, &words, &[]);
    terminal.until("forget 3 runs? [y]es / [n]o: ").types("n\n");
    let (_, code, stdout) = terminal.end();
    assert_eq!((code, stdout.lines().count(), left(&world).len()), (Some(5), 5, 4));
    let mut terminal = Terminal::run(&world, &words, &[]);
    terminal.until("forget 3 runs? ").types("yes\n").until("3 runs forgotten");
    assert_eq!((terminal.end().1, left(&world)), (Some(0), vec!["waiting".to_owned()]));
}
