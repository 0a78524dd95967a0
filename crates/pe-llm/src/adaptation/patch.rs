//! Reading a model's patch: its steps and fields are written in the notation.

use std::collections::{HashMap, HashSet};

use pe_model::{
    JsonMap, PatchReadError, PatchReader, Plan, PlanPatch, PlanStep, RunState, StepId, StepStatus,
    StepType, changed_fields,
};
use pe_validate::ValidPlan;
use serde_json::Value;

use super::PatchProblem;
use crate::draft::{DraftError, dependencies_written, parse_draft};
use crate::notation::{canonical, implied_dependencies, read_step, write_step};

/// Reads an answer as a patch of `plan`.
///
/// A whole plan (`steps`, and no modifications) is read as the changes that lead to it; steps
/// that are done and that it does not name stay, for models tend to write what is left to do.
pub(super) fn read(
    value: &Value,
    plan: &Plan,
    state: &RunState,
) -> Result<PlanPatch, PatchProblem> {
    let reader =
        InNotation { steps: plan.steps.iter().map(|step| (&step.step_id, step)).collect() };
    match PlanPatch::read_with(value, &reader) {
        Ok(patch) => Ok(patch),
        Err(PatchReadError::NoList { found }) => {
            whole_plan(value, plan, state).map_err(|error| match error {
                // Neither the one nor the other: what was asked for is a patch.
                DraftError::NoSteps | DraftError::NoJson { .. } => {
                    PatchProblem::NoPatch(PatchReadError::NoList { found })
                }
                other => PatchProblem::Unreadable(other),
            })
        }
        Err(error @ PatchReadError::Modification { .. }) if value.is_array() => {
            whole_plan(value, plan, state).map_err(|_| PatchProblem::NoPatch(error))
        }
        Err(error) => Err(PatchProblem::NoPatch(error)),
    }
}

fn whole_plan(value: &Value, plan: &Plan, state: &RunState) -> Result<PlanPatch, DraftError> {
    let mut draft = parse_draft(&value.to_string(), pe_model::FinishReason::Stop)?;
    let named: Vec<&StepId> = draft.steps.iter().map(|step| &step.step_id).collect();
    let stays = |step: &&PlanStep| {
        !named.contains(&&step.step_id)
            && state
                .step(&step.step_id)
                .is_some_and(|state| state.is_done() || state.status == StepStatus::InDoubt)
    };
    let mut steps: Vec<PlanStep> = plan.steps.iter().filter(stays).cloned().collect();
    let recovering: Vec<StepId> = steps
        .iter()
        .filter_map(|step| step.fallback_for.clone())
        .filter(|target| !named.contains(&target))
        .filter(|target| !steps.iter().any(|step| step.step_id == *target))
        .collect();
    steps.extend(plan.steps.iter().filter(|step| recovering.contains(&step.step_id)).cloned());
    let mut written = dependencies_written(value);
    written.resize(draft.steps.len(), false);
    let known: HashSet<StepId> =
        steps.iter().chain(&draft.steps).map(|step| step.step_id.clone()).collect();
    for (step, after_written) in draft.steps.iter_mut().zip(written) {
        if let Some(old) = plan.steps.iter().find(|old| old.step_id == step.step_id) {
            keep_unwritten(step, old, after_written, &known);
        }
    }
    steps.extend(draft.steps);
    let reason = value.get("reason").and_then(Value::as_str).unwrap_or_default();
    Ok(PlanPatch::between(plan, &steps, reason))
}

/// Gives a step of a whole plan what it does not say and the step in force has: models leave
/// out what they do not mean to change.
fn keep_unwritten(
    step: &mut PlanStep,
    old: &PlanStep,
    after_written: bool,
    known: &HashSet<StepId>,
) {
    let keep = |new: &mut Option<String>, old: &Option<String>| {
        if new.is_none() {
            new.clone_from(old);
        }
    };
    keep(&mut step.expect, &old.expect);
    keep(&mut step.agent, &old.agent);
    step.approval |= old.approval;
    step.retry = step.retry.take().or_else(|| old.retry.clone());
    step.timeout_ms = step.timeout_ms.or(old.timeout_ms);
    step.trigger_rule = step.trigger_rule.or(old.trigger_rule);
    if step.action.is_empty() {
        step.action.clone_from(&old.action);
    }
    if step.complexity == 1 {
        step.complexity = old.complexity;
    }
    if step.metadata.is_empty() {
        step.metadata.clone_from(&old.metadata);
    }
    if step.tool.is_empty() {
        step.tool.clone_from(&old.tool);
    }
    if step.parameters.is_empty() && step.tool == old.tool {
        step.parameters.clone_from(&old.parameters);
    }
    // What decides about when and how often a step runs goes together.
    let plain = step.step_type == StepType::Normal
        && step.condition.is_none()
        && step.loop_count.is_none()
        && step.loop_over.is_none()
        && step.loop_until.is_none()
        && step.loop_parallelism.is_none()
        && step.fallback_for.is_none();
    if plain {
        step.step_type = old.step_type;
        step.condition.clone_from(&old.condition);
        step.loop_count = old.loop_count;
        step.loop_over.clone_from(&old.loop_over);
        step.loop_until.clone_from(&old.loop_until);
        step.loop_parallelism = old.loop_parallelism;
        step.fallback_for.clone_from(&old.fallback_for);
    }
    if !after_written {
        let implied = implied_dependencies(old);
        let said = old.dependencies.iter().filter(|id| !implied.contains(id));
        let stays = |id: &&StepId| known.contains(*id) && !step.dependencies.contains(id);
        let mut dependencies: Vec<StepId> = said.filter(stays).cloned().collect();
        for id in implied_dependencies(step) {
            if !step.dependencies.contains(&id) && !dependencies.contains(&id) {
                dependencies.push(id);
            }
        }
        step.dependencies.extend(dependencies);
        // In another order they are the same.
        let same = step.dependencies.len() == old.dependencies.len()
            && step.dependencies.iter().all(|id| old.dependencies.contains(id));
        if same {
            step.dependencies.clone_from(&old.dependencies);
        }
    }
}

/// The fields that decide about a step's type.
const DRIVERS: [&str; 5] = ["if", "times", "over", "until", "fallback_for"];

struct InNotation<'a> {
    steps: HashMap<&'a StepId, &'a PlanStep>,
}

impl PatchReader for InNotation<'_> {
    fn step(&self, value: &Value) -> Result<PlanStep, String> {
        read_step(value).map_err(|error| match error {
            DraftError::Step { problem, .. } => problem,
            other => other.to_string(),
        })
    }

    /// The fields are laid over the step as it would be written, and that is read again: so
    /// every form that a step may have is understood here as well, and what its references
    /// imply follows.
    fn fields(&self, step_id: &StepId, fields: JsonMap) -> Result<JsonMap, String> {
        let Some(step) = self.steps.get(step_id) else { return Ok(fields) };
        let Value::Object(mut written) = write_step(step) else { return Ok(fields) };
        let gives = |name: &str| fields.keys().any(|key| canonical(key) == canonical(name));
        if DRIVERS.iter().any(|driver| gives(driver)) {
            // The type follows from the fields, unless it is given.
            written.shift_remove("type");
        }
        let mut strange = JsonMap::new();
        for (key, value) in fields {
            let field = canonical(&key);
            if field.is_none() {
                strange.insert(key, value);
            } else if field == canonical("status") {
                // State is no part of a definition.
            } else if field == canonical("id") {
                if value.as_str() != Some(step_id.as_str()) {
                    strange.insert("step_id".to_owned(), value);
                }
            } else {
                // The step has a tool and a type: these words can mean nothing else here.
                let key = match key.as_str() {
                    _ if field == canonical("name") || field == canonical("function") => "tool",
                    _ if field == canonical("task") => "action",
                    _ if field == canonical("kind") => "step_type",
                    key => key,
                };
                let field = canonical(key);
                written.retain(|known, _| canonical(known) != field);
                if !value.is_null() {
                    written.insert(key.to_owned(), value);
                }
            }
        }
        let new = self.step(&Value::Object(written))?;
        let mut changed = changed_fields(step, &new);
        changed.extend(strange);
        Ok(changed)
    }
}

/// A step in doubt that a new plan would change, remove, or run after something changed.
pub(super) fn touched_in_doubt(new: &ValidPlan, old: &Plan, state: &RunState) -> Option<StepId> {
    let doubtful: Vec<&StepId> = old
        .steps
        .iter()
        .map(|step| &step.step_id)
        .filter(|id| state.step(id).is_some_and(|it| it.status == StepStatus::InDoubt))
        .collect();
    if doubtful.is_empty() {
        return None;
    }
    let reached = reached_by_changes(new, old);
    let place = |id: &StepId| new.plan().steps.iter().position(|step| step.step_id == *id);
    doubtful.into_iter().find(|id| place(id).is_none_or(|place| reached[place])).cloned()
}

/// For each node of a plan's graph whether it is new, changed, or follows from such a one.
fn reached_by_changes(new: &ValidPlan, old: &Plan) -> Vec<bool> {
    let before: HashMap<&StepId, &PlanStep> =
        old.steps.iter().map(|step| (&step.step_id, step)).collect();
    let graph = new.graph();
    let mut reached = vec![false; graph.step_count() + graph.barrier_count()];
    let mut open: Vec<usize> = Vec::new();
    for (place, step) in new.plan().steps.iter().enumerate() {
        let same = before.get(&step.step_id).is_some_and(|old| essence(old) == essence(step));
        if !same {
            open.push(place);
        }
    }
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut reached[node], true) {
            continue;
        }
        open.extend(graph.links(node).iter().map(|link| link.to as usize));
        if node < graph.step_count() {
            open.extend(graph.fallbacks(node).iter().map(|&fallback| fallback as usize));
        }
    }
    reached
}

fn essence(step: &PlanStep) -> PlanStep {
    PlanStep { action: String::new(), complexity: 1, metadata: JsonMap::new(), ..step.definition() }
}
