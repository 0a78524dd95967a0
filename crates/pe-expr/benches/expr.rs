//! What a condition and a template cost: parsing, evaluating, rendering.

use criterion::{Criterion, criterion_group, criterion_main};
use pe_expr::{Expr, Limits, MapScope, ParameterTemplate, Template};
use serde_json::json;
use std::hint::black_box;

const CONDITION: &str = "len(results) > 0 and results.a.score >= 0.5";
const TEXT: &str =
    "Summarise {{ results.a.title }} ({{ results.a.score }}) for {{ goal }}: {{ results.a.tags }}";

fn expressions(bench: &mut Criterion) {
    let limits = Limits::default();
    let scope = MapScope::new().with("goal", json!("a report")).with(
        "results",
        json!({"a": {"score": 0.75, "title": "Rust", "tags": ["x", "y"], "body": "x".repeat(100_000)}}),
    );

    bench.bench_function("parse condition", |bench| {
        bench.iter(|| Expr::parse(black_box(CONDITION)))
    });
    let condition = Expr::parse(CONDITION).expect("an expression");
    bench.bench_function("evaluate condition", |bench| {
        bench.iter(|| condition.evaluate_bool(black_box(&scope), &limits));
    });

    bench.bench_function("parse template", |bench| bench.iter(|| Template::parse(black_box(TEXT))));
    let template = Template::parse(TEXT).expect("a template");
    bench.bench_function("render template", |bench| {
        bench.iter(|| template.render(black_box(&scope), &limits))
    });

    let tree =
        json!({"url": "http://x/{{ results.a.title }}", "n": 3, "body": "{{ results.a.body }}"});
    let parameters = ParameterTemplate::parse(&tree).expect("templates");
    bench.bench_function("render parameters, 100 kB value", |bench| {
        bench.iter(|| parameters.render(black_box(&scope), &limits));
    });

    let sum = Expr::parse(&format!("1{}", "+1".repeat(2000))).expect("an expression");
    bench.bench_function("evaluate sum of 2,001 terms", |bench| {
        bench.iter(|| sum.evaluate(black_box(&scope), &limits))
    });

    let hostile = Expr::parse("sort(split('b a ' * 30000))").expect("an expression");
    bench.bench_function("refuse a hostile split", |bench| {
        bench.iter(|| hostile.evaluate(black_box(&scope), &limits))
    });
}

criterion_group!(benches, expressions);
criterion_main!(benches);
