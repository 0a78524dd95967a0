//! Real plans: what is found equals what an independent checker found.
//!
//! Only declared dependencies are compared; our graph has the edges of references as well.

use std::collections::{BTreeMap, BTreeSet};

use pe_model::Plan;
use pe_testkit::{SHARED_SETS, shared_plans, shared_truth};
use pe_validate::{Code, ValidationReport};
use serde_json::Value;

use super::checked;

/// Without what implies edges: the independent checker counts declared dependencies only.
pub(crate) fn bare(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        step.parameters.clear();
        step.condition = step.condition.as_ref().map(|_| "true".to_owned());
    }
    plan
}

/// Pairs of step and dependency, as findings of a code point to them.
fn dependencies(plan: &Plan, report: &ValidationReport, code: Code) -> BTreeSet<(String, String)> {
    let pair = |pointer: &str| {
        let mut parts = pointer.split('/').skip(2);
        let step = &plan.steps[parts.next().unwrap().parse::<usize>().unwrap()];
        let number: usize = parts.nth(1).unwrap().parse().unwrap();
        (step.step_id.to_string(), step.dependencies[number].to_string())
    };
    report.findings.iter().filter(|f| f.code == code).map(|f| pair(&f.pointer)).collect()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn pairs(value: &Value) -> BTreeSet<(String, String)> {
    let pair = |pair: &Value| {
        let ids: Vec<&str> = pair.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (ids[0].to_owned(), ids[1].to_owned())
    };
    value.as_array().unwrap().iter().map(pair).collect()
}

fn compare(plan: &Plan, truth: &Value) {
    let name = plan.plan_id.as_ref().unwrap();
    assert_eq!(Some(name.as_str()), truth["plan_id"].as_str());
    let report = checked(&bare(plan)).report;
    let has = |code| report.findings.iter().any(|finding| finding.code == code);
    assert_eq!(Value::Bool(has(Code::NoSteps)), truth["empty"], "{name}");
    let repeated: BTreeSet<String> = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::DuplicateId)
        .map(|finding| finding.step_id.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(repeated, strings(&truth["duplicate_step_ids"]), "{name}");
    let dangling = dependencies(plan, &report, Code::UnknownDependency);
    assert_eq!(dangling, pairs(&truth["dangling_dependencies"]), "{name}");
    let own: BTreeSet<String> =
        dependencies(plan, &report, Code::SelfDependency).into_iter().map(|(id, _)| id).collect();
    assert_eq!(own, strings(&truth["self_dependencies"]), "{name}");
    let members = |circles: &mut dyn Iterator<Item = BTreeSet<String>>| -> BTreeSet<String> {
        circles.filter(|circle| circle.len() > 1).flatten().collect()
    };
    let ours = report.circular_dependencies.iter();
    let ours = members(&mut ours.map(|circle| circle.iter().map(ToString::to_string).collect()));
    let components = truth["cycle_components"].as_array().unwrap().iter();
    assert_eq!(ours, members(&mut components.map(strings)), "{name}");
    let structural = [
        Code::NoSteps,
        Code::DuplicateId,
        Code::UnknownDependency,
        Code::SelfDependency,
        Code::Cycle,
    ];
    let sound = !structural.into_iter().any(has);
    assert_eq!(Value::Bool(sound), truth["structurally_valid"], "{name}");
}

/// How many plans of a set are accepted against their own tools, and why others are not.
fn accepted(plans: &[Plan]) -> (usize, BTreeMap<String, usize>) {
    let mut refusals = BTreeMap::new();
    let mut accepted = 0;
    for plan in plans {
        let checked = checked(plan);
        accepted += usize::from(checked.plan.is_some());
        let errors = checked.report.of(pe_validate::Severity::Error);
        for code in errors.map(|finding| finding.code).collect::<BTreeSet<_>>() {
            *refusals.entry(code.to_string()).or_default() += 1;
        }
    }
    (accepted, refusals)
}

#[test]
fn declared_dependencies_are_judged_as_the_truth_says() {
    for set in SHARED_SETS {
        let (Some(plans), Some(truth)) = (shared_plans(set), shared_truth(set)) else { return };
        assert_eq!(plans.len(), truth.len(), "{set}");
        plans.iter().zip(&truth).for_each(|(plan, truth)| compare(plan, truth));
    }
}

#[test]
fn so_many_plans_of_each_set_are_accepted() {
    let mut lines = String::new();
    for set in SHARED_SETS {
        let Some(plans) = shared_plans(set) else { return };
        let (accepted, refusals) = accepted(&plans);
        lines += &format!("{set} {accepted} of {}", plans.len());
        for (code, count) in refusals {
            lines += &format!(", {code} {count}");
        }
        lines.push('\n');
    }
    assert_eq!(lines, ACCEPTED);
}

/// Each set, the plans accepted, and the plans refused by each code.
const ACCEPTED: &str = "\
asynchow_timed 401 of 401
bfcl_parallel 85 of 85
nestful 76 of 76
ops_dags 21 of 48, PE017 3, PE030 15, PE033 20
prompt_examples 7 of 7
seal_tools 313 of 313
taskbench_llm_predictions 313 of 385, PE013 7, PE015 14, PE031 19, PE032 58
worfbench 408 of 408
";
