//! What the tests of planning and adapting share: a catalog of twenty tools, tasks, runs.

use std::sync::Arc;

use pe_llm::{PlanProgress, PlanTask, Planned, Planner, PlanningError, Prompts};
use pe_model::{
    AttemptKey, Catalog, EVENT_FORMAT, Effect, ErrorClass, Event, EventKind, JsonMap, ModelRequest,
    OrchestratorConfig, Outcome, Plan, RunId, RunState, SkipReason, Speaker, StepError, StepId,
};
use pe_testkit::ScriptedClient;
use pe_validate::Limits;
use serde_json::Value;

/// Twenty tools as a program might have them.
pub(crate) fn twenty_tools() -> Catalog {
    let document: Value = serde_json::from_str(include_str!("catalog.json")).unwrap();
    Catalog::from_value(&document).unwrap()
}

/// The limits of a configuration that nobody changed.
pub(crate) fn default_limits() -> Limits {
    Limits::from_config(&OrchestratorConfig::default())
}

/// A task with what the tests vary.
pub(crate) struct Task {
    pub(crate) goal: String,
    pub(crate) context: JsonMap,
    pub(crate) catalog: Catalog,
    pub(crate) limits: Limits,
    pub(crate) examples: Vec<Plan>,
    pub(crate) rounds: u32,
    pub(crate) window: Option<u64>,
}

impl Task {
    pub(crate) fn new(goal: &str) -> Self {
        Self {
            goal: goal.to_owned(),
            context: JsonMap::new(),
            catalog: twenty_tools(),
            limits: default_limits(),
            examples: Vec::new(),
            rounds: 3,
            window: None,
        }
    }

    pub(crate) fn get(&self) -> PlanTask<'_> {
        PlanTask {
            goal: &self.goal,
            context: &self.context,
            catalog: &self.catalog,
            limits: &self.limits,
            examples: &self.examples,
            max_repair_rounds: self.rounds,
            context_tokens: self.window,
        }
    }
}

pub(crate) fn planner(client: &Arc<ScriptedClient>) -> Planner {
    Planner::new(client.clone(), Arc::new(Prompts::builtin()))
}

/// Plans with a scripted model; what was reported on the way, a word each.
pub(crate) async fn plan(
    client: &Arc<ScriptedClient>,
    task: &Task,
) -> (Result<Planned, PlanningError>, Vec<String>) {
    let mut seen = Vec::new();
    let mut on = |progress: PlanProgress<'_>| match progress {
        PlanProgress::Asking { round } => seen.push(format!("asking {round}")),
        PlanProgress::Note(note) => seen.push(format!("note {note}")),
        PlanProgress::Text(_) => {}
        PlanProgress::Step(step) => seen.push(format!("step {}", step.step_id)),
        PlanProgress::Restart => seen.push("restart".to_owned()),
        PlanProgress::Findings { round, report } => {
            seen.push(format!("findings {round}: {}", report.errors.len()));
        }
        PlanProgress::Unreadable { round, .. } => seen.push(format!("unreadable {round}")),
    };
    let planned = planner(client).plan(&task.get(), &mut on).await;
    (planned, seen)
}

/// The whole conversation of a request.
pub(crate) fn said(request: &ModelRequest) -> String {
    let mut text = String::new();
    for message in &request.messages {
        let who = match message.role {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::Tool => "tool",
        };
        text.push_str(&format!("--- {who} ---\n{}\n", message.content));
    }
    text
}

/// A run that is written event by event.
pub(crate) struct Scene {
    pub(crate) state: RunState,
    at_ms: u64,
}

impl Scene {
    pub(crate) fn new(plan: Plan) -> Self {
        let weights = plan.steps.iter().map(|step| step.complexity as f64).collect();
        Self::weighted(plan, weights)
    }

    pub(crate) fn weighted(plan: Plan, weights: Vec<f64>) -> Self {
        let kind = EventKind::RunStarted {
            plan: Arc::new(plan),
            config: Arc::new(OrchestratorConfig::default()),
            weights,
            seed: 1,
            started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            from_run: None,
            stage: Default::default(),
            origin: JsonMap::new(),
        };
        let event = Event { format: EVENT_FORMAT, run_id: RunId::new("r"), seq: 0, at_ms: 0, kind };
        Self { state: RunState::begin(&event).unwrap(), at_ms: 0 }
    }

    fn emit(&mut self, kind: EventKind) {
        let event = Event {
            format: EVENT_FORMAT,
            run_id: RunId::new("r"),
            seq: self.state.next_seq,
            at_ms: self.at_ms,
            kind,
        };
        self.state.apply(&event).unwrap();
    }

    fn key(&self, step: &str) -> AttemptKey {
        let attempts =
            self.state.step(step).unwrap().iterations.first().map_or(0, |it| it.attempts);
        AttemptKey { step_id: StepId::new(step), generation: 0, iteration: 0, attempt: attempts }
    }

    pub(crate) fn start(mut self, step: &str, arguments: Value) -> Self {
        let key = AttemptKey { attempt: self.key(step).attempt + 1, ..self.key(step) };
        let place = self.state.place(step).unwrap();
        self.emit(EventKind::AttemptStarted {
            key,
            tool: self.state.plan.steps[place].tool.clone(),
            tool_version: String::new(),
            effect: Effect::Read,
            arguments: Arc::new(arguments.as_object().unwrap().clone()),
        });
        self
    }

    /// The step's one call gives this, after so many milliseconds.
    pub(crate) fn completes_after(mut self, step: &str, output: Value, ms: u64) -> Self {
        self = self.start(step, serde_json::json!({}));
        self.at_ms += ms;
        let key = self.key(step);
        self.emit(EventKind::AttemptSucceeded { key, output: Arc::new(output), duration_ms: ms });
        self.emit(EventKind::StepCompleted { step_id: step.into(), generation: 0 });
        self
    }

    pub(crate) fn completes(self, step: &str, output: Value) -> Self {
        self.completes_after(step, output, 1)
    }

    fn attempt_fails(&mut self, step: &str, error: &StepError) {
        let key = self.key(step);
        self.emit(EventKind::AttemptFailed {
            key,
            error: error.clone(),
            outcome: Outcome::Known,
            duration_ms: 1,
        });
    }

    /// One attempt fails, and another one follows.
    pub(crate) fn retries(self, step: &str) -> Self {
        self.retries_with(step, serde_json::json!({}))
    }

    pub(crate) fn retries_with(mut self, step: &str, arguments: Value) -> Self {
        self = self.start(step, arguments);
        self.attempt_fails(step, &StepError::new(ErrorClass::Network, "refused"));
        self.emit(EventKind::RetryScheduled {
            step_id: step.into(),
            generation: 0,
            iteration: 0,
            delay_ms: 1,
        });
        self
    }

    pub(crate) fn fails(self, step: &str, class: ErrorClass, message: &str) -> Self {
        self.fails_with(step, class, message, serde_json::json!({}))
    }

    pub(crate) fn fails_with(
        mut self,
        step: &str,
        class: ErrorClass,
        message: &str,
        arguments: Value,
    ) -> Self {
        self = self.start(step, arguments);
        let error = StepError::new(class, message);
        self.attempt_fails(step, &error);
        self.emit(EventKind::StepFailed { step_id: step.into(), generation: 0, error });
        self
    }

    pub(crate) fn skips(mut self, step: &str) -> Self {
        let reason = SkipReason::UpstreamFailed;
        self.emit(EventKind::StepSkipped { step_id: step.into(), generation: 0, reason });
        self
    }

    pub(crate) fn recovers(mut self, step: &str, by: &str) -> Self {
        let recovered_by = by.into();
        self.emit(EventKind::StepRecovered { step_id: step.into(), generation: 0, recovered_by });
        self
    }

    pub(crate) fn doubts(mut self, step: &str) -> Self {
        self = self.start(step, serde_json::json!({}));
        self.emit(EventKind::StepInDoubt {
            step_id: step.into(),
            generation: 0,
            iteration: 0,
            error: StepError::new(ErrorClass::Timeout, "no answer in time"),
        });
        self
    }
}
