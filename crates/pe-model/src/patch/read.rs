//! Reading patches, tolerantly: models word them in many ways, and mean the same.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Modification, PlanPatch};
use crate::document::kind_of;
use crate::{JsonMap, PlanStep, StepId};

/// The most modifications of one patch.
const MAX_MODIFICATIONS: usize = 10_000;

const KINDS: [&str; 5] = ["type", "op", "action", "operation", "kind"];
const IDS: [&str; 5] = ["step_id", "id", "target", "step", "name"];
const STEPS: [&str; 4] = ["step", "new_step", "value", "fields"];
const FIELDS: [&str; 6] = ["fields", "changes", "set", "step", "with", "value"];
const LISTS: [&str; 5] = ["modifications", "changes", "patch", "operations", "edits"];

/// Why a value is no patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchReadError {
    /// The value holds no list of modifications.
    #[error("expected an object with a list under `modifications`, found {found}")]
    NoList {
        /// What was found.
        found: String,
    },
    /// There are more modifications than are read.
    #[error("the patch has {found} modifications; at most {MAX_MODIFICATIONS} are read")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A modification is not what it should be.
    #[error("modification {number}: {problem}")]
    Modification {
        /// Which, from 1.
        number: usize,
        /// What is wrong, and what was expected.
        problem: String,
    },
}

/// How the steps and fields of a patch are read; a model may write them in another form.
pub trait PatchReader {
    /// Reads a new step.
    ///
    /// # Errors
    /// What is wrong with it.
    fn step(&self, value: &Value) -> Result<PlanStep, String>;

    /// Reads the fields of the step `step_id` that change, into the names that plans use.
    ///
    /// # Errors
    /// What is wrong with them.
    fn fields(&self, step_id: &StepId, fields: JsonMap) -> Result<JsonMap, String>;
}

/// The form of plan files.
struct AsWritten;

impl PatchReader for AsWritten {
    fn step(&self, value: &Value) -> Result<PlanStep, String> {
        PlanStep::deserialize(value).map_err(|error| error.to_string())
    }

    fn fields(&self, _: &StepId, fields: JsonMap) -> Result<JsonMap, String> {
        Ok(fields)
    }
}

impl PlanPatch {
    /// Reads a patch whose steps are written as in plan files.
    ///
    /// # Errors
    /// A [`PatchReadError`] that names the modification.
    pub fn from_value(value: &Value) -> Result<Self, PatchReadError> {
        Self::read_with(value, &AsWritten)
    }

    /// Reads a patch: `{"reason", "modifications": [{"type": "add", "step": ..}, ..]}`, a bare
    /// list, or other common words for the same.
    ///
    /// # Errors
    /// A [`PatchReadError`] that names the modification.
    pub fn read_with(value: &Value, reader: &dyn PatchReader) -> Result<Self, PatchReadError> {
        let list = match value {
            Value::Array(list) => Some(list),
            Value::Object(map) => LISTS.iter().find_map(|name| map.get(*name)?.as_array()),
            _ => None,
        };
        let Some(list) = list else {
            return Err(PatchReadError::NoList { found: describe(value) });
        };
        if list.len() > MAX_MODIFICATIONS {
            return Err(PatchReadError::TooMany { found: list.len() });
        }
        let mut modifications = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            modifications.push(
                read_modification(entry, reader).map_err(|problem| {
                    PatchReadError::Modification { number: index + 1, problem }
                })?,
            );
        }
        let reason = ["reason", "explanation", "why", "analysis"]
            .iter()
            .find_map(|name| value.get(*name)?.as_str())
            .unwrap_or_default()
            .to_owned();
        Ok(Self { reason, modifications })
    }
}

impl<'de> Deserialize<'de> for PlanPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let names: Vec<String> =
                map.keys().take(4).map(|name| format!("`{}`", shortened(name))).collect();
            format!("an object with {}", names.join(", "))
        }
        other => kind_of(other).to_owned(),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(32).collect()
}

fn read_modification(entry: &Value, reader: &dyn PatchReader) -> Result<Modification, String> {
    let Value::Object(map) = entry else {
        return Err(format!("expected an object, found {}", kind_of(entry)));
    };
    let word = KINDS.iter().find_map(|name| Some((*name, map.get(*name)?.as_str()?)));
    let Some((kind_name, word)) = word else {
        return Err("expected `type`: add, remove or modify".to_owned());
    };
    match word.trim().to_ascii_lowercase().as_str() {
        "add" | "insert" | "append" | "create" | "new" => {
            let step =
                match STEPS.iter().find_map(|name| map.get(*name).filter(|it| it.is_object())) {
                    Some(step) => reader.step(step)?,
                    None => {
                        // The step's fields stand beside the word.
                        let mut fields = map.clone();
                        fields.shift_remove(kind_name);
                        reader.step(&Value::Object(fields))?
                    }
                };
            Ok(Modification::Add {
                step,
                before: neighbour(map, ["before", "insert_before"])?,
                after: neighbour(map, ["after", "insert_after"])?,
            })
        }
        "remove" | "delete" | "drop" => Ok(Modification::Remove { step_id: id_of(map)? }),
        "modify" | "change" | "update" | "edit" | "replace" | "set" => {
            let step_id = id_of(map)?;
            let named =
                FIELDS.iter().find_map(|name| map.get(*name).and_then(Value::as_object).cloned());
            let fields = named.unwrap_or_else(|| {
                let mut fields = map.clone();
                fields.shift_remove(kind_name);
                fields.retain(|name, value| {
                    !(IDS.contains(&name.as_str()) && value.as_str() == Some(step_id.as_str()))
                });
                fields
            });
            let fields = reader.fields(&step_id, fields)?;
            Ok(Modification::Modify { step_id, fields })
        }
        other => {
            Err(format!("`{}` is no modification; use add, remove or modify", shortened(other)))
        }
    }
}

/// The step that a removal or a change names.
fn id_of(map: &JsonMap) -> Result<StepId, String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(StepId::new(text)),
        Value::Number(number) => Some(StepId::new(number.to_string())),
        _ => None,
    };
    let outer = IDS.iter().find_map(|name| text(map.get(*name)?));
    let inner = || {
        FIELDS.iter().find_map(|name| {
            let fields = map.get(*name)?.as_object()?;
            ["step_id", "id"].iter().find_map(|name| text(fields.get(*name)?))
        })
    };
    outer.or_else(inner).ok_or_else(|| "expected `step_id`, the step that is meant".to_owned())
}

/// A neighbour of a new step; beside a step whose fields stand next to the word, a list is
/// that step's dependencies.
fn neighbour(map: &JsonMap, names: [&str; 2]) -> Result<Option<StepId>, String> {
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, map.get(*name)?))) else {
        return Ok(None);
    };
    match value {
        Value::Null | Value::Array(_) => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => Ok(Some(StepId::new(text))),
        Value::Number(number) => Ok(Some(StepId::new(number.to_string()))),
        other => Err(format!("`{name}`: expected a step id, found {}", kind_of(other))),
    }
}
