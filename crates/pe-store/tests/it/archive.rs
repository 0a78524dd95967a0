//! Runs taken elsewhere: whole, without secrets, and checked before they are written.

use std::sync::Arc;

use pe_model::*;
use pe_store::{ExportedRun, Imported, Redaction, RunQuery, StoreError};
use serde_json::{Value, json};

use crate::scene::{Scene, Script, key, object, wait};
use crate::sessions::call;

/// A run with a revision, secrets and long values.
fn eventful() -> Script {
    let mut script = Script::new("from-afar", 2);
    script.start(0).succeed(
        0,
        json!({"token": "t0", "url": "https://me:pw@host/x", "say": "hunter22!", "l": "x".repeat(9_000)}),
    );
    let mut plan = pe_testkit::plan([pe_testkit::step("s0"), pe_testkit::step("s1").after(["s0"])]);
    plan.plan_id = Some("plan-of-2".into());
    script.push(EventKind::PlanRevised {
        plan: Arc::new(plan),
        weights: vec![1.0; 2],
        reset: vec![],
        cause: RevisionCause::Edit,
        reason: "an order was missing".to_owned(),
        patch: json!({"api_key": 1}),
        stage: PlanStage::Complete,
    });
    script.push(EventKind::AttemptStarted {
        key: key(1),
        tool: "echo".to_owned(),
        tool_version: String::new(),
        effect: Effect::Once,
        arguments: Arc::new(object(json!({"headers": {"Authorization": "Bearer abc"}}))),
    });
    script.succeed(1, json!("-H 'authorization: Bearer abc'")).finish(PlanStatus::Completed);
    script
}

fn export(script: &Script, redaction: &Redaction) -> (Scene, ExportedRun) {
    let scene = Scene::new();
    let store = scene.store();
    script.record(&store, 3);
    let asked = call(json!({"api_key": "k", "p": 1}), Some(json!("x")));
    store.record_model_call(&script.run_id, &asked).unwrap();
    let exported = store.export(&script.run_id, redaction).unwrap();
    drop(store);
    (scene, exported)
}

#[test]
fn a_run_goes_elsewhere_and_is_the_same_there() {
    let script = eventful();
    let (_from, exported) = export(&script, &Redaction::none());
    let text = serde_json::to_string(&exported).unwrap();
    let exported = ExportedRun::parse(&text).unwrap();
    let scene = Scene::new();
    let store = scene.store();
    let name = exported.run.name.clone();
    assert_eq!(store.import(exported.clone()).unwrap(), Imported::Added { name: name.clone() });
    assert_eq!(wait(store.load(&script.run_id)).unwrap(), script.events);
    assert_eq!(store.import(exported.clone()).unwrap(), Imported::Identical { name });
    let there = store.export(&script.run_id, &Redaction::none()).unwrap();
    assert_eq!(there.events, exported.events);
    assert_eq!(there.plan_versions, exported.plan_versions);
    assert_eq!(there.model_calls, exported.model_calls);
    assert_eq!(there.run.plan_version, exported.run.plan_version);
    assert!(there.run.imported && !exported.run.imported);
    assert_eq!(store.tool_calls(&script.run_id).unwrap().len(), 2);
    assert!(store.check().unwrap().is_sound(), "{:?}", store.check());

    let mut other = exported;
    other.events.pop();
    assert!(matches!(store.import(other), Err(StoreError::Exists { .. })));
}

#[test]
fn what_is_exported_can_be_read_however_deep_it_is() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({"[": [inner]}));
    let mut plan = pe_testkit::plan([pe_testkit::step("s0")]);
    plan.steps[0].parameters = object(json!({"deep": nested(125)}));
    let mut script = Script::of_plan("deep", plan);
    script.start(0).succeed(0, nested(127)).finish(PlanStatus::Completed);
    let scene = Scene::new();
    let store = scene.store();
    script.record(&store, 1);
    let asked = call(nested(128), Some(nested(128)));
    store.record_model_call(&script.run_id, &asked).unwrap();
    let deeper = call(nested(129), None);
    let refused = store.record_model_call(&script.run_id, &deeper);
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");

    let exported = store.export(&script.run_id, &Redaction::default()).unwrap();
    let text = serde_json::to_string(&exported).unwrap();
    let read = ExportedRun::parse(&text).unwrap();
    assert!(read == exported, "it was read otherwise than it was written");
    let elsewhere = Scene::new();
    elsewhere.store().import(read).unwrap();
    assert_eq!(wait(elsewhere.store().load(&script.run_id)).unwrap(), script.events);

    for depth in [140, 1_000_000] {
        let inner = ["{\"[\":[".repeat(depth), "1".to_owned(), "]}".repeat(depth)].concat();
        let deep = text.replacen("\"deep\":{", &format!("\"deeper\":{inner},\"deep\":{{"), 1);
        let Err(error) = ExportedRun::parse(&deep) else { panic!("{depth} were read") };
        assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("deeper than"), "{error}");
    }
}

#[test]
fn a_taken_name_is_left_to_whoever_has_it() {
    let (_from, exported) = export(&eventful(), &Redaction::none());
    let scene = Scene::new();
    let store = scene.store();
    let native = Script::new("native", 1);
    native.record(&store, 1);
    rusqlite::Connection::open(scene.path())
        .unwrap()
        .execute("UPDATE runs SET name = ?1", [&exported.run.name])
        .unwrap();
    let Imported::Added { name } = store.import(exported.clone()).unwrap() else {
        panic!("it was not here before");
    };
    assert_ne!(name, exported.run.name);
    assert_eq!(store.run(&native.run_id).unwrap().name, exported.run.name);
}

#[test]
fn an_imported_run_can_be_resumed() {
    let mut script = Script::new("paused", 1);
    script.finish(PlanStatus::Cancelled);
    let (_from, exported) = export(&script, &Redaction::none());
    let scene = Scene::new();
    let store = scene.store();
    store.import(exported).unwrap();
    let claim = wait(store.claim(&script.run_id)).unwrap();
    let resumed_at = "2026-01-01T00:00:00Z".parse().unwrap();
    let from = script.events.len();
    script.push(EventKind::RunResumed { epoch: claim.epoch(), config: Arc::default(), resumed_at });
    wait(store.append(&script.events[from..])).unwrap();
    let events = wait(store.load(&script.run_id)).unwrap();
    assert_eq!(RunState::fold(&events).unwrap().unwrap().status, PlanStatus::Running);
}

#[test]
fn secrets_stay_at_home_and_the_rest_still_folds() {
    let (_from, exported) = export(&eventful(), &Redaction::new(["hunter22".to_owned()]));
    let text = serde_json::to_string(&exported).unwrap();
    for secret in ["hunter22", "t0", "me:pw", "Bearer abc", "\"k\""] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("[redacted]!") && text.contains("https://[redacted]@host/x"));
    let store = Scene::new();
    assert!(matches!(store.store().import(exported).unwrap(), Imported::Added { .. }));
}

#[test]
fn what_is_secret_under_its_name_is_secret_everywhere() {
    let mut plan = pe_testkit::plan([pe_testkit::step("s0")]);
    // The second is a word that every document has.
    plan.context = object(json!({"password": "hunter2hunter2", "token": "run_started"}));
    let mut script = Script::of_plan("leaky", plan);
    script.push(EventKind::AttemptStarted {
        key: key(0),
        tool: "echo".to_owned(),
        tool_version: String::new(),
        effect: Effect::Read,
        arguments: Arc::new(object(json!({"value": "it is hunter2hunter2"}))),
    });
    script.succeed(0, json!({"hunter2hunter2": ["hunter2hunter2", "--secret=s9"]}));
    script.finish(PlanStatus::Completed);
    let (_from, exported) = export(&script, &Redaction::default());
    let text = serde_json::to_string(&exported).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("s9"), "{text}");
    assert!(text.contains("it is [redacted]"), "{text}");
    assert!(matches!(Scene::new().store().import(exported), Ok(Imported::Added { .. })));
}

#[test]
fn a_secret_that_a_run_is_made_of_cannot_be_taken_out() {
    let scene = Scene::new();
    let store = scene.store();
    let script = eventful();
    script.record(&store, 9);
    let error = store.export(&script.run_id, &Redaction::new(["run_started".to_owned()]));
    assert!(matches!(error, Err(StoreError::Invalid { .. })), "{error:?}");
}

#[test]
fn a_document_that_does_not_hold_together_changes_nothing() {
    let (_from, exported) = export(&eventful(), &Redaction::none());
    let scene = Scene::new();
    let store = scene.store();
    type Change = fn(&mut ExportedRun);
    let changes: [(&str, Change); 8] = [
        ("format 9", |it| it.format = 9),
        ("format 0", |it| it.format = 0),
        ("no events", |it| it.events.clear()),
        ("is next", |it| drop(it.events.remove(2))),
        ("of run", |it| it.events[1].event.run_id = "x".into()),
        ("newer", |it| it.events[1].event.format = 99),
        ("follows", |it| drop(it.events.drain(..1))),
        ("no such attempt", |it| {
            it.events[2].event.kind = EventKind::AttemptInterrupted { key: key(1) };
        }),
    ];
    for (named, change) in changes {
        let mut broken = exported.clone();
        change(&mut broken);
        let Err(error) = store.import(broken) else { panic!("{named} was imported") };
        let said = error.to_string();
        assert!(said.contains(named) || named == "follows", "{named}: {said}");
    }
    let mut unknown = serde_json::to_value(&exported).unwrap();
    unknown["surprise"] = json!(1);
    assert!(ExportedRun::parse(&unknown.to_string()).is_err());
    for text in ["", "[]", "{\"format\": 2}", &Value::Null.to_string()] {
        assert!(matches!(ExportedRun::parse(text), Err(StoreError::Invalid { .. })), "{text}");
    }
    assert_eq!(store.runs(&RunQuery::default()).unwrap(), []);
    assert_eq!(store.plan_versions(&"plan-of-2".into()).unwrap(), []);
}
