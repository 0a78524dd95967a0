//! Strictness changes severities and nothing else.

use pe_model::Strictness;
use pe_testkit::{plan, step};
use pe_validate::{Code, Finding, Limits, Severity, check};

use super::catalog;

fn findings(strictness: Strictness) -> (Vec<Finding>, bool) {
    let steps = [
        step("a").tool("nope").complexity(7),
        step("b").tool("search").parameter("query", 7),
        step("c").tool("closed").parameter("nmae", "x"),
        step("d").parameter("x", "{{ itm }}").with(|step| step.loop_count = Some(2)),
        step("e").with(|step| step.condition = Some("false".to_owned())),
        step("f").after(["a", "a"]).looks_at("b").parameter("y", "{{ steps.b.result }}"),
    ];
    let limits = Limits { strictness, max_steps: Some(5), max_depth: Some(1), max_retries: None };
    let checked = check(plan(steps), &catalog(), &limits);
    assert_eq!(checked.plan.is_some(), checked.report.is_valid);
    (checked.report.findings, checked.plan.is_some())
}

#[test]
fn lenient_has_errors_only_where_execution_is_impossible() {
    let (findings, runs) = findings(Strictness::Lenient);
    assert!(findings.iter().all(|f| f.severity == Severity::Warning), "{findings:#?}");
    assert!(runs, "a plan without errors can be executed");
}

#[test]
fn moderate_is_in_between() {
    let (findings, runs) = findings(Strictness::Moderate);
    assert!(!runs);
    let of = |severity| -> Vec<Code> {
        let mut codes: Vec<Code> =
            findings.iter().filter(|f| f.severity == severity).map(|f| f.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    use Code::*;
    assert_eq!(
        of(Severity::Error),
        [
            OutOfRange,
            ForeignField,
            UnknownVariable,
            MissingTool,
            MissingParameter,
            UnknownParameter,
            ParameterMismatch,
            TooManySteps,
        ]
    );
    assert_eq!(of(Severity::Warning), [IdleField, RepeatedDependency, UnknownOutput, TooDeep]);
}

#[test]
fn strict_makes_every_finding_an_error() {
    let (findings, _) = findings(Strictness::Strict);
    assert!(findings.iter().all(|f| f.severity == Severity::Error), "{findings:#?}");
}

#[test]
fn only_severities_change() {
    let plain = |strictness| {
        let (mut findings, _) = findings(strictness);
        findings.iter_mut().for_each(|finding| finding.severity = Severity::Error);
        findings
    };
    assert_eq!(plain(Strictness::Lenient), plain(Strictness::Moderate));
    assert_eq!(plain(Strictness::Moderate), plain(Strictness::Strict));
}
