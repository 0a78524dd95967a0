//! What a condition and a template cost: parsing, evaluating, rendering; beside a template
//! engine on the same condition; and what hostile expressions cost before they are refused.

use criterion::{Criterion, criterion_group, criterion_main};
use pe_expr::{Expr, Limits, MapScope, ParameterTemplate, Template};
use serde_json::{Value, json};
use std::hint::black_box;

const CONDITION: &str = "len(results) > 0 and results.a.score >= 0.5";
const PATHS: &str = "results.a.title == 'Rust' and results['a'].tags[0] == 'x' and goal != ''";
// Nothing in it is constant: they calculate constants when they parse.
const ARITHMETIC: &str =
    "(results.a.n * 2 - 4) / 2 < results.a.n + 1 and not results.a.n % 4 == results.a.score";
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
}

/// The same condition over the same data, here and in `minijinja`.
fn beside_minijinja(bench: &mut Criterion) {
    let limits = Limits::default();
    let context = json!({
        "goal": "a report",
        "results": {"a": {
            "score": 0.75, "n": 7, "title": "Rust", "tags": ["x", "y"], "body": "x".repeat(100_000),
        }},
    });
    let scope: MapScope = context.as_object().cloned().into_iter().flatten().collect();
    let engine = minijinja::Environment::new();
    let values: minijinja::Value = serde_json::from_value(context).expect("a value");
    let mut group = bench.benchmark_group("condition");
    for (name, source, foreign) in [
        ("comparison", CONDITION, "results | length > 0 and results.a.score >= 0.5"),
        ("paths", PATHS, PATHS),
        ("arithmetic", ARITHMETIC, ARITHMETIC),
        (
            "text",
            "upper(results.a.title) == 'RUST' and 'x' in results.a.tags and join(results.a.tags, ',') == 'x,y'",
            "results.a.title | upper == 'RUST' and 'x' in results.a.tags and results.a.tags | join(',') == 'x,y'",
        ),
    ] {
        let expr = Expr::parse(source).expect(source);
        let theirs = engine.compile_expression(foreign).expect(foreign);
        assert_eq!(expr.evaluate_bool(&scope, &limits), Ok(true), "{source}");
        assert!(theirs.eval(&values).is_ok_and(|value| value.is_true()), "{foreign}");
        group.bench_function(format!("{name}: parse, ours"), |bench| {
            bench.iter(|| Expr::parse(black_box(source)));
        });
        group.bench_function(format!("{name}: parse, minijinja"), |bench| {
            bench.iter(|| engine.compile_expression(black_box(foreign)));
        });
        group.bench_function(format!("{name}: evaluate, ours"), |bench| {
            bench.iter(|| expr.evaluate(black_box(&scope), &limits));
        });
        group.bench_function(format!("{name}: evaluate, minijinja"), |bench| {
            bench.iter(|| theirs.eval(black_box(&values)));
        });
    }
}

/// Parsed and evaluated to their refusal, or, where they are not refused, to the end.
fn hostile(bench: &mut Criterion) {
    let limits = Limits::default();
    let long = "a".repeat(4 << 20);
    let numbers: Vec<Value> = (0..200_000).map(|n| json!(n)).collect();
    let records: Vec<Value> = (0..30_000).map(|n| json!({ "n": n })).collect();
    let keys: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("{n:0>256}"), json!(1))).collect();
    let scope = MapScope::new()
        .with("long", json!(long))
        .with("other", json!(long))
        .with("numbers", json!(numbers))
        .with("records", json!(records))
        .with("keys", json!([keys]));
    let many = |part: &str| {
        let count = (4096 - part.len()) / (part.len() + 4);
        format!("{part}{}", format!(" or {part}").repeat(count))
    };
    let doubling =
        (0..21).fold("'a'".to_owned(), |source, _| format!("replace({source}, 'a', 'aa')"));
    let key = "k".repeat(64);
    let mut group = bench.benchmark_group("hostile");
    group.sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    for (name, source) in [
        ("5,000 minuses", "-".repeat(5000) + "1"),
        ("nesting 10,000", "(".repeat(10_000) + "1" + &")".repeat(10_000)),
        ("1 MiB of source", "1+".repeat(1 << 19)),
        ("4 KiB of brackets", "(".repeat(4096)),
        ("10**9", "'a' * 10**9".into()),
        ("a billion letters", "'a' * 1000000000".into()),
        ("doubling", doubling),
        ("split", "sort(split('b a ' * 30000))".into()),
        (
            "nested JSON",
            "len(parse_json('[' + (('[' * 100) + (']' * 100) + ',') * 580 + '0]'))".into(),
        ),
        ("escapes", "str(['\\u0001' * 100000] * 4)".into()),
        ("searches", many("'b' in long")),
        ("long searches", many("1==len(split('b',long))")),
        ("texts compared", many("long != other")),
        ("lists searched", many("-1 in numbers")),
        ("sort", "sort(numbers)".into()),
        ("sort by a key", "sort(records, 'n')".into()),
        ("unique", "unique(numbers)".into()),
        ("a key that is not there", format!("pluck(keys, '{key}')")),
        ("guarded keys that are not there", many(&format!("exists(pluck(keys,'{key}'))"))),
        ("a member that is not there", format!("keys[0].{key}")),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let expr = Expr::parse_with(black_box(&source), &limits)?;
                expr.evaluate(&scope, &limits)
            });
        });
    }
}

criterion_group!(benches, expressions, beside_minijinja, hostile);
criterion_main!(benches);
