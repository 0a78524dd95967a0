//! What a durable step costs, beside the least that SQLite can do for the same step.
//!
//! Every number is a ratio of two things measured in one run, turn by turn, because disks
//! differ and change. A step is three events: succeeded with 1 KiB, completed, next started.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use pe_model::*;
use pe_store::{RunQuery, SqliteStore};
use rusqlite::{Connection, params};
use serde_json::json;

/// How often each of two things is measured, in turn.
const TURNS: usize = 5;

fn key(step: usize) -> AttemptKey {
    let step_id = StepId::new(format!("s{step}"));
    AttemptKey { step_id, generation: 0, iteration: 0, attempt: 1 }
}

fn event(run_id: &RunId, seq: usize, kind: EventKind) -> Event {
    let (seq, at_ms) = (seq as u64, seq as u64);
    Event { format: EVENT_FORMAT, run_id: run_id.clone(), seq, at_ms, kind }
}

/// A run's first events, then the three of each step.
fn run(run_id: &RunId, steps: usize) -> (Vec<Event>, Vec<Vec<Event>>) {
    let steps_of_plan = (0..10).map(|number| PlanStep::new(key(number).step_id, "echo"));
    let plan = Plan {
        plan_id: Some("benchmark".into()),
        steps: steps_of_plan.collect(),
        ..Plan::default()
    };
    let started = |number: usize| EventKind::AttemptStarted {
        key: key(number),
        tool: "echo".to_owned(),
        tool_version: String::new(),
        effect: Effect::Read,
        arguments: Arc::new(json!({"value": number}).as_object().unwrap().clone()),
    };
    let begin = EventKind::RunStarted {
        stage: Default::default(),
        weights: vec![1.0; 10],
        plan: Arc::new(plan),
        config: Arc::default(),
        seed: 1,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        from_run: None,
        origin: Default::default(),
    };
    let head = vec![event(run_id, 0, begin), event(run_id, 1, started(0))];
    let body = (0..steps).map(|number| {
        let (step_id, output) = (key(number).step_id, Arc::new(json!("x".repeat(1024))));
        [
            EventKind::AttemptSucceeded { key: key(number), output, duration_ms: 3 },
            EventKind::StepCompleted { step_id, generation: 0 },
            started(number + 1),
        ]
        .into_iter()
        .enumerate()
        .map(|(place, kind)| event(run_id, 2 + number * 3 + place, kind))
        .collect()
    });
    (head, body.collect())
}

/// Appends `at_once` steps a batch; the time a step takes and the bytes it takes.
fn ours(path: &Path, steps: usize, at_once: usize) -> (Duration, u64) {
    let store = SqliteStore::open(path, Durability::Full).unwrap();
    let run_id = RunId::new("r");
    let (head, body) = run(&run_id, steps);
    let batches: Vec<Vec<Event>> = body.chunks(at_once).map(<[_]>::concat).collect();
    let elapsed = runtime().block_on(async move {
        let driver = tokio::spawn(async move {
            let _claim = store.claim(&run_id).await.unwrap();
            store.append(&head).await.unwrap();
            let start = Instant::now();
            for batch in &batches {
                store.append(batch).await.unwrap();
            }
            start.elapsed()
        });
        driver.await.unwrap()
    });
    (elapsed / steps as u32, path.metadata().unwrap().len() / steps as u64)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// The same texts in one table, by one thread, without anything else.
fn floor(path: &Path, steps: usize, at_once: usize) -> Duration {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE e (id INTEGER PRIMARY KEY, at_ms INTEGER, payload TEXT)",
        )
        .unwrap();
    let (_, body) = run(&RunId::new("r"), steps);
    let texts: Vec<(i64, String)> = body
        .iter()
        .flatten()
        .map(|event| (event.seq as i64, serde_json::to_string(&event.kind).unwrap()))
        .collect();
    let start = Instant::now();
    let mut insert = connection.prepare("INSERT INTO e VALUES (?1, ?2, ?3)").unwrap();
    for batch in texts.chunks(at_once * 3) {
        connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
        for (id, text) in batch {
            insert.execute(params![id, 7, text]).unwrap();
        }
        connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    }
    start.elapsed() / steps as u32
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn compare(name: &str, steps: usize, at_once: usize) {
    let (mut mine, mut least, mut bytes) = (Vec::new(), Vec::new(), 0);
    for turn in 0..TURNS {
        let folder = tempfile::tempdir().unwrap();
        let (path, raw) = (folder.path().join("pe.db"), folder.path().join("raw.db"));
        if turn % 2 == 0 {
            least.push(floor(&raw, steps, at_once));
        }
        let (time, size) = ours(&path, steps, at_once);
        mine.push(time);
        bytes = size;
        if turn % 2 == 1 {
            least.push(floor(&raw, steps, at_once));
        }
    }
    let (mine, least) = (median(mine), median(least));
    println!(
        "{name} of {steps}: {:.1} us a step, {:.2} of the floor's {:.1} us; {bytes} bytes a step",
        mine.as_secs_f64() * 1e6,
        mine.as_secs_f64() / least.as_secs_f64(),
        least.as_secs_f64() * 1e6,
    );
}

fn durable_steps(_: &mut Criterion) {
    let long = if std::env::args().any(|arg| arg == "--bench") { 10 } else { 1 };
    for steps in [100 * long, 1_000 * long] {
        compare("chain", steps, 1);
        compare("wide, three in flight", steps, 3);
        compare("wide, all at once", steps, steps);
    }
}

fn history(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pe.db");
    let runs = if std::env::args().any(|arg| arg == "--bench") { 10_000 } else { 100 };
    {
        let store = SqliteStore::open(&path, Durability::Off).unwrap();
        let runtime = runtime();
        for number in 0..runs {
            let run_id = RunId::new(format!("run-{number}"));
            let (head, _) = run(&run_id, 0);
            let _claim = runtime.block_on(store.claim(&run_id)).unwrap();
            runtime.block_on(store.append(&head)).unwrap();
        }
    }
    let mut group = criterion.benchmark_group("history");
    group.sample_size(20);
    group.bench_function(format!("open {runs} runs and list the last 20"), |bencher| {
        bencher.iter(|| {
            let store = SqliteStore::open_reader(&path).unwrap().unwrap();
            let query = RunQuery { limit: Some(20), ..RunQuery::default() };
            assert_eq!(store.runs(&query).unwrap().len(), 20);
        });
    });
    group.finish();
}

criterion_group!(benches, durable_steps, history);
criterion_main!(benches);
