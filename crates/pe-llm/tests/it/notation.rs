//! The notation is lossless: whatever a step says, it says the same after writing and reading.

use pe_llm::{DraftError, parse_draft, read_step, write_notation, write_step};
use pe_model::{
    Backoff, FinishReason, JsonMap, Plan, PlanStep, RetryPolicy, StepId, StepType, TriggerRule,
};
use pe_testkit::{SHARED_SETS, arbitrary_plan, plan, shared_plans, step};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts that hold what looks like references, and real ones.
fn text() -> impl Strategy<Value = String> {
    const PIECES: [&str; 40] = [
        "{{",
        "}}",
        "{",
        "}",
        "=",
        "{{=",
        "{{ ",
        " }}",
        "a",
        "results",
        ".",
        "results.a",
        "results.a.b",
        "results[\"get-page\"]",
        "results.item",
        "results.1",
        "get-page",
        "{{ results.a }}",
        "{{a}}",
        "{{ a.b }}",
        "{{ results.a.b[0] }}",
        "{{ len(results.a) }}",
        "{{ 1 }}",
        "{{1}}",
        "{{ 1.5 }}",
        "{{ item }}",
        "{{ '{{a}}' }}",
        "{{ results }}",
        "{{ steps.a.status }}",
        " ",
        "x - y",
        "\"",
        "'",
        "$1",
        "<GENERATED>-0",
        "$",
        "\n",
        "é",
        "goal",
        "{{ results.goal }}",
    ];
    prop_oneof![
        6 => vec((0..PIECES.len()).prop_map(|piece| PIECES[piece]), 0..6).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = JsonMap> {
    vec((text(), value()), 0..3).prop_map(|pairs| pairs.into_iter().collect())
}

/// Any step at all, however odd.
fn any_step() -> impl Strategy<Value = PlanStep> {
    let words = (text(), text(), text(), option::of(text()), map(), map());
    let flow = (
        (0..StepType::ALL.len()).prop_map(|index| StepType::ALL[index]),
        vec(text(), 0..3),
        option::of(text()),
        option::of(any::<i64>()),
        option::of(text()),
        option::of(text()),
        option::of(any::<i64>()),
        option::of(text()),
    );
    let policy =
        (any::<u32>(), any::<u64>(), any::<u64>(), 0..3_usize, 0.0..1.0_f64, any::<bool>());
    let rest = (
        option::of(0..4_usize),
        option::of(any::<u64>()),
        option::of(policy),
        option::of(text()),
        any::<bool>(),
        any::<i64>(),
    );
    (words, flow, rest).prop_map(|(words, flow, rest)| {
        let (id, tool, action, agent, parameters, metadata) = words;
        let (step_type, dependencies, condition, count, over, until, parallel, target) = flow;
        let (rule, timeout_ms, retry, expect, approval, complexity) = rest;
        let rules = [
            TriggerRule::AllSuccess,
            TriggerRule::AllDone,
            TriggerRule::NoneFailed,
            TriggerRule::OneSuccess,
        ];
        let retry = retry.map(|(max_retries, base, max, backoff, jitter, plain)| {
            let backoff = [Backoff::Exponential, Backoff::Linear, Backoff::Constant][backoff];
            let full = RetryPolicy {
                max_retries,
                base_delay_ms: base,
                max_delay_ms: max,
                backoff,
                jitter,
            };
            if plain { RetryPolicy { max_retries, ..RetryPolicy::default() } } else { full }
        });
        PlanStep {
            step_id: StepId::new(id),
            step_type,
            action,
            tool,
            parameters,
            dependencies: dependencies.into_iter().map(StepId::new).collect(),
            complexity,
            condition,
            loop_count: count,
            loop_over: over,
            loop_until: until,
            loop_parallelism: parallel,
            fallback_for: target.map(StepId::new),
            trigger_rule: rule.map(|rule| rules[rule]),
            timeout_ms,
            retry,
            expect,
            approval,
            agent,
            metadata,
            ..PlanStep::default()
        }
    })
}

fn check(step: &PlanStep) {
    let short = write_step(step);
    let read = read_step(&short).unwrap_or_else(|error| panic!("{short}: {error}"));
    assert_eq!(&read, step, "{short}");
    assert_eq!(write_step(&read), short);
    let document = write_notation(&plan([step.clone()]));
    let draft = parse_draft(&document, FinishReason::Stop)
        .unwrap_or_else(|error| panic!("{document}: {error}"));
    assert_eq!(draft.steps, std::slice::from_ref(step), "{document}");
    assert!(draft.mended.is_empty(), "{document}: {:?}", draft.mended);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_step_survives(step in any_step()) {
        check(&step);
    }
}

proptest! {
    #[test]
    fn valid_plans_survive(plan in arbitrary_plan()) {
        plan.steps.iter().for_each(check);
        let draft = parse_draft(&write_notation(&plan), FinishReason::Stop).unwrap();
        prop_assert_eq!(draft.steps, plan.steps);
    }

    /// A plan file, whole and indented, is read as the plan file's own reader reads it.
    #[test]
    fn plan_files_are_read_exactly(plan in arbitrary_plan()) {
        let text = serde_json::to_string_pretty(&plan).unwrap();
        let draft = parse_draft(&text, FinishReason::Stop).unwrap();
        prop_assert_eq!(draft.steps, plan.steps);
        prop_assert_eq!(draft.goal, Some(plan.goal));
    }
}

#[test]
fn shared_plans_survive() {
    for set in SHARED_SETS {
        let Some(plans) = shared_plans(set) else { return };
        for plan in plans.iter().filter(|plan| !plan.steps.is_empty()) {
            plan.steps.iter().for_each(check);
            let draft = parse_draft(&write_notation(plan), FinishReason::Stop).unwrap();
            assert_eq!(draft.steps, plan.steps);
            let text = serde_json::to_string(&Plan { ..plan.clone() }).unwrap();
            assert_eq!(parse_draft(&text, FinishReason::Stop).unwrap().steps, plan.steps);
        }
    }
}

#[test]
fn the_five_types_in_short() {
    let cases = [
        (
            step("a").parameter("value", "hi").into(),
            r#"{"id":"a","tool":"echo","args":{"value":"hi"}}"#,
        ),
        (
            step("b").reads("a").after(["a"]).when("results.a.n > 3").into(),
            r#"{"id":"b","tool":"echo","args":{"of_a":"{{ results[\"a\"] }}"},"if":"a.n > 3"}"#,
        ),
        (
            step("c").over("results.a.items").parameter("v", "{{ item.name }}").into(),
            r#"{"id":"c","tool":"echo","args":{"v":"{{ item.name }}"},"after":[],"over":"a.items"}"#,
        ),
        (
            step("d").until("result.done", 5).after(["a"]).into(),
            r#"{"id":"d","tool":"echo","after":["a"],"times":5,"until":"result.done"}"#,
        ),
        (step("e").parallel().into(), r#"{"id":"e","tool":"echo","type":"parallel"}"#),
        (step("f").instead_of("a").into(), r#"{"id":"f","tool":"echo","fallback_for":"a"}"#),
    ];
    for (step, expected) in cases {
        let step: PlanStep = step;
        let short = write_step(&step);
        assert_eq!(read_step(&short).unwrap(), step, "{short}");
        if !expected.contains("results[") {
            assert_eq!(short.to_string(), expected);
        }
    }
}

#[test]
fn references_are_short_and_literal_text_stays() {
    let cases = [
        ("{{ results.a }}", "{{a}}"),
        ("{{ results.a.b[0] }}", "{{a.b[0]}}"),
        ("{{ results[\"get-page\"].title }}", "{{get-page.title}}"),
        ("see {{ results.a.url }}.", "see {{a.url}}."),
        ("{{ len(results.a.items) + 1 }}", "{{ len(a.items) + 1 }}"),
        ("{{ results.1.x }}", "{{1.x}}"),
        ("{{ item }} {{ steps.a.status }}", "{{ item }} {{ steps.a.status }}"),
        ("{{ results.item }}", "{{ results.item }}"),
        ("{{ a.b }}", "{{= a.b }}"),
        ("{{a}}", "{{=a}}"),
        ("{{ 1 }}", "{{= 1 }}"),
        ("a {{= b", "a {{== b"),
        ("$a {a} {% a %}", "$a {a} {% a %}"),
    ];
    for (long, short) in cases {
        let step: PlanStep =
            step("x").parameter("v", long).with(|step| step.dependencies.clear()).into();
        let written = write_step(&step);
        assert_eq!(written["args"]["v"], *short, "{long}");
        assert_eq!(read_step(&written).unwrap(), step);
    }
    let read = |text: &str| {
        let step = read_step(&json!({"id": "x", "tool": "t", "args": {"v": text}})).unwrap();
        step.parameters["v"].as_str().unwrap().to_owned()
    };
    assert_eq!(read("{{   a.b}}"), "{{ results.a.b }}");
    assert_eq!(read("{{ results.a.b }}"), "{{ results.a.b }}");
    assert_eq!(
        read("{{ upper(a.b) if a.c else goal }}"),
        "{{ upper(results.a.b) if results.a.c else goal }}"
    );
}

#[test]
fn a_step_without_an_id_is_refused_alone() {
    let error = read_step(&json!({"tool": "t"})).unwrap_err();
    assert_eq!(error, DraftError::Step { index: 0, problem: "it has no `id`".to_owned() });
    assert!(read_step(&json!([1])).is_err());
    let mut deep = json!(1);
    for _ in 0..300 {
        deep = json!([deep]);
    }
    assert!(read_step(&json!({"id": "a", "tool": "t", "args": {"x": deep}})).is_err());
}
