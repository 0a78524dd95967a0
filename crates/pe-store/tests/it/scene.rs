//! Databases in temporary directories, and runs to put into them.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use pe_model::*;
use pe_store::SqliteStore;
use pe_testkit::{plan, step};
use serde_json::{Value, json};

/// A directory with a database that can be opened again and again.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("pe.db")
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path(), Durability::Full).unwrap()
    }
}

/// Runs a future to its end.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A run being written down.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) run_id: RunId,
    pub(crate) events: Vec<Event>,
}

impl Script {
    /// A run that begins with a plan of these many steps.
    pub(crate) fn new(run_id: &str, steps: usize) -> Self {
        let mut plan = plan((0..steps).map(|number| step(format!("s{number}"))));
        plan.plan_id = Some(PlanId::new(format!("plan-of-{steps}")));
        Self::of_plan(run_id, plan)
    }

    pub(crate) fn of_plan(run_id: &str, plan: Plan) -> Self {
        let mut script = Self { run_id: RunId::new(run_id), events: Vec::new() };
        script.push(EventKind::RunStarted {
            origin: Default::default(),
            stage: PlanStage::Complete,
            weights: vec![1.0; plan.steps.len()],
            plan: Arc::new(plan),
            config: Arc::default(),
            seed: u64::MAX,
            started_at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            from_run: None,
        });
        script
    }

    pub(crate) fn push(&mut self, kind: EventKind) -> &mut Self {
        let seq = self.events.len() as u64;
        let run_id = self.run_id.clone();
        self.events.push(Event { format: EVENT_FORMAT, run_id, seq, at_ms: seq * 10, kind });
        self
    }

    pub(crate) fn start(&mut self, step: usize) -> &mut Self {
        self.push(EventKind::AttemptStarted {
            key: key(step),
            tool: "echo".to_owned(),
            tool_version: "1.2".to_owned(),
            effect: Effect::Read,
            arguments: Arc::new(object(json!({"value": step}))),
        })
    }

    pub(crate) fn succeed(&mut self, step: usize, output: Value) -> &mut Self {
        self.push(EventKind::AttemptSucceeded {
            key: key(step),
            output: Arc::new(output),
            duration_ms: 7,
        })
        .push(EventKind::StepCompleted { step_id: key(step).step_id, generation: 0 })
    }

    pub(crate) fn finish(&mut self, status: PlanStatus) -> &mut Self {
        self.push(EventKind::RunFinished { status })
    }

    /// A run of these many steps from its begin to its end.
    pub(crate) fn whole(run_id: &str, steps: usize) -> Self {
        let mut script = Self::new(run_id, steps);
        for step in 0..steps {
            script.start(step).succeed(step, json!({"ü": step, "text": "x".repeat(1024)}));
        }
        script.finish(PlanStatus::Completed);
        script
    }

    /// Writes all of it, in batches of `size`.
    pub(crate) fn record(&self, store: &SqliteStore, size: usize) {
        let claim = wait(store.claim(&self.run_id)).unwrap();
        for batch in self.events.chunks(size) {
            wait(store.append(batch)).unwrap();
        }
        drop(claim);
    }
}

/// The first attempt of a step.
pub(crate) fn key(step: usize) -> AttemptKey {
    let step_id = StepId::new(format!("s{step}"));
    AttemptKey { step_id, generation: 0, iteration: 0, attempt: 1 }
}

pub(crate) fn object(value: Value) -> JsonMap {
    value.as_object().unwrap().clone()
}

/// One of each kind of event; together they are no sensible run.
pub(crate) fn every_kind() -> Script {
    let (step_id, generation) = (StepId::new("s0"), 0);
    let error = StepError::new(ErrorClass::Timeout, "out of \"time\"\n\u{0} und Zeit: ü 漢");
    let arguments = Arc::new(object(json!({"a": [1, 2.5, -0.1, null, {"b": u64::MAX}]})));
    let mut revised = plan([step("s0"), step("s1")]);
    revised.goal = "g".repeat(5_000);
    let mut script = Script::new("every-kind", 1);
    for kind in [
        EventKind::RunResumed {
            epoch: 2,
            config: Arc::default(),
            resumed_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        },
        EventKind::PlanRevised {
            plan: Arc::new(revised),
            weights: vec![0.1, 1e-300],
            reset: vec![step_id.clone()],
            cause: RevisionCause::Adaptation,
            reason: String::new(),
            patch: json!({"modifications": [{"add": "x".repeat(10_000)}]}),
            stage: PlanStage::Complete,
        },
        EventKind::StepReused {
            step_id: step_id.clone(),
            generation,
            from_run: RunId::new("other"),
            execution_time_ms: Some(12),
            iterations: vec![ReusedCall {
                attempts: 2,
                tool_version: String::new(),
                effect: Effect::Once,
                arguments: Arc::clone(&arguments),
                output: Some(Arc::new(json!("old"))),
            }],
            error: Some(error.clone()),
        },
        EventKind::StepWaiting {
            step_id: step_id.clone(),
            generation,
            waiting_for: WaitingFor::Consent,
            calls: vec![PendingCall {
                iteration: 1,
                tool: "t".to_owned(),
                arguments: Arc::clone(&arguments),
            }],
        },
        EventKind::StepApproved { step_id: step_id.clone(), generation },
        EventKind::StepRejected { step_id: step_id.clone(), generation },
        EventKind::LoopStarted {
            step_id: step_id.clone(),
            generation,
            count: 2,
            items: Some(Arc::new(vec![json!(1), json!({"x": [[]]})])),
        },
        EventKind::AttemptStarted {
            key: key(0),
            tool: "echo".to_owned(),
            tool_version: String::new(),
            effect: Effect::Idempotent,
            arguments,
        },
        EventKind::AttemptSucceeded {
            key: key(0),
            output: Arc::new(json!({"long": "y".repeat(9_000), "null": null})),
            duration_ms: u64::MAX,
        },
        EventKind::AttemptFailed {
            key: key(0),
            error: error.clone(),
            outcome: Outcome::Unknown,
            duration_ms: 3,
        },
        EventKind::AttemptInterrupted { key: key(0) },
        EventKind::RetryScheduled {
            step_id: step_id.clone(),
            generation,
            iteration: 0,
            delay_ms: 1,
        },
        EventKind::StepInDoubt {
            step_id: step_id.clone(),
            generation,
            iteration: 0,
            error: error.clone(),
        },
        EventKind::StepResolved {
            step_id: step_id.clone(),
            generation,
            iteration: 0,
            resolution: Resolution::Done { output: Arc::new(Value::Null) },
        },
        EventKind::StepResolved {
            step_id: step_id.clone(),
            generation,
            iteration: 0,
            resolution: Resolution::Retry,
        },
        EventKind::StepCompleted { step_id: step_id.clone(), generation },
        EventKind::StepFailed { step_id: step_id.clone(), generation, error },
        EventKind::StepSkipped {
            step_id: step_id.clone(),
            generation,
            reason: SkipReason::NotNeeded,
        },
        EventKind::StepRecovered { step_id, generation, recovered_by: StepId::new("s1") },
        EventKind::RunStopping { cause: StopCause::Budget },
        EventKind::RunFinished { status: PlanStatus::Cancelled },
    ] {
        script.push(kind);
    }
    script
}
