//! Recorded conversations: the same run without a server, and the key nowhere.

use serde_json::{Value, json};

use crate::scene::{KEY, Scene, broken, found, patch, say, written};
use crate::world::World;

/// A model that plans, mends its plan, and answers with the key that it was asked with.
fn talkative() -> Scene {
    Scene::new([
        "no plan".to_owned(),
        written(json!([broken("a"), say("b", "{{a}}")])),
        patch(json!([{"type": "modify", "id": "a",
            "fields": {"tool": "echo", "args": {"value": KEY}}}])),
        format!("It is {KEY}."),
    ])
}

/// What two runs of one conversation have in common.
fn comparable(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    for field in ["run_id", "run_name", "plan_id", "execution_time_ms"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    for step in fields["steps"].as_array_mut().unwrap() {
        step.as_object_mut().unwrap().remove("execution_time_ms");
    }
    report
}

#[test]
fn a_recorded_run_is_the_same_run_without_a_server() {
    let scene = Scene::new([
        "no plan".to_owned(),
        written(json!([broken("a"), say("b", "{{a}}")])),
        patch(json!([{"type": "modify", "id": "a",
            "fields": {"tool": "echo", "args": {"value": 7}}}])),
        "Seven.".to_owned(),
    ]);
    let goal = ["run", "find it out", "--json"];
    let first = scene.pe(&[&goal[..], &["--record", "talk.jsonl"]].concat()).exits(0).json();
    assert_eq!(first["final_response"], "Seven.");
    assert_eq!(scene.purposes(), ["plan", "repair", "adapt", "answer"]);
    let recorded = std::fs::read_to_string(scene.world.path().join("talk.jsonl")).unwrap();
    assert_eq!(recorded.lines().count(), 4, "a line an exchange");
    // In another place, with nobody there and without a key.
    let world = World::new();
    world.write("talk.jsonl", &recorded);
    let replay = [&goal[..], &["--planner", "replay:talk.jsonl"]].concat();
    let nobody = [("PE_BASE_URL", "http://127.0.0.1:1/v1")];
    for _ in 0..2 {
        let again = world.pe_with(&nobody, &replay).exits(0).json();
        assert_eq!(comparable(again), comparable(first.clone()));
    }
    // Plans are made of recordings too.
    let done = world.pe(&["plan", "find it out", "--planner", "replay:talk.jsonl"]).exits(0);
    done.prints("tool: read_file");
}

#[test]
fn the_key_is_nowhere() {
    let scene = talkative();
    let words = ["run", "find it out", "--record", "talk.jsonl", "-p", "city=Bern"];
    let done = scene.pe(&words).exits(0);
    assert_eq!(scene.server.calls(), 4);
    assert!(!done.stderr.contains(KEY), "{}", done.stderr);
    let recorded = std::fs::read_to_string(scene.world.path().join("talk.jsonl")).unwrap();
    assert!(!recorded.contains(KEY) && recorded.contains("[secret]"), "{recorded}");
    // What the model itself said is the run's; the header with the key is nobody's.
    assert!(found(scene.world.path(), "Bearer").is_empty());
    scene.pe(&["export", "last", "-o", "run.json"]).exits(0).says("redacted");
    let exported = std::fs::read_to_string(scene.world.path().join("run.json")).unwrap();
    assert!(!exported.contains(KEY), "{exported}");
}

#[test]
fn a_key_that_the_model_does_not_know_is_in_no_file() {
    let scene = Scene::new([written(json!([say("a", 1), say("b", "{{a}}")])), "One.".to_owned()]);
    let words = ["run", "find it out", "--record", "talk.jsonl", "--output", "jsonl"];
    let done = scene.pe(&words).exits(0);
    scene.pe(&["export", "last", "-o", "run.json"]).exits(0);
    scene.pe(&["prompt", "find it out", "--json"]).exits(0);
    for shown in [&["show", "last", "--json"][..], &["config", "show"], &["doctor"]] {
        let shown = scene.pe(shown);
        assert!(!shown.stdout.contains(KEY) && !shown.stderr.contains(KEY), "{shown:?}");
    }
    assert!(!done.stdout.contains(KEY) && !done.stderr.contains(KEY));
    assert_eq!(found(scene.world.path(), KEY), Vec::<String>::new());
    assert!(scene.world.exists("home/.local/share/pe/pe.db"), "the database was looked at");
}

#[test]
fn what_is_not_recorded_is_named() {
    let scene = Scene::new([written(json!([say("a", 1)])), "One.".to_owned()]);
    scene.pe(&["run", "find it out", "--record", "talk.jsonl"]).exits(0);
    let done = scene.pe(&["run", "something else", "--planner", "replay:talk.jsonl"]).exits(4);
    let done = done.says("`talk.jsonl` has no answer").says("something else").says("`--record`");
    assert!(!done.stderr.contains("`pe doctor`"), "the model is not at fault: {}", done.stderr);
    assert_eq!(done.stdout, "");
    scene
        .pe(&["plan", "something else", "--planner", "replay:talk.jsonl"])
        .exits(4)
        .says("`talk.jsonl` has no answer");
    assert_eq!(scene.server.calls(), 2, "nobody is asked instead");
}

#[test]
fn a_damaged_recording_is_refused_before_anything_runs() {
    let scene = Scene::new([written(json!([say("a", 1)])), "One.".to_owned()]);
    scene.pe(&["run", "find it out", "--record", "talk.jsonl"]).exits(0);
    let good = std::fs::read_to_string(scene.world.path().join("talk.jsonl")).unwrap();
    let runs = scene.runs().len();
    let cut = &good[..good.len() / 2];
    let newer = good.replacen("\"format\":1", "\"format\":9", 1);
    for (name, text, found) in [
        ("cut.jsonl", cut, "of the recording `cut.jsonl` is damaged"),
        ("newer.jsonl", &newer, "has format 9"),
        ("plan.jsonl", "{\"steps\": []}\n", "line 1 of the recording `plan.jsonl` is damaged"),
    ] {
        scene.world.write(name, text);
        let replay = format!("replay:{name}");
        scene.pe(&["run", "find it out", "--planner", &replay]).exits(2).says(found);
    }
    scene.world.write("empty.jsonl", "");
    let done = scene.pe(&["run", "find it out", "--planner", "replay:empty.jsonl"]).exits(4);
    done.says("it is empty");
    let done = scene.pe(&["run", "find it out", "--planner", "replay:missing"]).exits(2);
    done.says("the recording `missing` cannot be opened");
    for planner in ["replay:", "gpt"] {
        let done = scene.pe(&["run", "find it out", "--planner", planner]).exits(2);
        done.says("`--planner` takes `replay:FILE`").says("`--model` names a model");
    }
    let done = scene.pe(&["run", "find it out", "--record", "no/such/talk.jsonl"]).exits(2);
    done.says("no/such/talk.jsonl");
    assert_eq!((scene.server.calls(), scene.runs().len()), (2, runs + 1));
}

#[test]
fn a_recording_grows_and_keeps_failures() {
    let scene = Scene::new(["no plan"]);
    let variables = [("PE_FALLBACK_TO_SEQUENTIAL", "false")];
    let words = ["run", "find it out", "--record", "talk.jsonl"];
    scene.pe_with(&variables, &words).exits(4);
    scene.pe_with(&variables, &words).exits(4);
    let recorded = std::fs::read_to_string(scene.world.path().join("talk.jsonl")).unwrap();
    assert_eq!(recorded.lines().count(), 8);
    let replay = ["run", "find it out", "--planner", "replay:talk.jsonl"];
    let done = scene.pe_with(&variables, &replay).exits(4);
    done.says("no plan was made").says("after 3 repair rounds");
    assert_eq!(scene.server.calls(), 8);
}
