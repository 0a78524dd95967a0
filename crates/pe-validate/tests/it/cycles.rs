//! Circles: found if and only if there are any, real, shortest, distinct and in order.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use pe_model::{Plan, StepId};
use pe_testkit::{plan, step};
use pe_validate::{Code, ValidationReport};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{checked, codes};

/// Random declared dependencies with circles planted, some dangling, some ids taken twice.
fn tangled() -> impl Strategy<Value = Plan> {
    let edges = prop::collection::vec((0..12_usize, 0..14_usize), 0..24);
    let planted = prop::option::of(prop::collection::vec(0..12_usize, 2..6));
    let repeated = prop::option::weighted(0.2, (0..12_usize, 0..12_usize));
    (1..12_usize, edges, planted, repeated).prop_map(|(count, edges, planted, repeated)| {
        let id =
            |n: usize| if n >= 12 { format!("dangling{n}") } else { format!("s{}", n % count) };
        let mut steps: Vec<_> = (0..count).map(|n| pe_model::PlanStep::from(step(id(n)))).collect();
        for (from, to) in edges {
            steps[from % count].dependencies.push(StepId::new(id(to)));
        }
        for ring in planted.iter() {
            for (at, member) in ring.iter().enumerate() {
                let before = ring[(at + 1) % ring.len()];
                steps[member % count].dependencies.push(StepId::new(id(before)));
            }
        }
        if let Some((one, other)) = repeated {
            steps[one % count].step_id = StepId::new(id(other));
        }
        plan(steps)
    })
}

/// What each step waits for, by place; an id means the first step that has it.
fn dependencies(plan: &Plan) -> Vec<BTreeSet<usize>> {
    let mut first = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        first.entry(&step.step_id).or_insert(at);
    }
    let own = |step: &pe_model::PlanStep| {
        let others = step.dependencies.iter().filter(|on| **on != step.step_id);
        others.filter_map(|on| first.get(on).copied()).collect()
    };
    plan.steps.iter().map(own).collect()
}

/// The fewest steps on a way from a step back to it, over others' dependencies.
fn girth(dependencies: &[BTreeSet<usize>], start: usize) -> Option<usize> {
    let mut distance = BTreeMap::from([(start, 0)]);
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in &dependencies[at] {
            if next == start {
                return Some(distance[&at] + 1);
            }
            if !distance.contains_key(&next) {
                distance.insert(next, distance[&at] + 1);
                queue.push_back(next);
            }
        }
    }
    None
}

fn judge(plan: &Plan, report: &ValidationReport) {
    let dependencies = dependencies(plan);
    let girths: Vec<Option<usize>> =
        (0..plan.steps.len()).map(|at| girth(&dependencies, at)).collect();
    let circles: Vec<&Vec<StepId>> =
        report.circular_dependencies.iter().filter(|circle| circle.len() > 1).collect();
    assert_eq!(circles.is_empty(), girths.iter().all(Option::is_none));
    assert_eq!(circles.len(), circles.iter().collect::<HashSet<_>>().len(), "distinct");
    let places = |circle: &[StepId]| -> Vec<usize> {
        // Only the first of two steps with one id can be waited for.
        circle
            .iter()
            .map(|id| plan.steps.iter().position(|step| step.step_id == *id).unwrap())
            .collect()
    };
    let mut covered = BTreeSet::new();
    for circle in &circles {
        let places = places(circle);
        assert_eq!(places.iter().min(), places.first(), "earliest first: {circle:?}");
        for (at, &member) in places.iter().enumerate() {
            let next = places[(at + 1) % places.len()];
            assert!(dependencies[next].contains(&member), "{circle:?}");
        }
        assert!(places.iter().any(|&at| girths[at] == Some(places.len())), "{circle:?}");
        covered.extend(places);
    }
    let members: BTreeSet<usize> = (0..girths.len()).filter(|&at| girths[at].is_some()).collect();
    assert_eq!(covered, members, "a circle through each member");
    for &member in &members {
        let shortest = girths[member].unwrap();
        let through =
            |circle: &&&Vec<StepId>| circle.len() == shortest && places(circle).contains(&member);
        assert!(circles.iter().any(|circle| through(&circle)), "a shortest one through {member}");
    }
    let own = |step: &&pe_model::PlanStep| step.dependencies.contains(&step.step_id);
    let selves: HashSet<&StepId> = plan.steps.iter().filter(own).map(|s| &s.step_id).collect();
    let told: Vec<&Vec<StepId>> =
        report.circular_dependencies.iter().filter(|circle| circle.len() == 1).collect();
    assert_eq!(told.len(), selves.len());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 2_000, ..Config::default() })]

    #[test]
    fn circles_are_the_real_ones(plan in tangled()) {
        judge(&plan, &checked(&plan).report);
    }
}

#[test]
fn a_circle_of_100_000_steps_is_found_once() {
    const STEPS: usize = 100_000;
    let steps =
        (0..STEPS).map(|n| step(format!("s{n}")).after([format!("s{}", (n + STEPS - 1) % STEPS)]));
    let report = checked(&plan(steps)).report;
    assert_eq!(codes(&report), [Code::Cycle], "{:?}", &report.errors);
    assert_eq!(report.circular_dependencies[0].len(), STEPS);
    assert!(report.errors[0].len() < 300, "{}", report.errors[0]);
}

#[test]
fn at_most_a_hundred_are_listed_and_the_cut_is_said() {
    let pairs = |count: usize| {
        plan((0..count).flat_map(|n| {
            let (one, other) = (format!("a{n}"), format!("b{n}"));
            [step(&one).after([&other]), step(&other).after([&one])]
        }))
    };
    let report = checked(&pairs(100)).report;
    assert_eq!(codes(&report), [Code::Cycle; 100]);
    let report = checked(&pairs(101)).report;
    assert_eq!(report.circular_dependencies.len(), 100);
    assert_eq!(codes(&report).iter().filter(|code| **code == Code::More).count(), 1);
}

#[test]
fn a_large_knot_ends() {
    // 2,000 steps, each after the 50 before it and, around the corner, the first after the last.
    let steps = (0..2_000_usize).map(|n| {
        let before = (n.saturating_sub(50)..n).map(|on| format!("s{on}"));
        step(format!("s{n}")).after(before.chain((n == 0).then(|| "s1999".to_owned())))
    });
    let report = checked(&plan(steps)).report;
    assert!(!report.circular_dependencies.is_empty());
    assert!(report.circular_dependencies.len() <= 100);
}
