//! Real plans that nobody here wrote, run to their ends in virtual time.

use std::collections::BTreeMap;

use pe_exec::{Response, run_virtual, simulate};
use pe_expr::{Root, Segment};
use pe_model::{OrchestratorConfig, Plan, PlanStatus};
use pe_testkit::{SHARED_SETS, catalog_of, shared_plans, shared_truth};
use pe_validate::{Limits, ValidPlan, check};
use serde_json::{Value, json};

use crate::support::{Rules, options};

/// An output for each step that holds every field that somebody reads of it.
fn outputs(plan: &ValidPlan) -> BTreeMap<String, Value> {
    let mut outputs: BTreeMap<String, Value> = BTreeMap::new();
    for step in plan.steps() {
        for (_, references) in step.parameters.references() {
            for reference in references.steps.iter().filter(|read| read.root == Root::Results) {
                let output = outputs.entry(reference.step.clone()).or_insert(json!({}));
                grow(output, &reference.path);
            }
        }
    }
    outputs
}

fn grow(value: &mut Value, path: &[Segment]) {
    let Some((first, rest)) = path.split_first() else { return };
    match first {
        Segment::Key(key) => {
            if !value.is_object() {
                *value = json!({});
            }
            grow(value.as_object_mut().unwrap().entry(key).or_insert(json!({})), rest);
        }
        Segment::Index(index) => {
            let length = index.unsigned_abs() as usize + 1;
            if !value.is_array() {
                *value = json!([]);
            }
            let list = value.as_array_mut().unwrap();
            list.resize(length.max(list.len()), json!({}));
            let at = if *index < 0 {
                list.len() - index.unsigned_abs() as usize
            } else {
                *index as usize
            };
            grow(&mut list[at], rest);
        }
    }
}

/// Accepted, completed and failed plans of a set.
fn run_set(plans: Vec<Plan>) -> (usize, usize, usize) {
    let (mut accepted, mut completed, mut failed) = (0, 0, 0);
    for plan in plans {
        let Some(valid) = check(plan.clone(), &catalog_of(&plan), &Limits::default()).plan else {
            continue;
        };
        accepted += 1;
        let outputs = outputs(&valid);
        let config = OrchestratorConfig { plan_timeout_ms: 0, ..OrchestratorConfig::default() };
        let ran = run_virtual(valid, std::sync::Arc::new(Rules), options(config), |attempt| {
            let sleep = attempt.arguments.get("duration_ms").and_then(Value::as_u64);
            let output = outputs.get(attempt.key.step_id.as_str()).cloned();
            Response { after_ms: sleep.unwrap_or(100), result: Ok(output.unwrap_or(json!("done"))) }
        });
        match ran.state.status {
            PlanStatus::Completed => completed += 1,
            PlanStatus::Failed => failed += 1,
            other => panic!("{:?} ended as {other}", plan.plan_id),
        }
    }
    (accepted, completed, failed)
}

#[test]
fn every_accepted_plan_runs_to_its_end() {
    // Conditions of Argo and of GitHub that happen to parse here may fail when evaluated.
    let expected: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::from([
        ("asynchow_timed", (401, 401, 0)),
        ("bfcl_parallel", (85, 85, 0)),
        ("nestful", (76, 76, 0)),
        ("ops_dags", (21, 21, 0)),
        ("prompt_examples", (7, 7, 0)),
        ("seal_tools", (313, 313, 0)),
        ("taskbench_llm_predictions", (313, 313, 0)),
        ("worfbench", (408, 408, 0)),
    ]);
    for set in SHARED_SETS {
        let Some(plans) = shared_plans(set) else { return };
        assert_eq!(run_set(plans), expected[set], "{set}: accepted, completed, failed");
    }
}

#[test]
fn simulations_of_timed_plans_equal_work_and_critical_path_and_keep_grahams_bound() {
    let (Some(plans), Some(_)) = (shared_plans("asynchow_timed"), shared_truth("asynchow_timed"))
    else {
        return;
    };
    let timing = pe_testkit::shared_timing("asynchow_timed").unwrap();
    let mut optimal = 0;
    for (plan, truth) in plans.into_iter().zip(&timing) {
        let valid = check(plan.clone(), &catalog_of(&plan), &Limits::default()).plan.unwrap();
        let three = simulate(&valid, 3);
        assert_eq!(json!(three.work_ms), truth["work_ms"]);
        assert_eq!(json!(three.critical_path_ms), truth["critical_path_ms"]);
        let bound = &truth["m3"];
        assert_eq!(json!(three.lower_bound_ms), bound["lower_bound"]);
        let graham = bound["graham_upper"].as_f64().unwrap();
        assert!(three.makespan_ms as f64 <= graham + 1.0, "{:?}", plan.plan_id);
        optimal += usize::from(json!(three.makespan_ms) == bound["optimal"]);
        let unlimited = simulate(&valid, plan.steps.len());
        assert_eq!(unlimited.makespan_ms, three.critical_path_ms, "{:?}", plan.plan_id);
    }
    let by_truth = timing.iter().filter(|t| t["m3"]["cp_first"] == t["m3"]["optimal"]).count();
    assert!(optimal >= by_truth, "{optimal} optimal schedules, {by_truth} by the truth's");
}
