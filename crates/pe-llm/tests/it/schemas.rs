//! The schema of the notation accepts what is written, and refuses what means nothing.

use jsonschema::Validator;
use pe_llm::{plan_schema, write_notation};
use pe_model::{Catalog, Plan, PlanStep, RetryPolicy, ToolSpec};
use pe_testkit::{arbitrary_plan, catalog_of, shared_plans, step};
use proptest::prelude::*;
use serde_json::{Value, json};

fn validator(catalog: &Catalog, max_steps: usize) -> Validator {
    let schema = plan_schema(catalog, max_steps);
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft202012::new(&schema).unwrap()
}

fn written(plan: &Plan) -> Value {
    serde_json::from_str(&write_notation(plan)).unwrap()
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec { name: name.to_owned(), parameters, ..ToolSpec::default() }
}

/// Tools whose arguments are typed in every way.
fn typed() -> Catalog {
    let search = json!({"type": "object", "required": ["q"], "additionalProperties": false,
        "properties": {
            "q": {"type": "string", "description": "what to look for"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50},
            "deep": {"type": "boolean"},
            "order": {"enum": ["new", "old"]},
            "date": {"type": "string", "format": "date", "pattern": "^\\d{4}-\\d\\d$"},
            "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "uniqueItems": true},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}], "items": false},
            "either": {"oneOf": [{"type": "integer"}, {"type": "string", "minLength": 3}]},
            "tree": {"$ref": "#/$defs/tree"},
            "odd": {"type": "float"},
            "nullable": {"type": ["integer", "null"]},
        },
        "$defs": {"tree": {"type": "object", "properties": {
            "value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}});
    [tool("search", search), tool("note", Value::Null), tool("stop", json!({"type": "object"}))]
        .into_iter()
        .collect()
}

fn search(args: Value) -> Value {
    json!({"steps": [{"id": "a", "tool": "search", "args": args}]})
}

#[test]
fn arguments_are_typed_and_references_stand_for_anything() {
    let validator = validator(&typed(), 3);
    let accepted = [
        json!({"q": "x"}),
        json!({"q": "{{b.title}}", "limit": "{{b.n}}", "deep": "{{b.ok}}", "order": "{{b.order}}"}),
        json!({"q": "x", "limit": 3, "deep": false, "order": "new", "date": "2026-01", "code": "ABC"}),
        json!({"q": "x", "date": "whatever", "code": "{{b.code}}", "odd": "anything", "nullable": null}),
        json!({"q": "x", "where": {"lat": "{{b.lat}}"}, "tags": ["a", "{{b.tag}}"]}),
        json!({"q": "x", "where": "{{b}}", "tags": "{{b.tags}}", "pair": [1, "{{b}}"], "either": "{{b}}"}),
        json!({"q": "x", "either": 7, "tree": {"value": 1, "children": [{"value": "{{b}}", "children": []}]}}),
    ];
    for args in accepted {
        let document = search(args);
        if let Err(error) = validator.validate(&document) {
            panic!("{document}: {error}");
        }
    }
    let refused = [
        json!({}),
        json!({"q": 3}),
        json!({"q": "x", "limit": 0}),
        json!({"q": "x", "limit": "three"}),
        json!({"q": "x", "order": "middle"}),
        json!({"q": "x", "code": "abc"}),
        json!({"q": "x", "tags": ["c"]}),
        json!({"q": "x", "where": {}}),
        json!({"q": "x", "either": true}),
        json!({"q": "x", "tree": {"value": "one"}}),
        json!({"q": "x", "unknown": 1}),
    ];
    for args in refused {
        assert!(!validator.is_valid(&search(args.clone())), "{args}");
    }
}

/// Decoders paste patterns into JSON text: none may let through what breaks it.
#[test]
fn patterns_that_would_break_the_answer_are_dropped() {
    let kept = |pattern: &str| {
        let parameters =
            json!({"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}});
        let catalog: Catalog = [tool("t", parameters)].into_iter().collect();
        plan_schema(&catalog, 1)["$defs"]["args1"].to_string().contains("pattern")
    };
    for pattern in ["^[A-Z]{3}$", "^a\\.b$", "^(x|y)+$"] {
        assert!(kept(pattern), "{pattern}");
    }
    for pattern in ["abc", "^.$", "^[^a]$", "^\\d+$", "^(?=a)$", "^a\"b$", "^\\\\$", "^a$|^b\\$"] {
        assert!(!kept(pattern), "{pattern}");
    }
    let schema = plan_schema(&typed(), 1);
    let reference = jsonschema::draft202012::new(&schema["$defs"]["reference"]).unwrap();
    for text in ["{{a}}", "{{ len(a.items) + 1 }}", "{{ a['x y'] }}", "{{é}}"] {
        assert!(reference.is_valid(&json!(text)), "{text}");
    }
    for text in ["", "a", "{{}}", "{{a", "x {{a}}", "{{ \"a\" }}", "{{ a\nb }}", "{{ '\\n' }}"] {
        assert!(!reference.is_valid(&json!(text)), "{text}");
    }
}

#[test]
fn steps_are_bounded_and_their_tools_known() {
    let validator = validator(&typed(), 2);
    let step = |tool: &str| json!({"id": "a", "tool": tool, "args": {"q": "x"}});
    assert!(validator.is_valid(&json!({"steps": [step("search"), step("note")]})));
    assert!(validator.is_valid(&json!({"steps": [{"id": "a", "tool": "stop"}]})));
    for refused in [
        json!({"steps": []}),
        json!({"steps": [step("note"), step("note"), step("note")]}),
        json!({"steps": [step("delete")]}),
        json!({"steps": [{"id": "a", "tool": "search"}]}),
        json!({"steps": [{"id": "", "tool": "note"}]}),
        json!({"steps": [{"tool": "note"}]}),
        json!({"steps": [{"id": "a", "tool": "note", "if": ""}]}),
        json!({"steps": [{"id": "a", "tool": "note", "colour": "red"}]}),
        json!([step("note")]),
    ] {
        assert!(!validator.is_valid(&refused), "{refused}");
    }
    let any = plan_schema(&Catalog::default(), 1);
    let any = jsonschema::draft202012::new(&any).unwrap();
    assert!(any.is_valid(&json!({"steps": [{"id": "a", "tool": "whatever", "args": {"x": [1]}}]})));
}

/// Words that constrained decoders refuse, or ignore where that would mislead.
#[test]
fn only_honoured_keywords_are_written() {
    const KEYWORDS: [&str; 24] = [
        "$schema",
        "$defs",
        "$ref",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "anyOf",
        "oneOf",
        "description",
        "title",
    ];
    fn walk(schema: &Value, names: bool) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    assert!(names || KEYWORDS.contains(&key.as_str()), "{key}");
                    assert!(names || key != "items" || !value.is_boolean(), "{value}");
                    walk(value, !names && (key == "properties" || key == "$defs"));
                }
            }
            Value::Array(items) => {
                items.iter().filter(|item| item.is_object()).for_each(|item| walk(item, false))
            }
            _ => {}
        }
    }
    walk(&plan_schema(&typed(), 20), false);
}

#[test]
fn every_field_of_a_step_is_accepted() {
    let mut full: PlanStep = step("a").tool("search").parameter("q", "x").into();
    full = PlanStep {
        action: "look".to_owned(),
        condition: Some("goal != ''".to_owned()),
        loop_count: Some(3),
        loop_over: Some("results.b".to_owned()),
        loop_until: Some("result".to_owned()),
        loop_parallelism: Some(2),
        fallback_for: Some("b".into()),
        trigger_rule: Some(pe_model::TriggerRule::AllDone),
        timeout_ms: Some(5),
        retry: Some(RetryPolicy { jitter: 0.5, ..RetryPolicy::default() }),
        expect: Some("result".to_owned()),
        approval: true,
        agent: Some("me".to_owned()),
        complexity: 3,
        dependencies: vec!["b".into(), "c".into()],
        step_type: pe_model::StepType::Parallel,
        metadata: [("duration_ms".to_owned(), json!(1))].into_iter().collect(),
        ..full
    };
    let document = written(&pe_testkit::plan([full]));
    let fields = document["steps"][0].as_object().unwrap();
    assert_eq!(fields.len(), 20, "{document}");
    let schema = plan_schema(&typed(), 1);
    let known = schema["$defs"]["step"]["anyOf"][0]["properties"].as_object().unwrap();
    assert_eq!(known.keys().collect::<Vec<_>>(), fields.keys().collect::<Vec<_>>(), "their order");
    assert!(validator(&typed(), 1).is_valid(&document), "{document}");
}

proptest! {
    #[test]
    fn what_is_written_is_accepted(plan in arbitrary_plan()) {
        let document = written(&plan);
        prop_assert!(validator(&catalog_of(&plan), plan.steps.len()).is_valid(&document), "{}", document);
    }
}

#[test]
fn shared_plans_are_accepted_against_their_own_tools() {
    let Some(plans) = shared_plans("bfcl_parallel") else { return };
    let mut checked = 0;
    for plan in &plans {
        let tools = plan.metadata["inline_tools"].as_object().unwrap();
        let tools = tools.iter().map(|(name, spec)| tool(name, spec["parameters"].clone()));
        let catalog: Catalog = tools.collect();
        let limits = pe_validate::Limits::default();
        if pe_validate::check(plan.clone(), &catalog, &limits).plan.is_none() {
            continue;
        }
        let document = written(plan);
        let schema = plan_schema(&catalog, plan.steps.len());
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        if let Err(error) = validator.validate(&document) {
            panic!("{document}: {error}");
        }
        checked += 1;
    }
    assert!(checked > 60, "{checked} of {}", plans.len());
}
