//! What the validator says of waiting is true of runs: a dependency that is implied by
//! another one can be left out, whatever fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use pe_exec::{Response, run_virtual};
use pe_model::{ErrorClass, OrchestratorConfig, Plan, StepStatus, ToolError};
use pe_testkit::{arbitrary_plan, catalog_of, valid};
use pe_validate::{Code, Limits, check};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::support::{Rules, options};

type Ends = BTreeMap<String, (StepStatus, Option<Value>)>;

/// How every step ends when these places fail and all others succeed.
fn ends(plan: &Plan, failing: u64) -> Ends {
    let config = OrchestratorConfig {
        plan_timeout_ms: 0,
        max_parallel_steps: plan.steps.len(),
        ..OrchestratorConfig::default()
    };
    let place = |id: &str| plan.steps.iter().position(|step| step.step_id.as_str() == id).unwrap();
    let ran = run_virtual(valid(plan), Arc::new(Rules), options(config), |attempt| {
        let at = place(attempt.key.step_id.as_str());
        let fails = failing >> (at % 64) & 1 == 1;
        let result = match fails {
            true => Err(ToolError::new(ErrorClass::Validation, "scripted".to_owned())),
            false => Ok(json!(at)),
        };
        Response { after_ms: 10, result }
    });
    let end = |id: &str| {
        let step = ran.state.step(id).unwrap();
        (id.to_owned(), (step.status, step.output.as_deref().cloned()))
    };
    plan.steps.iter().map(|step| end(step.step_id.as_str())).collect()
}

/// The plan without the stated dependency that a finding points to.
fn without(plan: &Plan, pointer: &str) -> Plan {
    let mut parts = pointer.split('/').skip(2);
    let step: usize = parts.next().unwrap().parse().unwrap();
    let number: usize = parts.nth(1).unwrap().parse().unwrap();
    let mut plan = plan.clone();
    plan.steps[step].dependencies.remove(number);
    plan
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 1_500, ..Config::default() })]

    #[test]
    fn an_implied_dependency_can_be_left_out(plan in arbitrary_plan(), failing in any::<u64>(), more in any::<u64>()) {
        let report = check(plan.clone(), &catalog_of(&plan), &Limits::default()).report;
        // About a quarter of the steps fails.
        let failing = failing & more;
        for finding in report.findings.iter().filter(|f| f.code == Code::NeedlessDependency) {
            let lighter = without(&plan, &finding.pointer);
            prop_assert_eq!(ends(&plan, failing), ends(&lighter, failing), "{}", finding.message);
        }
    }
}
