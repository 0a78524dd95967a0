//! Virtual time: the scheduler driven by a list of completions instead of a clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use pe_model::{
    Effect, Event, EventKind, JsonMap, OrchestratorConfig, PlanId, RunId, RunState, StepId,
    ToolError,
};
use pe_validate::ValidPlan;
use serde::Serialize;
use serde_json::Value;

use crate::{Attempt, CallRule, CallRules, Command, Input, Millis, RunOptions, Scheduler, Turn};

/// What a simulated call does.
#[derive(Debug, Clone)]
pub struct Response {
    /// How long it takes.
    pub after_ms: Millis,
    /// How it ends.
    pub result: Result<Value, ToolError>,
}

/// A run in virtual time.
#[derive(Debug, Clone)]
pub struct VirtualRun {
    /// Its end.
    pub state: RunState,
    /// Its events.
    pub events: Vec<Event>,
}

/// Runs a plan to its end in virtual time; `respond` stands for the tools.
///
/// Nobody answers questions: a run that waits for a person ends as waiting.
pub fn run_virtual(
    plan: ValidPlan,
    rules: Arc<dyn CallRules>,
    options: RunOptions,
    mut respond: impl FnMut(&Attempt) -> Response,
) -> VirtualRun {
    let mut scheduler = Scheduler::new(plan, rules, options);
    let mut world = World::default();
    world.take(scheduler.handle(Input::Begin, 0), 0, &mut respond);
    let mut now = 0;
    while !scheduler.state().is_finished() {
        let wake = scheduler.next_wake();
        let input = match (world.next_at(), wake) {
            (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                now = at;
                world.next_outcome()
            }
            (_, Some(wake)) => {
                now = now.max(wake);
                Input::Tick
            }
            _ => Input::Pause,
        };
        world.take(scheduler.handle(input, now), now, &mut respond);
    }
    VirtualRun { state: scheduler.state().clone(), events: world.events }
}

/// Completions to come, in the order of time, then of their starts.
#[derive(Default)]
struct World {
    events: Vec<Event>,
    due: BinaryHeap<Reverse<(Millis, u64)>>,
    outcomes: BTreeMap<u64, (Attempt, Result<Value, ToolError>)>,
    started: u64,
}

impl World {
    fn take(&mut self, turn: Turn, now: Millis, respond: &mut impl FnMut(&Attempt) -> Response) {
        self.events.extend(turn.events);
        for command in turn.commands {
            // A cancelled attempt's outcome comes all the same, and is ignored as too late.
            if let Command::Start(attempt) = command {
                let response = respond(&attempt);
                let at = now.saturating_add(response.after_ms);
                self.due.push(Reverse((at, self.started)));
                self.outcomes.insert(self.started, (attempt, response.result));
                self.started += 1;
            }
        }
    }

    fn next_at(&self) -> Option<Millis> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    fn next_outcome(&mut self) -> Input {
        let outcome = self.due.pop().and_then(|Reverse((_, number))| self.outcomes.remove(&number));
        match outcome {
            Some((Attempt { key, .. }, Ok(output))) => {
                Input::AttemptSucceeded { key, output: Arc::new(output) }
            }
            Some((Attempt { key, .. }, Err(error))) => Input::AttemptFailed { key, error },
            None => Input::Tick,
        }
    }
}

/// When one step runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slot {
    /// The step.
    pub step_id: StepId,
    /// When it starts, in virtual milliseconds.
    pub start_ms: Millis,
    /// When it ends.
    pub end_ms: Millis,
}

/// What a plan would take: every condition holds, nothing fails, a loop is one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// How many steps may run at a time.
    pub workers: usize,
    /// From the first start to the last end.
    pub makespan_ms: Millis,
    /// No schedule is shorter: the longer of the critical path and the work shared out.
    pub lower_bound_ms: Millis,
    /// The longest path.
    pub critical_path_ms: Millis,
    /// All durations together.
    pub work_ms: Millis,
    /// The steps of a longest path, in order.
    pub critical_path: Vec<StepId>,
    /// When each step runs, in the order of the starts.
    pub schedule: Vec<Slot>,
}

/// A step without a known duration takes so long a complexity point.
const MS_A_POINT: f64 = 1_000.0;

/// Simulates a plan on `workers` workers; nothing is executed.
pub fn simulate(plan: &ValidPlan, workers: usize) -> Simulation {
    let workers = workers.max(1);
    let steps = &plan.plan().steps;
    let durations: Vec<f64> = plan
        .stated_durations_ms()
        .into_iter()
        .zip(steps)
        .map(|(known, step)| known.unwrap_or(step.complexity.clamp(1, 5) as f64 * MS_A_POINT))
        .map(f64::round)
        .collect();
    let options = RunOptions {
        run_id: RunId::new("simulation"),
        plan_id: PlanId::new("simulation"),
        config: OrchestratorConfig {
            max_parallel_steps: workers,
            plan_timeout_ms: 0,
            step_timeout_ms: Millis::MAX,
            ..OrchestratorConfig::default()
        },
        weights: durations.clone(),
        seed: 0,
        started_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let bare = plan.without_expressions();
    let places: BTreeMap<&StepId, usize> =
        steps.iter().enumerate().map(|(place, step)| (&step.step_id, place)).collect();
    let run = run_virtual(bare, Arc::new(Unhindered), options, |attempt| Response {
        after_ms: durations[places[&attempt.key.step_id]] as Millis,
        result: Ok(Value::Null),
    });
    let mut schedule: Vec<Slot> = Vec::new();
    let mut open: BTreeMap<StepId, usize> = BTreeMap::new();
    for event in run.events {
        match event.kind {
            EventKind::AttemptStarted { key, .. } => {
                open.insert(key.step_id.clone(), schedule.len());
                let at = event.at_ms;
                schedule.push(Slot { step_id: key.step_id, start_ms: at, end_ms: at });
            }
            EventKind::AttemptSucceeded { key, .. } => {
                if let Some(slot) = open.remove(&key.step_id) {
                    schedule[slot].end_ms = event.at_ms;
                }
            }
            _ => {}
        }
    }
    let work_ms: Millis = schedule.iter().map(|slot| slot.end_ms - slot.start_ms).sum();
    let (path, critical) = plan.graph().critical_path(&durations);
    let critical_path_ms = critical.round() as Millis;
    Simulation {
        workers,
        makespan_ms: schedule.iter().map(|slot| slot.end_ms).max().unwrap_or(0),
        lower_bound_ms: critical_path_ms.max(work_ms.div_ceil(workers as Millis)),
        critical_path_ms,
        work_ms,
        critical_path: path.into_iter().map(|place| steps[place].step_id.clone()).collect(),
        schedule,
    }
}

/// Calls that nothing holds up.
struct Unhindered;

impl CallRules for Unhindered {
    fn judge(&self, _: &str, _: &JsonMap) -> Option<CallRule> {
        Some(CallRule { effect: Effect::Pure, needs_consent: false, allowed: true, resource: None })
    }

    fn may_need_consent(&self, _: &str) -> bool {
        false
    }
}
