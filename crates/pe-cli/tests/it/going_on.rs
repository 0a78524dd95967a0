//! Runs that go on: resumed, decided about, retried, forked; from the same terminal or another.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::running::Running;
use crate::world::{Done, World, echo, plan, sleep, touch};

/// A step whose call must happen once, and leaves a line in `ledger`.
fn once(id: &str, after: &[&str]) -> Value {
    let argv = ["sh", "-c", "echo $PE_STEP_ID >> ledger; echo $PE_STEP_ID"];
    json!({"step_id": id, "tool": "run_command", "dependencies": after,
        "parameters": {"argv": argv}})
}

/// As `once`, and then it sleeps for a minute.
fn once_and_hang(id: &str) -> Value {
    let argv = ["sh", "-c", "echo $PE_STEP_ID >> ledger; sleep 60"];
    json!({"step_id": id, "tool": "run_command", "parameters": {"argv": argv},
        "timeout_ms": 120_000})
}

fn ledger(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path().join("ledger")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits until the ledger has so many lines.
#[track_caller]
fn await_lines(world: &World, number: usize) {
    let begin = std::time::Instant::now();
    while ledger(world).len() < number {
        assert!(begin.elapsed().as_secs() < 20, "only {:?} are there", ledger(world));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// A world in which the run of a plan was killed once `step` had started.
fn killed(steps: Value, step: &str) -> World {
    killed_after(steps, step, 0)
}

/// The same, once the ledger had so many lines.
fn killed_after(steps: Value, step: &str, lines: usize) -> World {
    let world = World::with_plan(&plan(steps));
    let running = Running::start(&world, &["run", "plan.json", "--yes"], step);
    await_lines(&world, lines);
    running.signal("KILL");
    running.end();
    world
}

#[test]
fn d2_a_killed_run_is_resumed_and_what_had_completed_is_not_run_again() {
    let world = killed(
        json!([once("a", &[]), {"step_id": "nap", "tool": "sleep", "dependencies": ["a"],
            "parameters": {"duration_ms": 700}}, once("b", &["nap"])]),
        "nap",
    );
    assert_eq!(ledger(&world), ["a"]);
    let done = world.pe(&["resume", "last", "--yes", "--json"]).exits(0);
    let report = done.json();
    assert_eq!((&report["success"], &report["tool_calls_made"]), (&json!(true), &json!(4)));
    assert_eq!(report["results"]["b"]["stdout"], "b\n");
    assert_eq!(ledger(&world), ["a", "b"]);
    let name = report["run_name"].as_str().unwrap();
    let again = world.pe(&["resume", name]).exits(0);
    assert!(again.stdout.contains("\"stdout\":\"b\\n\""), "{}", again.stdout);
    assert_eq!(ledger(&world), ["a", "b"], "a second resume does nothing");
}

#[test]
fn d2_a_once_step_without_an_outcome_is_in_doubt_until_a_person_decides() {
    for (flag, status, lines) in [
        (&["--done", "--output", "{\"x\": [1]}"][..], "completed", 1),
        (&["--failed"], "failed", 1),
        (&["--retry"], "in_doubt", 2),
    ] {
        let steps = json!([once_and_hang("a"), echo("b", "{{ results.a.x }}"), echo("c", 1)]);
        let world = killed_after(steps, "a", 1);
        let done = world.pe(&["resume", "last", "--yes"]).exits(5);
        let done = done.says("a is in doubt").says("--done`, `--failed` or `--retry`");
        assert_eq!(ledger(&world), ["a"], "{}", done.stderr);
        world.pe(&["resolve", "last", "b", "--failed"]).exits(2).says("is not in doubt");
        world.pe(&["resolve", "last", "x", "--failed"]).exits(2).says("has no step `x`");
        world.pe(&["resolve", "last", "a"]).exits(2);
        let resolved = [&["resolve", "last", "a"][..], flag].concat();
        world.pe(&resolved).exits(0).says("`pe resume ");
        // A second opinion comes too late.
        world.pe(&["resolve", "last", "a", "--failed"]).exits(2);
        let mut resumed = world.command(&["resume", "last", "--yes", "--json"]);
        if status == "in_doubt" {
            let running = Running::start(&world, &["resume", "last", "--yes"], "a");
            await_lines(&world, 2);
            running.signal("KILL");
            running.end();
            resumed = world.command(&["resume", "last", "--json"]);
        }
        let report = Done::of(resumed.output().unwrap()).json();
        assert_eq!(report["steps"][0]["status"], status, "{flag:?}: {report}");
        assert_eq!(ledger(&world).len(), lines, "{flag:?}");
        if status == "completed" {
            assert_eq!(report["results"]["b"], json!([1]));
        }
    }
}

#[test]
fn a_killed_run_can_be_decided_about_before_anybody_resumes_it() {
    let world = killed(json!([once_and_hang("a"), echo("b", "{{ results.a }}")]), "a");
    world.pe(&["resolve", "last", "a", "--done"]).exits(0);
    let report = world.pe(&["resume", "last", "--json"]).exits(0).json();
    assert_eq!(report["results"], json!({"a": null, "b": null}));
}

#[test]
fn d4_of_eight_processes_that_resume_one_run_one_wins() {
    let world = killed(json!([sleep("nap", 1_500), once("a", &["nap"])]), "nap");
    let spawn = |_| {
        let mut command = world.command(&["resume", "last", "--yes"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..8).map(spawn).collect();
    let done: Vec<Done> =
        children.into_iter().map(|child| Done::of(child.wait_with_output().unwrap())).collect();
    let won = done.iter().filter(|done| done.code == Some(0)).count();
    assert_eq!(won, 1, "{done:#?}");
    for lost in done.iter().filter(|done| done.code != Some(0)) {
        assert_eq!(lost.code, Some(2), "{}", lost.stderr);
        assert!(lost.stderr.contains("is being run by process"), "{}", lost.stderr);
    }
    assert_eq!(ledger(&world), ["a"]);
}

#[test]
fn x13_an_interrupted_run_goes_on() {
    let world = World::with_plan(&plan(json!([sleep("nap", 800), once("a", &["nap"])])));
    let mut running = Running::start(&world, &["run", "plan.json", "--yes"], "nap");
    running.signal("INT");
    running.until("goes on");
    assert_eq!(running.end().0, Some(130));
    let report = world.pe(&["resume", "last", "--yes", "--json"]).exits(0).json();
    assert_eq!(report["tool_calls_made"], 2, "the nap ended within the grace period");
    assert_eq!(ledger(&world), ["a"]);
}

#[test]
fn another_terminal_answers_for_a_run_that_is_under_way() {
    let world = World::with_plan(&plan(json!([
        touch("first", "touched"),
        {"step_id": "wait", "tool": "sleep", "parameters": {"duration_ms": 60_000}},
        {"step_id": "second", "tool": "echo", "approval": true, "parameters": {"value": 2}},
    ])));
    let mut running = Running::start(&world, &["run", "plan.json", "--json"], "wait");
    world.pe(&["approve", "last", "first"]).exits(0).says("the run goes on");
    running.until("first completed");
    assert!(world.exists("touched"));
    world.pe(&["approve", "last", "first"]).exits(2).says("does not wait: it is completed");
    world.pe(&["reject", "last", "second"]).exits(0);
    running.until("second failed: permission: rejected");
    world.pe(&["cancel", "last"]).exits(0).says("is cancelled");
    let (code, stdout) = running.end();
    assert_eq!(code, Some(130));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["status"], "cancelled");
}

#[test]
fn a_waiting_run_goes_on_after_an_approval_or_with_a_flag() {
    for approve in [true, false] {
        let world = World::with_plan(&plan(json!([touch("a", "touched"), echo("b", 1)])));
        world.pe(&["run", "plan.json"]).exits(5).says("`pe resume ");
        let events = |world: &World| world.pe(&["resume", "last"]).exits(5);
        events(&world);
        assert!(!world.exists("touched"));
        if approve {
            world.pe(&["approve", "last", "a"]).exits(0).says("`pe resume ");
            assert!(!world.exists("touched"), "an approval calls nothing");
            world.pe(&["resume", "last"]).exits(0);
        } else {
            world.pe(&["resume", "last", "--allow", "touch"]).exits(0);
        }
        assert!(world.exists("touched"));
    }
}

#[test]
fn a_rejected_step_fails_the_run_at_once_where_nothing_is_left_to_do() {
    let world = World::with_plan(&plan(json!([touch("a", "touched")])));
    world.pe(&["run", "plan.json"]).exits(5);
    world.pe(&["reject", "last", "a"]).exits(0);
    world.pe(&["resume", "last"]).exits(5).says("rejected by a person");
    assert!(!world.exists("touched"));
}

#[test]
fn a_run_that_nobody_runs_is_cancelled_and_one_that_has_ended_is_not() {
    let world = killed(json!([sleep("nap", 300)]), "nap");
    world.pe(&["cancel", "last"]).exits(0).says("is cancelled");
    world.pe(&["resume", "last"]).exits(0);
    world.pe(&["cancel", "last"]).exits(2).says("the run has ended: it is completed");
}

#[test]
fn a2_a_retry_runs_what_failed_and_takes_the_rest_over() {
    let world = World::with_plan(&plan(json!([
        once("a", &[]),
        {"step_id": "b", "tool": "read_file", "parameters": {"path": "later"},
            "dependencies": ["a"]},
        echo("c", "{{ results.b.content }}"),
    ])));
    world.pe(&["run", "plan.json", "--yes"]).exits(1).says("--failed` runs again");
    let before = world.pe(&["run", "plan.json", "--yes", "--json"]).exits(1).json();
    assert_eq!(ledger(&world).len(), 2);
    world.write("later", "here");
    let report = world.pe(&["retry", "last", "--failed", "--json"]).exits(0).json();
    assert_eq!(report["from_run"], before["run_id"]);
    assert_ne!(report["run_id"], before["run_id"], "history is never rewritten");
    assert_eq!((&report["steps_reused"], &report["tool_calls_made"]), (&json!(1), &json!(2)));
    assert_eq!(ledger(&world).len(), 2, "`a` was taken over");
    world.pe(&["retry", "last", "--failed"]).exits(2).says("nothing that did not succeed");
    world.pe(&["retry", "last"]).exits(2);
    let report = world.pe(&["retry", "last", "--from", "b", "--json"]).exits(0).json();
    assert_eq!(report["tool_calls_made"], 2, "`b` and what follows from it");
    world.pe(&["retry", "last", "--from", "bb"]).exits(2).says("has no step `bb`");
}

#[test]
fn a2_an_edited_plan_runs_only_what_changed() {
    let steps = |value: &str| {
        json!([once("a", &[]), once("b", &["a"]),
            {"step_id": "c", "tool": "echo", "dependencies": ["b"],
                "parameters": {"value": value}}])
    };
    let world = World::with_plan(&plan(steps("one")));
    world.pe(&["run", "plan.json", "--yes"]).exits(0);
    world.write("plan.json", plan(steps("two")).to_string());
    let done = world.pe(&["run", "plan.json", "--yes", "--reuse", "last"]).exits(0);
    assert_eq!(done.stdout, "two\n");
    assert_eq!(ledger(&world), ["a", "b"]);
    let done = done.says("a taken over from run ");
    assert!(!done.stderr.contains("a started"), "{}", done.stderr);
    world.pe(&["run", "plan.json", "--reuse", "no-such"]).exits(2);
}

#[test]
fn a_fork_is_a_plan_of_its_own_whose_parent_is_the_old_one() {
    let world = World::with_plan(&plan(json!([once("a", &[]),
        {"step_id": "b", "tool": "echo", "dependencies": ["a"],
            "parameters": {"value": "{{ default(context.n, 0) }}"}}])));
    let before = world.pe(&["run", "plan.json", "--yes", "--json"]).exits(0).json();
    let forked = world.pe(&["fork", "last", "-p", "n=7", "--json"]).exits(0).json();
    assert_eq!((&forked["results"]["b"], ledger(&world).len()), (&json!(7), 1));
    assert_ne!(forked["plan_id"], before["plan_id"]);
    let mut edited = plan(json!([once("a", &[]), echo("z", "new")]));
    edited["plan_id"] = before["plan_id"].clone();
    world.write("edited.json", edited.to_string());
    let first = before["run_name"].as_str().unwrap();
    let forked = world.pe(&["fork", first, "--plan", "edited.json", "--json"]).exits(0).json();
    assert_eq!(forked["results"]["z"], "new");
    assert_ne!(forked["plan_id"], before["plan_id"]);
    assert_eq!(ledger(&world).len(), 1);
}

#[test]
fn a_run_goes_on_where_it_began_and_with_the_limits_it_had() {
    let world = World::new();
    world.write("there/plan.json", plan(json!([touch("a", "touched")])).to_string());
    world.pe(&["run", "there/plan.json", "--root", "there", "--parallel", "1"]).exits(5);
    std::fs::create_dir(world.path().join("elsewhere")).unwrap();
    let mut resume = world.command(&["resume", "last", "--yes", "--output", "jsonl"]);
    let done = Done::of(resume.current_dir(world.path().join("elsewhere")).output().unwrap());
    let events = done.exits(0).events();
    assert!(world.exists("there/touched"));
    let resumed = events.iter().find(|event| event["type"] == "run_resumed").unwrap();
    assert_eq!(resumed["config"]["max_parallel_steps"], 1);
    assert_eq!(resumed["epoch"], 2);
}

#[test]
fn a_run_is_found_by_its_name_its_id_and_their_prefixes() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let report = world.pe(&["run", "plan.json", "--json"]).exits(0).json();
    let (id, name) = (report["run_id"].as_str().unwrap(), report["run_name"].as_str().unwrap());
    for word in [id, name, &id[..12], &name[..4], "last"] {
        let found = world.pe(&["resume", word, "--json"]).exits(0).json();
        assert_eq!(found["run_id"], id, "{word}");
    }
    world.pe(&["resume", "no-such-run"]).exits(2).says("`pe ls` lists the runs");
}

#[test]
fn nothing_is_executed_where_nothing_can_be_recorded() {
    let world = World::with_plan(&plan(json!([touch("a", "touched")])));
    world.write("file", "no database");
    for db in ["file", "file/pe.db", "."] {
        let done = world.pe(&["run", "plan.json", "--yes", "--db", db]).exits(1);
        done.says("`--db FILE` (or PE_DB) names another database");
        assert!(!world.exists("touched"), "{db}");
    }
    assert_eq!(std::fs::read_to_string(world.path().join("file")).unwrap(), "no database");
}

#[test]
fn consent_that_ended_with_its_process_is_asked_for_again() {
    let world = killed_after(json!([once_and_hang("a")]), "a", 1);
    world.pe(&["resume", "last"]).exits(5);
    world.pe(&["resolve", "last", "a", "--retry"]).exits(0);
    world.pe(&["resume", "last"]).exits(5).says("a waits for consent");
    world.pe(&["reject", "last", "a"]).exits(0);
    assert_eq!(ledger(&world), ["a"]);
}

#[test]
fn the_work_of_a_run_in_doubt_or_under_way_is_not_done_again_by_the_way() {
    let world = killed_after(json!([echo("b", 1), once_and_hang("a")]), "a", 1);
    for words in [
        &["retry", "last", "--failed", "--yes"][..],
        &["retry", "last", "--from", "b", "--yes"],
        &["fork", "last", "--yes"],
        &["run", "plan.json", "--reuse", "last", "--yes"],
    ] {
        let done = world.pe(words).exits(5);
        done.says("nobody knows whether step `a`").says("a --done`, `--failed` or `--retry`");
    }
    assert_eq!(ledger(&world), ["a"]);

    let world = World::with_plan(&plan(json!([once_and_hang("a")])));
    let running = Running::start(&world, &["run", "plan.json", "--yes"], "a");
    await_lines(&world, 1);
    world.pe(&["retry", "last", "--failed", "--yes"]).exits(2).says("is under way");
    running.signal("KILL");
    running.end();
    assert_eq!(ledger(&world), ["a"]);
}

#[test]
fn an_imported_run_brings_neither_consent_nor_a_place_nor_half_of_its_secrets() {
    let world = World::with_plan(&plan(json!([
        {"step_id": "a", "tool": "echo", "approval": true, "parameters": {"value": 1}},
        once("b", &["a"]),
    ])));
    world.pe(&["run", "plan.json"]).exits(5);
    world.pe(&["approve", "last", "a"]).exits(0);
    world.pe(&["resume", "last"]).exits(5);
    world.pe(&["approve", "last", "b"]).exits(0);
    world.pe(&["export", "last", "-o", "run.json"]).exits(0);
    let there = World::new();
    std::fs::copy(world.path().join("run.json"), there.path().join("run.json")).unwrap();
    there.pe(&["import", "run.json"]).exits(0);
    for verb in [&["resume", "last"][..], &["approve", "last", "b"], &["cancel", "last"]] {
        there.pe(verb).exits(2).says("was imported, and goes on only where it began");
    }
    there.pe(&["retry", "last", "--failed"]).exits(5).says("b waits for consent");
    there.pe(&["resume", "last", "--yes"]).exits(0);
    assert_eq!((ledger(&there), ledger(&world).len()), (vec!["b".to_owned()], 0));

    let mut secret = plan(json!([once("a", &[])]));
    secret["context"] = json!({"password": "hunter2hunter2"});
    let world = World::with_plan(&secret);
    world.pe(&["run", "plan.json", "--yes"]).exits(0);
    world.pe(&["export", "last", "-o", "run.json"]).exits(0);
    world.pe(&["import", "run.json", "--db", "other.db"]).exits(0);
    let retry = ["retry", "last", "--from", "a", "--yes", "--db", "other.db"];
    world.pe(&retry).exits(2).says("was imported without its secrets");
    assert_eq!(ledger(&world).len(), 1);
}

#[test]
fn a_request_that_its_owner_never_saw_does_not_stop_the_next_one() {
    let world = World::with_plan(&plan(json!([sleep("nap", 1_000)])));
    let running = Running::start(&world, &["run", "plan.json"], "nap");
    running.signal("STOP");
    let mut cancel = world.command(&["cancel", "last"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    cancel.kill().unwrap();
    cancel.wait().unwrap();
    running.signal("KILL");
    running.end();
    world.pe(&["resume", "last"]).exits(0);
}

#[test]
fn verbs_that_go_on_make_no_database() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    for words in [
        &["resume", "last"][..],
        &["retry", "last", "--failed"],
        &["fork", "last"],
        &["run", "plan.json", "--reuse", "last"],
        &["approve", "last", "a"],
    ] {
        let words = [words, &["--db", "no.db"]].concat();
        world.pe(&words).exits(2).says("there is no database at");
        assert!(!world.exists("no.db"), "{words:?}");
    }
}
