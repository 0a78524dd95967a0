//! Fixtures of Argo's own validator: plans with `metadata.expect`, valid or invalid.
//!
//! Their expressions are said in our language first, word for word: `tasks.A.outputs.parameters.x`
//! is `results.A.x`, and what else Argo knows of a task is its state, `steps.A`. Whatever Argo
//! refuses is refused here too where a plan of ours can have the fault; the others are named, with
//! the rule of Argo that has no counterpart.

use pe_model::{Catalog, Plan, Strictness, ToolSpec};
use pe_testkit::{catalog_of, shared_plans};
use pe_validate::{Code, Limits, check};
use serde_json::{Value, json};

use super::super::only;
use super::name;

/// Faults that plans of ours can have: the finding, and whether it needs the strict level.
const OURS: [(&str, Code, Strictness); 2] = [
    // What the tool does not return may still be there: a warning until strict.
    ("argo-validate-dagUnresolvedVar#unresolved", Code::UnknownOutput, Strictness::Strict),
    // A reads B, which depends on A: the reference is an edge, so they wait for each other.
    (
        "argo-validate-dagStatusNoFutureReferenceSimple#dag-arg-passing",
        Code::Cycle,
        Strictness::Lenient,
    ),
];

/// Faults that no plan of ours can have, and why.
const NOT_OURS: [(&str, &str); 7] = [
    (
        "argo-validate-dagAnyWithoutExpandingTask#entry",
        "there is no `AnySucceeded` that only a loop could answer",
    ),
    (
        "argo-validate-dagStatusOnlyDirectAncestors#dag-arg-passing",
        "a reference to a step that is not upstream makes it so",
    ),
    ("argo-validate-dagTargetMissingInputParam#dag-target", "a plan has no `target`"),
    ("argo-validate-dagDependsAndDependencies#dag-target", "there is one list of dependencies"),
    ("argo-validate-dagDependsAndContinueOn#dag-target", "there is no `continueOn`"),
    ("argo-validate-dagDependsDigit#diamond", "an id may begin with a digit"),
    ("argo-validate-dagDependenciesDigit#diamond", "an id may begin with a digit"),
];

/// The same plan with its references in our language.
fn translated(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        for value in step.parameters.values_mut() {
            let Some(text) = value.as_str() else { continue };
            let Some(path) = text.strip_prefix("{{tasks.").and_then(|t| t.strip_suffix("}}"))
            else {
                assert!(!text.contains("{{"), "{text}");
                continue;
            };
            let (task, rest) = path.split_once('.').unwrap();
            let ours = match rest.strip_prefix("outputs.parameters.") {
                Some(output) => format!("{{{{ results[\"{task}\"].{output} }}}}"),
                None => format!("{{{{ steps[\"{task}\"].{rest} }}}}"),
            };
            *value = Value::String(ours);
        }
    }
    plan
}

/// The plan's tools; `echo` returns `hosts` and nothing else, as the fixtures' template does.
fn catalog(plan: &Plan) -> Catalog {
    let known = catalog_of(plan);
    let spec = |name: &str| {
        let output = match name {
            "echo" => json!({"type": "object", "properties": {"hosts": {}}}),
            _ => Value::Null,
        };
        ToolSpec { name: name.to_owned(), output, ..ToolSpec::default() }
    };
    known.names().map(spec).collect()
}

#[test]
fn fixtures_of_argo_are_judged_as_argo_does() {
    let Some(plans) = shared_plans("ops_dags") else { return };
    let mut seen = 0;
    for plan in &plans {
        let Some(expect) = plan.metadata.get("expect") else { continue };
        let (name, plan) = (name(plan), translated(plan));
        let judged = |strictness| {
            check(plan.clone(), &catalog(&plan), &Limits { strictness, ..Limits::default() }).report
        };
        let ours = OURS.iter().find(|(fixture, ..)| *fixture == name);
        let not_ours = NOT_OURS.iter().find(|(fixture, _)| *fixture == name);
        match (expect["outcome"].as_str().unwrap(), ours, not_ours) {
            ("invalid", Some((_, code, from)), None) => {
                let report = judged(*from);
                assert!(!report.is_valid, "{name}");
                assert!(report.findings.iter().any(|f| f.code == *code), "{name}");
            }
            ("valid", None, None) | ("invalid", None, Some(_)) => {
                let report = judged(Strictness::Moderate);
                assert!(report.is_valid, "{name}: {:?}", report.errors);
            }
            other => panic!("{name}: {other:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 3 + OURS.len() + NOT_OURS.len());
}

#[test]
fn the_unresolved_variable_is_the_one_that_argo_names() {
    let Some(plans) = shared_plans("ops_dags") else { return };
    let plan = plans.iter().find(|plan| name(plan) == OURS[0].0).unwrap();
    let error = plan.metadata["expect"]["error"].as_str().unwrap();
    assert!(error.contains("unresolvable"));
    let plan = translated(plan);
    let report = check(plan.clone(), &catalog(&plan), &Limits::default()).report;
    let found = only(&report, Code::UnknownOutput);
    assert_eq!(found.pointer, "/steps/1/parameters/message");
    assert!(found.message.contains("`unresolvable`"), "{}", found.message);
}
