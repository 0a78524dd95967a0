//! The JSON of a run: what `pe run --json` prints and other programs read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ErrorClass, JsonMap, PlanId, PlanStatus, PlanStep, RunId, RunState, StepId, StepStatus,
};

/// A finished or paused run, seen from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// The run.
    pub run_id: RunId,
    /// The name that people say, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_name: Option<String>,
    /// The run whose finished work was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_run: Option<RunId>,
    /// The plan.
    pub plan_id: Option<PlanId>,
    /// What the plan is to achieve.
    #[serde(default)]
    pub goal: String,
    /// What expressions read as `context`.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub context: JsonMap,
    /// Whether every step ended well and no failure is left.
    pub success: bool,
    /// How the run ended.
    pub status: PlanStatus,
    /// The answer.
    pub final_response: String,
    /// How many steps the plan has.
    pub plan_steps: usize,
    /// Completed steps, recovered ones left out.
    pub steps_completed: usize,
    /// Failures that nothing recovered.
    pub steps_failed: usize,
    /// Skipped steps.
    pub steps_skipped: usize,
    /// Failed steps that another one stands in for.
    pub steps_recovered: usize,
    /// Steps whose outcome was taken over from another run.
    #[serde(default)]
    pub steps_reused: usize,
    /// From the begin to the end, in milliseconds.
    pub execution_time_ms: u64,
    /// Executions of the plan (or turns of the sequential loop).
    pub iterations: u32,
    /// Attempts made.
    pub tool_calls_made: u64,
    /// Plan versions put in force because the one before had failed or gone astray.
    pub adaptations: u32,
    /// Where the plan came from: `file`, `model`, `sequential` or `template`.
    pub planner: String,
    /// Failures that nothing recovered, and steps in doubt.
    pub errors: Vec<RunError>,
    /// Outputs of completed and recovered steps, by step id, in plan order.
    pub results: JsonMap,
    /// The plan's steps with their state.
    pub steps: Vec<PlanStep>,
    /// What the run cost.
    pub usage: Usage,
}

/// One failure of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// The step that failed.
    pub step_id: StepId,
    /// The class of the failure.
    pub class: ErrorClass,
    /// What happened.
    pub message: String,
}

/// What a run cost; null where it is not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Calls to a model.
    pub llm_calls: Option<u64>,
    /// Tokens sent.
    pub prompt_tokens: Option<u64>,
    /// Tokens received.
    pub completion_tokens: Option<u64>,
    /// Money, in US dollars.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// The usage of a run that called no model.
    pub fn none() -> Self {
        Self {
            llm_calls: Some(0),
            prompt_tokens: Some(0),
            completion_tokens: Some(0),
            cost_usd: Some(0.0),
        }
    }
}

impl RunReport {
    /// Reports on `state`, with `final_response` as the answer.
    pub fn new(state: &RunState, final_response: String, planner: &str, usage: Usage) -> Self {
        let executed = state.executed_plan();
        let steps = state.steps();
        let count = |test: fn(&crate::StepState) -> bool| steps.iter().filter(|s| test(s)).count();
        let named = || executed.steps.iter().map(|step| &step.step_id).zip(steps);
        Self {
            run_id: state.run_id.clone(),
            run_name: None,
            from_run: state.from_run.clone(),
            plan_id: executed.plan_id.clone(),
            goal: executed.goal.clone(),
            context: executed.context.clone(),
            success: state.status == PlanStatus::Completed,
            status: state.status,
            final_response,
            plan_steps: steps.len(),
            steps_completed: count(|s| s.status == StepStatus::Completed),
            steps_failed: count(|s| s.status == StepStatus::Failed && !s.is_recovered()),
            steps_skipped: count(|s| s.status == StepStatus::Skipped),
            steps_recovered: count(|s| s.is_recovered()),
            steps_reused: count(|s| s.reused_from.is_some()),
            execution_time_ms: state.elapsed_ms,
            iterations: 1 + state.adaptations,
            tool_calls_made: state.attempts_started,
            adaptations: state.adaptations,
            planner: planner.to_owned(),
            errors: named()
                .filter(|(_, s)| !s.is_recovered())
                .filter_map(|(step_id, s)| {
                    let error = s.error.as_ref()?;
                    Some(RunError {
                        step_id: step_id.clone(),
                        class: error.class,
                        message: error.message.clone(),
                    })
                })
                .collect(),
            results: named()
                .filter(|(_, s)| s.is_done())
                .filter_map(|(id, s)| Some((id.to_string(), (**s.output.as_ref()?).clone())))
                .collect(),
            steps: executed.steps,
            usage,
        }
    }
}
