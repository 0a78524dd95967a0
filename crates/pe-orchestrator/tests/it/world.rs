//! Runs that die and go on: a database, and processes that come one after the other.

use std::sync::Arc;
use std::time::Duration;

use pe_exec::Control;
use pe_model::{JsonMap, LlmClient, RunId};
use pe_orchestrator::{Builder, Outcome, Supervision, Task};
use pe_store::SqliteStore;
use pe_testkit::{Scripted, ScriptedClient};
use tempfile::TempDir;

/// A database that outlives the processes that use it.
pub(crate) struct World {
    _directory: TempDir,
    path: std::path::PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pe.db");
        Self { _directory: directory, path }
    }

    pub(crate) fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.path, Default::default()).unwrap())
    }
}

pub(crate) fn goal() -> Task {
    Task::Goal {
        goal: "find it out".to_owned(),
        context: JsonMap::new(),
        origin: JsonMap::new(),
        supervision: Supervision { adapt: true, answer: true },
    }
}

pub(crate) fn resume(run_id: &RunId) -> Task {
    Task::Resume { run_id: run_id.clone(), config: None, supervision: None }
}

/// Works on a task in a runtime of its own, which ends, with everything in it, when the model is
/// asked for the `dies_at`th time (from 0).
pub(crate) fn work_until(
    world: &World,
    builder: Builder,
    script: Vec<Scripted>,
    dies_at: usize,
    task: Task,
) {
    let (asked, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let model = ScriptedClient::answering(move |_, call| {
        if call == dies_at {
            asked.send(()).unwrap();
            return Scripted::text("too late").delay_ms(86_400_000);
        }
        script[call].clone()
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator =
        builder.client(Arc::new(model) as Arc<dyn LlmClient>).store(world.store()).build();
    let supervisor = runtime.block_on(async {
        let (controller, control) = Control::new();
        let supervisor = controller.clone();
        tokio::select! {
            _ = orchestrator.work(task, controller, control) => panic!("it did not die"),
            _ = hears.recv() => supervisor,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    // A process that dies lets go of nothing before: the run must not be ended by itself.
    drop(supervisor);
}

/// Goes on with the one run that there is.
pub(crate) fn finish(world: &World, builder: Builder) -> Outcome {
    let store = world.store();
    let runs = store.runs(&Default::default()).unwrap();
    assert_eq!(runs.len(), 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = builder.store(store).build();
    runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(resume(&runs[0].run_id), controller, control).await.unwrap()
    })
}
