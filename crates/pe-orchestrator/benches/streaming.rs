//! From a goal to the end of its run, with `streaming = off` and `execute`, beside the limit.
//!
//! The limit is what no program can beat: a step may begin once its own text is out and its
//! dependencies are done (one that acts, once all of the text is), and the run ends no sooner
//! than the text. The model writes 50 real tokens a second, the tools take 300 to 1000 ms. The
//! first table is in tokio's paused clock, in which computing takes no time: it shows what is
//! decided. The second is in real time, with the run in memory and in a database. Then the short
//! notation with streaming beside an indented plan file without; at the end what the loop itself
//! costs, where neither model nor tools take any time.

#![allow(missing_docs, clippy::print_stdout, reason = "a benchmark")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use pe_exec::Control;
use pe_llm::write_notation;
use pe_model::{
    BoxFuture, Delta, DeltaSink, Effect, Format, JsonMap, LlmClient, ModelAnswer, ModelError,
    ModelName, ModelRequest, OrchestratorConfig, Plan, StepId, Streaming, Tool, ToolCall,
    ToolError, ToolSpec, render_plan,
};
use pe_orchestrator::{PlanExecuteOrchestrator, Supervision, Task};
use pe_store::SqliteStore;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, sleep_until};

const TOKENS_PER_SECOND: f64 = 50.0;

/// The tool that acts: it waits for the whole plan.
const ACT: &str = "publish";

/// A plan, what each of its steps waits for, and how long it takes.
struct Shape {
    name: &'static str,
    plan: Plan,
    reads: Vec<Vec<usize>>,
    takes: Vec<Duration>,
}

impl Shape {
    /// A shape by the places that each step reads.
    fn new(name: &'static str, reads: &[&[usize]]) -> Self {
        const TOPICS: [&str; 4] = ["rust", "ada", "lisp", "cobol"];
        let mut random = fastrand::Rng::with_seed(7);
        let step = |(place, reads): (usize, &&[usize])| {
            let read = |read: &usize| format!("{{{{ results.s{} }}}}", read + 1);
            let (tool, parameters) = match reads {
                [] => ("search", json!({"query": format!("history of {}", TOPICS[place % 4])})),
                [one] => ("search", json!({"query": read(one)})),
                more => ("compare", json!({"texts": more.iter().map(read).collect::<Vec<_>>()})),
            };
            json!({"step_id": format!("s{}", place + 1), "tool": tool, "parameters": parameters})
        };
        let steps: Vec<Value> = reads.iter().enumerate().map(step).collect();
        let plan = json!({"goal": "compare the histories of languages", "steps": steps});
        Self {
            name,
            plan: serde_json::from_value(plan).expect("because it is a plan"),
            reads: reads.iter().map(|reads| reads.to_vec()).collect(),
            takes: reads.iter().map(|_| Duration::from_millis(random.u64(300..=1_000))).collect(),
        }
    }

    /// The same, with a last step that acts.
    fn acting(name: &'static str, reads: &[&[usize]]) -> Self {
        let mut shape = Self::new(name, reads);
        if let Some(last) = shape.plan.steps.last_mut() {
            last.tool = ACT.to_owned();
        }
        shape
    }

    fn all() -> Vec<Self> {
        let chain: Vec<Vec<usize>> =
            (0..10).map(|place: usize| place.checked_sub(1).into_iter().collect()).collect();
        let chain: Vec<&[usize]> = chain.iter().map(Vec::as_slice).collect();
        let join: &[&[usize]] = &[&[], &[0], &[], &[2], &[], &[4], &[1, 3, 5]];
        vec![
            Self::new("wide 8", &[&[] as &[usize]; 8]),
            Self::new("wide 2", &[&[] as &[usize]; 2]),
            Self::new("3x2+1", join),
            Self::acting("3x2+1, last acts", join),
            Self::new("tree of 7", &[&[], &[], &[], &[], &[0, 1], &[2, 3], &[4, 5]]),
            Self::new("chain of 10", &chain),
        ]
    }

    /// As models are asked to write it.
    fn short(&self) -> Text {
        Text::new(write_notation(&self.plan))
    }

    /// As the file of a plan is written.
    fn long(&self) -> Text {
        Text::new(render_plan(&self.plan, Format::Json))
    }

    /// The least time from the goal to the end: with steps that begin as soon as they may, or
    /// when all of the plan is there.
    fn limit(&self, text: &Text, streaming: Streaming) -> Duration {
        let mut ends: Vec<Duration> = Vec::new();
        for (place, step) in self.plan.steps.iter().enumerate() {
            let is_whole = streaming != Streaming::Execute || step.tool == ACT;
            let written = if is_whole { text.takes() } else { text.step(place) };
            let ready = self.reads[place].iter().map(|&read| ends[read]).max();
            ends.push(written.max(ready.unwrap_or_default()) + self.takes[place]);
        }
        ends.into_iter().fold(text.takes(), Duration::max)
    }
}

/// A text in tokens, and which token ends each step.
#[derive(Clone)]
struct Text {
    tokens: Vec<String>,
    ends: Vec<usize>,
}

impl Text {
    fn new(text: String) -> Self {
        let tokenizer = tiktoken_rs::o200k_base().expect("because it is built in");
        let tokens = tokenizer.split_by_token_ordinary(&text).expect("because it is ASCII");
        let mut ends = Vec::new();
        let (mut depth, mut is_text, mut is_escaped) = (0, false, false);
        for (number, token) in (1..).zip(&tokens) {
            for letter in token.chars() {
                match letter {
                    _ if is_escaped => is_escaped = false,
                    '\\' => is_escaped = true,
                    '"' => is_text = !is_text,
                    '{' | '[' if !is_text => depth += 1,
                    '}' | ']' if !is_text => {
                        depth -= 1;
                        if depth == 2 && letter == '}' {
                            ends.push(number);
                        }
                    }
                    _ => {}
                }
            }
        }
        Self { tokens, ends }
    }

    fn at(count: usize) -> Duration {
        Duration::from_secs_f64(count as f64 / TOKENS_PER_SECOND)
    }

    fn step(&self, place: usize) -> Duration {
        Self::at(self.ends[place])
    }

    fn takes(&self) -> Duration {
        Self::at(self.tokens.len())
    }
}

/// Writes one text, at its rate or at once.
struct Writer {
    text: Text,
    is_slow: bool,
}

impl LlmClient for Writer {
    fn name(&self) -> ModelName {
        ModelName { model: "writer".to_owned(), endpoint: "scripted".to_owned() }
    }

    fn ask<'a>(
        &'a self,
        _: &'a ModelRequest,
        mut sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let begin = Instant::now();
            for (count, token) in (1..).zip(&self.text.tokens) {
                if self.is_slow {
                    sleep_until(begin + Text::at(count)).await;
                }
                if let Some(sink) = &mut sink {
                    sink(Delta::Text(token));
                }
            }
            Ok(ModelAnswer::text(self.text.tokens.concat()))
        })
    }
}

/// Takes as long as the step that calls it says.
struct Work {
    spec: ToolSpec,
    takes: HashMap<StepId, Duration>,
}

impl Tool for Work {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            if let Some(takes) = self.takes.get(&call.step_id) {
                sleep(*takes).await;
            }
            Ok(json!(format!("what {} found", call.step_id)))
        })
    }
}

/// Who works on a shape's goal.
struct Bench<'s> {
    shape: &'s Shape,
    text: Text,
    streaming: Streaming,
    is_slow: bool,
}

impl Bench<'_> {
    fn orchestrator(&self, store: Option<Arc<SqliteStore>>) -> PlanExecuteOrchestrator {
        let Shape { plan, takes, .. } = self.shape;
        let ids = plan.steps.iter().map(|step| step.step_id.clone());
        let takes: HashMap<_, _> = ids.zip(takes.iter().copied()).collect();
        let config = OrchestratorConfig {
            streaming: self.streaming,
            max_parallel_steps: 8,
            max_plan_depth: 20,
            ..OrchestratorConfig::default()
        };
        let client = Writer { text: self.text.clone(), is_slow: self.is_slow };
        let builder = PlanExecuteOrchestrator::builder().client(Arc::new(client)).config(config);
        let tools = [("search", Effect::Read), ("compare", Effect::Pure), (ACT, Effect::Once)];
        let builder = tools.into_iter().fold(builder, |builder, (name, effect)| {
            let spec = ToolSpec { name: name.to_owned(), effect, ..ToolSpec::default() };
            let takes = if self.is_slow { takes.clone() } else { HashMap::new() };
            builder.tool(Arc::new(Work { spec, takes }))
        });
        match store {
            Some(store) => builder.store(store).build(),
            None => builder.build(),
        }
    }

    /// The time from the goal to the end of its run.
    async fn run(&self, orchestrator: &PlanExecuteOrchestrator) -> Duration {
        let task = Task::Goal {
            goal: self.shape.plan.goal.clone(),
            context: JsonMap::new(),
            origin: JsonMap::new(),
            supervision: Supervision::default(),
        };
        let (controller, control) = Control::new();
        let begin = Instant::now();
        let outcome = orchestrator.work(task, controller, control).await;
        let took = begin.elapsed();
        let outcome = outcome.expect("because nothing fails");
        assert!(outcome.report.success, "{:?} {:?}", outcome.trouble, outcome.report.errors);
        took
    }

    fn limit(&self) -> Duration {
        self.shape.limit(&self.text, self.streaming)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// How far a time is above its limit.
fn above(time: Duration, limit: Duration) -> String {
    format!("{:+.2} %", (time.as_secs_f64() / limit.as_secs_f64() - 1.0) * 100.0)
}

fn paused() {
    println!("in tokio's paused clock, in seconds, and above the limit\n");
    println!(
        "{:<18}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "limit", "execute", "", "limit", "off", ""
    );
    for shape in Shape::all() {
        let mut line = format!("{:<18}", shape.name);
        for streaming in [Streaming::Execute, Streaming::Off] {
            let bench = Bench { shape: &shape, text: shape.short(), streaming, is_slow: true };
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
            let runtime = runtime.expect("because a runtime can be made");
            let took = runtime.block_on(bench.run(&bench.orchestrator(None)));
            let limit = bench.limit();
            line +=
                &format!("{:>10}{:>10}{:>10}", seconds(limit), seconds(took), above(took, limit));
        }
        println!("{line}");
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("because a runtime can be made")
}

fn real() {
    let runtime = runtime();
    println!("\nin real time, in seconds, and above the limit of `execute`\n");
    println!(
        "{:<18}{:>8}{:>10}{:>10}{:>12}{:>10}{:>10}{:>10}",
        "", "limit", "execute", "", "in database", "", "off", "off/exe"
    );
    for shape in Shape::all() {
        let directory = tempfile::tempdir().expect("because there is room");
        let store = SqliteStore::open(directory.path().join("runs.db"), Default::default());
        let store = Arc::new(store.expect("because the directory is there"));
        let bench =
            |streaming| Bench { shape: &shape, text: shape.short(), streaming, is_slow: true };
        let execute = bench(Streaming::Execute);
        let limit = execute.limit();
        let took = runtime.block_on(execute.run(&execute.orchestrator(None)));
        let stored = runtime.block_on(execute.run(&execute.orchestrator(Some(store))));
        let off = bench(Streaming::Off);
        let off = runtime.block_on(off.run(&off.orchestrator(None)));
        println!(
            "{:<18}{:>8}{:>10}{:>10}{:>12}{:>10}{:>10}{:>10.2}",
            shape.name,
            seconds(limit),
            seconds(took),
            above(took, limit),
            seconds(stored),
            above(stored, limit),
            seconds(off),
            off.as_secs_f64() / took.as_secs_f64()
        );
    }
}

fn notations() {
    let runtime = runtime();
    println!("\nthe short notation with streaming beside a plan file without, in real time\n");
    println!(
        "{:<18}{:>8}{:>10}{:>10}{:>10}{:>8}",
        "", "tokens", "execute", "tokens", "off", "ratio"
    );
    for shape in Shape::all().iter().filter(|shape| shape.plan.steps.len() == 7) {
        let measure = |text: Text, streaming| {
            let bench = Bench { shape, text, streaming, is_slow: true };
            (bench.text.tokens.len(), runtime.block_on(bench.run(&bench.orchestrator(None))))
        };
        let (few, short) = measure(shape.short(), Streaming::Execute);
        let (many, long) = measure(shape.long(), Streaming::Off);
        let ratio = short.as_secs_f64() / long.as_secs_f64();
        println!(
            "{:<18}{few:>8}{:>10}{many:>10}{:>10}{ratio:>8.2}",
            shape.name,
            seconds(short),
            seconds(long)
        );
    }
    println!();
}

/// What the loop costs by itself: a goal of ten steps, nothing of which takes time.
fn overhead(criterion: &mut Criterion) {
    let runtime = runtime();
    let shapes = Shape::all();
    let shape = shapes.last().expect("because there are shapes");
    let mut group = criterion.benchmark_group("at_once");
    for (name, streaming) in [("off", Streaming::Off), ("execute", Streaming::Execute)] {
        let bench = Bench { shape, text: shape.short(), streaming, is_slow: false };
        let orchestrator = bench.orchestrator(None);
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(runtime.block_on(bench.run(&orchestrator))));
        });
    }
    group.finish();
}

fn main() {
    // `cargo test --benches` only looks whether it works.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    paused();
    if is_measured {
        real();
        notations();
    }
    let mut criterion = Criterion::default().configure_from_args();
    overhead(&mut criterion);
    criterion.final_summary();
}
