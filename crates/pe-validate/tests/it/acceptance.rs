//! The acceptance cases V1 to V9.

use pe_model::{Catalog, Format, OrchestratorConfig, Strictness};
use pe_testkit::{plan, step};
use pe_validate::{Code, Limits, Severity, check, check_file};

use super::{catalog, checked, codes, file, only};

fn ids<S: ToString>(ids: &[S]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn v1_unknown_tools_and_missing_parameters_at_once() {
    let text = r#"{"steps": [
        {"step_id": "a", "tool": "serach"}, {"step_id": "b", "tool": "search", "parameters": {"limit": 1}},
        {"step_id": "c", "tool": "search"}, {"step_id": "d", "tool": "serach"}, {"step_id": "e", "tool": "x"}]}"#;
    let report = file(text, &catalog());
    assert_eq!(report.missing_tools, ["serach", "x"]);
    let pairs: Vec<(&str, &str)> =
        report.missing_parameters.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    assert_eq!(pairs, [("b", "query"), ("c", "query"), ("c", "limit")]);
    assert!(!report.is_valid && report.errors.len() == 6, "{}", report.render("plan"));
    assert_eq!(report.findings[0].suggestion.as_deref(), Some("did you mean `search`?"));
}

#[test]
fn v2_self_dependency() {
    let checked = checked(&plan([step("a").after(["a"])]));
    assert_eq!(codes(&checked.report), [Code::SelfDependency]);
    assert_eq!(ids(&checked.report.circular_dependencies[0]), ["a"]);
}

#[test]
fn v2_two_step_cycle() {
    let report = checked(&plan([step("b").after(["a"]), step("a").after(["b"])])).report;
    assert_eq!(codes(&report), [Code::Cycle]);
    assert_eq!(ids(&report.circular_dependencies[0]), ["b", "a"]);
    assert_eq!(report.errors, ["steps wait for each other: `b` → `a` → `b`"]);
}

#[test]
fn v2_a_cycle_through_each_member_of_a_knot() {
    // a → b → c → a and, sharing b, b → d → b.
    let report = checked(&plan([
        step("a").after(["c"]),
        step("b").after(["a", "d"]),
        step("c").after(["b"]),
        step("d").after(["b"]),
        step("outside").after(["d"]),
    ]))
    .report;
    let circles: Vec<_> = report.circular_dependencies.iter().map(|c| ids(c)).collect();
    assert_eq!(circles, [vec!["a", "b", "c"], vec!["b", "d"]]);
}

#[test]
fn v3_empty_plan() {
    for text in [r#"{"steps": []}"#, "{}"] {
        let report = file(text, &catalog());
        assert_eq!(codes(&report), [Code::NoSteps]);
        assert_eq!(report.errors, ["the plan has no steps"]);
    }
}

#[test]
fn v3_duplicate_and_blank_ids() {
    let report = checked(&plan([step("a"), step("a"), step(" "), step(""), step("a")])).report;
    use Code::{BlankId, DuplicateId};
    assert_eq!(codes(&report), [DuplicateId, BlankId, BlankId, DuplicateId]);
    assert_eq!(report.findings[3].message, "step id `a` is taken by step number 1");
    assert_eq!(report.findings[3].pointer, "/steps/4/step_id");
}

#[test]
fn v3_what_repeats_in_duplicate_steps_is_listed_once() {
    let twice = step("a").tool("search").after(["a"]);
    let report = check(plan([twice.clone(), twice]), &catalog(), &Limits::default()).report;
    assert_eq!(report.circular_dependencies.len(), 1);
    assert_eq!(report.missing_parameters.len(), 2);
}

#[test]
fn v3_dangling_dependency() {
    let report = checked(&plan([step("search"), step("b").after(["serach", "zzz"])])).report;
    assert_eq!(codes(&report), [Code::UnknownDependency; 2]);
    assert_eq!(report.errors[0], "step `b` depends on `serach`, which this plan does not define");
    assert_eq!(report.findings[0].pointer, "/steps/1/dependencies/0");
    assert_eq!(report.findings[0].suggestion.as_deref(), Some("did you mean `search`?"));
    assert_eq!(report.findings[1].suggestion, None);
}

#[test]
fn v3_unknown_missing_or_own_fallback_target() {
    let report = checked(&plan([
        step("a"),
        step("b").instead_of("A"),
        step("c").instead_of("c"),
        step("d").instead_of("a").with(|step| step.fallback_for = None),
    ]))
    .report;
    assert_eq!(codes(&report), [Code::FallbackTarget; 3]);
    assert_eq!(report.findings[0].suggestion.as_deref(), Some("did you mean `a`?"));
    assert!(report.circular_dependencies.is_empty());
}

#[test]
fn v4_type_mismatch_at_the_value() {
    let text = "{\"steps\": [{\"step_id\": \"a\", \"tool\": \"search\", \"parameters\":\n\
                {\"query\": \"q\", \"limit\": \"3\", \"tags\": [\"x\", 5]}}]}";
    let report = file(text, &catalog());
    assert_eq!(codes(&report), [Code::ParameterMismatch; 2]);
    let mut places: Vec<_> =
        report.findings.iter().map(|f| (f.pointer.as_str(), f.line, f.column)).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            ("/steps/0/parameters/limit", Some(2), Some(25)),
            ("/steps/0/parameters/tags/1", Some(2), Some(44)),
        ]
    );
}

#[test]
fn v5_step_and_depth_limits() {
    let chain: Vec<_> = (0..30)
        .map(|n| step(format!("s{n}")).after((n > 0).then(|| format!("s{}", n - 1))))
        .collect();
    let chain = plan(chain);
    assert!(checked(&chain).report.findings.is_empty(), "a person's plan has no such limits");
    let catalog = pe_testkit::catalog_of(&chain);
    let severities = [Strictness::Lenient, Strictness::Moderate, Strictness::Strict].map(|level| {
        let config = OrchestratorConfig { plan_validation_strictness: level, ..Default::default() };
        let report = check(chain.clone(), &catalog, &Limits::from_config(&config)).report;
        (only(&report, Code::TooManySteps).severity, only(&report, Code::TooDeep).severity)
    });
    use Severity::{Error, Warning};
    assert_eq!(severities, [(Warning, Warning), (Error, Warning), (Error, Error)]);
    let at_the_limit = Limits { max_steps: Some(30), max_depth: Some(30), ..Limits::default() };
    assert!(check(chain, &catalog, &at_the_limit).report.findings.is_empty());
}

#[test]
fn a_model_does_not_say_without_bound_how_often_a_call_is_tried() {
    let retrying = |max_retries| {
        let policy = pe_model::RetryPolicy { max_retries, ..Default::default() };
        plan([step("a").retry(policy)])
    };
    let catalog = pe_testkit::catalog_of(&retrying(11));
    for level in [Strictness::Lenient, Strictness::Moderate, Strictness::Strict] {
        let config = OrchestratorConfig { plan_validation_strictness: level, ..Default::default() };
        let limits = Limits::from_config(&config);
        let checked = check(retrying(11), &catalog, &limits);
        assert!(checked.plan.is_none());
        let found = only(&checked.report, Code::TooManyRetries);
        assert_eq!(
            (found.severity, &*found.pointer),
            (Severity::Error, "/steps/0/retry/max_retries")
        );
        assert!(check(retrying(10), &catalog, &limits).plan.is_some());
    }
    assert!(checked(&retrying(5_000)).plan.is_some(), "a person's plan has no such limit");
}

#[test]
fn v6_conditional_without_condition() {
    for condition in [None, Some(" ".to_owned())] {
        let report =
            checked(&plan([step("a").when("x").with(|step| step.condition = condition)])).report;
        assert_eq!(codes(&report), [Code::MissingField], "{}", report.render("plan"));
    }
}

#[test]
fn v6_loop_without_a_driver() {
    let check = |change: fn(&mut pe_model::PlanStep), expected: &str| {
        let report = checked(&plan([step("a").times(1).with(change)])).report;
        assert_eq!(report.errors, [format!("loop `a` {expected}")]);
    };
    check(|step| step.loop_count = None, "has nothing that drives it");
    check(
        |step| (step.loop_count, step.loop_until) = (None, Some("true".to_owned())),
        "has `loop_until` without `loop_count` as its cap",
    );
    check(
        |step| {
            step.loop_until = Some("true".to_owned());
            step.loop_over = Some("[]".to_owned());
            step.loop_count = None;
        },
        "has both `loop_over` and `loop_until`",
    );
}

#[test]
fn v6_loop_count_below_one() {
    for count in [0, -1, i64::MIN, 10_001, i64::MAX] {
        let checked = checked(&plan([step("a").times(count)]));
        assert_eq!(codes(&checked.report), [Code::OutOfRange], "{count}");
        assert!(checked.plan.is_none());
    }
    for count in [1, 10_000] {
        assert!(checked(&plan([step("a").times(count)])).plan.is_some(), "{count}");
    }
}

#[test]
fn v7_a_bad_expression_at_its_column() {
    let text =
        "{\"steps\": [{\"step_id\": \"a\", \"tool\": \"echo\",\n  \"expect\": \"result == ) 1\"}]}";
    let report = file(text, &catalog());
    let finding = only(&report, Code::BadExpression);
    assert_eq!(finding.pointer, "/steps/0/expect");
    assert_eq!((finding.line, finding.column), (Some(2), Some(14 + 10)));
    assert!(finding.message.contains("at column 11"), "{}", finding.message);
}

#[test]
fn v7_every_bad_string_of_a_step_is_found() {
    let text = r#"{"steps": [{"step_id": "b", "tool": "echo"}, {"step_id": "a", "tool": "echo", "expect": "==",
        "parameters": {"one": "{{ 1 + }}", "two": {"deep": ["{{ }}", "{{ results.c }}", "{{ results.b }}"]}, "three": "{{"}}]}"#;
    let report = file(text, &catalog());
    let pointers: Vec<_> = report.findings.iter().map(|f| (f.code, f.pointer.as_str())).collect();
    use Code::{BadExpression, UnknownReference};
    assert_eq!(
        pointers,
        [
            (BadExpression, "/steps/1/expect"),
            (BadExpression, "/steps/1/parameters/one"),
            (BadExpression, "/steps/1/parameters/two/deep/0"),
            (UnknownReference, "/steps/1/parameters/two/deep/1"),
            (BadExpression, "/steps/1/parameters/three"),
        ]
    );
}

#[test]
fn v7_a_reference_to_an_unknown_step() {
    let text = "{\"steps\": [{\"step_id\": \"search\", \"tool\": \"echo\"},\n\
                {\"step_id\": \"b\", \"tool\": \"echo\", \"parameters\": {\"x\": \"of {{ results.serach.hits }}\"}}]}";
    let report = file(text, &catalog());
    let finding = only(&report, Code::UnknownReference);
    assert_eq!((finding.line, finding.column), (Some(2), Some(61)));
    assert_eq!(finding.suggestion.as_deref(), Some("did you mean `search`?"));
}

#[test]
fn v7_an_implied_dependency() {
    let checked = checked(&plan([step("b").reads("a"), step("a")]));
    let valid = checked.plan.unwrap();
    assert_eq!(valid.graph().triggers(0), [1]);
    assert!(checked.report.findings.is_empty());
}

#[test]
fn v8_a_chain_of_100_000_steps() {
    let step_of = |n: usize| step(format!("s{n}")).after((n > 0).then(|| format!("s{}", n - 1)));
    let checked = checked(&plan((0..100_000).map(step_of)));
    assert_eq!(checked.report.findings, []);
    let valid = checked.plan.unwrap();
    assert_eq!(valid.graph().depth(), 100_000);
    assert_eq!(valid.graph().critical_path(&vec![1.0; 100_000]).0.len(), 100_000);
}

#[test]
fn v8_a_chain_listed_last_step_first() {
    let step_of = |n: usize| step(format!("s{n}")).after((n > 0).then(|| format!("s{}", n - 1)));
    assert!(checked(&plan((0..100_000).rev().map(step_of))).plan.is_some());
}

#[test]
fn v9_every_finding_of_a_file_has_a_place() {
    // The cases under tests/data hold the same for reports of every kind.
    let empty = Catalog::default();
    let texts: [(&[u8], Format); 12] = [
        (b"", Format::Json),
        (b"   \n ", Format::Yaml),
        (b"{", Format::Json),
        (b"[1]", Format::Json),
        (b"steps: [", Format::Yaml),
        (b"steps: 3\ngoal: [", Format::Yaml),
        (b"{\"goal\": \"\xff\"}", Format::Json),
        (b"{\"goal\": 1, \"goal\": 2}", Format::Json),
        (b"goal: 1\ngoal: 2", Format::Yaml),
        (b"{}", Format::Json),
        (b"goal: g", Format::Yaml),
        (b"steps:\n- {step_id: a, dependencies: [b], nope: 1, step_type: loop}", Format::Yaml),
    ];
    for (bytes, format) in texts {
        let report = check_file(bytes, format, &empty, &Limits::default()).report;
        assert!(!report.findings.is_empty());
        for finding in &report.findings {
            assert!(finding.line.is_some_and(|line| line > 0), "{finding:?}");
            assert!(finding.column.is_some_and(|column| column > 0), "{finding:?}");
        }
    }
    let large = vec![b' '; 16 * 1024 * 1024 + 1];
    let report = check_file(&large, Format::Json, &empty, &Limits::default()).report;
    assert_eq!((report.findings[0].line, report.findings[0].column), (Some(1), Some(1)));
}

#[test]
fn v9_an_encoding_fault_is_where_it_is() {
    let report =
        check_file(b"{\n\"a\": \"\xc3\xbc\xff\"}", Format::Json, &catalog(), &Limits::default())
            .report;
    assert_eq!((report.findings[0].line, report.findings[0].column), (Some(2), Some(8)));
}
