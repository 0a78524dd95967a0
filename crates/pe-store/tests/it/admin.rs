//! Checks that find damage, backups that are whole, and what is forgotten.

use pe_model::*;
use pe_store::{PruneOptions, RunQuery, SqliteStore, StoreError};
use serde_json::json;

use crate::scene::{Scene, Script, wait};
use crate::sessions::call;

/// `ended-0` to `ended-2`, then `paused`, each of its own plan.
fn filled(scene: &Scene) -> SqliteStore {
    let store = scene.store();
    for number in 0..3 {
        Script::whole(&format!("ended-{number}"), 3 + number).record(&store, 7);
    }
    let mut paused = Script::new("paused", 30);
    paused.start(0).succeed(0, json!("kept".repeat(2_000))).finish(PlanStatus::Waiting);
    paused.record(&store, 7);
    store
}

fn ids(store: &SqliteStore) -> Vec<String> {
    let runs = store.runs(&RunQuery::default()).unwrap();
    let mut ids: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn a_check_finds_what_was_changed() {
    let scene = Scene::new();
    let store = filled(&scene);
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.runs, 4);
    for (change, what) in [
        ("UPDATE events SET at_ms = 1 WHERE id = (2 << 32) | 3", "run ended-1"),
        ("UPDATE runs SET status = 'failed' WHERE run_id = 'ended-0'", "run ended-0"),
        ("DELETE FROM tool_calls WHERE id >> 32 = 3", "run ended-2"),
        ("UPDATE blobs SET content = 'x' WHERE length(content) > 5000", "value "),
        ("UPDATE events SET payload = '{' WHERE id = (1 << 32) | 2", "row 4294967298 of events"),
        ("UPDATE events SET blobs = '{' WHERE id = (1 << 32) | 3", "row 4294967299 of events"),
        ("UPDATE runs SET run_id = CAST(x'ff' AS TEXT) WHERE key = 4", "row 4 of runs"),
        ("INSERT INTO events SELECT 99 << 32, 1, 1, 1, '{}', NULL, 1", "the events under key 99"),
        (
            "INSERT INTO requests (run_key, body, created_at) VALUES (77, '', 0)",
            "a row of requests",
        ),
    ] {
        let connection = rusqlite::Connection::open(scene.path()).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.execute_batch(change).unwrap();
        let report = store.check().unwrap();
        let named = report.findings.iter().any(|finding| finding.what.starts_with(what));
        assert!(named, "{change}: {report:?}");
    }
}

#[test]
fn a_backup_is_whole_and_overwrites_nothing() {
    let scene = Scene::new();
    let store = filled(&scene);
    let to = scene.path().with_file_name("copy.db");
    store.backup(&to).unwrap();
    for left in ["copy.db-wal", "copy.db-shm"] {
        assert!(!to.with_file_name(left).exists(), "{left} is left of the check");
    }
    let copy = SqliteStore::open_reader(&to).unwrap().unwrap();
    assert_eq!(ids(&copy), ids(&store));
    assert!(copy.check().unwrap().is_sound());
    drop(copy);
    let before = std::fs::read(&to).unwrap();
    assert!(matches!(store.backup(&to), Err(StoreError::Exists { .. })));
    assert_eq!(std::fs::read(&to).unwrap(), before);
    assert!(store.backup(scene.path().join("no/such/folder")).is_err());
}

#[test]
fn only_what_has_ended_is_forgotten_and_all_that_belonged_to_it() {
    let scene = Scene::new();
    let store = filled(&scene);
    let asked = call(json!("q".repeat(500_000)), Some(json!("a")));
    store.record_model_call(&"ended-0".into(), &asked).unwrap();
    let owned = wait(store.claim(&"ended-2".into())).unwrap();
    let dry = PruneOptions { dry_run: true, ..PruneOptions::default() };
    let plans = vec![PlanId::new("plan-of-3"), PlanId::new("plan-of-4")];
    let seen = store.prune(&dry).unwrap();
    assert_eq!((seen.runs.len(), &seen.plans), (2, &plans));
    assert_eq!(ids(&store).len(), 4, "a dry run forgot something");

    let report = store.prune(&PruneOptions::default()).unwrap();
    assert_eq!((report.runs.len(), report.plans), (2, plans));
    assert_eq!(ids(&store), ["ended-2", "paused"], "one is owned, the other can be resumed");
    assert!(wait(store.load(&"paused".into())).is_ok(), "a value that is needed went");
    assert!(store.check().unwrap().is_sound(), "{:?}", store.check());
    drop(owned);

    let all = PruneOptions {
        statuses: vec![PlanStatus::Completed, PlanStatus::Waiting],
        keep_last: Some(1),
        ..PruneOptions::default()
    };
    assert_eq!(store.prune(&all).unwrap().runs.len(), 1);
    let none_left = PruneOptions { keep_last: None, ..all };
    store.prune(&none_left).unwrap();
    assert_eq!(ids(&store), [""; 0]);
    let connection = rusqlite::Connection::open(scene.path()).unwrap();
    for table in ["events", "tool_calls", "blobs", "plans", "plan_versions", "model_calls"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let left: u32 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    store.vacuum().unwrap();
    assert!(scene.path().metadata().unwrap().len() < 200_000);
    Script::whole("afterwards", 2).record(&store, 3);
    assert!(store.check().unwrap().is_sound());
}

#[test]
fn only_old_runs_are_forgotten_when_that_is_asked() {
    let scene = Scene::new();
    let store = filled(&scene);
    let started = store.run(&"ended-0".into()).unwrap().started_at;
    let options = PruneOptions { older_than: Some(started), ..PruneOptions::default() };
    assert_eq!(store.prune(&options).unwrap().runs, []);
}

#[test]
fn a_plan_outlives_its_runs_when_its_newest_version_was_made_by_hand() {
    let scene = Scene::new();
    let store = filled(&scene);
    let (rolled, drafted) = (PlanId::new("plan-of-3"), PlanId::new("plan-of-4"));
    store.roll_back(&rolled, 1).unwrap();
    let mut draft = store.plan(&drafted, None).unwrap();
    draft.goal = "something else".to_owned();
    store.save_version(&draft, None, None, "drafted").unwrap();
    let dry = PruneOptions { dry_run: true, ..PruneOptions::default() };
    for options in [dry, PruneOptions::default()] {
        assert_eq!(store.prune(&options).unwrap().plans, [PlanId::new("plan-of-5")]);
    }
    assert_eq!(store.plan_versions(&rolled).unwrap().len(), 2);
    assert_eq!(store.plan(&drafted, None).unwrap().goal, "something else");
    assert!(store.check().unwrap().is_sound(), "{:?}", store.check());
}

#[test]
fn a_backup_of_what_is_damaged_is_kept_and_said_to_be_damaged() {
    let scene = Scene::new();
    let store = filled(&scene);
    let connection = rusqlite::Connection::open(scene.path()).unwrap();
    connection.execute("UPDATE events SET at_ms = 1 WHERE id = (2 << 32) | 3", []).unwrap();
    let to = scene.path().with_file_name("copy.db");
    let error = store.backup(&to).unwrap_err();
    assert!(matches!(&error, StoreError::UnsoundCopy { .. }), "{error}");
    assert!(error.to_string().contains("was made") && error.to_string().contains("run ended-1"));
    assert_eq!(ids(&SqliteStore::open_reader(&to).unwrap().unwrap()), ids(&store));
}
