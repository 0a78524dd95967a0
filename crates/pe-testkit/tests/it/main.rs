//! The test kit holds what it says.
#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod inference;
mod models;

use std::collections::HashSet;

use pe_model::{Effect, PlanStep, StepType, TriggerRule};
use pe_testkit::{
    Ingredients, SHARED_SETS, arbitrary_plan, arbitrary_plan_with, catalog_of, naive, plan,
    realistic_catalog, shared_plans, shared_truth, step, valid,
};
use pe_validate::{Limits, check};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 500, ..Config::default() })]

    #[test]
    fn drawn_plans_are_valid(plan in arbitrary_plan()) {
        let checked = check(plan.clone(), &catalog_of(&plan), &Limits::default());
        prop_assert!(checked.plan.is_some(), "{}", checked.report.render("plan"));
    }

    #[test]
    fn ingredients_are_left_out(plan in arbitrary_plan_with(Ingredients {
        max_steps: 5, fallbacks: false, whole_readers: false, out_of_order: false,
        ..Ingredients::default()
    })) {
        prop_assert!(plan.steps.len() <= 5);
        prop_assert!(plan.steps.iter().all(|step| step.step_type != StepType::Fallback));
        prop_assert!(naive::waits(&plan).iter().all(|waits| !waits.reads_whole));
    }
}

/// A generator that never draws something tests nothing of it.
#[test]
fn everything_is_drawn() {
    let mut runner = TestRunner::deterministic();
    let ingredients = Ingredients { approvals: true, ..Ingredients::default() };
    let strategy = arbitrary_plan_with(ingredients);
    let plans: Vec<_> =
        (0..400).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let steps: Vec<&PlanStep> = plans.iter().flat_map(|plan| &plan.steps).collect();
    for kind in StepType::ALL {
        assert!(steps.iter().any(|step| step.step_type == kind), "{kind}");
    }
    let rules: HashSet<TriggerRule> = steps.iter().filter_map(|step| step.trigger_rule).collect();
    assert_eq!(rules.len(), 4);
    let has = |what: &str, holds: &dyn Fn(&PlanStep) -> bool| {
        assert!(steps.iter().any(|step| holds(step)), "no {what} in 400 plans");
    };
    has("loop over a list", &|step| step.loop_over.is_some());
    has("loop until", &|step| step.loop_until.is_some());
    has("retry", &|step| step.retry.is_some());
    has("approval", &|step| step.approval);
    let any = |what: &str, holds: &dyn Fn(&pe_model::Plan) -> bool| {
        assert!(plans.iter().any(holds), "no {what} in 400 plans");
    };
    any("step with two fallbacks", &|plan| naive::fallbacks(plan).iter().any(|f| f.len() > 1));
    any("fallback of a fallback", &|plan| {
        let fallbacks = naive::fallbacks(plan);
        fallbacks.iter().flatten().any(|&fallback| !fallbacks[fallback].is_empty())
    });
    any("reader of all", &|plan| naive::waits(plan).iter().any(|waits| waits.reads_whole));
    any("ordering edge", &|plan| naive::waits(plan).iter().any(|w| !w.ordering.is_empty()));
    any("plan out of order", &|plan| {
        let waits = naive::waits(plan);
        waits.iter().enumerate().any(|(at, w)| w.triggers.iter().any(|&on| on > at))
    });
}

#[test]
fn builders_write_what_they_say() {
    let plan = plan([
        step("a").complexity(3).lasts_ms(20).timeout_ms(5),
        step("b").reads("a").looks_at("c"),
        step("c").when("true").trigger(TriggerRule::AllDone),
        step("d").instead_of("a").reads_whole(),
        step("e").until("true", 3).expect("result == 1"),
    ]);
    let waits = naive::waits(&plan);
    assert_eq!((waits[1].triggers.len(), waits[1].ordering.len()), (1, 1));
    assert!(waits[3].reads_whole);
    assert_eq!(plan.steps[4].loop_count, Some(3));
    assert_eq!(valid(&plan).steps().len(), 5);
}

#[test]
fn naive_edges_of_a_fallback() {
    // `d` reads everything: `a` settles only when its fallback `d` is over, so `a` is left out;
    // and `d` itself settles with `a`, not before it.
    let plan = plan([
        step("a"),
        step("b"),
        step("c").after(["a"]),
        step("d").instead_of("a").reads_whole(),
    ]);
    let before = naive::settled_before(&plan).unwrap();
    assert_eq!(before[3].iter().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(before[2].iter().copied().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn the_realistic_catalog_holds_all_that_tools_declare() {
    let catalog = realistic_catalog();
    assert_eq!(catalog.len(), 20);
    let effects: HashSet<Effect> = catalog.iter().map(|tool| tool.effect).collect();
    assert_eq!(effects.len(), 4);
    let counts: HashSet<usize> = catalog
        .iter()
        .map(|tool| tool.parameters["properties"].as_object().unwrap().len())
        .collect();
    assert_eq!((counts.iter().min(), counts.iter().max()), (Some(&1), Some(&6)));
    let steps = catalog.iter().map(|tool| {
        let step = step(&tool.name).tool(&tool.name);
        tool.required_parameters().fold(step, |step, name| step.parameter(name, "{{ context }}"))
    });
    let checked = check(plan(steps), &catalog, &Limits::default());
    let findings = checked.report.render("plan");
    assert!(checked.report.findings.is_empty(), "every schema compiles and is met:\n{findings}");
}

#[test]
fn shared_sets_are_read_with_their_truth() {
    for set in SHARED_SETS {
        let (Some(plans), Some(truth)) = (shared_plans(set), shared_truth(set)) else { return };
        assert_eq!(plans.len(), truth.len(), "{set}");
    }
}
