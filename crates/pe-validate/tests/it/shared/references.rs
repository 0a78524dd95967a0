//! What expressions read, held against the checker's three lists.
//!
//! - `dangling_references`: the step that is read does not exist. Ours: PE031.
//! - `self_or_forward_references`: it is the reader itself, or listed after it. Ours: PE032 for
//!   the reader itself; for a later one an edge, as for any other, and so a circle (PE015) where
//!   it closes one.
//! - `undeclared_references`: it is no dependency of the reader. Ours: exactly the edges that the
//!   graph has and the declaration lacks, and PE032.

use std::collections::{BTreeMap, BTreeSet};

use pe_expr::Template;
use pe_model::{Plan, PlanStep, StepId};
use pe_testkit::{plan as plan_of, step};
use pe_validate::{Code, ValidPlan, ValidationReport};
use serde_json::Value;

use super::super::checked;
use super::{Pair, each, has, in_circles, name, pairs};

/// The only set whose expressions are in another language, which `foreign` looks at.
const FOREIGN: &str = "ops_dags";

/// The steps that one step reads, as our graph has them: it is put alone among stand-ins for all
/// that could be read, itself included, so that every reference is an edge.
fn reads(reader: &PlanStep, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut reader = reader.clone();
    reader.step_id = StepId::new("the reader");
    reader.dependencies.clear();
    let steps = known.iter().map(|id| step(id).into()).chain([reader]);
    let plan = plan_of(steps.collect::<Vec<PlanStep>>());
    let checked = checked(&plan);
    let valid = checked.plan.unwrap_or_else(|| panic!("{:?}", checked.report.errors));
    let edges = valid.graph().step_edges().into_iter();
    edges.map(|(from, _, _)| plan.steps[from].step_id.to_string()).collect()
}

/// Pairs of a step and the step that it reads, as findings of a code tell them: the pointer leads
/// to the text, the column to the place in it, and the message names the step.
fn told(plan: &Plan, report: &ValidationReport, code: Code) -> BTreeSet<Pair> {
    let mut told = BTreeSet::new();
    for finding in report.findings.iter().filter(|finding| finding.code == code) {
        let reader = finding.step_id.as_ref().unwrap();
        let (place, pointer) =
            finding.pointer["/steps/".len()..].split_once("/parameters").unwrap();
        let reading = &plan.steps[place.parse::<usize>().unwrap()];
        assert_eq!(&reading.step_id, reader);
        let parameters = Value::Object(reading.parameters.clone());
        let text = parameters.pointer(pointer).unwrap().as_str().unwrap();
        let read = Template::parse(text).unwrap().references().steps.clone();
        let named = |id: &str| match code {
            Code::UnknownReference => finding.message.contains(&format!("reads step `{id}`,")),
            _ => id == reader.as_str(),
        };
        let read: BTreeSet<String> =
            read.into_iter().map(|reference| reference.step).filter(|id| named(id)).collect();
        assert_eq!(read.len(), 1, "{}", finding.message);
        told.extend(read.into_iter().map(|read| (reader.to_string(), read)));
    }
    told
}

/// Pairs of a step and another one that it waits for.
fn edges(plan: &Plan, valid: &ValidPlan) -> BTreeSet<Pair> {
    let id = |place: usize| plan.steps[place].step_id.to_string();
    valid.graph().step_edges().into_iter().map(|(from, to, _)| (id(to), id(from))).collect()
}

/// The steps that lie on a circle of these edges: those that come to themselves again.
fn on_circles(edges: &BTreeSet<Pair>) -> BTreeSet<String> {
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (step, on) in edges.iter().filter(|(step, on)| step != on) {
        after.entry(step).or_default().push(on);
    }
    let comes_back = |start: &&&str| {
        let (mut open, mut seen) = (vec![**start], BTreeSet::new());
        while let Some(at) = open.pop() {
            for &next in after.get(at).into_iter().flatten() {
                if next == **start {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    after.keys().filter(comes_back).map(|id| (*id).to_owned()).collect()
}

fn compare(set: &str, plan: &Plan, truth: &Value) {
    let name = name(plan);
    let lists = ["dangling_references", "undeclared_references", "self_or_forward_references"];
    let [dangling, undeclared, forward] = lists.map(|list| pairs(&truth[list]));
    if set == FOREIGN {
        assert!(dangling.is_empty() && undeclared.is_empty() && forward.is_empty(), "{name}");
        return;
    }
    let place: BTreeMap<&str, usize> =
        plan.steps.iter().enumerate().map(|(place, step)| (step.step_id.as_str(), place)).collect();
    let declared: BTreeSet<Pair> = plan
        .steps
        .iter()
        .flat_map(|step| {
            step.dependencies.iter().map(|on| (step.step_id.to_string(), on.to_string()))
        })
        .collect();
    let report = checked(plan).report;

    assert_eq!(told(plan, &report, Code::UnknownReference), dangling, "{name}");

    let known: BTreeSet<String> = place.keys().map(|id| (*id).to_owned()).collect();
    let anything: BTreeSet<String> =
        known.iter().chain(dangling.iter().map(|(_, id)| id)).cloned().collect();
    let read: BTreeSet<Pair> = plan
        .steps
        .iter()
        .flat_map(|step| {
            let read = reads(step, &anything).into_iter();
            read.map(|read| (step.step_id.to_string(), read))
        })
        .collect();
    let is_known = |(_, id): &&Pair| known.contains(id);
    let later = |(reader, read): &&Pair| place[read.as_str()] >= place[reader.as_str()];
    assert_eq!(
        read.iter().filter(is_known).filter(later).cloned().collect::<BTreeSet<_>>(),
        forward,
        "{name}"
    );
    let lacks = |pair: &&Pair| !declared.contains(*pair);
    assert_eq!(
        read.iter().filter(is_known).filter(lacks).cloned().collect::<BTreeSet<_>>(),
        undeclared,
        "{name}"
    );

    let own: BTreeSet<Pair> =
        forward.iter().filter(|(reader, read)| reader == read).cloned().collect();
    assert_eq!(told(plan, &report, Code::SelfReference), own, "{name}");

    let all: BTreeSet<Pair> =
        declared.iter().chain(&undeclared).filter(is_known).cloned().collect();
    let circles = on_circles(&all);
    assert_eq!(in_circles(&report), circles, "{name}");
    assert_eq!(has(&report, Code::Cycle), !circles.is_empty(), "{name}");

    if let Some(valid) = checked(plan).plan {
        assert_eq!(edges(plan, &valid), all, "{name}");
    } else {
        let reasons =
            [Code::UnknownReference, Code::SelfReference, Code::Cycle, Code::UnknownDependency];
        assert!(reasons.into_iter().any(|code| has(&report, code)), "{name}");
    }
}

#[test]
fn what_expressions_read_is_judged_as_the_truth_says() {
    each(compare);
}

/// The word that the checker adds to an undeclared reference: whether declared dependencies lead
/// to the step that is read. They only do where our edge is a shortcut.
#[test]
fn an_undeclared_reference_is_a_shortcut_or_a_new_order() {
    each(|_, plan, truth| {
        let declared: BTreeMap<&str, &Vec<StepId>> =
            plan.steps.iter().map(|step| (step.step_id.as_str(), &step.dependencies)).collect();
        for entry in truth["undeclared_references"].as_array().unwrap() {
            let [reader, read, kind] = [0, 1, 2].map(|at| entry[at].as_str().unwrap());
            let (mut open, mut above) = (vec![reader], BTreeSet::new());
            while let Some(at) = open.pop() {
                for on in declared.get(at).into_iter().flat_map(|on| on.iter()) {
                    if above.insert(on.as_str()) {
                        open.push(on.as_str());
                    }
                }
            }
            let expected = if above.contains(read) { "ancestor" } else { "unordered" };
            assert_eq!(kind, expected, "{}", name(plan));
        }
    });
}
