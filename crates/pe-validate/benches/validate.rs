//! Text to `ValidPlan`, over shapes of plan, sizes and both notations; and plans that are refused.
//!
//! Throughput is in steps: a shape is linear when its three sizes have the same.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pe_model::{Catalog, Format, ToolSpec};
use pe_validate::{Checked, Code, Limits, check_file};
use serde_json::json;

/// Names the shape and says what step `number` of `count` depends on.
type Shape = (&'static str, fn(usize, usize) -> Vec<usize>);

const CHAIN: Shape = ("chain", |number, _| number.checked_sub(1).into_iter().collect());
const LAYERED: Shape = ("layered", |number, _| {
    let layer = number / 10 * 10;
    if layer == 0 {
        vec![]
    } else {
        vec![layer - 10 + number % 10, layer - 10 + (number * 7 + 3) % 10]
    }
});
const VALID: [Shape; 4] = [
    CHAIN,
    ("fan-out", |number, _| if number == 0 { vec![] } else { vec![0] }),
    ("fan-in", |number, count| if number + 1 == count { (0..number).collect() } else { vec![] }),
    LAYERED,
];
const CIRCLE: Shape = ("circle", |number, count| vec![(number + count - 1) % count]);

const SIZES: [usize; 3] = [10, 1_000, 100_000];

/// Each step calls a tool whose schema is known and reads the first step that it depends on.
fn text(count: usize, (name, dependencies): Shape, format: Format) -> String {
    let mut text = match format {
        Format::Json => format!("{{\"goal\": \"{name}\", \"steps\": ["),
        Format::Yaml => format!("goal: {name}\nsteps:\n"),
    };
    for number in 0..count {
        let mut on = dependencies(number, count);
        on.dedup();
        let list: Vec<String> = on.iter().map(|on| format!("\"s{on}\"")).collect();
        let list = list.join(", ");
        let reads = on.first().map_or(String::new(), |on| format!(" and {{{{ results.s{on} }}}}"));
        // Invariant: writing to a string cannot fail.
        let _ = match format {
            Format::Json => write!(
                text,
                "{}\n{{\"step_id\": \"s{number}\", \"tool\": \"echo\", \
                 \"parameters\": {{\"value\": \"number {number}{reads}\", \"times\": 3}}, \
                 \"dependencies\": [{list}]}}",
                if number == 0 { "" } else { "," },
            ),
            Format::Yaml => write!(
                text,
                "  - step_id: s{number}\n    tool: echo\n    parameters:\n      \
                 value: \"number {number}{reads}\"\n      times: 3\n    dependencies: [{list}]\n",
            ),
        };
    }
    if format == Format::Json {
        text.push_str("]}");
    }
    text
}

fn catalog() -> Catalog {
    let parameters = json!({"type": "object", "required": ["value"],
        "properties": {"value": {"type": "string"}, "times": {"type": "integer"}}});
    [ToolSpec { name: "echo".to_owned(), parameters, ..ToolSpec::default() }].into_iter().collect()
}

fn sizes(
    criterion: &mut Criterion,
    name: &str,
    shape: Shape,
    format: Format,
    limits: &Limits,
    expect: fn(&Checked) -> bool,
) {
    let catalog = catalog();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    for count in SIZES {
        let text = text(count, shape, format);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &text, |bencher, text| {
            bencher.iter_with_large_drop(|| {
                let checked = check_file(black_box(text.as_bytes()), format, &catalog, limits);
                assert!(expect(&checked));
                checked
            });
        });
    }
    group.finish();
}

fn validate(criterion: &mut Criterion) {
    let limits = Limits::default();
    let is_valid = |checked: &Checked| checked.plan.is_some();
    for shape in VALID {
        sizes(criterion, &format!("json {}", shape.0), shape, Format::Json, &limits, is_valid);
    }
    for shape in [CHAIN, LAYERED] {
        sizes(criterion, &format!("yaml {}", shape.0), shape, Format::Yaml, &limits, is_valid);
    }
}

fn refuse(criterion: &mut Criterion) {
    sizes(criterion, "json circle", CIRCLE, Format::Json, &Limits::default(), |checked| {
        checked.report.circular_dependencies.len() == 1
    });
    let limits = Limits { max_steps: Some(5), ..Limits::default() };
    for format in [Format::Json, Format::Yaml] {
        let name = format!("{format} too many").to_lowercase();
        sizes(criterion, &name, CHAIN, format, &limits, |checked| {
            checked.report.findings[0].code == Code::TooManySteps
        });
    }
}

criterion_group!(benches, validate, refuse);
criterion_main!(benches);
