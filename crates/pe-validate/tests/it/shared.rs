//! Real plans: what is found equals what an independent checker found, plan by plan.
//!
//! The checker counts declared dependencies only, while our graph also has the edges that
//! references imply; `references` says how the two correspond.

use std::collections::BTreeSet;

use pe_model::Plan;
use pe_testkit::{SHARED_SETS, shared_plans, shared_truth};
use pe_validate::{Code, ValidationReport};
use serde_json::Value;

mod fixtures;
mod foreign;
mod references;
mod structure;
mod tools;

/// A step and something about it: another step, a parameter.
type Pair = (String, String);

/// Every plan of every set with what is true of it; `false` when the data is not there.
fn each(mut judge: impl FnMut(&str, &Plan, &Value)) -> bool {
    let mut count = 0;
    for set in SHARED_SETS {
        let (Some(plans), Some(truth)) = (shared_plans(set), shared_truth(set)) else {
            return false;
        };
        assert_eq!(plans.len(), truth.len(), "{set}");
        for (plan, truth) in plans.iter().zip(&truth) {
            assert_eq!(Some(name(plan)), truth["plan_id"].as_str());
            judge(set, plan, truth);
            count += 1;
        }
    }
    assert_eq!(count, 1_723, "a set is cut short");
    true
}

fn name(plan: &Plan) -> &str {
    plan.plan_id.as_ref().unwrap().as_str()
}

/// Without what implies edges.
pub(crate) fn bare(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        step.parameters.clear();
        step.condition = step.condition.as_ref().map(|_| "true".to_owned());
    }
    plan
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The first two of each entry.
fn pairs(value: &Value) -> BTreeSet<Pair> {
    let pair = |pair: &Value| {
        let ids: Vec<&str> = pair.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (ids[0].to_owned(), ids[1].to_owned())
    };
    value.as_array().unwrap().iter().map(pair).collect()
}

fn has(report: &ValidationReport, code: Code) -> bool {
    report.findings.iter().any(|finding| finding.code == code)
}

/// The steps that lie on a circle of two and more.
fn members<C: IntoIterator<Item = String>>(
    circles: impl IntoIterator<Item = C>,
) -> BTreeSet<String> {
    let sets = circles.into_iter().map(|circle| circle.into_iter().collect::<BTreeSet<String>>());
    sets.filter(|circle| circle.len() > 1).flatten().collect()
}

/// The steps of the circles that a report lists.
fn in_circles(report: &ValidationReport) -> BTreeSet<String> {
    let circles = report.circular_dependencies.iter();
    members(circles.map(|circle| circle.iter().map(ToString::to_string).collect::<Vec<_>>()))
}
