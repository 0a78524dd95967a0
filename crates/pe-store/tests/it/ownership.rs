//! One process owns a run, and what it owned it owns no longer when it is gone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use pe_model::*;
use serde_json::json;

use crate::scene::{Scene, Script, wait};

#[test]
fn nobody_writes_without_a_claim() {
    let scene = Scene::new();
    let store = scene.store();
    let script = Script::whole("mine", 1);
    let not_owner = JournalError::NotOwner { run_id: script.run_id.clone() };
    assert_eq!(wait(store.append(&script.events)), Err(not_owner.clone()));
    let claim = wait(store.claim(&script.run_id)).unwrap();
    wait(store.append(&script.events[..2])).unwrap();
    drop(claim);
    assert_eq!(wait(store.append(&script.events[2..])), Err(not_owner));
}

#[test]
fn a_run_is_claimed_once_in_this_process_too() {
    let scene = Scene::new();
    let (store, other) = (scene.store(), scene.store());
    let script = Script::whole("mine", 1);
    let claim = wait(store.claim(&script.run_id)).unwrap();
    for second in [&store, &other] {
        let error = wait(second.claim(&script.run_id)).unwrap_err();
        assert!(matches!(error, JournalError::Owned { .. }), "{error}");
    }
    wait(store.append(&script.events[..1])).unwrap();
    assert_eq!(
        wait(other.claim(&script.run_id)).unwrap_err(),
        JournalError::Owned {
            run_id: script.run_id.clone(),
            owner: format!("process {}", std::process::id())
        }
    );
    drop(claim);
    assert_eq!(wait(other.claim(&script.run_id)).unwrap().epoch(), 2);
}

#[test]
fn whoever_was_overtaken_writes_nothing_more() {
    let scene = Scene::new();
    let (old, new) = (scene.store(), scene.store());
    let script = Script::whole("fenced", 2);
    let claim = wait(old.claim(&script.run_id)).unwrap();
    wait(old.append(&script.events[..2])).unwrap();
    // As if the lock had been lost: another process counts one up.
    let steal = "UPDATE runs SET epoch = epoch + 1";
    rusqlite::Connection::open(scene.path()).unwrap().execute(steal, []).unwrap();
    let error = wait(old.append(&script.events[2..3])).unwrap_err();
    assert_eq!(error, JournalError::NotOwner { run_id: script.run_id.clone() });
    drop(claim);
    assert_eq!(wait(new.claim(&script.run_id)).unwrap().epoch(), 3);
    assert_eq!(wait(new.load(&script.run_id)).unwrap(), script.events[..2]);
}

#[test]
fn of_two_who_claimed_a_run_before_it_began_one_begins_it() {
    let scene = Scene::new();
    let (one, two) = (scene.store(), scene.store());
    let script = Script::whole("new", 1);
    let first = wait(one.claim(&script.run_id)).unwrap();
    drop(first);
    let _second = wait(two.claim(&script.run_id)).unwrap();
    wait(two.append(&script.events[..1])).unwrap();
    let not_owner = JournalError::NotOwner { run_id: script.run_id.clone() };
    assert_eq!(wait(one.append(&script.events[..1])), Err(not_owner));
}

/// Not a test of its own: what the next one starts as another process.
#[test]
fn child_that_owns_a_run_until_it_is_killed() {
    let Some(path) = std::env::var_os("PE_STORE_TEST_OWN") else { return };
    let store = pe_store::SqliteStore::open(path, Durability::Full).unwrap();
    let mut script = Script::new("owned", 3);
    script.start(0).succeed(0, json!(0)).start(1);
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    wait(store.append(&script.events)).unwrap();
    println!("\nowned");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_process_leaves_what_was_acknowledged_and_no_lock() {
    let scene = Scene::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ownership::child_that_owns_a_run_until_it_is_killed", "--nocapture"])
        .env("PE_STORE_TEST_OWN", scene.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "owned"));
    let store = scene.store();
    let run_id = RunId::new("owned");
    assert!(store.run(&run_id).unwrap().is_live);
    assert_eq!(
        wait(store.claim(&run_id)).unwrap_err(),
        JournalError::Owned { run_id: run_id.clone(), owner: format!("process {}", child.id()) }
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!store.run(&run_id).unwrap().is_live);
    assert_eq!(wait(store.claim(&run_id)).unwrap().epoch(), 2);
    let events = wait(store.load(&run_id)).unwrap();
    let state = RunState::fold(&events).unwrap().unwrap();
    assert_eq!((events.len(), state.done_count()), (5, 1));
}
