//! The checked form of a plan: the only form that can be executed.

use std::sync::Arc;

use pe_expr::{Expr, ParameterTemplate};
use pe_model::{JsonMap, Plan, PlanStep, RetryPolicy, StepId, StepType, TriggerRule};
use serde_json::Value;

use crate::StepGraph;

/// A plan that was found to be executable.
///
/// Invariant: made only by `check` and `check_file`, or without steps; `steps` and the graph's first nodes are
/// in plan order, and every place in them exists.
#[derive(Debug, Clone)]
pub struct ValidPlan {
    pub(crate) plan: Arc<Plan>,
    pub(crate) steps: Vec<ValidStep>,
    pub(crate) graph: StepGraph,
}

/// One step with its expressions compiled and its type resolved.
#[derive(Debug, Clone)]
pub struct ValidStep {
    /// The step's id.
    pub id: StepId,
    /// How it behaves.
    pub kind: StepKind,
    /// The tool that it calls.
    pub tool: String,
    /// Its arguments.
    pub parameters: ParameterTemplate,
    /// Its post-condition.
    pub expect: Option<Expr>,
    /// When it may start.
    pub trigger_rule: TriggerRule,
    /// Bounds one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How failed attempts are tried again.
    pub retry: RetryPolicy,
    /// Whether a person must approve it.
    pub approval: bool,
}

/// How a step behaves, with what that needs.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Runs when ready.
    Normal,
    /// As normal, safe beside any other.
    Parallel,
    /// Runs when the condition holds.
    Conditional {
        /// The condition.
        condition: Expr,
    },
    /// Runs several times.
    Loop(LoopKind),
    /// Runs only if another step fails for good.
    Fallback {
        /// That step's place in the plan.
        target: usize,
    },
}

/// What drives a loop.
#[derive(Debug, Clone)]
pub enum LoopKind {
    /// A number of times.
    Count {
        /// How often.
        count: u32,
    },
    /// Once for each element of a list.
    Over {
        /// Gives the list.
        items: Expr,
        /// How many iterations may run at a time.
        parallelism: usize,
    },
    /// Until a condition holds.
    Until {
        /// Checked after each iteration.
        condition: Expr,
        /// The most iterations.
        cap: u32,
    },
}

impl ValidPlan {
    /// A plan that has no steps yet: what a run begins with whose plan is still to be written.
    ///
    /// This is the only way to have one; `check` finds fault with a plan that has no steps.
    pub fn without_steps(goal: impl Into<String>, context: JsonMap) -> Self {
        let plan = Plan { goal: goal.into(), context, ..Plan::default() };
        Self { plan: Arc::new(plan), steps: Vec::new(), graph: StepGraph::empty() }
    }

    /// The plan as written.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The steps, in plan order.
    pub fn steps(&self) -> &[ValidStep] {
        &self.steps
    }

    /// Who waits for whom.
    pub fn graph(&self) -> &StepGraph {
        &self.graph
    }

    /// One scheduling weight a step, in plan order: its known duration in milliseconds, else
    /// its complexity times the mean known milliseconds a point, else its complexity.
    ///
    /// `learned` gives durations from earlier runs; what the plan itself says comes first.
    pub fn weights(&self, learned: impl Fn(&PlanStep) -> Option<f64>) -> Vec<f64> {
        let known: Vec<Option<f64>> = self
            .stated_durations_ms()
            .into_iter()
            .zip(&self.plan.steps)
            .map(|(stated, step)| stated.or_else(|| learned(step)))
            .collect();
        let points = |step: &PlanStep| step.complexity.clamp(1, 5) as f64;
        let (mut total_ms, mut total_points) = (0.0, 0.0);
        for (step, duration) in self.plan.steps.iter().zip(&known) {
            if let Some(duration) = duration {
                total_ms += duration;
                total_points += points(step);
            }
        }
        let ms_a_point = if total_points > 0.0 { total_ms / total_points } else { 1.0 };
        self.plan
            .steps
            .iter()
            .zip(known)
            .map(|(step, duration)| duration.unwrap_or_else(|| points(step) * ms_a_point))
            .collect()
    }

    /// The duration that the plan itself states for each step, in milliseconds: a `sleep`'s,
    /// repeated for a counted loop, else `metadata.duration_ms`.
    pub fn stated_durations_ms(&self) -> Vec<Option<f64>> {
        self.plan.steps.iter().map(stated_duration_ms).collect()
    }

    /// How long each step is taken to run where nothing has run yet, in whole milliseconds: what
    /// the plan states, else a second for each point of its complexity.
    pub fn assumed_durations_ms(&self) -> Vec<f64> {
        const MS_A_POINT: f64 = 1_000.0;
        let assumed = |(step, stated): (&PlanStep, Option<f64>)| {
            stated.unwrap_or_else(|| step.complexity.clamp(1, 5) as f64 * MS_A_POINT).round()
        };
        self.plan.steps.iter().zip(self.stated_durations_ms()).map(assumed).collect()
    }

    /// The same graph without anything that has to be evaluated: every condition holds,
    /// every loop is one call, nothing is awaited from a person. What a simulation runs.
    pub fn without_expressions(&self) -> Self {
        let none = ParameterTemplate::parse(&Value::Object(JsonMap::new()))
            .expect("because no parameters hold no faults");
        let mut plan = self.clone();
        for step in &mut plan.steps {
            step.parameters = none.clone();
            step.expect = None;
            step.approval = false;
            step.timeout_ms = None;
            if matches!(step.kind, StepKind::Conditional { .. } | StepKind::Loop(_)) {
                step.kind = StepKind::Normal;
            }
        }
        plan
    }
}

fn stated_duration_ms(step: &PlanStep) -> Option<f64> {
    let positive = |value: &Value| value.as_f64().filter(|ms| *ms >= 0.0);
    if step.tool == "sleep"
        && let Some(once) = step.parameters.get("duration_ms").and_then(positive)
    {
        let times = match step.loop_count {
            Some(count) if step.step_type == StepType::Loop && step.loop_until.is_none() => {
                count.max(1) as f64
            }
            _ => 1.0,
        };
        return Some(once * times);
    }
    step.metadata.get("duration_ms").and_then(positive)
}
