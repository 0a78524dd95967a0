//! Readers of everything: barriers against the naive n² edges.

use std::collections::BTreeSet;

use pe_model::Plan;
use pe_testkit::naive::{Moments, settled_before};
use pe_testkit::{Ingredients, arbitrary_plan_with, plan, step, valid};
use pe_validate::{StepGraph, ValidPlan};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// The steps that must have settled before each starts, by the graph alone.
fn settled_by_graph(graph: &StepGraph) -> Vec<BTreeSet<usize>> {
    let steps = graph.step_count();
    let mut moments = Moments::new(steps);
    let barriers: Vec<usize> = (0..graph.barrier_count()).map(|_| moments.another()).collect();
    let enters = |node: usize| if node < steps { node } else { barriers[node - steps] };
    for node in 0..steps + barriers.len() {
        let leaves = if node < steps { moments.settled(node) } else { barriers[node - steps] };
        for link in graph.links(node) {
            moments.edge(leaves, enters(link.to as usize));
        }
    }
    let fallbacks = |step: usize| graph.fallbacks(step).iter().map(|&f| f as usize).collect();
    moments.stand_ins(&(0..steps).map(fallbacks).collect::<Vec<_>>());
    assert!(moments.is_acyclic());
    moments.settled_before()
}

fn same(plan: &Plan) {
    let valid = valid(plan);
    let naive = settled_before(plan).unwrap();
    for (at, (found, expected)) in settled_by_graph(valid.graph()).iter().zip(&naive).enumerate() {
        assert_eq!(found, expected, "what settles before step number {at}");
    }
    counts_agree(&valid);
}

/// Whoever counts down `ordering_waits` and triggers starts exactly when nothing is missing.
fn counts_agree(valid: &ValidPlan) {
    let graph = valid.graph();
    let nodes = graph.step_count() + graph.barrier_count();
    let (mut ordering, mut triggers) = (vec![0_u32; nodes], vec![0_u32; nodes]);
    for link in (0..nodes).flat_map(|node| graph.links(node)) {
        let counts = if link.is_trigger { &mut triggers } else { &mut ordering };
        counts[link.to as usize] += 1;
    }
    for node in 0..nodes {
        assert_eq!(graph.ordering_waits(node), ordering[node], "node {node}");
        if node < graph.step_count() {
            assert_eq!(graph.triggers(node).len(), triggers[node] as usize, "node {node}");
        }
    }
}

/// Every third step or so reads everything, and most plans are out of order.
fn crowded() -> impl Strategy<Value = Plan> {
    let ingredients = Ingredients { max_steps: 24, ..Ingredients::default() };
    let readers = prop::collection::vec(prop::bool::weighted(0.35), 24);
    let order = prop::collection::vec(any::<u8>(), 24);
    (arbitrary_plan_with(ingredients), readers, order).prop_map(|(mut plan, readers, order)| {
        for (step, reads) in plan.steps.iter_mut().zip(readers) {
            if reads {
                step.parameters.insert("whole".to_owned(), "{{ len(results) }}".into());
            }
        }
        let mut keyed: Vec<_> = order.into_iter().zip(plan.steps.clone()).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let shuffled =
            Plan { steps: keyed.into_iter().map(|(_, step)| step).collect(), ..plan.clone() };
        if settled_before(&shuffled).is_some() { shuffled } else { plan }
    })
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 1_000, ..Config::default() })]

    #[test]
    fn a_reader_waits_for_what_the_naive_edges_say(plan in crowded()) {
        same(&plan);
    }
}

#[test]
fn a_reader_that_is_a_fallback_does_not_wait_for_its_target_to_settle() {
    same(&plan([step("a"), step("b"), step("f").instead_of("a").reads_whole()]));
}

#[test]
fn descendants_listed_before_a_reader_are_left_out() {
    same(&plan([step("x"), step("late").reads("r"), step("y"), step("r").reads_whole()]));
}

#[test]
fn of_two_readers_that_would_wait_for_each_other_the_first_waits() {
    // `q` descends from nothing; `p` is listed after it and waits for it.
    same(&plan([
        step("a").after(["p"]),
        step("q").reads_whole(),
        step("p").reads_whole(),
        step("r").reads_whole().after(["q"]),
    ]));
}

#[test]
fn intervals_at_the_edges_of_the_tree() {
    for steps in 1..20 {
        same(&plan((0..steps).map(|n| step(format!("s{n}")).reads_whole())));
        same(&plan((0..steps).map(|n| {
            let step = step(format!("s{n}"));
            if n == steps - 1 { step.reads_whole() } else { step }
        })));
    }
}

const MANY: usize = 20_000;

#[test]
fn many_readers_in_order() {
    let valid = valid(&plan((0..MANY).map(|n| step(format!("s{n}")).reads_whole())));
    let edges: usize =
        (0..MANY + valid.graph().barrier_count()).map(|node| valid.graph().links(node).len()).sum();
    assert!(edges < MANY * 20, "{edges} edges");
}

#[test]
fn many_readers_beside_one_fallback_of_the_first_step() {
    let readers = (0..MANY).map(|n| step(format!("s{n}")).reads_whole());
    let last = step("f").instead_of("s0").reads_whole();
    let valid = valid(&plan(readers.chain([last])));
    assert_eq!(valid.graph().ordering_waits(MANY), 0, "all others descend from `s0`");
}

#[test]
fn many_readers_each_with_a_fallback_that_reads_everything() {
    let pairs = (0..MANY / 2).flat_map(|n| {
        let reader = step(format!("s{n}")).reads_whole();
        [reader, step(format!("f{n}")).instead_of(format!("s{n}")).reads_whole()]
    });
    valid(&plan(pairs));
}

#[test]
fn many_readers_listed_last_first() {
    let steps = (0..MANY).rev().map(|n| {
        let step = step(format!("s{n}")).reads_whole();
        if n > 0 { step.after([format!("s{}", n - 1)]) } else { step }
    });
    // Each has all before it as descendants: bounded work, and either an answer or a refusal.
    let checked = super::checked(&plan(steps));
    assert!(checked.report.findings.len() <= 1);
}
