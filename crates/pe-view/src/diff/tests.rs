//! Which changes are seen, and which are not.

use pe_model::{Backoff, PlanStatus, RetryPolicy, StepResult, StepStatus, StepType, TriggerRule};
use serde_json::json;

use super::*;

fn step(id: &str, after: &[&str]) -> PlanStep {
    PlanStep { dependencies: ids(after), ..PlanStep::new(id, "echo") }
}

fn ids(ids: &[&str]) -> Vec<StepId> {
    ids.iter().map(StepId::new).collect()
}

fn plan(steps: Vec<PlanStep>) -> Plan {
    Plan { goal: "g".to_owned(), steps, ..Plan::default() }
}

/// Changes one step and expects exactly these changes: field, before, after.
fn check(edit: impl Fn(&mut PlanStep), expected: &[(&str, Value, Value)]) {
    let before = step("x", &["a", "b"]);
    let mut after = before.clone();
    edit(&mut after);
    let changes: Vec<_> = fields::of_step(&before, &after)
        .into_iter()
        .map(|change| {
            (change.field, change.before.unwrap_or_default(), change.after.unwrap_or_default())
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(f, b, a)| ((*f).to_owned(), b.clone(), a.clone())).collect();
    assert_eq!(changes, expected);
}

#[test]
fn s2_diff_sees_tools_parameters_dependencies_types_and_conditions() {
    let null = || Value::Null;
    check(|_| {}, &[]);
    check(|s| s.tool = "cat".into(), &[("tool", json!("echo"), json!("cat"))]);
    check(|s| s.step_type = StepType::Loop, &[("step_type", json!("normal"), json!("loop"))]);
    check(|s| s.action = "Do".into(), &[("action", null(), json!("Do"))]);
    check(|s| s.complexity = 3, &[("complexity", json!(1), json!(3))]);
    check(|s| s.condition = Some("1 > 0".into()), &[("condition", null(), json!("1 > 0"))]);
    check(|s| s.expect = Some("result".into()), &[("expect", null(), json!("result"))]);
    check(|s| s.loop_count = Some(2), &[("loop_count", null(), json!(2))]);
    check(|s| s.loop_over = Some("[1]".into()), &[("loop_over", null(), json!("[1]"))]);
    check(|s| s.loop_until = Some("true".into()), &[("loop_until", null(), json!("true"))]);
    check(|s| s.loop_parallelism = Some(2), &[("loop_parallelism", null(), json!(2))]);
    check(|s| s.fallback_for = Some("a".into()), &[("fallback_for", null(), json!("a"))]);
    check(
        |s| s.trigger_rule = Some(TriggerRule::AllDone),
        &[("trigger_rule", null(), json!("all_done"))],
    );
    check(|s| s.timeout_ms = Some(9), &[("timeout_ms", null(), json!(9))]);
    check(|s| s.approval = true, &[("approval", null(), json!(true))]);
    check(|s| s.agent = Some("me".into()), &[("agent", null(), json!("me"))]);
    check(
        |s| drop(s.metadata.insert("k".into(), json!(1))),
        &[("metadata", null(), json!({"k": 1}))],
    );
    check(
        |s| s.dependencies = ids(&["a", "c"]),
        &[("dependencies", json!(["a", "b"]), json!(["a", "c"]))],
    );
    check(
        |s| s.dependencies = ids(&["b", "a"]),
        &[("dependencies/order", json!(["a", "b"]), json!(["b", "a"]))],
    );
}

#[test]
fn s2_maps_are_compared_key_by_key() {
    let with = |parameters: Value, retry: RetryPolicy| PlanStep {
        parameters: parameters.as_object().cloned().unwrap(),
        retry: Some(retry),
        ..step("x", &[])
    };
    let a =
        with(json!({"url": "a", "body": {"t": 1, "k": [1]}, "a/b~": 1}), RetryPolicy::default());
    let b = with(
        json!({"body": {"k": [1, 2], "t": 1, "new": null}, "url": "b", "a/b~": 2}),
        RetryPolicy { backoff: Backoff::Linear, ..RetryPolicy::default() },
    );
    let changes = fields::of_step(&a, &b);
    let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "parameters/url",
            "parameters/body/k",
            "parameters/body/new",
            "parameters/a~1b~0",
            "retry/backoff"
        ]
    );
    assert_eq!((&changes[2].before, &changes[2].after), (&None, &Some(Value::Null)));
}

#[test]
fn state_and_bookkeeping_are_not_compared() {
    let a = plan(vec![step("a", &[])]);
    let mut b = a.clone();
    b.status = PlanStatus::Failed;
    b.version = 7;
    b.plan_id = Some("other".into());
    let state = &mut b.steps[0];
    state.status = StepStatus::Failed;
    state.reason = Some("x".to_owned());
    state.recovered_by = Some("y".into());
    state.result = Some(Box::new(StepResult { success: false, data: json!(1), error: None }));
    state.error = Some("z".to_owned());
    state.execution_time_ms = Some(1);
    state.attempts = 4;
    let diff = diff(&a, &b);
    assert!(diff.is_same(), "{diff:?}");
    assert_eq!(diff.better_plan, BetterPlan::Tie);
}

#[test]
fn the_plan_itself_is_compared() {
    let a = plan(vec![step("a", &[])]);
    let mut b = a.clone();
    b.goal = "h".to_owned();
    b.context.insert("city".to_owned(), json!("Oslo"));
    let diff = diff(&a, &b);
    assert!(!diff.goal_same && !diff.is_same());
    let fields: Vec<_> = diff.plan_changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["goal", "context/city"]);
}

#[test]
fn added_removed_and_moved_steps_and_edges() {
    let a = plan(vec![step("a", &[]), step("b", &["a"]), step("c", &["b"]), step("old", &[])]);
    let b = plan(vec![
        step("new", &["gone"]),
        step("a", &[]),
        step("c", &["a"]),
        step("b", &["a"]),
        step("last", &[]),
    ]);
    let diff = diff(&a, &b);
    assert_eq!(diff.steps_count_diff, 1);
    assert_eq!((diff.added_steps, diff.removed_steps), (ids(&["new", "last"]), ids(&["old"])));
    assert_eq!(diff.modified_steps.len(), 1);
    assert_eq!(diff.modified_steps[0].step_id, "c".into());
    assert!(!diff.order_same);
    let edge = |from: &str, to: &str| DiffEdge {
        from: from.into(),
        to: to.into(),
        kind: EdgeKind::Success,
    };
    assert_eq!(diff.added_edges, [edge("gone", "new"), edge("a", "c")]);
    assert_eq!(diff.removed_edges, [edge("b", "c")]);
}

#[test]
fn a_moved_step_alone_is_a_difference() {
    let a = plan(vec![step("a", &[]), step("b", &[])]);
    let b = plan(vec![step("b", &[]), step("a", &[])]);
    let diff = diff(&a, &b);
    assert!(!diff.order_same && !diff.is_same());
}

#[test]
fn duplicates_are_matched_one_by_one() {
    let a = plan(vec![step("a", &[]), step("a", &["b"])]);
    let b = plan(vec![step("a", &[]), step("a", &["b"]), step("a", &[])]);
    let diff = diff(&a, &b);
    assert_eq!(diff.added_steps, ids(&["a"]));
    assert!(diff.modified_steps.is_empty() && diff.removed_steps.is_empty());
}

#[test]
fn edges_that_validation_found_count_in_diff_and_score() {
    let plan = plan(vec![step("a", &[]), step("b", &[])]);
    let edge = crate::ViewEdge { from: 0, to: 1, kind: EdgeKind::Success };
    let implied = PlanView::new(&plan).with_edges(vec![edge]);
    let diff = diff_views(&implied, &PlanView::new(&plan));
    assert_eq!(diff.removed_edges.len(), 1);
    assert_eq!((diff.score1_parts[1].points, diff.score2_parts[1].points), (0.0, 15.0));
}

#[test]
fn edges_that_moved_are_told_apart_from_those_that_came_or_went() {
    let before = plan(vec![
        step("a", &[]),
        step("b", &["a"]),
        step("c", &["a", "b"]),
        step("d", &["a"]),
        step("e", &[]),
    ]);
    let after = plan(vec![
        step("a", &[]),
        step("b", &["a"]),
        step("c", &["e"]),
        step("d", &[]),
        step("e", &["a"]),
    ]);
    let found = diff(&before, &after);
    let moved = MovedEdges {
        step_id: "c".into(),
        kind: EdgeKind::Success,
        before: ids(&["a", "b"]),
        after: ids(&["e"]),
    };
    assert_eq!(found.moved_edges, [moved]);
    assert_eq!((found.removed_edges.len(), found.added_edges.len()), (3, 2));
    let text = crate::diff_text(&found, "1", "2");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains('→')).skip(3).collect();
    assert_eq!(lines, ["~ c  after a, b → after e", "- a → d", "+ a → e"], "{text}");
}

#[test]
fn a_plan_with_a_fault_that_only_its_validation_sees_is_an_unsound_one() {
    let good = plan(vec![step("a", &[]), step("b", &["a"])]);
    let bad = plan(vec![step("a", &[]), step("b", &[])]);
    let check = |view: &PlanView<'_>, why: &str| {
        let diff = diff_views(&PlanView::new(&good), view);
        assert_eq!(diff.better_plan, BetterPlan::Plan1);
        assert!(diff.score2 <= 55.0 && diff.score1 >= 60.0, "{diff:?}");
        assert_eq!(diff.score2_parts[0].why, why);
    };
    let view = PlanView::new(&bad);
    let missing = view.clone().with_missing(vec![(1, "gone".into()), (9, "far".into())]);
    check(&missing, "1 of 2 steps cannot run as written; names a missing step: `b`");
    let told = missing.with_faults(vec![(Some(1), "names a missing step")]);
    check(&told, "1 of 2 steps cannot run as written; names a missing step: `b`");
    check(
        &view.clone().with_faults(vec![(Some(0), "not valid"), (Some(0), "not valid")]),
        "1 of 2 steps cannot run as written; not valid: `a`",
    );
    check(
        &view.with_faults(vec![(None, "it has too many steps")]),
        "0 of 2 steps cannot run as written; the plan: it has too many steps",
    );
}
