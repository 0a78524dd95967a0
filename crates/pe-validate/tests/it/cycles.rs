//! Faults of a graph: each found if and only if it is there, at its place.
//!
//! Circles besides are real, shortest, distinct and in order.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use pe_model::{Plan, StepId};
use pe_testkit::{plan, step};
use pe_validate::{Code, ValidationReport};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{checked, codes};

/// Random declared dependencies with circles planted, some dangling, some ids blank or taken twice.
fn tangled() -> impl Strategy<Value = Plan> {
    let edges = prop::collection::vec((0..12_usize, 0..14_usize), 0..24);
    let planted = prop::option::of(prop::collection::vec(0..12_usize, 2..6));
    let repeated = prop::option::weighted(0.2, (0..12_usize, 0..12_usize));
    let blank = prop::option::weighted(0.1, 0..12_usize);
    let whole = (1..12_usize, edges, planted, repeated, blank);
    whole.prop_map(|(count, edges, planted, repeated, blank)| {
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
        if let Some(one) = blank {
            steps[one % count].step_id = StepId::new(" ");
        }
        plan(steps)
    })
}

/// Where each id is first; a blank one names no step.
fn places(plan: &Plan) -> BTreeMap<&StepId, usize> {
    let mut first = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if step.step_id.as_str() != " " {
            first.entry(&step.step_id).or_insert(at);
        }
    }
    first
}

/// Codes and pointers of all faults but circles, as a look at each step by itself finds them.
fn faults(plan: &Plan) -> BTreeSet<(Code, String)> {
    let first = places(plan);
    let mut faults = BTreeSet::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let own = &step.step_id;
        match first.get(own) {
            None => faults.insert((Code::BlankId, format!("/steps/{at}/step_id"))),
            Some(&first) if first < at => {
                faults.insert((Code::DuplicateId, format!("/steps/{at}/step_id")))
            }
            Some(_) => false,
        };
        for (number, on) in step.dependencies.iter().enumerate() {
            let code = if step.dependencies[..number].contains(on) {
                Code::RepeatedDependency
            } else if on == own {
                Code::SelfDependency
            } else if !first.contains_key(on) {
                Code::UnknownDependency
            } else {
                continue;
            };
            faults.insert((code, format!("/steps/{at}/dependencies/{number}")));
        }
    }
    faults
}

/// What each step waits for, by place; an id means the first step that has it.
fn dependencies(plan: &Plan) -> Vec<BTreeSet<usize>> {
    let first = places(plan);
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
    let told: Vec<&StepId> = report
        .circular_dependencies
        .iter()
        .filter(|circle| circle.len() == 1)
        .map(|circle| &circle[0])
        .collect();
    assert_eq!(told.len(), selves.len(), "each once");
    assert_eq!(told.into_iter().collect::<HashSet<_>>(), selves);
}

/// Each fault is told once and at its place, each circle at its first step, and nothing else is.
fn judge_places(plan: &Plan, report: &ValidationReport) {
    let of_graphs = [
        Code::BlankId,
        Code::DuplicateId,
        Code::UnknownDependency,
        Code::SelfDependency,
        Code::RepeatedDependency,
    ];
    let findings = || report.findings.iter();
    let told: Vec<(Code, String)> = findings()
        .filter(|finding| of_graphs.contains(&finding.code))
        .map(|finding| (finding.code, finding.pointer.clone()))
        .collect();
    let expected = faults(plan);
    assert_eq!(told.len(), expected.len(), "each once: {told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
    let first = places(plan);
    let mut circles: Vec<String> = report
        .circular_dependencies
        .iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| format!("/steps/{}", first[&circle[0]]))
        .collect();
    let mut at: Vec<String> =
        findings().filter(|f| f.code == Code::Cycle).map(|f| f.pointer.clone()).collect();
    circles.sort();
    at.sort();
    assert_eq!(at, circles);
    for finding in findings().filter(|finding| finding.pointer.starts_with("/steps/")) {
        let place = finding.pointer.split('/').nth(2).unwrap().parse::<usize>().unwrap();
        assert_eq!(finding.step_id.as_ref(), Some(&plan.steps[place].step_id));
    }
    let is_harmless = |f: &pe_validate::Finding| f.severity != pe_validate::Severity::Error;
    assert_eq!(report.is_valid, findings().all(is_harmless));
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 2_000, ..Config::default() })]

    #[test]
    fn faults_of_a_graph_are_the_real_ones(plan in tangled()) {
        let report = checked(&plan).report;
        judge(&plan, &report);
        judge_places(&plan, &report);
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
