//! Events: what goes in comes out, together or not at all.

use std::time::Duration;

use jiff::Timestamp;
use pe_model::*;
use pe_store::{RunQuery, SqliteStore};
use serde_json::json;

use crate::scene::{Scene, Script, every_kind, wait};

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    for size in [1, 3, 100] {
        let scene = Scene::new();
        let script = every_kind();
        script.record(&scene.store(), size);
        assert_eq!(wait(scene.store().load(&script.run_id)).unwrap(), script.events);
    }
}

#[test]
fn long_values_are_stored_once() {
    let scene = Scene::new();
    let store = scene.store();
    let long = json!({"text": "0123456789".repeat(20_000)});
    let mut script = Script::new("long", 20);
    for step in 0..20 {
        script.start(step).succeed(step, long.clone());
    }
    script.record(&store, 5);
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);
    store.vacuum().unwrap();
    let size = scene.path().metadata().unwrap().len();
    assert!(size < 600_000, "{size} bytes for one value of 200,000");
}

#[test]
fn deep_values_are_kept_as_deep_as_they_can_be_read() {
    let scene = Scene::new();
    let store = scene.store();
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let mut script = Script::new("deep", 1);
    script.start(0).succeed(0, nested(200));
    script.record(&store, 10);
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);

    let mut abyss = Script::new("abyss", 1);
    abyss.start(0).succeed(0, nested(300));
    let _claim = wait(store.claim(&abyss.run_id)).unwrap();
    let error = wait(store.append(&abyss.events)).unwrap_err();
    assert!(matches!(error, JournalError::Unavailable { .. }), "{error}");
    assert!(matches!(
        wait(store.load(&abyss.run_id)),
        Err(JournalError::NotFound { run_id }) if run_id == abyss.run_id
    ));
}

#[test]
fn a_batch_that_does_not_follow_is_refused_whole() {
    let scene = Scene::new();
    let store = scene.store();
    let script = Script::whole("gaps", 3);
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    let refused = |batch: &[Event]| wait(store.append(batch)).unwrap_err();
    refused(&script.events[1..2]);
    wait(store.append(&script.events[..3])).unwrap();
    refused(&script.events[..1]);
    refused(&script.events[4..]);
    let mut holed = script.events[3..6].to_vec();
    holed.remove(1);
    refused(&holed);
    let mut strange = script.events[3..5].to_vec();
    strange[1].run_id = RunId::new("another");
    refused(&strange);
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events[..3]);
    wait(store.append(&script.events[3..])).unwrap();
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);
}

/// How many transactions a write-ahead log holds: frames that say how large the file is.
fn commits(scene: &Scene) -> usize {
    let log = std::fs::read(format!("{}-wal", scene.path().display())).unwrap();
    let frames = log[32..].chunks(4096 + 24);
    let salt = &log[16..24];
    frames.filter(|frame| frame[8..16] == *salt && frame[4..8] != [0; 4]).count()
}

#[test]
fn everything_that_waits_is_committed_at_once_and_a_refusal_hits_one_alone() {
    let scene = Scene::new();
    let store = scene.store();
    let scripts: Vec<Script> = (0..20).map(|run| Script::new(&format!("r{run}"), 1)).collect();
    let claims: Vec<Claim> =
        scripts.iter().map(|script| wait(store.claim(&script.run_id)).unwrap()).collect();
    let stranger = Script::new("not-claimed", 1);
    // Somebody else writes: the first batch waits for them, the others for the first.
    let other = rusqlite::Connection::open(scene.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM sessions").unwrap();
    let before = commits(&scene);
    std::thread::scope(|scope| {
        let appends: Vec<_> = scripts
            .iter()
            .map(|script| scope.spawn(|| wait(store.append(&script.events))))
            .collect();
        let refused = scope.spawn(|| wait(store.append(&stranger.events)));
        std::thread::sleep(Duration::from_millis(300));
        other.execute_batch("COMMIT").unwrap();
        for append in appends {
            append.join().unwrap().unwrap();
        }
        assert!(matches!(refused.join().unwrap(), Err(JournalError::NotOwner { .. })));
    });
    assert!(commits(&scene) - before <= 3, "{} commits", commits(&scene) - before);
    assert_eq!(store.runs(&RunQuery::default()).unwrap().len(), 20);
    drop(claims);
}

#[test]
fn an_acknowledgement_is_worth_what_was_asked_for() {
    // A log that nobody moved into the file yet is what `normal` leaves to the system.
    for (durability, expected) in
        [(Durability::Full, 2), (Durability::Normal, 1), (Durability::Off, 0)]
    {
        let scene = Scene::new();
        let store = SqliteStore::open(scene.path(), durability).unwrap();
        assert_eq!(store.synchronous().unwrap(), expected);
    }
}

#[test]
fn a_run_that_was_finished_and_goes_on_is_running_again() {
    let scene = Scene::new();
    let store = scene.store();
    let mut script = Script::new("again", 2);
    script.start(0).succeed(0, json!(1)).finish(PlanStatus::Waiting);
    script.record(&store, 2);
    let row = store.run(&script.run_id).unwrap();
    assert_eq!((row.status, row.steps_completed), (PlanStatus::Waiting, Some(1)));
    assert!(row.finished_at.is_some() && !row.is_live);

    let claim = wait(store.claim(&script.run_id)).unwrap();
    assert_eq!(claim.epoch(), 2);
    let from = script.events.len();
    script.push(EventKind::RunResumed {
        epoch: 2,
        config: Default::default(),
        resumed_at: Timestamp::UNIX_EPOCH,
    });
    wait(store.append(&script.events[from..])).unwrap();
    let row = store.run(&script.run_id).unwrap();
    assert_eq!((row.status, row.finished_at, row.epoch), (PlanStatus::Running, None, 2));
    assert!(row.is_live);
    let counts = [row.steps_completed, row.steps_failed, row.steps_skipped, row.steps_recovered];
    assert_eq!(counts, [None; 4]);

    let from = script.events.len();
    script.start(1).succeed(1, json!(2)).finish(PlanStatus::Completed);
    wait(store.append(&script.events[from..])).unwrap();
    let row = store.run(&script.run_id).unwrap();
    assert_eq!((row.status, row.steps_completed), (PlanStatus::Completed, Some(2)));
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);
}

#[test]
fn a_newer_format_is_named_before_it_is_read() {
    let scene = Scene::new();
    let script = Script::whole("newer", 1);
    script.record(&scene.store(), 9);
    rusqlite::Connection::open(scene.path())
        .unwrap()
        .execute("UPDATE events SET format = 7, payload = '{}' WHERE id & 255 = 1", [])
        .unwrap();
    assert_eq!(
        wait(scene.store().load(&script.run_id)),
        Err(JournalError::Newer { run_id: script.run_id.clone(), found: 7, known: EVENT_FORMAT })
    );
}

#[test]
fn whatever_is_changed_by_hand_is_found_and_named() {
    let script = Script::whole("chain", 4);
    for (change, named) in [
        ("UPDATE events SET at_ms = at_ms + 1 WHERE id & 255 = 2", "event 2"),
        ("UPDATE events SET recorded_at = 0 WHERE id & 255 = 3", "event 3"),
        ("UPDATE events SET payload = replace(payload, '7', '8') WHERE id & 255 = 5", "event 5"),
        ("DELETE FROM events WHERE id & 255 = 4", "event 4"),
        ("DELETE FROM events WHERE id & 255 > 10", "event"),
        ("UPDATE runs SET run_id = 'chain', key = 9", "event"),
        ("UPDATE blobs SET content = content || ' '", "event 0"),
        ("DELETE FROM events", "event"),
    ] {
        let scene = Scene::new();
        let mut script = script.clone();
        if change.contains("blobs") {
            script = Script::whole("chain", 40);
        }
        script.record(&scene.store(), 100);
        let connection = rusqlite::Connection::open(scene.path()).unwrap();
        connection.execute(change, []).unwrap();
        match wait(scene.store().load(&script.run_id)) {
            Err(JournalError::Corrupt { problem, .. }) => {
                assert!(problem.contains(named), "{change}: {problem}");
            }
            other => panic!("{change}: {other:?}"),
        }
    }
}
