//! Which edges a plan has, of which kind.

use pe_model::TriggerRule;
use pe_testkit::{StepBuilder, arbitrary_plan, naive, plan, step, valid};
use pe_validate::{Code, EdgeKind, ValidPlan};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{checked, codes};

/// The triggers of step `reader`, and the other steps among `a` to `c` that it waits for.
fn check(reader: StepBuilder, triggers: &[u32], ordering: &[u32]) {
    let steps = [step("a"), step("b"), step("c"), reader];
    let graph = valid(&plan(steps)).graph().clone();
    assert_eq!(graph.triggers(3), triggers);
    let mut waits = Vec::new();
    for from in 0..3 {
        let mut links = graph.links(from).iter();
        if links.any(|link| link.to == 3 && !link.is_trigger) {
            waits.push(from as u32);
        }
    }
    assert_eq!(waits, ordering);
    assert_eq!(graph.ordering_waits(3) as usize, ordering.len());
}

fn reader() -> StepBuilder {
    step("r")
}

#[test]
fn declared_dependencies_are_triggers() {
    check(reader().after(["c", "a"]), &[0, 2], &[]);
}

#[test]
fn results_are_triggers_wherever_they_are_read() {
    check(reader().parameter("x", "{{ results.a.url }}"), &[0], &[]);
    check(reader().parameter("x", serde_json::json!([{"y": "z {{ results['b'] }}"}])), &[1], &[]);
    check(reader().when("results.a.n > 1 and results.c"), &[0, 2], &[]);
    check(reader().expect("result == results.b"), &[1], &[]);
    check(reader().over("results.c"), &[2], &[]);
    check(reader().until("results.c == result", 2), &[2], &[]);
}

#[test]
fn steps_and_guarded_references_only_order() {
    check(reader().looks_at("a"), &[], &[0]);
    check(reader().when("exists(results.a) and default(results.b, 1) == 1"), &[], &[0, 1]);
    check(reader().when("default(1, results.b) == 1"), &[1], &[]);
    check(reader().when("exists(steps.a.error)"), &[], &[0]);
}

#[test]
fn a_trigger_wins_over_an_ordering_edge() {
    check(reader().after(["a"]).looks_at("a").reads("a"), &[0], &[]);
}

#[test]
fn a_reader_of_one_step_before_it_has_one_edge() {
    let graph = valid(&plan([step("a"), step("r").after(["a"]).reads_whole()])).graph().clone();
    assert_eq!((graph.triggers(1), graph.ordering_waits(1)), (&[0_u32][..], 0));
    assert_eq!(graph.step_edges(), [(0, 1, EdgeKind::Trigger)]);
}

#[test]
fn a_trigger_rule_changes_no_edge() {
    check(reader().after(["a"]).looks_at("b").trigger(TriggerRule::AllDone), &[0], &[1]);
}

#[test]
fn a_fallback_follows_its_target_and_triggers_on_others() {
    let fallback = step("f").instead_of("a").after(["a", "b"]).reads("a").looks_at("a");
    let valid = valid(&plan([step("a"), step("b"), fallback]));
    let graph = valid.graph();
    assert_eq!((graph.triggers(2), graph.ordering_waits(2)), (&[1_u32][..], 0));
    assert_eq!((graph.fallbacks(0), graph.is_fallback(2)), (&[2_u32][..], true));
    assert_eq!(graph.step_edges(), [(0, 2, EdgeKind::Fallback), (1, 2, EdgeKind::Trigger)]);
}

#[test]
fn a_chained_fallback_may_look_at_all_that_it_stands_in_for() {
    let chained = step("g").instead_of("f").after(["a"]).looks_at("a").reads_whole();
    let valid = valid(&plan([step("a"), step("f").instead_of("a"), chained]));
    assert_eq!((valid.graph().triggers(2), valid.graph().ordering_waits(2)), (&[][..], 0));
}

#[test]
fn a_fallback_that_waits_for_a_dependent_of_its_target_is_a_circle() {
    let report = checked(&plan([
        step("t"),
        step("d").after(["t"]),
        step("between").looks_at("d"),
        step("f").instead_of("t").reads("between"),
    ]))
    .report;
    assert_eq!(codes(&report), [Code::Cycle]);
    let circle: Vec<&str> = report.circular_dependencies[0].iter().map(|id| id.as_str()).collect();
    assert_eq!(circle, ["d", "between", "f"]);
    let said = "`f` is a fallback, and whoever waits for `t` waits for it too";
    assert!(report.errors[0].contains(said), "{}", report.errors[0]);
}

#[test]
fn an_earlier_fallback_that_waits_for_a_later_one_is_a_circle() {
    let report = checked(&plan([
        step("t"),
        step("f").instead_of("t").after(["g"]),
        step("g").instead_of("t"),
    ]))
    .report;
    // `f` waits for `g`, which settles after `t`, which waits for `f`; and `g` comes after `f`.
    assert_eq!(codes(&report), [Code::Cycle, Code::Cycle]);
}

#[test]
fn a_later_fallback_may_look_at_an_earlier_one() {
    let valid = valid(&plan([
        step("t"),
        step("f").instead_of("t"),
        step("g").instead_of("t").after(["f"]),
        step("h").instead_of("g").after(["f", "t"]),
    ]));
    for fallback in 1..4 {
        assert!(valid.graph().triggers(fallback).is_empty(), "it has failed by then anyway");
    }
}

#[test]
fn a_fallback_that_waits_for_who_waits_for_its_predecessor_is_a_circle() {
    let report = checked(&plan([
        step("t"),
        step("f").instead_of("t"),
        step("d").after(["f"]),
        step("g").instead_of("t").after(["d"]),
    ]))
    .report;
    assert!(!report.is_valid, "`f` settles with `t`, `t` waits for `g`, `g` for `d`, `d` for `f`");
}

#[test]
fn fallbacks_for_each_other_are_a_circle() {
    let report = checked(&plan([step("f").instead_of("g"), step("g").instead_of("f")])).report;
    assert_eq!(codes(&report), [Code::Cycle]);
    assert_eq!(report.circular_dependencies[0].len(), 2);
}

/// Triggers and ordering edges of every step against the naive ones.
fn same_edges(plan: &pe_model::Plan, valid: &ValidPlan) {
    for (at, waits) in naive::waits(plan).into_iter().enumerate() {
        let triggers: Vec<u32> = waits.triggers.iter().map(|&on| on as u32).collect();
        assert_eq!(valid.graph().triggers(at), triggers, "triggers of {at}");
        for on in waits.ordering {
            let mut links = valid.graph().links(on).iter();
            assert!(links.any(|link| link.to == at as u32 && !link.is_trigger), "{on} to {at}");
        }
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn edges_are_the_naive_ones(plan in arbitrary_plan()) {
        same_edges(&plan, &valid(&plan));
    }
}
