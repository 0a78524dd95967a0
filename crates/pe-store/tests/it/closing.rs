//! What is beside a closed database: a short log stays, a long one is moved.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use pe_model::Durability;
use pe_store::{RunQuery, SqliteStore};

use crate::scene::{Scene, Script};

/// The length of the log beside a database, 0 where there is none.
fn log(scene: &Scene) -> u64 {
    let name = format!("{}-wal", scene.path().display());
    std::fs::metadata(name).map_or(0, |log| log.len())
}

/// How many runs are found in a database of which these files are there.
fn runs_in_copy(scene: &Scene, suffixes: &[&str]) -> usize {
    let copy = Scene::new();
    for suffix in suffixes {
        let name = |scene: &Scene| format!("{}{suffix}", scene.path().display());
        std::fs::copy(name(scene), name(&copy)).unwrap();
    }
    let store = SqliteStore::open_reader(copy.path()).unwrap().unwrap();
    assert!(store.check().unwrap().is_sound());
    store.runs(&RunQuery::default()).unwrap().len()
}

#[test]
fn a_short_run_leaves_its_log_and_a_few_of_them_are_moved() {
    let scene = Scene::new();
    Script::whole("first", 2).record(&scene.store(), 3);
    assert!(log(&scene) > 0, "closing took the time to move the log");
    assert_eq!(runs_in_copy(&scene, &["", "-wal"]), 1);
    let mut longest = 0;
    let mut moved = 0;
    for run in 0..60 {
        Script::whole(&format!("r{run}"), 2).record(&scene.store(), 3);
        longest = longest.max(log(&scene));
        moved += u32::from(log(&scene) == 0);
    }
    assert!(longest < 2 * 1024 * 1024, "a log of {longest} bytes was left");
    assert!(moved > 0, "no log was ever moved");
    assert_eq!(scene.store().runs(&RunQuery::default()).unwrap().len(), 61);
}

#[test]
fn whoever_only_reads_leaves_the_log_as_it_is() {
    let scene = Scene::new();
    Script::whole("r", 2).record(&scene.store(), 3);
    let before = log(&scene);
    let store = SqliteStore::open_reader(scene.path()).unwrap().unwrap();
    assert_eq!(store.runs(&RunQuery::default()).unwrap().len(), 1);
    drop(store);
    assert_eq!(log(&scene), before);
}

#[test]
fn a_backup_and_a_tidied_database_are_one_file() {
    let scene = Scene::new();
    Script::whole("r", 2).record(&scene.store(), 3);
    let store = scene.store();
    let to = Scene::new();
    store.backup(to.path()).unwrap();
    assert_eq!((runs_in_copy(&to, &[""]), log(&to)), (1, 0));
    store.vacuum().unwrap();
    drop(store);
    assert_eq!((runs_in_copy(&scene, &[""]), log(&scene)), (1, 0));
}

#[test]
fn a_log_in_a_directory_that_cannot_be_written_is_read_or_refused() {
    let scene = Scene::new();
    Script::whole("r", 2).record(&scene.store(), 3);
    let folder = scene.path().parent().unwrap().to_owned();
    // Whoever may do everything may write here all the same, and reads it then.
    set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    for beside in ["with its index", "without"] {
        if let Ok(Some(store)) = SqliteStore::open_reader(scene.path()) {
            let found = store.runs(&RunQuery::default()).map(|runs| runs.len());
            assert!(found.as_ref().is_ok_and(|&found| found == 1), "{beside}: {found:?}");
        }
        set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let _ = std::fs::remove_file(format!("{}-shm", scene.path().display()));
        set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    }
    set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let store = SqliteStore::open(scene.path(), Durability::Full).unwrap();
    assert_eq!(store.runs(&RunQuery::default()).unwrap().len(), 1);
}
