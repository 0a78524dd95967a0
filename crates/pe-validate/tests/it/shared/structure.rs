//! What plans declare: ids, dependencies, circles, depth and widths.

use std::collections::BTreeSet;

use pe_model::Plan;
use pe_validate::{Code, StepGraph, ValidationReport};
use serde_json::Value;

use super::super::checked;
use super::{Pair, bare, each, has, in_circles, members, name, pairs, strings};

/// Pairs of step and dependency, as findings of a code point to them.
fn dependencies(plan: &Plan, report: &ValidationReport, code: Code) -> BTreeSet<Pair> {
    let pair = |pointer: &str| {
        let mut parts = pointer.split('/').skip(2);
        let step = &plan.steps[parts.next().unwrap().parse::<usize>().unwrap()];
        let number: usize = parts.nth(1).unwrap().parse().unwrap();
        (step.step_id.to_string(), step.dependencies[number].to_string())
    };
    report.findings.iter().filter(|f| f.code == code).map(|f| pair(&f.pointer)).collect()
}

fn compare(plan: &Plan, truth: &Value) {
    let name = name(plan);
    let checked = checked(&bare(plan));
    let report = &checked.report;
    assert_eq!(Value::Bool(has(report, Code::NoSteps)), truth["empty"], "{name}");
    let repeated: BTreeSet<String> = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::DuplicateId)
        .map(|finding| finding.step_id.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(repeated, strings(&truth["duplicate_step_ids"]), "{name}");
    let dangling = dependencies(plan, report, Code::UnknownDependency);
    assert_eq!(dangling, pairs(&truth["dangling_dependencies"]), "{name}");
    let own: BTreeSet<String> =
        dependencies(plan, report, Code::SelfDependency).into_iter().map(|(id, _)| id).collect();
    assert_eq!(own, strings(&truth["self_dependencies"]), "{name}");
    let components = truth["cycle_components"].as_array().unwrap();
    assert_eq!(in_circles(report), members(components.iter().map(strings)), "{name}");
    let structural = [
        Code::NoSteps,
        Code::DuplicateId,
        Code::UnknownDependency,
        Code::SelfDependency,
        Code::Cycle,
    ];
    let sound = !structural.into_iter().any(|code| has(report, code));
    assert_eq!(Value::Bool(sound), truth["structurally_valid"], "{name}");
    // A loop without a driver cannot be executed, but its place in the graph is as good as any.
    if let Some(valid) = checked.plan.filter(|_| sound) {
        shape(valid.graph(), truth, name);
    }
}

/// What the graph of a sound plan answers.
fn shape(graph: &StepGraph, truth: &Value, name: &str) {
    assert_eq!(Value::from(graph.depth()), truth["depth"], "{name}");
    let edges = graph.step_edges();
    assert_eq!(Value::from(edges.len()), truth["n_edges"], "{name}");
    let steps = graph.step_count();
    let count = |is_end: &dyn Fn(usize) -> bool| (0..steps).filter(|&step| is_end(step)).count();
    let roots = count(&|step| graph.triggers(step).is_empty());
    assert_eq!(Value::from(roots), truth["roots"], "{name}");
    let sinks = count(&|step| graph.links(step).is_empty());
    assert_eq!(Value::from(sinks), truth["sinks"], "{name}");
    // The steps from each one on, itself included: what remains of the deepest path.
    let remaining = graph.remaining_path(&vec![1.0; steps]);
    let (path, total) = graph.critical_path(&vec![1.0; steps]);
    assert_eq!((path.len(), total), (graph.depth(), graph.depth() as f64), "{name}");
    assert!(remaining.iter().all(|&remaining| 1.0 <= remaining && remaining <= total), "{name}");
    let mut levels = vec![0_usize; steps];
    let mut widths = vec![0_usize; graph.depth()];
    for step in by_level(graph) {
        levels[step] =
            graph.triggers(step).iter().map(|&on| levels[on as usize] + 1).max().unwrap_or(0);
        widths[levels[step]] += 1;
    }
    assert_eq!(Value::from(widths), truth["level_widths"], "{name}");
    let redundant = edges.iter().filter(|&&(from, to, _)| leads_round(graph, from, to)).count();
    assert_eq!(Value::from(redundant), truth["redundant_edges"], "{name}");
}

/// Steps in an order in which each comes after what it waits for.
fn by_level(graph: &StepGraph) -> Vec<usize> {
    let steps = graph.step_count();
    let mut missing: Vec<usize> = (0..steps).map(|step| graph.triggers(step).len()).collect();
    let mut order: Vec<usize> = (0..steps).filter(|&step| missing[step] == 0).collect();
    let mut at = 0;
    while let Some(&step) = order.get(at) {
        at += 1;
        for link in graph.links(step) {
            missing[link.to as usize] -= 1;
            if missing[link.to as usize] == 0 {
                order.push(link.to as usize);
            }
        }
    }
    order
}

/// Whether there is a way from one step to the other besides the edge itself.
fn leads_round(graph: &StepGraph, from: usize, to: usize) -> bool {
    let mut open: Vec<usize> =
        graph.links(from).iter().map(|link| link.to as usize).filter(|&next| next != to).collect();
    let mut seen = BTreeSet::new();
    while let Some(step) = open.pop() {
        if step == to {
            return true;
        }
        if seen.insert(step) {
            open.extend(graph.links(step).iter().map(|link| link.to as usize));
        }
    }
    false
}

#[test]
fn declared_dependencies_are_judged_as_the_truth_says() {
    each(|_, plan, truth| compare(plan, truth));
}
