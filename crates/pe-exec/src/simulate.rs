//! What a plan would take, worked out in virtual time; nothing is executed.

use std::collections::BTreeMap;
use std::sync::Arc;

use pe_model::{Effect, EventKind, JsonMap, OrchestratorConfig, PlanId, PlanStage, RunId, StepId};
use pe_validate::ValidPlan;
use serde::Serialize;
use serde_json::Value;

use crate::{CallRule, CallRules, Millis, Response, RunOptions, run_virtual};

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

/// Simulates a plan on `workers` workers; nothing is executed.
pub fn simulate(plan: &ValidPlan, workers: usize) -> Simulation {
    let workers = workers.max(1);
    let steps = &plan.plan().steps;
    let durations = plan.assumed_durations_ms();
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
        reuse: None,
        origin: JsonMap::new(),
        stage: PlanStage::Complete,
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
        Some(CallRule {
            tool_version: String::new(),
            effect: Effect::Pure,
            needs_consent: false,
            allowed: true,
            resource: None,
        })
    }

    fn may_need_consent(&self, _: &str) -> bool {
        false
    }
}
