//! A process that ends at the worst moments, and a store that lies.

use pe_model::*;
use serde_json::json;

use crate::child::{Child, say};
use crate::scene::{Scene, Script, wait};

fn three_steps() -> Script {
    let mut script = Script::new("three", 3);
    for step in 0..3 {
        script.start(step).succeed(step, json!(step));
    }
    script
}

/// Not a test of its own: ends itself at the point that its argument names.
#[test]
fn child_that_ends_at_a_point() {
    let Some((store, point)) = Child::here("crash") else { return };
    let script = three_steps();
    let (point, action) = point.split_once('=').unwrap();
    fail::cfg(point, action).unwrap();
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    say("claimed");
    for batch in script.events.chunks(2) {
        wait(store.append(batch)).unwrap();
        say("acknowledged");
    }
    say("survived");
}

/// What the child acknowledged, and what is there afterwards.
fn crash(point: &str) -> (Vec<String>, usize) {
    let scene = Scene::new();
    let test = "crash_points::child_that_ends_at_a_point";
    let said = Child::start(test, "crash", &scene, point, &[]).said();
    let store = scene.store();
    let script = three_steps();
    let found = match wait(store.load(&script.run_id)) {
        Ok(events) => {
            assert_eq!(events, script.events[..events.len()], "{point}");
            events.len()
        }
        Err(error) => {
            assert!(matches!(error, JournalError::NotFound { .. }), "{point}: {error}");
            0
        }
    };
    let _claim = wait(store.claim(&script.run_id)).unwrap();
    (said, found)
}

#[test]
fn a_crash_anywhere_loses_nothing_that_was_acknowledged() {
    for (point, claimed, acknowledged, found) in [
        ("store::before_claim=return", 0, 0, 0),
        ("store::after_claim=return", 0, 0, 0),
        ("store::before_begin=2*off->return", 1, 2, 4),
        ("store::before_commit=2*off->return", 1, 2, 4),
        ("store::after_commit=2*off->return", 1, 2, 6),
        ("store::after_commit=off", 1, 5, 10),
    ] {
        let (said, there) = crash(point);
        let count = |word: &str| said.iter().filter(|line| *line == word).count();
        assert_eq!((count("claimed"), count("acknowledged")), (claimed, acknowledged), "{point}");
        assert_eq!(there, found, "{point}");
    }
}

#[test]
fn a_store_that_lies_is_noticed() {
    let (said, there) = crash("store::lose_batch=return");
    assert!(said.contains(&"survived".to_owned()), "{said:?}");
    assert_eq!(there, 0, "the mutant does what it promises not to do");
}
