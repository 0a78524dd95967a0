//! What a step costs in each notation, in tokens, and how long reading a plan takes.
//!
//! The report on tokens comes first: over the shared few-shot plans, by shape, counted with the
//! vocabularies `o200k_base` and `cl100k_base`. Then criterion times the reading of a plan of 20
//! steps: whole, byte by byte, and the schema and the checks around it.

use std::hint::black_box;
use std::io::Write as _;

use criterion::{Criterion, criterion_group, criterion_main};
use pe_llm::{DraftParser, parse_draft, plan_schema, write_notation};
use pe_model::{Catalog, FinishReason, Format, Plan, PlanFile, PlanStep, ToolSpec, render_plan};
use pe_validate::{Limits, check};
use serde_json::{Value, json};
use tiktoken_rs::CoreBPE;

/// The three shapes, and the plans of the set that have them: steps that wait for nothing, two
/// that a third one waits for, one after the other.
const SHAPES: [(&str, &[&str]); 3] = [
    ("wide", &["hugginggpt-2"]),
    (
        "join",
        &[
            "llmcompiler-hotpotqa-gpt-0",
            "llmcompiler-hotpotqa-llama-0",
            "llmcompiler-hotpotqa-llama-2",
            "tinyagent-0",
        ],
    ),
    ("chain", &["langgraph-rewoo-1", "hugginggpt-3"]),
];

/// A way to write a plan.
type Notation = (&'static str, fn(&Plan) -> String);

const NOTATIONS: [Notation; 6] = [
    ("short, the steps alone", unwrapped),
    ("short, letters for ids", lettered),
    ("short, the plan's own ids", short),
    ("short, with words for people", write_notation),
    ("five fields", five_fields),
    ("plan file, indented", whole_plan),
];

/// The notation as a model writes it: what a step does is not repeated in words.
fn short(plan: &Plan) -> String {
    let mut plan = plan.clone();
    plan.steps.iter_mut().for_each(|step| step.action.clear());
    write_notation(&plan)
}

/// As a model is asked to write it: ids are `a`, `b` and so on. The plans say `step_1`.
fn lettered(plan: &Plan) -> String {
    let mut text = short(plan);
    for (number, letter) in ('a'..='z').enumerate() {
        text = text.replace(&format!("step_{number}"), letter.to_string().as_str());
    }
    text
}

/// The steps without the braces around them, which a plan has once.
fn unwrapped(plan: &Plan) -> String {
    let text = lettered(plan);
    let steps = text.strip_prefix("{\"steps\":[").and_then(|text| text.strip_suffix("]}"));
    steps.unwrap_or(&text).to_owned()
}

fn five_fields(plan: &Plan) -> String {
    let step = |step: &PlanStep| {
        json!({"step_id": step.step_id, "action": step.action, "tool": step.tool,
            "parameters": step.parameters, "dependencies": step.dependencies})
    };
    json!({"steps": plan.steps.iter().map(step).collect::<Vec<_>>()}).to_string()
}

fn whole_plan(plan: &Plan) -> String {
    render_plan(plan, Format::Json)
}

fn report() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = std::io::stderr();
    let file = path
        .ancestors()
        .skip(3)
        .take(2)
        .map(|parent| parent.join("shared/data/plans/prompt_examples.jsonl.gz"))
        .find(|file| file.is_file());
    let Some(file) = file else {
        let _ = writeln!(out, "SKIPPED: no shared data, tokens were not counted");
        return;
    };
    let reader = flate2::read::GzDecoder::new(std::fs::File::open(file).expect("readable"));
    let plans: Vec<Plan> = serde_json::Deserializer::from_reader(reader)
        .into_iter::<Value>()
        .map(|value| PlanFile::from_value(value.expect("JSON")).expect("a plan").plan)
        .collect();
    let vocabularies = [
        ("o200k", tiktoken_rs::o200k_base().expect("built in")),
        ("cl100k", tiktoken_rs::cl100k_base().expect("built in")),
    ];
    let _ = writeln!(
        out,
        "tokens a step, the wrapping of the whole plan included but in the first row:"
    );
    for (name, vocabulary) in &vocabularies {
        for (notation, write) in NOTATIONS {
            let mut line = format!("{name:<7}{notation:<29}");
            let mut all = Vec::new();
            for (shape, ids) in SHAPES {
                let of_shape: Vec<&Plan> = plans
                    .iter()
                    .filter(|plan| {
                        plan.plan_id.as_ref().is_some_and(|id| ids.contains(&id.as_str()))
                    })
                    .collect();
                line += &format!("{shape} {:>6.1}  ", tokens_a_step(vocabulary, &of_shape, write));
                all.extend(of_shape);
            }
            let _ = writeln!(out, "{line}all {:>6.1}", tokens_a_step(vocabulary, &all, write));
        }
    }
}

fn tokens_a_step(vocabulary: &CoreBPE, plans: &[&Plan], write: fn(&Plan) -> String) -> f64 {
    let tokens: usize =
        plans.iter().map(|plan| vocabulary.encode_ordinary(&write(plan)).len()).sum();
    let steps: usize = plans.iter().map(|plan| plan.steps.len()).sum();
    tokens as f64 / steps as f64
}

/// A plan of 20 steps with references, and the catalog of its tools.
fn twenty() -> (Plan, Catalog) {
    let steps = (0..20_u32).map(|number| {
        let mut step =
            PlanStep::new(format!("s{number}").as_str(), format!("tool_{}", number % 10));
        step.parameters.insert(
            "query".to_owned(),
            format!("what is there to know about topic {number}").into(),
        );
        step.parameters.insert("limit".to_owned(), 10.into());
        if let Some(before) = number.checked_sub(3) {
            step.parameters
                .insert("text".to_owned(), format!("{{{{ results.s{before}.text }}}}").into());
            step.dependencies.push(format!("s{before}").as_str().into());
        }
        step
    });
    let plan = Plan { goal: "learn".to_owned(), steps: steps.collect(), ..Plan::default() };
    let tool = |number: usize| ToolSpec {
        name: format!("tool_{number}"),
        parameters: json!({"type": "object", "required": ["query"], "properties": {
            "query": {"type": "string"}, "text": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1}}}),
        ..ToolSpec::default()
    };
    (plan, (0..10).map(tool).collect())
}

fn reading(criterion: &mut Criterion) {
    report();
    let (plan, catalog) = twenty();
    let text = write_notation(&plan);
    let fenced =
        format!("Here is the plan:\n```json\n{text}\n```\n").replace(",\"tool\"", ", \"tool\"");
    let single = text.replace('"', "'");
    let mut group = criterion.benchmark_group("20 steps");
    group.bench_function("read the notation", |bencher| {
        bencher.iter(|| parse_draft(black_box(&text), FinishReason::Stop).expect("a plan"));
    });
    group.bench_function("read it fenced, amid prose", |bencher| {
        bencher.iter(|| parse_draft(black_box(&fenced), FinishReason::Stop).expect("a plan"));
    });
    group.bench_function("read it in single quotes", |bencher| {
        bencher.iter(|| parse_draft(black_box(&single), FinishReason::Stop).expect("a plan"));
    });
    group.bench_function("read it in pieces of 4 bytes", |bencher| {
        bencher.iter(|| {
            let mut parser = DraftParser::new();
            let mut steps = 0;
            for piece in black_box(text.as_bytes()).chunks(4) {
                steps += parser.push(std::str::from_utf8(piece).expect("ASCII")).len();
            }
            (steps, parser.finish(FinishReason::Stop).expect("a plan"))
        });
    });
    group.bench_function("build the schema", |bencher| {
        bencher.iter(|| plan_schema(black_box(&catalog), 20));
    });
    group.bench_function("schema, read in pieces, check", |bencher| {
        bencher.iter(|| {
            let schema = plan_schema(black_box(&catalog), 20).to_string();
            let mut parser = DraftParser::new();
            for piece in black_box(text.as_bytes()).chunks(4) {
                parser.push(std::str::from_utf8(piece).expect("ASCII"));
            }
            let draft = parser.finish(FinishReason::Stop).expect("a plan");
            let read = Plan { goal: "learn".to_owned(), steps: draft.steps, ..Plan::default() };
            (schema, check(read, &catalog, &Limits::default()))
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("long answers");
    group.sample_size(10);
    for kib in [128, 256, 512, 1024] {
        let step = r#"{"id":"a","tool":"t","args":{"text":"words and words and words"}},"#;
        let text = format!("[{}]", step.repeat(kib * 1024 / step.len()).trim_end_matches(','));
        group.bench_function(format!("{kib} KiB, a byte at a time"), |bencher| {
            bencher.iter(|| {
                let mut parser = DraftParser::new();
                for at in 0..text.len() {
                    parser.push(black_box(&text[at..=at]));
                }
                parser.finish(FinishReason::Stop).expect("a plan").steps.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
