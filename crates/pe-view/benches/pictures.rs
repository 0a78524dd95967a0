//! A picture of a plan in each form, at sizes on both sides of the one where layers collapse.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pe_model::{Plan, PlanStep, StepId};
use pe_view::{PlanView, dot, mermaid, svg};

/// How a plan is written down.
type Form = (&'static str, fn(&PlanView<'_>) -> String);

const FORMS: [Form; 3] = [("mermaid", mermaid), ("dot", dot), ("svg", svg)];

/// Layers of ten; each step needs two of the layer before, every fourth one much earlier.
fn plan(count: usize) -> Plan {
    let step = |number: usize| {
        let layer = number / 10 * 10;
        let mut after = Vec::new();
        if layer > 0 {
            after = vec![layer - 10 + number % 10, layer - 10 + (number * 7 + 3) % 10];
            after.dedup();
            if number.is_multiple_of(4) && layer > 30 {
                after.push(layer - 30 + number * 3 % 10);
            }
        }
        PlanStep {
            action: format!("Do the piece of work with the number {number}"),
            dependencies: after.iter().map(|id| StepId::new(format!("step_{id}"))).collect(),
            ..PlanStep::new(format!("step_{number}").as_str(), "search_files")
        }
    };
    Plan { goal: "Draw it".to_owned(), steps: (0..count).map(step).collect(), ..Plan::default() }
}

fn pictures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pictures");
    group.sample_size(10);
    for count in [20, 100, 150, 1_000, 100_000] {
        let plan = plan(count);
        let view = PlanView::new(&plan);
        group.throughput(Throughput::Elements(count as u64));
        for (name, draw) in FORMS {
            group.bench_with_input(BenchmarkId::new(name, count), &view, |bencher, view| {
                bencher.iter(|| draw(black_box(view)).len());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pictures);
criterion_main!(benches);
