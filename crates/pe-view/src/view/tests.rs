//! Which steps are shown as ready.

use super::*;

fn step(id: &str, after: &[&str], status: StepStatus) -> PlanStep {
    PlanStep {
        dependencies: after.iter().map(StepId::new).collect(),
        status,
        ..PlanStep::new(id, "echo")
    }
}

fn ready(view: &PlanView<'_>) -> Vec<usize> {
    let statuses = view.statuses();
    (0..statuses.len()).filter(|&i| statuses[i] == StepStatus::Ready).collect()
}

fn plan(status: PlanStatus, steps: Vec<PlanStep>) -> Plan {
    Plan { status, steps, ..Plan::default() }
}

fn edge(from: usize, to: usize, kind: EdgeKind) -> ViewEdge {
    ViewEdge { from, to, kind }
}

#[test]
fn p5_only_steps_with_met_dependencies_are_ready() {
    use StepStatus::{Completed, Pending};
    let steps = vec![
        step("a", &[], Completed),
        step("b", &["a"], Pending),
        step("c", &["b"], Pending),
        step("d", &["nowhere"], Pending),
    ];
    assert_eq!(ready(&PlanView::new(&plan(PlanStatus::Running, steps))), [1]);
}

#[test]
fn nothing_is_ready_in_a_plan_that_has_ended() {
    let steps = vec![step("a", &[], StepStatus::Pending)];
    for (status, expected) in [
        (PlanStatus::Created, 1),
        (PlanStatus::Running, 1),
        (PlanStatus::Waiting, 1),
        (PlanStatus::InDoubt, 1),
        (PlanStatus::Completed, 0),
        (PlanStatus::Failed, 0),
        (PlanStatus::Cancelled, 0),
    ] {
        let plan = plan(status, steps.clone());
        assert_eq!(ready(&PlanView::new(&plan)).len(), expected, "{status}");
    }
}

#[test]
fn implied_edges_hold_a_step_back() {
    use StepStatus::{Completed, Failed, Pending, Skipped};
    // (status of the first step, kind of the edge, whether the second is ready)
    for (status, kind, expected) in [
        (Pending, EdgeKind::Success, false),
        (Completed, EdgeKind::Success, true),
        (Failed, EdgeKind::Success, false),
        (Skipped, EdgeKind::Success, false),
        (Pending, EdgeKind::Ordering, false),
        (Completed, EdgeKind::Ordering, true),
        (Failed, EdgeKind::Ordering, true),
        (Skipped, EdgeKind::Ordering, true),
    ] {
        let plan = plan(PlanStatus::Running, vec![step("a", &[], status), step("b", &[], Pending)]);
        let view = PlanView::new(&plan).with_edges(vec![edge(0, 1, kind), edge(7, 1, kind)]);
        assert_eq!(view.statuses()[1] == StepStatus::Ready, expected, "{status} {kind:?}");
    }
}

#[test]
fn a_fallback_is_ready_once_its_target_has_failed_and_holds_others_back_until_then() {
    let spare = PlanStep {
        step_type: StepType::Fallback,
        fallback_for: Some(StepId::new("a")),
        ..step("spare", &[], StepStatus::Pending)
    };
    let steps =
        vec![step("a", &[], StepStatus::Failed), spare, step("watcher", &[], StepStatus::Pending)];
    let edges = vec![edge(0, 1, EdgeKind::Ordering), edge(0, 2, EdgeKind::Ordering)];
    let mut plan = plan(PlanStatus::Running, steps);
    assert_eq!(ready(&PlanView::new(&plan).with_edges(edges.clone())), [1]);

    plan.steps[1].status = StepStatus::Failed;
    assert_eq!(ready(&PlanView::new(&plan).with_edges(edges.clone())), [2], "no fallback left");

    plan.steps[0].status = StepStatus::Running;
    plan.steps[1].status = StepStatus::Pending;
    assert_eq!(ready(&PlanView::new(&plan).with_edges(edges)), [] as [usize; 0]);
}

#[test]
fn a_recovered_step_counts_as_completed() {
    let mut failed = step("a", &[], StepStatus::Failed);
    failed.recovered_by = Some(StepId::new("spare"));
    let plan = plan(PlanStatus::Running, vec![failed, step("b", &["a"], StepStatus::Pending)]);
    let view = PlanView::new(&plan).with_edges(vec![edge(0, 1, EdgeKind::Success)]);
    assert_eq!(ready(&view), [1]);
}
