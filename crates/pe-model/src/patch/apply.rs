//! Applying a patch: whole or not at all.

use serde::Deserialize;
use serde_json::Value;

use super::{Modification, PlanPatch, fields_of};
use crate::{JsonMap, Plan, PlanStep, StepId, nearest};

/// The fields of a step that are its state; a patch that names them is not meant by it.
const STATE: [&str; 7] =
    ["status", "reason", "recovered_by", "result", "error", "execution_time_ms", "attempts"];

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch changes nothing.
    #[error("the patch changes nothing; add, remove or modify at least one step")]
    NoChange,
    /// A step is added whose id is taken.
    #[error(
        "modification {number} adds step `{step_id}`, which the plan has already; choose another id"
    )]
    Taken {
        /// Which modification, from 1.
        number: usize,
        /// The id.
        step_id: StepId,
    },
    /// A step is added without an id.
    #[error("modification {number} adds a step without an id; give it one")]
    Blank {
        /// Which modification, from 1.
        number: usize,
    },
    /// A step is named that the plan does not have.
    #[error(
        "modification {number} names step `{step_id}`, which the plan does not have{}",
        did_you_mean(.near.as_ref().map(StepId::as_str))
    )]
    UnknownStep {
        /// Which modification, from 1.
        number: usize,
        /// The id.
        step_id: StepId,
        /// The step that was probably meant.
        near: Option<StepId>,
    },
    /// A field is named that steps do not have.
    #[error(
        "modification {number} of step `{step_id}`: steps have no field `{field}`{}",
        did_you_mean(*.near)
    )]
    UnknownField {
        /// Which modification, from 1.
        number: usize,
        /// The step.
        step_id: StepId,
        /// The field.
        field: String,
        /// The field that was probably meant.
        near: Option<&'static str>,
    },
    /// A step's id is to change.
    #[error(
        "modification {number} renames step `{step_id}`, which keeps its id; remove it and add another one"
    )]
    Renamed {
        /// Which modification, from 1.
        number: usize,
        /// The step.
        step_id: StepId,
    },
    /// A field's new value has the wrong type.
    #[error("modification {number} of step `{step_id}`: `{field}`: {problem}")]
    Field {
        /// Which modification, from 1.
        number: usize,
        /// The step.
        step_id: StepId,
        /// The field.
        field: String,
        /// What was expected and what was found.
        problem: String,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl PlanPatch {
    /// The plan with the changes made: its next version, whose parent is the plan that it was
    /// made from. `plan` is as it was; state that it holds is left out of the new one.
    /// `modified_at` stays: there is no clock here.
    ///
    /// # Errors
    /// A [`PatchError`] that names the first modification that cannot be made.
    pub fn apply(&self, plan: &Plan) -> Result<Plan, PatchError> {
        let before = plan.definition();
        let mut steps = before.steps.clone();
        for (index, modification) in self.modifications.iter().enumerate() {
            let number = index + 1;
            match modification {
                Modification::Add { step, before, after } => {
                    add(&mut steps, number, step, before.as_ref(), after.as_ref())?;
                }
                Modification::Remove { step_id } => {
                    let place = place_of(&steps, number, step_id)?;
                    steps.remove(place);
                    let comes_back = self.modifications[number..].iter().any(
                        |later| matches!(later, Modification::Add { step, .. } if step.step_id == *step_id),
                    );
                    if !comes_back {
                        for step in &mut steps {
                            step.dependencies.retain(|dependency| dependency != step_id);
                        }
                    }
                }
                Modification::Modify { step_id, fields } => {
                    let place = place_of(&steps, number, step_id)?;
                    steps[place] = modified(&steps[place], number, fields)?;
                }
            }
        }
        if steps == before.steps {
            return Err(PatchError::NoChange);
        }
        Ok(Plan {
            steps,
            version: before.version.saturating_add(1),
            parent: before.plan_id.clone().or_else(|| before.parent.clone()),
            ..before
        })
    }
}

fn add(
    steps: &mut Vec<PlanStep>,
    number: usize,
    step: &PlanStep,
    before: Option<&StepId>,
    after: Option<&StepId>,
) -> Result<(), PatchError> {
    if step.step_id.as_str().trim().is_empty() {
        return Err(PatchError::Blank { number });
    }
    if steps.iter().any(|there| there.step_id == step.step_id) {
        return Err(PatchError::Taken { number, step_id: step.step_id.clone() });
    }
    let place = match (before, after) {
        (Some(before), _) => place_of(steps, number, before)?,
        (None, Some(after)) => place_of(steps, number, after)? + 1,
        (None, None) => steps.len(),
    };
    steps.insert(place, step.definition());
    Ok(())
}

fn place_of(steps: &[PlanStep], number: usize, step_id: &StepId) -> Result<usize, PatchError> {
    steps.iter().position(|step| step.step_id == *step_id).ok_or_else(|| {
        let known = steps.iter().map(|step| step.step_id.as_str());
        PatchError::UnknownStep {
            number,
            step_id: step_id.clone(),
            near: nearest(step_id.as_str(), known).map(StepId::from),
        }
    })
}

fn modified(step: &PlanStep, number: usize, fields: &JsonMap) -> Result<PlanStep, PatchError> {
    let step_id = &step.step_id;
    let mut written = fields_of(step);
    for (name, value) in fields {
        if STATE.contains(&name.as_str()) {
            continue;
        }
        if !PlanStep::FIELDS.contains(&name.as_str()) {
            return Err(PatchError::UnknownField {
                number,
                step_id: step_id.clone(),
                field: name.clone(),
                near: nearest(name, PlanStep::FIELDS),
            });
        }
        if name == "step_id" {
            if value.as_str() == Some(step_id.as_str()) {
                continue;
            }
            return Err(PatchError::Renamed { number, step_id: step_id.clone() });
        }
        if value.is_null() {
            written.shift_remove(name);
            continue;
        }
        let alone = Value::Object(JsonMap::from_iter([(name.clone(), value.clone())]));
        if let Err(error) = PlanStep::deserialize(&alone) {
            return Err(PatchError::Field {
                number,
                step_id: step_id.clone(),
                field: name.clone(),
                problem: error.to_string(),
            });
        }
        written.insert(name.clone(), value.clone());
    }
    // Invariant: every field was read alone, and fields are read independently.
    PlanStep::deserialize(Value::Object(written)).map_err(|error| PatchError::Field {
        number,
        step_id: step_id.clone(),
        field: "step".to_owned(),
        problem: error.to_string(),
    })
}
