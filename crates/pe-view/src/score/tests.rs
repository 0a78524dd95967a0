//! What each part gives points for.

use pe_model::RetryPolicy;

use super::*;
use crate::view::PlanView;

fn step(id: &str, after: &[&str]) -> PlanStep {
    PlanStep { dependencies: after.iter().map(StepId::new).collect(), ..PlanStep::new(id, "echo") }
}

fn fallback(id: &str, target: &str) -> PlanStep {
    PlanStep {
        step_type: StepType::Fallback,
        fallback_for: Some(target.into()),
        ..PlanStep::new(id, "echo")
    }
}

fn score(steps: Vec<PlanStep>) -> Vec<ScorePart> {
    let plan = Plan { steps, ..Plan::default() };
    let view = PlanView::new(&plan);
    parts(&view, &Drawing::new(&view))
}

/// Expects these points and this reason for the part at `place`.
fn check(place: usize, steps: Vec<PlanStep>, points: f64, why: &str) {
    let part = score(steps).swap_remove(place);
    assert_eq!((part.points, part.why.as_str()), (points, why), "{}", part.name);
}

#[test]
fn s2_soundness_is_all_or_little() {
    let sound = "ids are unique, every named step exists, no cycle";
    check(0, vec![step("a", &[]), step("b", &["a"])], 60.0, sound);
    check(
        0,
        vec![step("a", &["b"]), step("b", &["a"]), step("c", &["b"]), step("d", &[])],
        3.75,
        "3 of 4 steps cannot run as written; in or behind a cycle: `a`, `b`, `c`",
    );
    check(
        0,
        vec![step("a", &[]), step("a", &[]), step("c", &["x"])],
        5.0,
        "2 of 3 steps cannot run as written; repeated id: `a`; names a missing step: `c`",
    );
    check(
        0,
        vec![step("a", &["a"])],
        0.0,
        "1 of 1 steps cannot run as written; in or behind a cycle: `a`",
    );
    check(
        0,
        vec![fallback("a", "a"), fallback("b", "none"), step(" ", &[]), step("d", &[])],
        3.75,
        "3 of 4 steps cannot run as written; no id: ``; names a missing step: `b`; in or behind a cycle: `a`",
    );
    let five = (0..5).map(|i| step(&format!("s{i}"), &["x"])).collect();
    check(
        0,
        five,
        0.0,
        "5 of 5 steps cannot run as written; names a missing step: `s0`, `s1`, `s2` and 2 more",
    );
}

#[test]
fn soundness_needs_what_the_type_needs() {
    for step_type in [StepType::Conditional, StepType::Loop, StepType::Fallback] {
        let bare = PlanStep { step_type, ..step("x", &[]) };
        check(
            0,
            vec![bare],
            0.0,
            "1 of 1 steps cannot run as written; lacks what its type needs: `x`",
        );
    }
}

#[test]
fn shape_is_how_much_can_run_side_by_side() {
    let chain = || vec![step("a", &[]), step("b", &["a"]), step("c", &["b"])];
    check(1, chain(), 0.0, "3 steps, critical path 3");
    check(
        1,
        vec![step("a", &[]), step("b", &["a"]), step("c", &["a"])],
        7.5,
        "3 steps, critical path 2",
    );
    check(1, vec![step("a", &[]), step("b", &[])], 15.0, "2 steps, critical path 1");
    check(1, vec![step("a", &[])], 15.0, "1 step, critical path 1");
    let mut guarded = chain();
    guarded.push(fallback("f", "c"));
    check(1, guarded, 0.0, "3 steps, critical path 3");
    check(1, vec![step("a", &["a"])], 0.0, "steps in a cycle have no order");
}

#[test]
fn safety_is_the_share_of_guarded_risky_steps() {
    let pair = |edit: fn(&mut PlanStep)| {
        let mut first = step("a", &[]);
        edit(&mut first);
        vec![first, step("b", &["a"])]
    };
    check(2, vec![step("a", &[])], 15.0, "no step takes others down");
    check(2, pair(|_| {}), 0.0, "0 of 1 risky step guarded; not: `a`");
    for edit in [
        |s: &mut PlanStep| s.retry = Some(RetryPolicy::default()),
        |s: &mut PlanStep| s.expect = Some("result".to_owned()),
        |s: &mut PlanStep| s.approval = true,
    ] {
        check(2, pair(edit), 15.0, "1 of 1 risky step guarded");
    }
    check(
        2,
        pair(|s| s.retry = Some(RetryPolicy { max_retries: 0, ..RetryPolicy::default() })),
        0.0,
        "0 of 1 risky step guarded; not: `a`",
    );
    let mut steps = pair(|_| {});
    steps.push(fallback("f", "a"));
    check(2, steps, 15.0, "1 of 1 risky step guarded");
    let endless = PlanStep {
        step_type: StepType::Loop,
        loop_until: Some("result".to_owned()),
        approval: true,
        ..step("l", &[])
    };
    check(2, vec![endless.clone()], 0.0, "0 of 1 risky step guarded; not: `l`");
    let capped = PlanStep { loop_count: Some(3), ..endless };
    check(2, vec![capped], 15.0, "1 of 1 risky step guarded");
}

#[test]
fn clarity_is_goal_and_actions() {
    let said = PlanStep { action: "Do".to_owned(), ..step("a", &[]) };
    check(3, vec![said.clone(), step("b", &[])], 4.0, "no goal, 1 of 2 steps with an action");
    let plan = Plan { goal: "g".to_owned(), steps: vec![said], ..Plan::default() };
    let view = PlanView::new(&plan);
    let parts = parts(&view, &Drawing::new(&view));
    assert_eq!((parts[3].points, total(&parts)), (10.0, 100.0));
}

#[test]
fn a_plan_without_steps_has_no_points() {
    assert_eq!(total(&score(vec![])), 0.0);
    assert!(score(vec![]).iter().all(|part| part.why == "there are no steps"));
}
