//! The wire form of a plan.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{JsonMap, PlanId, PlanStep, StepId, StepStatus, StepType};

/// The format version that this program writes.
pub const PLAN_FORMAT: u32 = 1;

/// Where a plan, or the run of one, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Written, not run.
    #[default]
    Created,
    /// Under way.
    Running,
    /// Every step ended well.
    Completed,
    /// A failure was left unrecovered.
    Failed,
    /// Stopped early by an interrupt, a timeout or a budget; can be resumed.
    Cancelled,
    /// A step's effect may or may not have happened; a person decides.
    InDoubt,
    /// A step waits for a person's consent.
    Waiting,
}

impl PlanStatus {
    /// The status's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in_doubt",
            Self::Waiting => "waiting",
        }
    }
}

impl fmt::Display for PlanStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A plan as it is written in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Plan {
    /// Names the plan; whoever runs a plan without one gives it a UUIDv7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// What the plan is to achieve; expressions read it as `goal`.
    pub goal: String,
    /// The steps, in plan order, which breaks ties.
    pub steps: Vec<PlanStep>,
    /// Values that expressions read as `context`.
    #[serde(skip_serializing_if = "JsonMap::is_empty")]
    pub context: JsonMap,
    /// State: where the plan stands.
    pub status: PlanStatus,
    /// Counts the plan's versions, from 1.
    pub version: u32,
    /// The plan that this one was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<PlanId>,
    /// When the plan was first written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When the plan was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub modified_at: Option<Timestamp>,
    /// Anything else; kept, never interpreted.
    #[serde(skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// The version of this file format.
    pub format: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            plan_id: None,
            goal: String::new(),
            steps: Vec::new(),
            context: JsonMap::new(),
            status: PlanStatus::Created,
            version: 1,
            parent: None,
            created_at: None,
            modified_at: None,
            metadata: JsonMap::new(),
            format: PLAN_FORMAT,
        }
    }
}

impl Plan {
    /// The names of all fields, in the order in which they are written.
    pub const FIELDS: [&'static str; 11] = [
        "plan_id",
        "goal",
        "steps",
        "context",
        "status",
        "version",
        "parent",
        "created_at",
        "modified_at",
        "metadata",
        "format",
    ];

    /// A plan without steps, created `now`.
    pub fn new(goal: impl Into<String>, now: Timestamp) -> Self {
        Self { goal: goal.into(), created_at: Some(now), modified_at: Some(now), ..Self::default() }
    }

    /// Appends a step and moves `modified_at`.
    pub fn add_step(&mut self, step: PlanStep, now: Timestamp) {
        self.steps.push(step);
        self.modified_at = Some(now);
    }

    /// Removes the step named `step_id`; false, and nothing changed, when there is none.
    pub fn remove_step(&mut self, step_id: &StepId, now: Timestamp) -> bool {
        let before = self.steps.len();
        self.steps.retain(|step| step.step_id != *step_id);
        let removed = self.steps.len() < before;
        if removed {
            self.modified_at = Some(now);
        }
        removed
    }

    /// The step named `step_id`; a linear search.
    pub fn step(&self, step_id: &StepId) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.step_id == *step_id)
    }

    /// The pending steps whose declared dependencies are met, in plan order.
    ///
    /// A fallback is ready only once its target has failed. Edges that expressions imply
    /// are the validated plan's to know.
    pub fn ready_steps(&self) -> Vec<&PlanStep> {
        let by_id: HashMap<&StepId, &PlanStep> =
            self.steps.iter().map(|step| (&step.step_id, step)).collect();
        let done = |id: &StepId| {
            by_id
                .get(id)
                .is_some_and(|step| step.status == StepStatus::Completed || step.is_recovered())
        };
        let called_for = |step: &PlanStep| {
            step.step_type != StepType::Fallback
                || step.fallback_for.as_ref().is_some_and(|target| {
                    by_id.get(target).is_some_and(|target| {
                        target.status == StepStatus::Failed && target.recovered_by.is_none()
                    })
                })
        };
        self.steps
            .iter()
            .filter(|step| step.status == StepStatus::Pending)
            .filter(|step| step.dependencies.iter().all(done) && called_for(step))
            .collect()
    }

    /// Whether every step is completed, skipped or recovered; a plan without steps is not.
    pub fn is_complete(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(PlanStep::is_settled_well)
    }

    /// Completed, skipped and recovered steps, in percent (0.0..=100.0); 0.0 without steps.
    pub fn progress(&self) -> f64 {
        if self.steps.is_empty() {
            return 0.0;
        }
        let settled = self.steps.iter().filter(|step| step.is_settled_well()).count();
        100.0 * settled as f64 / self.steps.len() as f64
    }

    /// The definition alone, as a run starts from it: no state of an earlier execution.
    pub fn definition(&self) -> Self {
        Self {
            status: PlanStatus::Created,
            steps: self.steps.iter().map(PlanStep::definition).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
