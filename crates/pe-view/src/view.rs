//! What is shown: a plan, executed or not, and the edges that hold between its steps.
//!
//! Nothing here decides whether a plan is any good: plans with cycles, duplicate ids and
//! dangling ones are views like any other.

use std::collections::{HashMap, HashSet};

use pe_model::{Plan, PlanStatus, PlanStep, RunReport, StepId, StepStatus, StepType};
use serde::{Deserialize, Serialize};

/// What an edge between two steps means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The later step needs the earlier one; counts in its trigger rule.
    Success,
    /// The later step only waits until the earlier one has settled.
    Ordering,
    /// The later step runs if the earlier one fails for good.
    Fallback,
}

/// An edge between two steps, named by their places in `Plan::steps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewEdge {
    /// The step that comes first.
    pub from: usize,
    /// The step that waits for it.
    pub to: usize,
    /// What the edge means.
    pub kind: EdgeKind,
}

/// The path through a plan that decides how long it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalPath {
    /// Its steps from first to last, as places in `Plan::steps`.
    pub places: Vec<usize>,
    /// How long it takes in milliseconds, where the durations of its steps are known.
    pub total_ms: Option<u64>,
}

/// A plan to be shown, and the edges that its validation found, if it was validated.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanView<'a> {
    /// The plan; its state fields are shown as well.
    pub plan: &'a Plan,
    /// All edges, those that expressions imply included. `None`: only what the steps
    /// declare. Edges that name a place
    /// outside the plan are ignored; edges from `fallback_for` need not be listed.
    pub edges: Option<Vec<ViewEdge>>,
    /// What every view marks as the critical path. Places outside the plan are ignored, and
    /// a path of a single step is not shown.
    pub critical: Option<CriticalPath>,
    /// Steps that references name and that there are not, by the place of the step that
    /// names them. What dependencies and `fallback_for` name need not be listed.
    pub missing: Vec<(usize, StepId)>,
    /// Why the plan cannot run, as its validation found: by the place of a step, or without
    /// one for the plan as a whole. What can be seen in the plan itself need not be listed.
    pub faults: Vec<(Option<usize>, &'static str)>,
}

impl<'a> PlanView<'a> {
    /// The plan with the edges that its steps declare.
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, edges: None, critical: None, missing: Vec::new(), faults: Vec::new() }
    }

    /// The same plan with exactly these edges (and those from `fallback_for`).
    pub fn with_edges(self, edges: Vec<ViewEdge>) -> Self {
        Self { edges: Some(edges), ..self }
    }

    /// The same plan with steps that references name and that there are not.
    pub fn with_missing(self, missing: Vec<(usize, StepId)>) -> Self {
        Self { missing, ..self }
    }

    /// The same plan with what keeps it from running: it is an unsound one.
    pub fn with_faults(self, faults: Vec<(Option<usize>, &'static str)>) -> Self {
        Self { faults, ..self }
    }

    /// The same plan with this critical path, `total_ms` milliseconds long where that is known.
    pub fn with_critical_path(self, places: Vec<usize>, total_ms: Option<u64>) -> Self {
        Self { critical: Some(CriticalPath { places, total_ms }), ..self }
    }

    /// The steps of the critical path that there are, if it is worth showing.
    pub(crate) fn critical_places(&self) -> Option<Vec<usize>> {
        let known = |&place: &usize| place < self.plan.steps.len();
        let places: Vec<usize> =
            self.critical.as_ref()?.places.iter().copied().filter(known).collect();
        (places.len() > 1).then_some(places)
    }

    /// The status of each step, in plan order, with [`StepStatus::Ready`] derived.
    ///
    /// A pending step is ready when [`Plan::ready_steps`] says so, the given edges are met,
    /// and the plan has not ended (`completed`, `failed`, `cancelled`).
    pub fn statuses(&self) -> Vec<StepStatus> {
        let steps = &self.plan.steps;
        let mut statuses: Vec<StepStatus> = steps.iter().map(|step| step.status).collect();
        let ended = matches!(
            self.plan.status,
            PlanStatus::Completed | PlanStatus::Failed | PlanStatus::Cancelled
        );
        if ended {
            return statuses;
        }
        let blocked = self.blocked();
        let mut ready = self.plan.ready_steps().into_iter().peekable();
        for (index, step) in steps.iter().enumerate() {
            // `ready_steps` keeps plan order, so one pass pairs its steps with their places.
            if ready.next_if(|next| std::ptr::eq(*next, step)).is_some() && !blocked[index] {
                statuses[index] = StepStatus::Ready;
            }
        }
        statuses
    }

    /// For each step, whether one of the given edges holds it back.
    fn blocked(&self) -> Vec<bool> {
        let steps = &self.plan.steps;
        let mut blocked = vec![false; steps.len()];
        // Failed steps for which a fallback may still run have not settled.
        let hopeful: HashSet<&StepId> = steps
            .iter()
            .filter(|step| !matches!(step.status, StepStatus::Failed | StepStatus::Skipped))
            .filter_map(fallback_target)
            .collect();
        for edge in self.edges.iter().flatten() {
            let (Some(from), Some(to)) = (steps.get(edge.from), steps.get(edge.to)) else {
                continue;
            };
            // Whether a fallback is called for is judged by `ready_steps`.
            if edge.kind == EdgeKind::Fallback || fallback_target(to) == Some(&from.step_id) {
                continue;
            }
            let done = from.status == StepStatus::Completed || from.is_recovered();
            let over = match from.status {
                StepStatus::Skipped => true,
                StepStatus::Failed => !hopeful.contains(&from.step_id),
                _ => false,
            };
            let met = done || (over && edge.kind == EdgeKind::Ordering);
            blocked[edge.to] |= !met;
        }
        blocked
    }

    /// Whether any of the plan has been executed, so that its state is worth showing.
    pub(crate) fn is_executed(&self) -> bool {
        let idle = [StepStatus::Pending, StepStatus::Ready];
        self.plan.status != PlanStatus::Created
            || self.plan.steps.iter().any(|step| !idle.contains(&step.status))
    }
}

impl<'a> From<&'a Plan> for PlanView<'a> {
    fn from(plan: &'a Plan) -> Self {
        Self::new(plan)
    }
}

/// The plan of a run, with the state in which the run left it.
///
/// What a report does not hold (context, version, timestamps, metadata) is at its default.
pub fn executed(report: &RunReport) -> Plan {
    Plan {
        plan_id: report.plan_id.clone(),
        goal: report.goal.clone(),
        context: report.context.clone(),
        status: report.status,
        steps: report.steps.clone(),
        ..Plan::default()
    }
}

/// The step that `step` stands in for, if it is a fallback.
pub(crate) fn fallback_target(step: &PlanStep) -> Option<&StepId> {
    step.fallback_for.as_ref().filter(|_| step.step_type == StepType::Fallback)
}

/// Where each id is first used; with duplicates, edges lead to the first.
pub(crate) fn places(plan: &Plan) -> HashMap<&StepId, usize> {
    let mut places = HashMap::with_capacity(plan.steps.len());
    for (index, step) in plan.steps.iter().enumerate() {
        places.entry(&step.step_id).or_insert(index);
    }
    places
}

#[cfg(test)]
mod tests;
