//! JSON text to `ValidPlan`, over three shapes of plan and three sizes.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pe_model::{Catalog, Format, ToolSpec};
use pe_validate::{Limits, check_file};
use serde_json::json;

/// Names the shape and says what step `number` of `count` depends on.
type Shape = (&'static str, fn(usize, usize) -> Vec<usize>);

const SHAPES: [Shape; 3] = [
    ("chain", |number, _| number.checked_sub(1).into_iter().collect()),
    ("star", |number, _| if number == 0 { vec![] } else { vec![0] }),
    ("layered", |number, _| {
        let layer = number / 10 * 10;
        if layer == 0 {
            vec![]
        } else {
            vec![layer - 10 + number % 10, layer - 10 + (number * 7 + 3) % 10]
        }
    }),
];

fn text(count: usize, (name, dependencies): Shape) -> String {
    let mut text = format!("{{\"goal\": \"{name}\", \"steps\": [");
    for number in 0..count {
        let mut on = dependencies(number, count);
        on.dedup();
        let list: Vec<String> = on.iter().map(|on| format!("\"s{on}\"")).collect();
        let reads = on.first().map_or(String::new(), |on| format!(" and {{{{ results.s{on} }}}}"));
        let comma = if number == 0 { "" } else { "," };
        // Invariant: writing to a string cannot fail.
        let _ = write!(
            text,
            "{comma}\n{{\"step_id\": \"s{number}\", \"tool\": \"echo\", \
             \"parameters\": {{\"value\": \"number {number}{reads}\", \"times\": 3}}, \
             \"dependencies\": [{}]}}",
            list.join(", ")
        );
    }
    text.push_str("]}");
    text
}

fn catalog() -> Catalog {
    let parameters = json!({"type": "object", "required": ["value"],
        "properties": {"value": {"type": "string"}, "times": {"type": "integer"}}});
    [ToolSpec { name: "echo".to_owned(), parameters, ..ToolSpec::default() }].into_iter().collect()
}

fn validate(criterion: &mut Criterion) {
    let catalog = catalog();
    for shape in SHAPES {
        let mut group = criterion.benchmark_group(shape.0);
        group.sample_size(10);
        for count in [10, 1_000, 100_000] {
            let text = text(count, shape);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_with_input(BenchmarkId::from_parameter(count), &text, |bencher, text| {
                bencher.iter_with_large_drop(|| {
                    let bytes = black_box(text.as_bytes());
                    let checked = check_file(bytes, Format::Json, &catalog, &Limits::default());
                    assert!(checked.plan.is_some());
                    checked
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, validate);
criterion_main!(benches);
