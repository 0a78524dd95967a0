//! Patches: what is to change in a plan, and the one place where it is changed.
//!
//! A patch is applied whole or not at all, to a copy. What comes out is the next version of
//! the plan's definition: it holds no state, and nobody has judged it yet.
//!
//! What is deliberately absent: whether the new plan is any good (`pe-validate`), and what of
//! a run's work it keeps (`pe-exec`).

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{JsonMap, Plan, PlanStep, StepId};

mod apply;
mod read;

pub use apply::PatchError;
pub use read::{PatchReadError, PatchReader};

/// What is to change in a plan, in order, and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PlanPatch {
    /// Why, in a sentence.
    pub reason: String,
    /// The changes; each sees what those before it have done.
    pub modifications: Vec<Modification>,
}

/// One change of a plan.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "patches are few and short")]
pub enum Modification {
    /// A new step. Without a neighbour it comes last; with both, `before` decides.
    Add {
        /// The step.
        step: PlanStep,
        /// The step that comes right after it.
        before: Option<StepId>,
        /// The step that comes right before it.
        after: Option<StepId>,
    },
    /// A step goes, and with it its id from the `dependencies` of others, unless a later
    /// change adds a step of that id.
    Remove {
        /// The step.
        step_id: StepId,
    },
    /// Fields of a step change; those that are not named stay as they are.
    Modify {
        /// The step.
        step_id: StepId,
        /// The new values, each in place of the whole old one; null: the field's default.
        fields: JsonMap,
    },
}

impl Modification {
    /// The step that is added, removed or modified.
    pub fn step_id(&self) -> &StepId {
        match self {
            Self::Add { step, .. } => &step.step_id,
            Self::Remove { step_id } | Self::Modify { step_id, .. } => step_id,
        }
    }
}

impl Serialize for Modification {
    /// `{"type": "add", "step": ..}` and so on; a step is written without what is default.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Add { step, before, after } => {
                map.serialize_entry("type", "add")?;
                map.serialize_entry("step", &lean(step))?;
                if let Some(before) = before {
                    map.serialize_entry("before", before)?;
                }
                if let Some(after) = after {
                    map.serialize_entry("after", after)?;
                }
            }
            Self::Remove { step_id } => {
                map.serialize_entry("type", "remove")?;
                map.serialize_entry("step_id", step_id)?;
            }
            Self::Modify { step_id, fields } => {
                map.serialize_entry("type", "modify")?;
                map.serialize_entry("step_id", step_id)?;
                map.serialize_entry("fields", fields)?;
            }
        }
        map.end()
    }
}

/// The fields of a step's definition that are not at their defaults, and its id and tool.
fn lean(step: &PlanStep) -> JsonMap {
    let (mut fields, defaults) = (fields_of(step), fields_of(&PlanStep::default()));
    fields.retain(|name, value| {
        matches!(name.as_str(), "step_id" | "tool") || defaults.get(name) != Some(value)
    });
    fields
}

/// A step's definition as a map of its written fields.
fn fields_of(step: &PlanStep) -> JsonMap {
    match serde_json::to_value(step.definition()) {
        Ok(Value::Object(fields)) => fields,
        // Invariant: a step is a record with string keys.
        _ => JsonMap::new(),
    }
}

impl PlanPatch {
    /// The patch that makes `new` of the steps of `old`: removals first, then changes, then
    /// additions, each after the step that it follows in `new`. The order of steps that both
    /// have is not changed. Where `new` names a step twice, the patch adds it, and fails.
    pub fn between(old: &Plan, new: &[PlanStep], reason: impl Into<String>) -> Self {
        let mut modifications = Vec::new();
        let kept: std::collections::HashMap<&StepId, &PlanStep> =
            old.steps.iter().map(|step| (&step.step_id, step)).collect();
        let named: std::collections::HashSet<&StepId> =
            new.iter().map(|step| &step.step_id).collect();
        for step in old.steps.iter().filter(|step| !named.contains(&step.step_id)) {
            modifications.push(Modification::Remove { step_id: step.step_id.clone() });
        }
        let mut additions = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (place, step) in new.iter().enumerate() {
            let first = seen.insert(&step.step_id);
            match kept.get(&step.step_id) {
                Some(before) if first => {
                    let fields = changed_fields(before, step);
                    if !fields.is_empty() {
                        modifications
                            .push(Modification::Modify { step_id: step.step_id.clone(), fields });
                    }
                }
                _ => additions.push(Modification::Add {
                    step: step.definition(),
                    before: None,
                    after: place.checked_sub(1).map(|last| new[last].step_id.clone()),
                }),
            }
        }
        // A first step has nothing before it: it goes before the first that stays.
        if let Some(Modification::Add { before, after: None, .. }) = additions.first_mut() {
            let stays = |step: &&PlanStep| named.contains(&step.step_id);
            *before = old.steps.iter().find(stays).map(|step| step.step_id.clone());
        }
        modifications.extend(additions);
        Self { reason: reason.into(), modifications }
    }

    /// The patch as JSON, as it is recorded.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// The fields of a step's definition that differ in a new one, with their new values; null
/// where the new one has none.
pub fn changed_fields(old: &PlanStep, new: &PlanStep) -> JsonMap {
    let (old, mut new) = (fields_of(old), fields_of(new));
    let mut changed: JsonMap = old
        .iter()
        .filter_map(|(name, value)| match new.shift_remove(name) {
            None => Some((name.clone(), Value::Null)),
            Some(now) => (now != *value).then(|| (name.clone(), now)),
        })
        .collect();
    changed.extend(new);
    changed
}

#[cfg(test)]
mod tests;
