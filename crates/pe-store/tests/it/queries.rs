//! The history: listed, filtered, and found by what people type.

use pe_model::*;
use pe_store::{FindError, RunQuery, RunSummary, SqliteStore};
use pe_testkit::{plan, step};
use serde_json::json;

use crate::scene::{Scene, Script, key, wait};

/// Runs that began a minute apart, the last one newest.
fn store_of(scene: &Scene, runs: &[(&str, &str, PlanStatus)]) -> SqliteStore {
    let store = scene.store();
    for (minute, (id, goal, status)) in runs.iter().enumerate() {
        let mut plan = plan([step("s0")]);
        plan.plan_id = Some(PlanId::new(format!("plan-{goal}")));
        plan.goal = (*goal).to_owned();
        let mut script = Script::of_plan(id, plan);
        if let EventKind::RunStarted { started_at, .. } = &mut script.events[0].kind {
            *started_at = time(minute);
        }
        if *status != PlanStatus::Running {
            script.finish(*status);
        }
        script.record(&store, 9);
    }
    store
}

fn time(minute: usize) -> jiff::Timestamp {
    format!("2026-01-01T00:{minute:02}:00Z").parse().unwrap()
}

fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter().map(|run| run.run_id.as_str()).collect()
}

#[test]
fn runs_are_listed_newest_first_and_filtered() {
    use PlanStatus::{Completed, Failed, Running};
    let scene = Scene::new();
    let runs = [("a", "Cook 100%", Completed), ("b", "clean", Failed), ("c", "cook_it", Running)];
    let store = store_of(&scene, &runs);
    let check = |query: RunQuery, expected: &[&str]| {
        assert_eq!(ids(&store.runs(&query).unwrap()), expected, "{query:?}");
    };
    let all = RunQuery::default;
    check(all(), &["c", "b", "a"]);
    check(RunQuery { limit: Some(2), ..all() }, &["c", "b"]);
    check(RunQuery { statuses: vec![Completed, Running], ..all() }, &["c", "a"]);
    check(RunQuery { since: Some(time(1)), ..all() }, &["c", "b"]);
    check(RunQuery { until: Some(time(1)), ..all() }, &["a"]);
    check(RunQuery { text: Some("COOK".to_owned()), ..all() }, &["c", "a"]);
    check(RunQuery { text: Some("0%".to_owned()), ..all() }, &["a"]);
    check(RunQuery { text: Some("k_i".to_owned()), ..all() }, &["c"]);
    check(RunQuery { text: Some("plan-cle".to_owned()), ..all() }, &["b"]);
    check(RunQuery { plan_id: Some("plan-clean".into()), ..all() }, &["b"]);
    check(RunQuery { text: Some("'; DROP TABLE runs; --".to_owned()), ..all() }, &[]);
}

#[test]
fn a_run_is_found_by_any_unique_beginning() {
    let scene = Scene::new();
    let done = PlanStatus::Completed;
    let store = store_of(&scene, &[("0198-aa", "x", done), ("0198-ab", "y", done)]);
    let names: Vec<String> =
        store.runs(&RunQuery::default()).unwrap().into_iter().map(|run| run.name).collect();
    let found = |text: &str| store.find_run(text).map(|run| run.run_id.to_string());
    for text in ["0198-ab", "last", &names[0], " last ", &names[0][..names[0].len() - 1]] {
        assert_eq!(found(text).unwrap(), "0198-ab", "{text}");
    }
    let FindError::Ambiguous { candidates, .. } = found("0198-a").unwrap_err() else {
        panic!("two runs begin so");
    };
    assert_eq!(candidates[0], format!("{} (0198-ab)", names[0]));
    assert_eq!(candidates.len(), 2);
    let mut typo = names[1].clone();
    typo.push('x');
    let error = found(&typo).unwrap_err();
    assert!(error.to_string().contains(&format!("did you mean `{}`", names[1])), "{error}");
    for text in ["", "%", "_198-ab", "nothing like it"] {
        assert!(matches!(found(text), Err(FindError::NotFound { .. })), "{text}");
    }
    assert_eq!(store.find_plan("plan-x").unwrap(), "plan-x".into());
    assert!(matches!(store.find_plan("plan-"), Err(FindError::Ambiguous { .. })));
    let error = store.find_plan("plam-y").unwrap_err();
    assert!(error.to_string().contains("did you mean `plan-y`"), "{error}");
}

#[test]
fn names_never_collide() {
    let scene = Scene::new();
    let store = scene.store();
    let script = Script::new("first", 1);
    script.record(&store, 1);
    let name = store.run(&script.run_id).unwrap().name;
    // Everybody else is called the way the next run would like to be.
    let second = Script::new("second", 1);
    second.record(&store, 1);
    let wanted = store.run(&second.run_id).unwrap().name;
    assert_ne!(name, wanted);
    let connection = rusqlite::Connection::open(scene.path()).unwrap();
    connection.execute("UPDATE runs SET run_id = 'third' WHERE run_id = 'second'", []).unwrap();
    second.record(&store, 1);
    let got = store.run(&second.run_id).unwrap().name;
    assert!(got != wanted && got.contains('-'), "{got}");
}

#[test]
fn tool_calls_say_what_went_in_and_what_came_out() {
    let scene = Scene::new();
    let store = scene.store();
    let mut script = Script::new("calls", 4);
    let error = StepError::new(ErrorClass::Network, "gone");
    script.start(0).succeed(0, json!("out")).start(1);
    script.push(EventKind::AttemptFailed {
        key: key(1),
        error: error.clone(),
        outcome: Outcome::Unknown,
        duration_ms: 5,
    });
    script.push(EventKind::StepInDoubt {
        step_id: "s1".into(),
        generation: 0,
        iteration: 0,
        error: error.clone(),
    });
    script.start(2).push(EventKind::AttemptInterrupted { key: key(2) }).start(3);
    // In two halves with a resume between them: what was open is remembered.
    let claim = wait(store.claim(&script.run_id)).unwrap();
    wait(store.append(&script.events[..6])).unwrap();
    drop((claim, store));
    let store = scene.store();
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    wait(store.append(&script.events[6..])).unwrap();

    let calls = store.tool_calls(&script.run_id).unwrap();
    let short: Vec<_> = calls
        .iter()
        .map(|call| (call.step_id.as_str(), call.outcome.as_deref(), call.duration_ms))
        .collect();
    assert_eq!(
        short,
        [
            ("s0", Some("succeeded"), Some(7)),
            ("s1", Some("in_doubt"), Some(5)),
            ("s2", Some("interrupted"), None),
            ("s3", None, None)
        ]
    );
    assert_eq!(calls[0].arguments["value"], json!(0));
    assert_eq!(calls[0].output.as_deref(), Some(&json!("out")));
    assert_eq!(calls[1].error, Some(error));
    assert_eq!(calls[0].idempotency_key, key(0).idempotency_key(&script.run_id));
    let shown: String = rusqlite::Connection::open(scene.path())
        .unwrap()
        .query_row("SELECT idempotency_key FROM calls WHERE step_id = 's0'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(shown, calls[0].idempotency_key);
}

#[test]
fn a_watcher_sees_that_something_happened_and_what() {
    let scene = Scene::new();
    let (store, watcher) = (scene.store(), scene.store());
    let script = Script::whole("watched", 2);
    let before = watcher.change_counter().unwrap();
    assert_eq!(watcher.change_counter().unwrap(), before);
    let claim = wait(store.claim(&script.run_id)).unwrap();
    wait(store.append(&script.events[..3])).unwrap();
    assert_ne!(watcher.change_counter().unwrap(), before);
    let seen = |seq, limit| {
        let events = watcher.events_since(&script.run_id, seq, limit).unwrap();
        events.into_iter().map(|recorded| recorded.event).collect::<Vec<_>>()
    };
    assert_eq!(seen(0, 100), script.events[..3]);
    assert_eq!(seen(1, 1), script.events[1..2]);
    assert_eq!(seen(3, 100), []);
    assert!(watcher.events_since(&"nobody".into(), 0, 1).is_err());
    drop(claim);
}

#[test]
fn there_is_nothing_to_read_where_there_is_no_file() {
    let scene = Scene::new();
    assert!(SqliteStore::open_reader(scene.path()).unwrap().is_none());
    assert!(!scene.path().exists());
    Script::whole("r", 1).record(&scene.store(), 9);
    let store = SqliteStore::open_reader(scene.path()).unwrap().unwrap();
    assert_eq!(store.runs(&RunQuery::default()).unwrap().len(), 1);
}
