//! What is said of plans that do not hold.

use pe_model::{Catalog, Plan, PlanStep, StepType, Strictness};
use pe_validate::{EdgeKind, Limits, Outline, outline, validate};
use serde_json::json;

fn outlined(steps: Vec<PlanStep>) -> Outline {
    let plan = Plan { goal: "g".to_owned(), steps, ..Plan::default() };
    let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
    outline(&plan, &validate(&plan, &Catalog::default(), &limits))
}

fn step(id: &str, reads: &str) -> PlanStep {
    let mut step = PlanStep::new(id, "echo");
    if !reads.is_empty() {
        step.parameters.insert("value".to_owned(), json!(reads));
    }
    step
}

#[test]
fn edges_of_references_are_told_with_what_is_missing() {
    let mut c = step("c", "{{ results.a }} {{ results.gone.x }} {{ steps.b.status }}");
    c.dependencies = vec!["b".into(), "nowhere".into(), "c".into()];
    let found = outlined(vec![step("a", ""), step("b", ""), c]);
    use EdgeKind::Trigger;
    assert_eq!(found.edges, [(0, 2, Trigger), (1, 2, Trigger), (2, 2, Trigger)]);
    assert_eq!(found.missing, [(2, "gone".into())]);
    let of_c = |what| (Some(2), what);
    let faults = [of_c("in or behind a cycle"), of_c("names a missing step")];
    assert!(faults.iter().all(|fault| found.faults.contains(fault)), "{:?}", found.faults);
}

#[test]
fn a_circle_of_references_is_one() {
    let found = outlined(vec![step("a", "{{ results.b }}"), step("b", "{{ results.a }}")]);
    assert_eq!(found.edges, [(1, 0, EdgeKind::Trigger), (0, 1, EdgeKind::Trigger)]);
    let cycle = "in or behind a cycle";
    assert_eq!(found.faults, [(Some(0), cycle), (Some(1), cycle)]);
}

#[test]
fn a_circle_over_a_fallback_is_a_fault_of_all_its_members() {
    let mut spare = step("spare", "{{ results.user }}");
    spare.step_type = StepType::Fallback;
    spare.fallback_for = Some("a".into());
    let found = outlined(vec![step("a", ""), step("user", "{{ results.a }}"), spare]);
    assert!(found.edges.contains(&(0, 2, EdgeKind::Fallback)));
    let at: Vec<_> = found.faults.iter().map(|(place, _)| place.unwrap()).collect();
    assert!(at.contains(&1) && at.contains(&2), "{:?}", found.faults);
}

#[test]
fn what_no_line_of_an_outline_shows_is_a_fault_all_the_same() {
    let found = outlined(vec![step("a", "{{ 1 + }}"), step("b", "{{ results.b }}")]);
    let faults =
        [(Some(0), "an expression that cannot be read"), (Some(1), "reads its own outcome")];
    assert_eq!(found.faults, faults);
    assert_eq!(outlined(vec![]).faults, [(None, "it has no steps")]);
}

#[test]
fn a_plan_that_holds_has_no_fault() {
    let found = outlined(vec![step("a", ""), step("b", "{{ results.a }}")]);
    assert_eq!(found.edges, [(0, 1, EdgeKind::Trigger)]);
    assert_eq!((found.missing, found.faults), (vec![], vec![]));
}
