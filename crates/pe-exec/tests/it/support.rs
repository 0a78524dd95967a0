//! Plans whose parameters say what their calls do, run in virtual time.
//!
//! A call's arguments script it: `ms` is how long it takes, `out` what it returns, `fail`
//! the class of its failure, `fails` how many attempts fail (default: all), `unknown`
//! whether the outcome of a failure is unknown, `after` a `Retry-After` in milliseconds,
//! `retryable` overrides the class. The tool's name gives the rule of its calls.

use std::sync::Arc;

use pe_exec::{
    Answer, Attempt, CallRule, CallRules, Input, Response, Revision, RunOptions, Scheduler,
    VirtualRun, run_virtual,
};
use pe_model::{
    Catalog, Effect, ErrorClass, Event, EventKind, IterationPhase, JsonMap, OrchestratorConfig,
    Plan, PlanFile, PlanId, PlanStage, PlanStatus, Resolution, RevisionCause, RunId, RunState,
    StepState, StepStatus, StopCause, ToolError, ToolSpec,
};
use pe_validate::{Limits, ValidPlan, check};
use serde_json::{Value, json};

/// The rule of a call by its tool's name.
pub(crate) struct Rules;

impl CallRules for Rules {
    fn judge(&self, tool: &str, arguments: &JsonMap) -> Option<CallRule> {
        let rule = CallRule {
            tool_version: String::new(),
            effect: Effect::Pure,
            needs_consent: false,
            allowed: false,
            resource: None,
        };
        Some(match tool {
            "absent" => return None,
            "once" | "work" => CallRule { effect: Effect::Once, ..rule },
            "idempotent" => CallRule { effect: Effect::Idempotent, ..rule },
            "exclusive" | "fetch" => CallRule { resource: Some("lock".to_owned()), ..rule },
            "exclusive_once" => {
                CallRule { effect: Effect::Once, resource: Some("lock".to_owned()), ..rule }
            }
            "asks_unless_safe" => {
                CallRule { needs_consent: true, allowed: arguments["safe"] == true, ..rule }
            }
            "asks" => CallRule { needs_consent: true, ..rule },
            _ => rule,
        })
    }

    fn may_need_consent(&self, tool: &str) -> bool {
        tool.starts_with("asks")
    }
}

/// A plan of these steps, judged leniently, so that tools need no description.
pub(crate) fn valid(steps: Value) -> ValidPlan {
    compile(PlanFile::from_value(json!({"goal": "g", "steps": steps})).unwrap().plan)
}

pub(crate) fn compile(plan: Plan) -> ValidPlan {
    if plan.steps.is_empty() {
        return ValidPlan::without_steps(plan.goal, plan.context);
    }
    let catalog: Catalog = plan
        .steps
        .iter()
        .map(|step| ToolSpec { name: step.tool.clone(), ..ToolSpec::default() })
        .collect();
    let checked = check(plan, &catalog, &Limits::default());
    checked.plan.unwrap_or_else(|| panic!("{}", checked.report.render("plan")))
}

/// The plan is written on, to this stage.
pub(crate) fn extension(plan: ValidPlan, stage: PlanStage) -> Input {
    Input::Revise(Box::new(Revision::extension(plan, stage)))
}

/// A person puts another plan in force.
pub(crate) fn revision(plan: ValidPlan) -> Input {
    Input::Revise(Box::new(Revision {
        cause: RevisionCause::Edit,
        reason: "because".to_owned(),
        ..Revision::extension(plan, PlanStage::Complete)
    }))
}

pub(crate) fn options(config: OrchestratorConfig) -> RunOptions {
    RunOptions {
        run_id: RunId::new("r"),
        plan_id: PlanId::new("p"),
        config,
        weights: Vec::new(),
        seed: 1,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        reuse: None,
        origin: JsonMap::new(),
        stage: PlanStage::Complete,
    }
}

/// What the arguments of an attempt script.
pub(crate) fn respond(attempt: &Attempt) -> Response {
    let script = &attempt.arguments;
    let number = |key: &str| script.get(key).and_then(Value::as_u64);
    let after_ms = number("ms").unwrap_or(10);
    let fails = number("fails").is_none_or(|fails| u64::from(attempt.key.attempt) <= fails);
    let result = match script.get("fail").filter(|_| fails) {
        Some(class) => {
            let class: ErrorClass = serde_json::from_value(class.clone()).unwrap();
            let mut error = ToolError::new(class, format!("scripted {class}"));
            error.retry_after_ms = number("after");
            error.retryable = script.get("retryable").and_then(Value::as_bool);
            Err(if script.contains_key("unknown") { error.outcome_unknown() } else { error })
        }
        None => Ok(script.get("out").cloned().unwrap_or_else(|| json!(attempt.key.step_id))),
    };
    Response { after_ms, result }
}

/// A finished run and what one wants to know of it.
pub(crate) struct Ran(pub(crate) VirtualRun);

pub(crate) fn run(steps: Value) -> Ran {
    run_with(steps, OrchestratorConfig::default())
}

pub(crate) fn run_with(steps: Value, config: OrchestratorConfig) -> Ran {
    run_plan(valid(steps), config)
}

pub(crate) fn run_plan(plan: ValidPlan, config: OrchestratorConfig) -> Ran {
    let ran = Ran(run_virtual(plan, Arc::new(Rules), options(config), respond));
    let folded = RunState::fold(&ran.0.events).unwrap().unwrap();
    assert_eq!(folded, ran.0.state, "the fold of the events equals the live state");
    ran
}

impl Ran {
    pub(crate) fn status(&self) -> PlanStatus {
        self.0.state.status
    }

    pub(crate) fn step(&self, id: &str) -> &StepState {
        self.0.state.step(id).unwrap_or_else(|| panic!("no step {id}"))
    }

    /// Status and reason of a step, as `skipped: upstream_failed`.
    pub(crate) fn told(&self, id: &str) -> String {
        told(self.step(id))
    }

    pub(crate) fn output(&self, id: &str) -> Value {
        self.step(id).output.as_deref().cloned().unwrap_or(json!("no output"))
    }

    pub(crate) fn error(&self, id: &str) -> String {
        self.step(id).error.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// Ids of the steps whose attempts started, with the time.
    pub(crate) fn starts(&self) -> Vec<(String, u64)> {
        starts(&self.0.events)
    }

    /// Only the ids, in the order of their starts.
    pub(crate) fn order(&self) -> Vec<String> {
        self.starts().into_iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn end_ms(&self) -> u64 {
        self.0.state.elapsed_ms
    }

    /// The most attempts that were under way at a time.
    pub(crate) fn most_at_once(&self) -> i64 {
        let (mut now, mut most) = (0, 0);
        for event in &self.0.events {
            now += match event.kind {
                EventKind::AttemptStarted { .. } => 1,
                EventKind::AttemptSucceeded { .. }
                | EventKind::AttemptFailed { .. }
                | EventKind::AttemptInterrupted { .. } => -1,
                _ => 0,
            };
            most = most.max(now);
        }
        most
    }
}

pub(crate) fn told(step: &StepState) -> String {
    match (&step.reason, &step.recovered_by) {
        (Some(reason), _) => format!("{}: {}", step.status, reason.as_str()),
        (_, Some(by)) => format!("{} recovered by {by}", step.status),
        _ => step.status.to_string(),
    }
}

pub(crate) fn starts(events: &[Event]) -> Vec<(String, u64)> {
    let started = |event: &Event| match &event.kind {
        EventKind::AttemptStarted { key, .. } => Some((key.step_id.to_string(), event.at_ms)),
        _ => None,
    };
    events.iter().filter_map(started).collect()
}

fn decision(state: &RunState, dice: u8) -> Option<Input> {
    state.plan.steps.iter().zip(state.steps()).find_map(|(step, at)| {
        let (step_id, generation) = (step.step_id.clone(), at.generation);
        if at.status == StepStatus::Waiting {
            return Some(match dice % 2 {
                0 => Input::Answer(Answer::Approve { step_id, generation }),
                _ => Input::Answer(Answer::Reject { step_id, generation }),
            });
        }
        let iteration = at.iterations.iter().position(|it| match it.phase {
            IterationPhase::InDoubt { .. } => true,
            IterationPhase::Running { .. } => it.effect == Effect::Once,
            _ => false,
        })?;
        let resolution = match dice % 3 {
            0 => Resolution::Failed,
            1 => Resolution::Retry,
            _ => Resolution::Done { output: json!(1).into() },
        };
        let attempt = at.iterations[iteration].attempts;
        let iteration = iteration as u32;
        Some(Input::Answer(Answer::Resolve { step_id, generation, iteration, attempt, resolution }))
    })
}

/// A scheduler fed by hand.
pub(crate) struct ByHand {
    pub(crate) scheduler: Scheduler,
    pub(crate) events: Vec<Event>,
    /// Attempts under way, in the order of their starts.
    pub(crate) running: Vec<Attempt>,
    pub(crate) cancelled: Vec<String>,
    pub(crate) refused: Vec<pe_exec::Refusal>,
    pub(crate) now: u64,
}

impl ByHand {
    pub(crate) fn begin(plan: ValidPlan, config: OrchestratorConfig) -> Self {
        Self::with(Scheduler::new(plan, Arc::new(Rules), options(config)))
    }

    /// A run whose plan is written so far.
    pub(crate) fn begin_at(stage: PlanStage, plan: ValidPlan, config: OrchestratorConfig) -> Self {
        let options = RunOptions { stage, ..options(config) };
        Self::with(Scheduler::new(plan, Arc::new(Rules), options))
    }

    /// A whole plan that somebody supervises.
    pub(crate) fn begin_supervised(plan: ValidPlan, config: OrchestratorConfig) -> Self {
        Self::with(Scheduler::new(plan, Arc::new(Rules), options(config)).supervised())
    }

    fn with(scheduler: Scheduler) -> Self {
        let mut run = Self {
            scheduler,
            events: Vec::new(),
            running: Vec::new(),
            cancelled: Vec::new(),
            refused: Vec::new(),
            now: 0,
        };
        run.give(Input::Begin);
        run
    }

    pub(crate) fn give(&mut self, input: Input) {
        let turn = self.scheduler.handle(input, self.now);
        self.refused.extend(turn.refused.into_iter().map(|refused| refused.refusal));
        self.events.extend(turn.events);
        for command in turn.commands {
            match command {
                pe_exec::Command::Start(attempt) => self.running.push(attempt),
                pe_exec::Command::Cancel(key) => {
                    self.running.retain(|attempt| attempt.key != key);
                    self.cancelled.push(key.step_id.to_string());
                }
            }
        }
        let folded = RunState::fold(&self.events).unwrap().unwrap();
        assert_eq!(folded, *self.scheduler.state(), "the fold of the events equals the live state");
    }

    /// The process dies: what was under way is lost, and so is what `unrecorded` led to. The
    /// next one counts time from 0 and goes on from the journal.
    pub(crate) fn crash(&mut self, unrecorded: Option<Input>) {
        self.crash_into(Arc::new(Rules), unrecorded);
    }

    /// The same, where the next process has other rules.
    pub(crate) fn crash_into(&mut self, rules: Arc<dyn CallRules>, unrecorded: Option<Input>) {
        if let Some(input) = unrecorded {
            self.scheduler.handle(input, self.now);
        }
        let state = RunState::fold(&self.events).unwrap().unwrap();
        let epoch = state.epoch + 1;
        let config = (*state.config).clone();
        let plan = compile((*state.plan).clone());
        self.running.clear();
        self.now = 0;
        self.scheduler = Scheduler::restore(plan, rules, state);
        self.give(Input::Resume { epoch, config, resumed_at: jiff::Timestamp::UNIX_EPOCH });
    }

    /// The process dies, and a person decides about the run as `Driver::decide` and `cancel`
    /// record it; `dice` says what about the first step that needs a decision.
    pub(crate) fn decide(&mut self, dice: u8) {
        let state = RunState::fold(&self.events).unwrap().unwrap();
        let (epoch, config) = (state.epoch + 1, (*state.config).clone());
        self.running.clear();
        self.now = 0;
        let resumed_at = jiff::Timestamp::UNIX_EPOCH;
        let mut inputs = vec![Input::Hold, Input::Resume { epoch, config, resumed_at }];
        inputs.extend(decision(&state, dice));
        if dice.is_multiple_of(5) {
            inputs.push(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) });
        }
        inputs.push(Input::Pause);
        let plan = compile((*state.plan).clone());
        self.scheduler = Scheduler::restore(plan, Arc::new(Rules), state);
        let turn = self.scheduler.handle_all(inputs, 0);
        assert!(turn.refused.is_empty(), "{:?}", turn.refused);
        assert!(turn.commands.is_empty(), "a decision starts something");
        self.events.extend(turn.events);
        let folded = RunState::fold(&self.events).unwrap().unwrap();
        assert_eq!(folded, *self.scheduler.state());
    }

    pub(crate) fn give_at(&mut self, now: u64, input: Input) {
        self.now = now;
        self.give(input);
    }

    /// Ends the attempt of a step as its arguments script it.
    pub(crate) fn end(&mut self, id: &str) {
        let place =
            self.running.iter().position(|attempt| attempt.key.step_id.as_str() == id).unwrap();
        let attempt = self.running.remove(place);
        let key = attempt.key.clone();
        self.give(match respond(&attempt).result {
            Ok(output) => Input::AttemptSucceeded { key, output: Arc::new(output) },
            Err(error) => Input::AttemptFailed { key, error },
        });
    }

    pub(crate) fn told(&self, id: &str) -> String {
        told(self.scheduler.state().step(id).unwrap())
    }

    pub(crate) fn running_ids(&self) -> Vec<&str> {
        self.running.iter().map(|attempt| attempt.key.step_id.as_str()).collect()
    }

    pub(crate) fn status(&self) -> PlanStatus {
        self.scheduler.state().status
    }

    pub(crate) fn is(&self, id: &str, status: StepStatus) -> bool {
        self.scheduler.state().step(id).unwrap().status == status
    }
}
