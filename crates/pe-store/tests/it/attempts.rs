//! The table of tool calls, which may lag behind the events and catches up with them.

use pe_model::*;
use pe_store::SqliteStore;
use rusqlite::Connection;
use serde_json::json;

use crate::scene::{Scene, Script, key, wait};

/// Begun, with `ended` steps that have succeeded, one that has failed and one under way.
fn script(ended: usize) -> Script {
    let mut script = Script::new("calls", ended + 2);
    for step in 0..ended {
        script.start(step).succeed(step, json!(step));
    }
    script.start(ended).push(EventKind::AttemptFailed {
        key: key(ended),
        error: StepError::new(ErrorClass::Network, "gone"),
        outcome: Outcome::Unknown,
        duration_ms: u64::MAX,
    });
    script.start(ended + 1);
    script
}

/// Sequence number, outcome, last event, error class.
type Row = (u64, Option<String>, Option<u64>, Option<String>);

/// The table as another program sees it.
fn table(scene: &Scene) -> Vec<Row> {
    let connection = Connection::open(scene.path()).unwrap();
    let mut statement = connection
        .prepare("SELECT id & 4294967295, outcome, ended_seq, error_class FROM tool_calls")
        .unwrap();
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// The same from the events.
fn told(store: &SqliteStore) -> Vec<Row> {
    let calls = store.tool_calls(&"calls".into()).unwrap();
    let class = |error: StepError| error.class.as_str().to_owned();
    calls
        .into_iter()
        .map(|call| (call.seq, call.outcome, call.ended_seq, call.error.map(class)))
        .collect()
}

fn append_one_by_one(store: &SqliteStore, events: &[Event]) {
    for event in events {
        wait(store.append(std::slice::from_ref(event))).unwrap();
    }
}

#[test]
fn the_table_lags_behind_a_live_run_and_nothing_else_does() {
    let scene = Scene::new();
    let store = scene.store();
    let script = script(10);
    let claim = wait(store.claim(&script.run_id)).unwrap();
    append_one_by_one(&store, &script.events);
    assert_eq!(table(&scene), []);
    assert_eq!(store.tool_calls(&script.run_id).unwrap().len(), 12);
    assert!(store.check().unwrap().is_sound());
    drop(claim);
    // The writing thread ends when it has done what was handed to it.
    drop(store);
    let store = scene.store();
    assert_eq!(table(&scene), told(&store));
    assert_eq!(table(&scene).len(), 12);
}

#[test]
fn the_table_learns_of_many_attempts_at_once_and_of_all_at_the_end() {
    let scene = Scene::new();
    let store = scene.store();
    let mut script = script(70);
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    append_one_by_one(&store, &script.events);
    assert_eq!(table(&scene)[..], told(&store)[..64]);
    let from = script.events.len();
    script.finish(PlanStatus::Cancelled);
    append_one_by_one(&store, &script.events[from..]);
    assert_eq!(table(&scene), told(&store));
    assert_eq!(table(&scene).len(), 72);
}

#[test]
fn what_a_killed_process_left_out_is_made_up_for() {
    let (scene, after) = (Scene::new(), Scene::new());
    let store = scene.store();
    let mut script = script(10);
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    append_one_by_one(&store, &script.events);
    for suffix in ["", "-wal"] {
        let name = |scene: &Scene| format!("{}{suffix}", scene.path().display());
        std::fs::copy(name(&scene), name(&after)).unwrap();
    }
    let store = after.store();
    assert_eq!(store.tool_calls(&script.run_id).unwrap().len(), 12);
    assert!(store.check().unwrap().is_sound());
    let claim = wait(store.claim(&script.run_id)).unwrap();
    let from = script.events.len();
    script.push(EventKind::RunResumed {
        epoch: claim.epoch(),
        config: Default::default(),
        resumed_at: "2026-01-02T03:04:05Z".parse().unwrap(),
    });
    append_one_by_one(&store, &script.events[from..]);
    assert_eq!(table(&after)[..], told(&store)[..10], "what may still change is not written");
    drop((claim, store));
    assert_eq!(table(&after), told(&after.store()));
}

#[test]
fn whoever_was_overtaken_writes_no_rows() {
    let scene = Scene::new();
    let store = scene.store();
    let script = script(3);
    let claim = wait(store.claim(&script.run_id)).unwrap();
    append_one_by_one(&store, &script.events);
    let other = Connection::open(scene.path()).unwrap();
    other.execute("UPDATE runs SET epoch = epoch + 1", []).unwrap();
    drop((claim, store));
    assert_eq!(table(&scene), []);
}

#[test]
fn a_check_forgives_what_is_missing_and_nothing_that_is_wrong() {
    let live = script(3);
    let mut ended = live.clone();
    ended.finish(PlanStatus::Cancelled);
    for (script, change, sound) in [
        (&live, "DELETE FROM tool_calls WHERE step_id = 's1'", true),
        (&live, "UPDATE tool_calls SET outcome = NULL, ended_seq = NULL", true),
        (&live, "UPDATE tool_calls SET outcome = 'failed' WHERE step_id = 's1'", false),
        (&live, "UPDATE tool_calls SET id = id + 1 WHERE step_id = 's1'", false),
        (&ended, "DELETE FROM tool_calls WHERE step_id = 's1'", false),
        (&ended, "UPDATE tool_calls SET outcome = NULL, ended_seq = NULL", false),
    ] {
        let scene = Scene::new();
        script.record(&scene.store(), 4);
        let store = scene.store();
        assert!(store.check().unwrap().is_sound(), "{:?}", store.check());
        Connection::open(scene.path()).unwrap().execute(change, []).unwrap();
        assert_eq!(store.check().unwrap().is_sound(), sound, "{change}: {:?}", store.check());
    }
}

#[test]
fn rows_tell_of_events_that_a_torn_end_lacks() {
    let scene = Scene::new();
    let script = script(3);
    script.record(&scene.store(), 4);
    // The last event that a row names is the failure; the start after it has a row of its own.
    for change in [
        "DELETE FROM events WHERE id & 255 = 12",
        "DELETE FROM tool_calls WHERE step_id = 's4'; DELETE FROM events WHERE id & 255 = 11",
    ] {
        Connection::open(scene.path()).unwrap().execute_batch(change).unwrap();
        let found = wait(scene.store().load(&script.run_id));
        assert!(matches!(found, Err(JournalError::Corrupt { .. })), "{change}: {found:?}");
    }
}
