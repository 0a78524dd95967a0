//! Our side of a planning call: prompt, reading, judging; the model answers at once.
//!
//! A plan of 20 steps over 20 tools.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use pe_llm::{PlanTask, Planner, Prompts};
use pe_model::{
    BoxFuture, Catalog, Delta, DeltaSink, JsonMap, LlmClient, ModelAnswer, ModelError, ModelName,
    ModelRequest,
};
use pe_validate::Limits;

/// Writes the same answer each time, a few letters at a time.
struct AtOnce(String);

impl LlmClient for AtOnce {
    fn name(&self) -> ModelName {
        ModelName { model: "at once".to_owned(), endpoint: "scripted".to_owned() }
    }

    fn ask<'a>(
        &'a self,
        _: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        if let Some(sink) = sink {
            for piece in self.0.as_bytes().chunks(4) {
                sink(Delta::Text(std::str::from_utf8(piece).unwrap_or_default()));
            }
        }
        Box::pin(async { Ok(ModelAnswer::text(self.0.clone())) })
    }
}

fn twenty_tools() -> Catalog {
    let document = serde_json::from_str(include_str!("../tests/it/catalog.json"))
        .expect("because the file is part of the tests");
    Catalog::from_value(&document).expect("because the file is part of the tests")
}

/// Twenty steps in five layers, each reading one of the layer before.
fn answer() -> String {
    let steps: Vec<String> = (0..20)
        .map(|n: usize| match n.checked_sub(4) {
            None => format!(r#"{{"id":"s{n}","tool":"web_search","args":{{"query":"topic {n}"}}}}"#),
            Some(before) => format!(
                r#"{{"id":"s{n}","tool":"llm","args":{{"prompt":"Compare","input":"{{{{s{before}}}}}"}}}}"#
            ),
        })
        .collect();
    format!(r#"{{"steps":[{}]}}"#, steps.join(","))
}

/// Runs a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("because nothing in it waits"),
    }
}

fn planning(criterion: &mut Criterion) {
    let catalog = twenty_tools();
    let limits = Limits { max_steps: Some(20), ..Limits::default() };
    let context = JsonMap::new();
    let task = PlanTask {
        goal: "Compare twenty topics and say which one matters most",
        context: &context,
        catalog: &catalog,
        limits: &limits,
        examples: &[],
        max_repair_rounds: 0,
        context_tokens: None,
    };
    let planner = Planner::new(Arc::new(AtOnce(answer())), Arc::new(Prompts::builtin()));
    let planned = now(planner.plan(&task, &mut |_| {})).expect("because the answer holds");
    assert_eq!(planned.plan.steps().len(), 20);
    let mut group = criterion.benchmark_group("planning");
    group.bench_function("request", |bencher| {
        bencher.iter(|| black_box(planner.plan_request(&task)));
    });
    group.bench_function("whole_call", |bencher| {
        bencher.iter(|| black_box(now(planner.plan(&task, &mut |_| {}))));
    });
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
