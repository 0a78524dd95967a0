//! Whole processes: what a short durable run costs from the shell's point of view, beside a
//! process that only says its version.

#![allow(missing_docs, reason = "criterion's macros make public items without documentation")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has failed")]
#![allow(clippy::print_stderr, reason = "criterion measures time, and this is memory")]

use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

/// A chain of ten steps that hand a text on.
fn ten_steps() -> Value {
    let step = |number: usize| match number {
        0 => json!({"step_id": "s0", "tool": "echo", "parameters": {"value": "x".repeat(100)}}),
        _ => json!({"step_id": format!("s{number}"), "tool": "echo",
            "parameters": {"value": format!("{{{{ results.s{} }}}}", number - 1)}}),
    };
    json!({"goal": "ten steps", "steps": (0..10).map(step).collect::<Vec<_>>()})
}

fn run(folder: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pe"));
    command.args(words).current_dir(folder).env_clear().stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{words:?}: {status}");
}

fn processes(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), ten_steps().to_string()).unwrap();
    let durable = ["run", "plan.json", "--quiet", "--db", "pe.db"];
    let undurable = ["simulate", "plan.json"];
    run(folder.path(), &durable);
    let mut group = criterion.benchmark_group("process");
    group.bench_function("only its version", |b| b.iter(|| run(folder.path(), &["--version"])));
    group.bench_function("ten steps, judged", |b| b.iter(|| run(folder.path(), &undurable)));
    group.bench_function("ten steps, durable", |b| b.iter(|| run(folder.path(), &durable)));
    group.bench_function("the last 20 runs", |b| {
        b.iter(|| run(folder.path(), &["ls", "--db", "pe.db"]));
    });
    group.finish();
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    eprintln!("most memory that a process had: {most} KiB");
}

criterion_group!(benches, processes);
criterion_main!(benches);
