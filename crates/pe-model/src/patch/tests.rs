//! What patches do, one rule at a time.

use serde_json::json;

use super::*;

fn plan() -> Plan {
    let step = |id: &str, dependencies: &[&str]| PlanStep {
        dependencies: dependencies.iter().map(StepId::new).collect(),
        parameters: JsonMap::from_iter([("value".to_owned(), json!(id))]),
        ..PlanStep::new(id, "echo")
    };
    Plan {
        plan_id: Some("p".into()),
        version: 3,
        steps: vec![step("a", &[]), step("b", &["a"]), step("c", &["a", "b"])],
        ..Plan::default()
    }
}

fn apply(patch: Value) -> Result<Plan, String> {
    let patch = PlanPatch::from_value(&patch).map_err(|error| error.to_string())?;
    patch.apply(&plan()).map_err(|error| error.to_string())
}

fn order(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.step_id.as_str()).collect()
}

fn check_error(patch: Value, expected: &str) {
    assert_eq!(apply(patch.clone()).unwrap_err(), expected, "{patch}");
}

#[test]
fn a1_add_remove_and_modify_make_a_new_version() {
    let original = plan();
    let patch = PlanPatch::from_value(&json!({"reason": "b is gone", "modifications": [
        {"type": "add", "step": {"step_id": "d", "tool": "echo"}, "after": "a"},
        {"op": "remove", "step_id": "b"},
        {"action": "modify", "step": "c", "fields": {"timeout_ms": 5, "parameters": null}},
    ]}))
    .unwrap();
    let new = patch.apply(&original).unwrap();
    assert_eq!(original, plan(), "the original is as it was");
    assert_eq!((new.version, new.parent, new.plan_id), (4, Some("p".into()), Some("p".into())));
    let ids: Vec<&str> = new.steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(ids, ["a", "d", "c"]);
    assert_eq!(new.steps[2].dependencies, [StepId::new("a")], "a3: no dangling dependency");
    assert_eq!(new.steps[2].timeout_ms, Some(5));
    assert!(new.steps[2].parameters.is_empty(), "null: the default");
    assert_eq!(new.steps[2].tool, "echo", "what is not named stays");
}

#[test]
fn a3_what_cannot_be_done_names_the_step() {
    check_error(
        json!([{"type": "add", "step": {"step_id": "b", "tool": "x"}}]),
        "modification 1 adds step `b`, which the plan has already; choose another id",
    );
    check_error(
        json!([{"type": "add", "step": {"step_id": "d"}}, {"type": "add", "step": {"step_id": "d"}}]),
        "modification 2 adds step `d`, which the plan has already; choose another id",
    );
    check_error(
        json!([{"type": "add", "step": {"tool": "x"}}]),
        "modification 1 adds a step without an id; give it one",
    );
    check_error(
        json!([{"type": "remove", "step_id": "cc"}]),
        "modification 1 names step `cc`, which the plan does not have; did you mean `c`?",
    );
    check_error(
        json!([{"type": "add", "step": {"step_id": "d"}, "before": "nowhere"}]),
        "modification 1 names step `nowhere`, which the plan does not have",
    );
    check_error(
        json!([{"type": "modify", "step_id": "a", "fields": {"depedencies": []}}]),
        "modification 1 of step `a`: steps have no field `depedencies`; did you mean `dependencies`?",
    );
    check_error(
        json!([{"type": "modify", "step_id": "a", "fields": {"step_id": "z"}}]),
        "modification 1 renames step `a`, which keeps its id; remove it and add another one",
    );
    check_error(
        json!([{"type": "modify", "step_id": "a", "fields": {"timeout_ms": "soon"}}]),
        "modification 1 of step `a`: `timeout_ms`: invalid type: string \"soon\", expected u64",
    );
    let nothing = "the patch changes nothing; add, remove or modify at least one step";
    check_error(json!({"modifications": []}), nothing);
    check_error(json!([{"type": "modify", "step_id": "a", "fields": {"tool": "echo"}}]), nothing);
    check_error(
        json!([{"type": "modify", "step_id": "a", "fields": {"status": "failed"}}]),
        nothing,
    );
}

#[test]
fn what_is_no_patch_says_what_was_found() {
    check_error(
        json!({"steps": []}),
        "expected an object with a list under `modifications`, found an object with `steps`",
    );
    check_error(json!([3]), "modification 1: expected an object, found a number");
    check_error(json!([{}]), "modification 1: expected `type`: add, remove or modify");
    check_error(
        json!([{"type": "explode"}]),
        "modification 1: `explode` is no modification; use add, remove or modify",
    );
    check_error(
        json!([{"type": "remove"}]),
        "modification 1: expected `step_id`, the step that is meant",
    );
}

#[test]
fn a_step_that_is_replaced_keeps_its_dependents() {
    let new = apply(json!([
        {"type": "remove", "step_id": "b"},
        {"type": "add", "step": {"step_id": "b", "tool": "other"}, "before": "c"},
    ]))
    .unwrap();
    assert_eq!(order(&new), ["a", "b", "c"]);
    assert_eq!(new.steps[1].tool, "other");
    assert_eq!(new.steps[2].dependencies.len(), 2);
}

#[test]
fn other_words_for_the_same() {
    for patch in [
        json!({"changes": [{"op": "delete", "id": "b"}]}),
        json!({"patch": [{"kind": "DROP", "step": "b"}]}),
        json!([{"operation": "remove", "target": "b"}]),
    ] {
        assert_eq!(order(&apply(patch.clone()).unwrap()), ["a", "c"], "{patch}");
    }
    for patch in [
        json!([{"type": "modify", "step_id": "b", "tool": "x"}]),
        json!([{"type": "update", "step": {"step_id": "b", "tool": "x"}}]),
        json!([{"type": "replace", "id": "b", "changes": {"tool": "x"}}]),
    ] {
        assert_eq!(apply(patch.clone()).unwrap().steps[1].tool, "x", "{patch}");
    }
    let beside = apply(json!([{"type": "add", "step_id": "d", "tool": "x", "after": "a"}]));
    assert_eq!(order(&beside.unwrap()), ["a", "d", "b", "c"]);
}

#[test]
fn the_difference_of_two_plans_is_a_patch() {
    let old = plan();
    let mut new = old.steps.clone();
    new.remove(1);
    new[1].dependencies = vec![StepId::new("x")];
    new[1].expect = Some("true".to_owned());
    new.insert(0, PlanStep::new("x", "echo"));
    new.push(PlanStep::new("y", "echo"));
    let patch = PlanPatch::between(&old, &new, "why");
    assert_eq!(patch.apply(&old).unwrap().steps, new);
    assert_eq!(PlanPatch::from_value(&patch.to_value()).unwrap(), patch);
    assert_eq!(PlanPatch::between(&old, &old.steps, "").apply(&old), Err(PatchError::NoChange));
}
