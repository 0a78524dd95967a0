//! Disks that fail, logs that are cut, bits that flip.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use pe_model::*;
use pe_store::{RunQuery, SqliteStore};
use serde_json::json;

use crate::child::{Child, say};
use crate::scene::{Scene, Script, wait};

/// A run of ten steps, written in batches of three events: a batch is all or nothing.
fn ten_steps() -> Script {
    let mut script = Script::new("ten", 10);
    for step in 0..10 {
        script.start(step).succeed(step, json!("x".repeat(700)));
    }
    script
}

/// What is found of a run is a beginning of it that folds.
fn beginning(store: &SqliteStore, script: &Script) -> usize {
    match wait(store.load(&script.run_id)) {
        Ok(events) => {
            assert_eq!(events, script.events[..events.len()]);
            RunState::fold(&events).unwrap();
            events.len()
        }
        Err(JournalError::NotFound { .. }) => 0,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_log_that_is_cut_anywhere_leaves_a_beginning_of_the_run() {
    let scene = Scene::new();
    let store = scene.store();
    let script = ten_steps();
    script.record(&store, 3);
    let file = std::fs::read(scene.path()).unwrap();
    let log = std::fs::read(format!("{}-wal", scene.path().display())).unwrap();
    drop(store);
    let frames = log[32..].chunks(4120).take_while(|frame| frame[8..16] == log[16..24]).count();
    assert!(frames > 20, "{frames} frames");
    let mut found = Vec::new();
    for frame in 0..=frames {
        for beyond in [0, 1, 24, 2_000, 4_119] {
            let cut = Scene::new();
            let end = (32 + frame * 4120 + beyond).min(log.len());
            std::fs::write(cut.path(), &file).unwrap();
            std::fs::write(format!("{}-wal", cut.path().display()), &log[..end]).unwrap();
            found.push(beginning(&cut.store(), &script));
        }
    }
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!((found[0], found[found.len() - 1]), (0, script.events.len()));
    assert!(found.iter().all(|count| count % 3 == 0 || *count == script.events.len()));
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let scene = Scene::new();
    let mut script = ten_steps();
    script.finish(PlanStatus::Completed);
    script.record(&scene.store(), 3);
    // All of it in one file.
    scene.store().vacuum().unwrap();
    let file = std::fs::read(scene.path()).unwrap();
    // A linear congruential generator (Knuth's MMIX constants): the same flips every time.
    let mut chance = 1_u64;
    let mut refused = 0;
    for flip in 0..200 {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = (chance >> 20) as usize % (file.len() * 8);
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let broken = Scene::new();
        std::fs::write(broken.path(), &flipped).unwrap();
        let Ok(Some(store)) = SqliteStore::open_reader(broken.path()) else {
            refused += 1;
            continue;
        };
        match wait(store.load(&script.run_id)) {
            Ok(events) => assert!(
                script.events.starts_with(&events) && events.len() == script.events.len(),
                "flip {flip} of bit {bit} changed what is read"
            ),
            Err(_) => refused += 1,
        }
        // Whatever is left may be looked at.
        let _ = (store.runs(&RunQuery::default()), store.check(), store.tool_calls(&script.run_id));
    }
    assert!(refused > 20, "{refused} of 200 were noticed");
}

/// Not a test of its own: appends until it cannot, and says what was acknowledged.
#[test]
fn child_that_appends_until_it_fails() {
    let Some((store, _)) = Child::here("append") else { return };
    let script = ten_steps();
    let claim = wait(store.claim(&script.run_id)).unwrap();
    let mut batches = script.events.chunks(3);
    for batch in &mut batches {
        match wait(store.append(batch)) {
            Ok(()) => say("acknowledged"),
            Err(JournalError::Unavailable { problem, .. }) => {
                say(format!("failed: {problem}"));
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    if let Some(next) = batches.next() {
        say(format!("then: {}", wait(store.append(next)).is_err()));
    }
    drop(claim);
}

/// The library that makes disks fail.
fn faulty_disk() -> &'static str {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("faulty_disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/faulty_disk.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([library.as_os_str(), source.as_ref()])
            .args(["-ldl"])
            .status();
        assert!(built.unwrap().success());
        (folder, library)
    });
    library.to_str().unwrap()
}

#[test]
fn what_a_failing_disk_acknowledged_is_there_and_the_run_goes_on() {
    let script = ten_steps();
    for (fault, said) in [("full", "free some space"), ("fsync", "check the disk")] {
        for at in [1, 3, 6, 9] {
            let scene = Scene::new();
            drop(scene.store());
            let at = at.to_string();
            let environment =
                [("LD_PRELOAD", faulty_disk()), ("PE_FAULT", fault), ("PE_FAULT_AT", &at)];
            let test = "faults::child_that_appends_until_it_fails";
            let lines = Child::start(test, "append", &scene, "", &environment).said();
            let acknowledged = lines.iter().filter(|line| *line == "acknowledged").count();
            let failed =
                lines.iter().any(|line| line.starts_with("failed: ") && line.contains(said));
            assert!(failed, "{fault} at {at}: {lines:?}");
            assert!(lines.contains(&"then: true".to_owned()), "{fault} at {at}: {lines:?}");

            let store = scene.store();
            let found = beginning(&store, &script);
            assert!(found >= acknowledged * 3, "{fault} at {at}: {found} events, {lines:?}");
            let _claim = wait(store.claim(&script.run_id)).unwrap();
            wait(store.append(&script.events[found..])).unwrap();
            assert_eq!(beginning(&store, &script), script.events.len());
        }
    }
}

/// Not a test of its own: reads and tries to write.
#[test]
fn child_on_a_disk_that_cannot_be_written() {
    let Some((store, _)) = Child::here("read") else { return };
    say(format!("found {}", beginning(&store, &ten_steps())));
    say(format!("listed {}", store.runs(&RunQuery::default()).unwrap().len()));
    for attempt in [
        wait(store.claim(&RunId::new("ten"))).map(drop),
        wait(store.append(&ten_steps().events[..1])),
    ] {
        let typed = matches!(
            attempt,
            Err(JournalError::Unavailable { .. } | JournalError::NotOwner { .. })
        );
        say(format!("refused {typed}"));
    }
}

#[test]
fn a_disk_that_cannot_be_written_can_be_read() {
    let scene = Scene::new();
    let script = ten_steps();
    script.record(&scene.store(), 3);
    let environment = [("LD_PRELOAD", faulty_disk()), ("PE_FAULT", "readonly")];
    let test = "faults::child_on_a_disk_that_cannot_be_written";
    let lines = Child::start(test, "read", &scene, "", &environment).said();
    let expected =
        [&*format!("found {}", script.events.len()), "listed 1", "refused true", "refused true"];
    assert_eq!(lines, expected);
}

#[test]
fn a_database_that_is_taken_away_is_not_written_any_more() {
    let removed = |scene: &Scene| std::fs::remove_file(scene.path()).unwrap();
    let replaced = |scene: &Scene| {
        std::fs::copy(scene.path(), scene.path().with_extension("copy")).unwrap();
        std::fs::rename(scene.path().with_extension("copy"), scene.path()).unwrap();
    };
    let log_removed = |scene: &Scene| {
        std::fs::remove_file(format!("{}-wal", scene.path().display())).unwrap();
    };
    for take in [removed, replaced, log_removed] as [fn(&Scene); 3] {
        let scene = Scene::new();
        let store = scene.store();
        let script = ten_steps();
        let _claim = wait(store.claim(&script.run_id)).unwrap();
        let (first, rest) = script.events.split_at(3);
        wait(store.append(first)).unwrap();
        take(&scene);
        for said in ["removed or replaced under this process", "nothing more is written"] {
            let refused = wait(store.append(&rest[..3]));
            let Err(JournalError::Unavailable { problem, .. }) = refused else {
                panic!("{refused:?}");
            };
            assert!(problem.contains(said), "{problem}");
        }
        assert!(wait(store.claim(&"other".into())).is_err());
        assert!(store.begin_session("s").is_err());
    }
}
