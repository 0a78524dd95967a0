//! Tools and parameters where the sources specify them, as sets of step and name.
//!
//! The checker looks at the type of each parameter and at nothing else of a schema; these
//! specifications hold nothing else either, so the sets are equal without any exception.

use std::collections::BTreeSet;

use pe_model::Plan;
use pe_testkit::shared_tools;
use pe_validate::{Code, Limits, ValidationReport, check};
use serde_json::Value;

use super::{Pair, each, name, pairs, strings};

/// Step and parameter of each finding of a code, whose pointers lead to the parameters.
fn parameters(plan: &Plan, report: &ValidationReport, code: Code) -> BTreeSet<Pair> {
    let pair = |finding: &pe_validate::Finding| {
        let (place, name) = finding.pointer["/steps/".len()..].split_once("/parameters/").unwrap();
        let step = &plan.steps[place.parse::<usize>().unwrap()].step_id;
        assert_eq!(finding.step_id.as_ref(), Some(step));
        (step.to_string(), name.replace("~1", "/").replace("~0", "~"))
    };
    report.findings.iter().filter(|finding| finding.code == code).map(pair).collect()
}

#[test]
fn tools_and_parameters_are_judged_as_the_truth_says() {
    let Some(tools) = shared_tools() else { return };
    let mut judged = 0;
    each(|_, plan, truth| {
        let name = name(plan);
        let Some(catalog) = tools.of(plan) else {
            return assert_eq!(truth["unknown_tools"], Value::Null, "{name}");
        };
        judged += 1;
        let report = check(plan.clone(), &catalog, &Limits::default()).report;
        let missing: BTreeSet<String> = report.missing_tools.iter().cloned().collect();
        assert_eq!(missing, strings(&truth["unknown_tools"]), "{name}");
        let told: BTreeSet<&str> = report
            .findings
            .iter()
            .filter(|finding| finding.code == Code::MissingTool)
            .map(|finding| {
                let id = finding.step_id.as_ref().unwrap();
                plan.steps.iter().find(|step| step.step_id == *id).unwrap().tool.as_str()
            })
            .collect();
        assert_eq!(told, missing.iter().map(String::as_str).collect(), "{name}");
        let required = report.missing_parameters.iter().cloned();
        let required: BTreeSet<Pair> = required.map(|(id, name)| (id.to_string(), name)).collect();
        assert_eq!(required, pairs(&truth["missing_required"]), "{name}");
        let unknown = parameters(plan, &report, Code::UnknownParameter);
        assert_eq!(unknown, pairs(&truth["unknown_parameters"]), "{name}");
        let mismatched = parameters(plan, &report, Code::ParameterMismatch);
        assert_eq!(mismatched, pairs(&truth["type_mismatches"]), "{name}");
        assert!(report.findings.iter().all(|f| f.code != Code::BadToolSchema), "{name}");
    });
    assert_eq!(judged, 385 + 76 + 313 + 85);
}
