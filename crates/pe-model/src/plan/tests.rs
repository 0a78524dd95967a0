//! What a plan knows about itself.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn step(id: &str, dependencies: &[&str]) -> PlanStep {
    PlanStep {
        dependencies: dependencies.iter().map(StepId::new).collect(),
        ..PlanStep::new(id, "echo")
    }
}

fn ready(plan: &Plan) -> Vec<&str> {
    plan.ready_steps().iter().map(|step| step.step_id.as_str()).collect()
}

#[test]
fn p1_defaults() {
    let step: PlanStep = serde_json::from_str(r#"{"step_id": "a", "tool": "echo"}"#).unwrap();
    assert_eq!(step, PlanStep::new("a", "echo"));
    assert_eq!(
        (step.status, step.complexity, step.step_type),
        (StepStatus::Pending, 1, StepType::Normal)
    );
    assert!(step.dependencies.is_empty() && step.parameters.is_empty());
    let plan = Plan::new("goal", at(1));
    assert_eq!((plan.status, plan.version, plan.format), (PlanStatus::Created, 1, 1));
}

#[test]
fn p3_step_types_read_in_any_case_and_are_written_in_lower_case() {
    for kind in StepType::ALL {
        let name = kind.as_str();
        let mut title = name.to_owned();
        title[..1].make_ascii_uppercase();
        for spelling in [name.to_owned(), name.to_uppercase(), title, format!(" {name} ")] {
            let read: StepType = serde_json::from_value(spelling.into()).unwrap();
            assert_eq!(read, kind);
        }
        assert_eq!(serde_json::to_value(kind).unwrap(), name);
    }
    let error = serde_json::from_str::<StepType>("\"sometimes\"").unwrap_err().to_string();
    assert!(error.contains("`sometimes`") && error.contains("conditional"), "{error}");
}

#[test]
fn p4_adding_and_removing_move_modified_at() {
    let mut plan = Plan::new("goal", at(1));
    plan.add_step(step("a", &[]), at(2));
    plan.add_step(step("b", &["a"]), at(3));
    assert_eq!(plan.steps[1].step_id, StepId::new("b"), "appended");
    assert_eq!((plan.created_at, plan.modified_at), (Some(at(1)), Some(at(3))));
    assert!(!plan.remove_step(&StepId::new("zz"), at(4)));
    assert_eq!(plan.modified_at, Some(at(3)), "nothing removed, nothing modified");
    assert!(plan.remove_step(&StepId::new("a"), at(5)));
    assert_eq!((plan.steps.len(), plan.modified_at), (1, Some(at(5))));
}

#[test]
fn p5_ready_complete_progress() {
    let mut plan = Plan { steps: vec![step("a", &[]), step("b", &["a"])], ..Plan::default() };
    assert_eq!(ready(&plan), ["a"]);
    assert_eq!(plan.progress(), 0.0);
    plan.steps[0].status = StepStatus::Completed;
    assert_eq!(ready(&plan), ["b"]);
    assert_eq!(plan.progress(), 50.0);
    assert!(!plan.is_complete());
    plan.steps[1].status = StepStatus::Skipped;
    assert!(plan.is_complete() && ready(&plan).is_empty());
    assert_eq!(plan.progress(), 100.0);

    let empty = Plan::default();
    assert_eq!((empty.progress(), empty.is_complete()), (0.0, false));
}

#[test]
fn p5_a_recovered_step_counts_as_done_and_a_failed_one_does_not() {
    let mut fallback = step("plan_b", &[]);
    fallback.step_type = StepType::Fallback;
    fallback.fallback_for = Some(StepId::new("a"));
    let mut plan =
        Plan { steps: vec![step("a", &[]), fallback, step("c", &["a"])], ..Plan::default() };
    assert_eq!(ready(&plan), ["a"], "a fallback is not ready before its target failed");
    plan.steps[0].status = StepStatus::Failed;
    assert_eq!(ready(&plan), ["plan_b"]);
    assert_eq!(plan.progress(), 0.0);
    plan.steps[0].recovered_by = Some(StepId::new("plan_b"));
    plan.steps[1].status = StepStatus::Completed;
    assert_eq!(ready(&plan), ["c"]);
    plan.steps[2].status = StepStatus::Completed;
    assert!(plan.is_complete());
}

#[test]
fn field_lists_equal_the_schema() {
    fn properties(schema: schemars::Schema) -> Vec<String> {
        let mut names: Vec<String> =
            schema.as_value()["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }
    fn sorted<const N: usize>(names: [&str; N]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    }
    assert_eq!(properties(schemars::schema_for!(Plan)), sorted(Plan::FIELDS));
    assert_eq!(properties(schemars::schema_for!(PlanStep)), sorted(PlanStep::FIELDS));
}
