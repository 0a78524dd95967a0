//! What can be said of a plan that does not hold: who waits for whom, what is missing, and
//! which of its steps cannot run.
//!
//! Pictures and comparisons are made of this. Circles are edges like any other here, and no
//! graph is built: only [`check`](super::check) says whether a plan can be executed.

use std::collections::HashMap;

use pe_model::{Catalog, Plan, PlanStep, StepId, Strictness};

use super::{Checker, Facts, parameters};
use crate::graph::Needs;
use crate::{Code, EdgeKind, Finding, Severity, ValidationReport};

/// What is known of a plan that cannot be executed as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    /// Edges between steps that there are, declared ones and those that references imply:
    /// `(from, to, kind)` by place. Circles are not cut.
    pub edges: Vec<(usize, usize, EdgeKind)>,
    /// Steps that references read and that there are not, by the place of the reader.
    pub missing: Vec<(usize, StepId)>,
    /// Why the plan cannot run, by the place of the step; without one it is the whole plan.
    pub faults: Vec<(Option<usize>, &'static str)>,
}

/// The outline of a plan, given what was found on it.
///
/// Errors of the report are the faults, so a report made leniently and without tools tells what
/// no tool and no setting could make right.
pub fn outline(plan: &Plan, report: &ValidationReport) -> Outline {
    let mut outline = Outline { faults: faults(plan, report), ..Outline::default() };
    // What is found here was found before.
    let mut checker = Checker::new(Strictness::Lenient);
    let none = Catalog::default();
    let facts = Facts::new(plan, &none, &mut checker);
    let mut need = Needs::default();
    for (place, step) in plan.steps.iter().enumerate() {
        need.fallback_for = facts.target(place);
        checker.dependencies(place, &facts, &mut need);
        checker.expressions(place, &facts, parameters::parse(&step.parameters), &mut need);
        // Who waits for itself is in no graph, but it is to be seen.
        if step.dependencies.contains(&step.step_id) {
            need.triggers.push(place as u32);
        }
        need.settle();
        let edge = |kind| move |&on: &u32| (on as usize, place, kind);
        outline.edges.extend(need.fallback_for.iter().map(edge(EdgeKind::Fallback)));
        outline.edges.extend(need.triggers.iter().map(edge(EdgeKind::Trigger)));
        outline.edges.extend(need.ordering.iter().map(edge(EdgeKind::Ordering)));
        outline.missing.extend(need.missing.iter().map(|id| (place, id.clone())));
        need = Needs::default();
    }
    outline
}

fn faults(plan: &Plan, report: &ValidationReport) -> Vec<(Option<usize>, &'static str)> {
    let errors = report.of(Severity::Error).map(|finding| {
        let place = finding.place().filter(|&place| place < plan.steps.len());
        (place, reason(finding, place.map(|place| &plan.steps[place])))
    });
    let mut faults: Vec<_> = errors.collect();
    if !report.circular_dependencies.is_empty() {
        let mut places = HashMap::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.iter().enumerate() {
            places.entry(&step.step_id).or_insert(place);
        }
        let members = report.circular_dependencies.iter().flatten();
        faults.extend(members.filter_map(|id| Some((Some(*places.get(id)?), CYCLE))));
    }
    // A finding that is not listed makes a plan invalid, too.
    if faults.is_empty() && !report.is_valid {
        faults.push((None, "is not valid"));
    }
    faults.sort_by_key(|(place, _)| *place);
    faults.dedup();
    faults
}

const CYCLE: &str = "in or behind a cycle";
const MISSING: &str = "names a missing step";
const INCOMPLETE: &str = "lacks what its type needs";

fn reason(finding: &Finding, step: Option<&PlanStep>) -> &'static str {
    match finding.code {
        Code::NewerFormat => "its format is newer than what is known",
        Code::TooManySteps => "it has too many steps",
        Code::NoSteps => "it has no steps",
        Code::BlankId => "no id",
        Code::DuplicateId => "repeated id",
        Code::UnknownDependency | Code::UnknownReference => MISSING,
        Code::SelfDependency | Code::Cycle => CYCLE,
        Code::FallbackTarget => match step {
            Some(PlanStep { fallback_for: None, .. }) => INCOMPLETE,
            Some(step) if step.fallback_for.as_ref() == Some(&step.step_id) => CYCLE,
            _ => MISSING,
        },
        Code::MissingField => INCOMPLETE,
        Code::OutOfRange | Code::TooManyRetries => "a value out of range",
        Code::BadExpression => "an expression that cannot be read",
        Code::SelfReference => "reads its own outcome",
        _ => "not valid",
    }
}
