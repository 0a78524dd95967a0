//! Plans survive both notations whole.

use pe_model::{
    Backoff, Format, JsonMap, Plan, PlanFile, PlanStatus, PlanStep, RetryPolicy, StepId,
    StepResult, StepStatus, StepType, TriggerRule, render_definition, render_plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn check(plan: &Plan) {
    for format in [Format::Json, Format::Yaml] {
        let text = render_plan(plan, format);
        let file = PlanFile::parse(text.as_bytes(), format)
            .unwrap_or_else(|error| panic!("{format}: {error}\n{text}"));
        assert_eq!(file.plan, *plan, "{format}:\n{text}");
        assert_eq!(file.unknown, [], "{format}");
        let text = render_definition(plan, format);
        let file = PlanFile::parse(text.as_bytes(), format)
            .unwrap_or_else(|error| panic!("{format}: {error}\n{text}"));
        assert_eq!(file.plan.definition(), plan.definition(), "{format}:\n{text}");
    }
}

#[test]
fn what_is_so_by_default_is_not_written() {
    let mut plan = Plan { goal: "g".to_owned(), ..Plan::default() };
    plan.steps = vec![PlanStep::new("a", "echo")];
    let text = render_definition(&plan, Format::Yaml);
    assert_eq!(text, "goal: g\nsteps:\n- step_id: a\n  tool: echo\n");
}

fn full_step(kind: StepType) -> PlanStep {
    PlanStep {
        step_type: kind,
        action: "yes: a \"quoted\" action\nin two lines ".to_owned(),
        parameters: json!({"url": "{{ results.a.url }}", "n": 1.5, "on": "on", "deep": [{"x": null}], "": ""})
            .as_object()
            .unwrap()
            .clone(),
        dependencies: vec![StepId::new("a"), StepId::new("1")],
        complexity: 5,
        condition: Some("len(results) > 0 and 'x: #y' != \"{z}\"".to_owned()),
        loop_count: Some(3),
        loop_over: Some("[1, 2]".to_owned()),
        loop_until: Some("true".to_owned()),
        loop_parallelism: Some(2),
        fallback_for: Some(StepId::new("a")),
        trigger_rule: Some(TriggerRule::NoneFailed),
        timeout_ms: Some(u64::MAX),
        retry: Some(RetryPolicy { backoff: Backoff::Linear, jitter: 0.25, ..RetryPolicy::default() }),
        expect: Some("result == null".to_owned()),
        approval: true,
        agent: Some("null".to_owned()),
        metadata: json!({"k": [true, "2020-01-01"]}).as_object().unwrap().clone(),
        status: StepStatus::Failed,
        reason: Some("~".to_owned()),
        recovered_by: Some(StepId::new("b")),
        result: Some(Box::new(StepResult {
            success: false,
            data: json!({"é": "☃"}),
            error: Some("no".into()),
        })),
        error: Some("no".to_owned()),
        execution_time_ms: Some(12),
        attempts: 4,
        ..PlanStep::new("b", "fetch")
    }
}

#[test]
fn p2_every_field_of_every_step_type_survives() {
    for kind in StepType::ALL {
        let plan = Plan {
            plan_id: Some("p-1".into()),
            steps: vec![PlanStep::new("a", "echo"), full_step(kind)],
            context: json!({"k": {"nested": [1, 2]}}).as_object().unwrap().clone(),
            status: PlanStatus::InDoubt,
            version: 7,
            parent: Some("p-0".into()),
            created_at: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
            modified_at: Some("2026-01-02T03:04:06Z".parse().unwrap()),
            metadata: json!({"m": 1}).as_object().unwrap().clone(),
            ..Plan::new("goal: with a colon", "2026-01-02T03:04:05Z".parse().unwrap())
        };
        check(&plan);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e12..1e12_f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Texts that YAML would love to misread, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "yes",
            "no",
            "~",
            "null",
            "1e3",
            "0x1F",
            "1_000",
            "- a",
            "a: b",
            "#c",
            "&x",
            "*x",
            "!t",
            "|",
            ">",
            "%",
            "@",
            "`",
            "'",
            "\"",
            "\\",
            "\t",
            " ",
            "\n",
            "a\n b\n",
            "---",
            "...",
            "?",
            "<<",
            "2020-01-01",
            ".inf",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "{{ results.a }}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        "[ -~\n]{0,40}",
    ]
}

proptest! {
    #[test]
    fn p2_whatever_parameters_hold_survives(
        goal in text(), action in text(), key in text(), value in value(), condition in text(),
    ) {
        let step = PlanStep {
            action,
            parameters: JsonMap::from_iter([(key, value)]),
            condition: Some(condition),
            ..PlanStep::new("a", "echo")
        };
        check(&Plan { goal, steps: vec![step], ..Plan::default() });
    }
}
