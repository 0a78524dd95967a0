//! Many who write at once.

use pe_model::*;
use serde_json::json;

use crate::child::{Child, say};
use crate::scene::{Scene, Script, wait};

const STEPS: usize = 200;

fn script(run: usize) -> Script {
    let mut script = Script::new(&format!("run-{run}"), STEPS);
    for step in 0..STEPS {
        script.start(step).succeed(step, json!("x".repeat(200)));
    }
    script.finish(PlanStatus::Completed);
    script
}

fn all_there(scene: &Scene, runs: usize) {
    let store = scene.store();
    for run in 0..runs {
        let script = script(run);
        assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);
    }
}

/// Not a test of its own: what the next one starts eight times.
#[test]
fn child_that_records_a_run() {
    let Some((store, run)) = Child::here("record") else { return };
    script(run.parse().unwrap()).record(&store, 3);
    say("recorded");
}

#[test]
fn eight_processes_write_without_getting_in_each_others_way() {
    let scene = Scene::new();
    let children: Vec<Child> = (0..8)
        .map(|run| Child::start("crowd::child_that_records_a_run", "record", &scene, run, &[]))
        .collect();
    for child in children {
        assert_eq!(child.said(), ["recorded"]);
    }
    all_there(&scene, 8);
}

#[test]
fn eight_threads_share_a_store() {
    let scene = Scene::new();
    let store = scene.store();
    std::thread::scope(|scope| {
        for run in 0..8 {
            let store = &store;
            scope.spawn(move || script(run).record(store, 3));
        }
    });
    all_there(&scene, 8);
    assert!(store.check().unwrap().is_sound());
}
