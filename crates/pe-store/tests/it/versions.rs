//! Plan versions: appended, never changed, and gone back to.

use std::sync::Arc;

use pe_model::*;
use pe_testkit::{plan, step};
use serde_json::json;

use crate::scene::{Scene, Script};

fn plan_of(steps: &[&str]) -> Plan {
    let mut plan = plan(steps.iter().map(|id| step(*id)));
    plan.plan_id = Some(PlanId::new("p"));
    plan
}

#[test]
fn runs_of_the_same_definition_share_a_version() {
    let scene = Scene::new();
    let store = scene.store();
    let mut dated = plan_of(&["a"]);
    dated.modified_at = Some(jiff::Timestamp::UNIX_EPOCH);
    dated.version = 7;
    let mut ahead = plan_of(&["a", "b", "c"]);
    ahead.version = 9;
    let plans = [plan_of(&["a"]), plan_of(&["a", "b"]), dated, ahead, plan_of(&["d"])];
    for (number, plan) in plans.into_iter().enumerate() {
        Script::of_plan(&format!("r{number}"), plan).record(&store, 1);
    }
    let of = |run: &str| store.run(&run.into()).unwrap().plan_version;
    assert_eq!(["r0", "r1", "r2", "r3", "r4"].map(of), [1, 2, 1, 9, 10]);
    let versions = store.plan_versions(&"p".into()).unwrap();
    let shown: Vec<_> =
        versions.iter().map(|v| (v.version, v.parent_version, v.reason.as_str())).collect();
    let expected = [
        (1, None, "first"),
        (2, Some(1), "edited"),
        (9, Some(2), "edited"),
        (10, Some(9), "edited"),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_revision_is_a_version_with_its_patch_and_reason() {
    let scene = Scene::new();
    let store = scene.store();
    let mut script = Script::of_plan("r", plan_of(&["a"]));
    for (reason, patch) in [("", json!(null)), ("b was missing", json!({"add": "b"}))] {
        script.push(EventKind::PlanRevised {
            plan: Arc::new(plan_of(&["a", "b"])),
            weights: vec![1.0; 2],
            reset: vec![],
            cause: RevisionCause::Extension,
            reason: reason.to_owned(),
            patch,
            stage: PlanStage::Complete,
        });
    }
    script.record(&store, 9);
    let versions = store.plan_versions(&"p".into()).unwrap();
    assert_eq!((versions[1].reason.as_str(), versions[1].parent_version), ("extended", Some(1)));
    assert_eq!(versions[2].reason, "b was missing");
    assert_eq!(versions[2].patch, Some(json!({"add": "b"})));
    let run = store.run(&"r".into()).unwrap();
    assert_eq!((run.plan_version, run.steps_total), (3, 2));
}

#[test]
fn going_back_appends_and_saving_the_same_does_not() {
    let scene = Scene::new();
    let store = scene.store();
    let id = PlanId::new("p");
    let first = store.save_version(&plan_of(&["a"]), None, None, "drafted").unwrap();
    assert_eq!((first.version, first.reason.as_str()), (1, "drafted"));
    let patch = json!({"x": 1});
    let second = store.save_version(&plan_of(&["b"]), Some(1), Some(&patch), "better").unwrap();
    assert_eq!((second.version, second.parent_version), (2, Some(1)));
    assert_eq!(store.save_version(&plan_of(&["b"]), None, None, "again").unwrap(), second);
    let third = store.roll_back(&id, 1).unwrap();
    assert_eq!((third.version, third.parent_version), (3, Some(2)));
    assert_eq!(third.digest, first.digest);
    let newest = store.plan(&id, None).unwrap();
    assert_eq!((newest.version, newest.steps[0].step_id.as_str()), (3, "a"));
    assert_eq!(store.plan(&id, Some(2)).unwrap().steps[0].step_id.as_str(), "b");
    let missing = store.roll_back(&id, 8).unwrap_err();
    assert!(missing.to_string().contains("no plan `p version 8`"), "{missing}");
    let nameless = plan([step("a")]);
    assert!(store.save_version(&nameless, None, None, "x").is_err());
}
