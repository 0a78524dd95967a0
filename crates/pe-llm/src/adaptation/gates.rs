//! What a person put before and after a step stays there, whatever a patch says.
//!
//! A step that asks for approval goes on asking, and a post-condition may be changed but not taken
//! away. The patch itself is put right, so that what is recorded is what was done.

use std::collections::HashMap;

use pe_model::{Modification, Plan, PlanPatch, PlanStep, RunState, StepId};
use serde_json::Value;

/// The patch without what would take a gate of `plan` away.
pub(super) fn kept(patch: PlanPatch, plan: &Plan) -> PlanPatch {
    let gates: HashMap<&StepId, &PlanStep> =
        plan.steps.iter().map(|step| (&step.step_id, step)).collect();
    let kept = |mut modification: Modification| {
        let Some(old) = gates.get(modification.step_id()) else { return Some(modification) };
        match &mut modification {
            Modification::Add { step, .. } => {
                step.approval |= old.approval;
                if step.expect.as_deref().is_none_or(is_blank) {
                    step.expect.clone_from(&old.expect);
                }
            }
            Modification::Modify { fields, .. } => {
                let had = fields.len();
                if old.approval && fields.get("approval").is_some_and(|it| *it != Value::Bool(true))
                {
                    fields.shift_remove("approval");
                }
                let taken = |it: &Value| it.is_null() || it.as_str().is_some_and(is_blank);
                if old.expect.is_some() && fields.get("expect").is_some_and(taken) {
                    fields.shift_remove("expect");
                }
                if had > 0 && fields.is_empty() {
                    return None;
                }
            }
            Modification::Remove { .. } => {}
        }
        Some(modification)
    };
    PlanPatch {
        reason: patch.reason,
        modifications: patch.modifications.into_iter().filter_map(kept).collect(),
    }
}

/// A step that asks for approval, has not completed, and is gone from the new plan.
pub(super) fn removed(new: &Plan, old: &Plan, state: &RunState) -> Option<StepId> {
    old.steps
        .iter()
        .filter(|step| step.approval)
        .map(|step| &step.step_id)
        .filter(|id| !state.step(id).is_some_and(|step| step.is_done()))
        .find(|id| !new.steps.iter().any(|step| step.step_id == **id))
        .cloned()
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
