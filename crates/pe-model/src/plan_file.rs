//! Plan files: from bytes to the wire form, with every wrong type and unknown field listed.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::document::{kind_of, read_steps};
use crate::{Format, JsonMap, Plan, PlanStep, ReadError, RetryPolicy, StepId, nearest};

mod aliases;
mod expected;

use expected::{Expected, Table};

/// The most steps that a file may hold, whatever the configuration says.
pub const MAX_STEPS: usize = 1_000_000;

/// A plan as read, and what the file held beyond it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// Fields that no plan has, in file order; they were left out.
    pub unknown: Vec<UnknownField>,
    /// Where the file has no `steps`: the field of its top whose value has a list of them.
    pub wrapper: Option<String>,
}

/// A field that plans do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// JSON pointer to the field.
    pub pointer: String,
    /// The field's name.
    pub name: String,
    /// The known field that was probably meant.
    pub nearest: Option<&'static str>,
}

/// A field that holds a value of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeIssue {
    /// JSON pointer to the value.
    pub pointer: String,
    /// Which field it is, what was expected and what was found.
    pub message: String,
    /// The id of the step that it belongs to, where it has one.
    pub step_id: Option<StepId>,
    /// What to write instead, where that can be told.
    pub suggestion: Option<String>,
}

/// Names the JSON Schema of a file, for editors.
const SCHEMA_FIELD: &str = "$schema";

/// So many unknown fields of a file are noted, and so many fields of the wrong type: a file that
/// is wrong all over must not cost more than its own size.
const NOTED: usize = 2_000;

const RETRY_FIELDS: [&str; 5] =
    ["max_retries", "base_delay_ms", "max_delay_ms", "backoff", "jitter"];

/// A longer name than this is not told as the place where the steps stand.
const LONGEST_WRAPPER: usize = 64;

impl PlanFile {
    /// Reads a plan file.
    ///
    /// # Errors
    /// A [`ReadError`]; fields of the wrong type are all listed in `ReadError::Shape`, as long as
    /// there are no more than 2,000.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Self, ReadError> {
        Self::parse_at_most(bytes, format, MAX_STEPS)
    }

    /// Reads a plan file that is of no use to the caller when it holds more than `limit` steps:
    /// one that does is given up at the first step too many, whatever comes after it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and `TooManySteps`.
    pub fn parse_at_most(bytes: &[u8], format: Format, limit: usize) -> Result<Self, ReadError> {
        let mut reader = Reader::default();
        let mut count = 0;
        let mut take = |step: Value| {
            count += 1;
            let wanted = count <= limit;
            if wanted {
                reader.step(count - 1, step);
            }
            wanted
        };
        match read_steps(bytes, format, &mut take) {
            Ok(top) => reader.finish(top),
            Err(ReadError::TooManySteps { .. }) => Err(ReadError::TooManySteps { limit }),
            Err(error) => Err(error),
        }
    }

    /// Reads a plan out of a JSON value.
    ///
    /// # Errors
    /// `NotAnObject` or `Shape`.
    pub fn from_value(mut value: Value) -> Result<Self, ReadError> {
        let mut reader = Reader::default();
        if let Some(Value::Array(steps)) = value.get_mut("steps") {
            for (index, step) in std::mem::take(steps).into_iter().enumerate() {
                reader.step(index, step);
            }
        }
        reader.finish(value)
    }
}

/// Reads steps, then what is around them.
#[derive(Default)]
struct Reader {
    steps: Vec<PlanStep>,
    unknown: Vec<UnknownField>,
    wrong: Vec<ShapeIssue>,
}

impl Reader {
    /// The plan around the steps that were read; `top` is the document without them.
    fn finish(mut self, top: Value) -> Result<PlanFile, ReadError> {
        let Value::Object(mut top) = top else {
            return Err(ReadError::NotAnObject { found: kind_of(&top) });
        };
        // Which schema an editor is to hold the file against is no part of the plan.
        if top.get(SCHEMA_FIELD).is_some_and(Value::is_string) {
            top.shift_remove(SCHEMA_FIELD);
        }
        let wraps = |value: &Value| value.get("steps").is_some_and(Value::is_array);
        let wrapper = top.iter().find(|(_, value)| wraps(value)).map(|(name, _)| name);
        let wrapper = wrapper
            .filter(|name| !top.contains_key("steps") && name.len() <= LONGEST_WRAPPER)
            .cloned();
        let of_steps = std::mem::take(&mut self.unknown);
        self.take_unknown(&mut top, "", &Plan::FIELDS);
        self.unknown.extend(of_steps);
        match top.shift_remove("steps") {
            None | Some(Value::Array(_)) => {}
            Some(other) => {
                Owner::plan().wrong(&mut self, "/steps", "steps", Expected::Steps, &other)
            }
        }
        let top = Value::Object(top);
        let head = Plan::deserialize(&top);
        if head.is_err() {
            self.wrong_fields::<Plan>(&top, &Owner::plan(), &expected::PLAN);
        }
        let head = match head {
            Ok(head) if self.wrong.is_empty() => head,
            _ => return Err(ReadError::Shape(self.wrong)),
        };
        let plan = Plan { steps: self.steps, ..head };
        Ok(PlanFile { plan, unknown: self.unknown, wrapper })
    }

    fn step(&mut self, index: usize, step: Value) {
        let Value::Object(mut fields) = step else {
            let message = format!("step number {} {}", index + 1, Expected::Step.but_found(&step));
            return self.note(format!("/steps/{index}"), message, None, None);
        };
        // Formatting a pointer costs more than reading a step: it is made only when needed.
        let known = fields.keys().all(|name| PlanStep::FIELDS.contains(&name.as_str()));
        if !known {
            self.take_unknown(&mut fields, &format!("/steps/{index}"), &PlanStep::FIELDS);
        }
        match fields.get_mut("retry") {
            Some(Value::Object(retry)) => {
                self.take_unknown(retry, &format!("/steps/{index}/retry"), &RETRY_FIELDS);
            }
            // Records may be written as lists elsewhere; here nobody could tell what is what.
            Some(Value::Array(_)) => {
                if let Some(list) = fields.shift_remove("retry") {
                    let pointer = format!("/steps/{index}/retry");
                    let owner = Owner::step(index, &fields);
                    owner.wrong(self, &pointer, "retry", Expected::Retry, &list);
                }
            }
            _ => {}
        }
        // Whole maps are moved, never copied: they hold most of a plan.
        let [parameters, metadata] =
            ["parameters", "metadata"].map(|name| take_map(&mut fields, name));
        let fields = Value::Object(fields);
        match PlanStep::deserialize(&fields) {
            Ok(step) => self.steps.push(PlanStep {
                parameters: parameters.unwrap_or(step.parameters),
                metadata: metadata.unwrap_or(step.metadata),
                ..step
            }),
            Err(_) => {
                let owner = fields.as_object().map(|fields| Owner::step(index, fields));
                let owner = owner.unwrap_or_else(Owner::plan);
                self.wrong_fields::<PlanStep>(&fields, &owner, &expected::STEP);
            }
        }
    }

    /// Removes and notes the fields that are not in `known`.
    fn take_unknown(
        &mut self,
        fields: &mut Map<String, Value>,
        pointer: &str,
        known: &'static [&'static str],
    ) {
        let taken: Vec<&str> =
            known.iter().copied().filter(|name| fields.contains_key(*name)).collect();
        fields.retain(|name, _| {
            if known.contains(&name.as_str()) {
                return true;
            }
            if self.unknown.len() < NOTED {
                self.unknown.push(UnknownField {
                    pointer: format!("{pointer}/{}", escape(name)),
                    nearest: aliases::meant(name, known)
                        .filter(|field| !taken.contains(field))
                        .or_else(|| nearest(name, known.iter().copied())),
                    name: name.clone(),
                });
            }
            false
        });
    }

    /// Says which fields of a record are wrong; every field of `T` must be optional.
    fn wrong_fields<T: DeserializeOwned>(&mut self, fields: &Value, owner: &Owner, table: &Table) {
        let before = self.wrong.len();
        if before >= NOTED {
            return;
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            if name == "retry" && value.is_object() {
                self.wrong_fields::<RetryPolicy>(value, &owner.inner(name), &expected::RETRY);
                continue;
            }
            let alone = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
            let Err(error) = T::deserialize(alone) else { continue };
            let place = format!("{}/{}", owner.pointer, escape(name));
            match (expected::of(table, name), value) {
                (Some(Expected::Ids), Value::Array(ids)) => {
                    for (at, id) in ids.iter().enumerate().filter(|(_, id)| !id.is_string()) {
                        let (place, name) = (format!("{place}/{at}"), format!("{name}/{at}"));
                        owner.wrong(self, &place, &name, Expected::Id, id);
                        if self.wrong.len() >= NOTED {
                            return;
                        }
                    }
                }
                (Some(expected), _) => owner.wrong(self, &place, name, expected, value),
                (None, _) => self.unexplained(place, owner, &error),
            }
        }
        if self.wrong.len() == before
            && let Err(error) = T::deserialize(fields)
        {
            self.unexplained(owner.pointer.clone(), owner, &error);
        }
    }

    /// No field is without words, so that nobody sees this; the file is refused all the same.
    fn unexplained(&mut self, pointer: String, owner: &Owner, error: &serde_json::Error) {
        let message = format!("it cannot be read: {}", expected::shortened(&error.to_string()));
        self.note(pointer, message, owner.step_id.clone(), None);
    }

    fn note(
        &mut self,
        pointer: String,
        message: String,
        step_id: Option<StepId>,
        suggestion: Option<String>,
    ) {
        if self.wrong.len() < NOTED {
            self.wrong.push(ShapeIssue { pointer, message, step_id, suggestion });
        }
    }
}

/// Whose fields are wrong.
struct Owner {
    pointer: String,
    /// Stands before the names of its fields.
    prefix: String,
    /// Stands after them.
    name: String,
    step_id: Option<StepId>,
}

impl Owner {
    fn plan() -> Self {
        Self { pointer: String::new(), prefix: String::new(), name: String::new(), step_id: None }
    }

    fn step(index: usize, fields: &JsonMap) -> Self {
        let step_id = fields.get("step_id").and_then(Value::as_str);
        let step_id = step_id.filter(|id| !id.trim().is_empty());
        let name = match step_id {
            Some(id) => format!(" of step `{}`", expected::shortened(id)),
            None => format!(" of step number {}", index + 1),
        };
        let pointer = format!("/steps/{index}");
        Self { pointer, prefix: String::new(), name, step_id: step_id.map(StepId::new) }
    }

    /// A record in one of its fields.
    fn inner(&self, field: &str) -> Self {
        Self {
            pointer: format!("{}/{field}", self.pointer),
            prefix: format!("{field}/"),
            name: self.name.clone(),
            step_id: self.step_id.clone(),
        }
    }

    fn wrong(
        &self,
        reader: &mut Reader,
        pointer: &str,
        field: &str,
        expected: Expected,
        value: &Value,
    ) {
        let message =
            format!("`{}{field}`{} {}", self.prefix, self.name, expected.but_found(value));
        let suggestion = expected.instead_of(value);
        reader.note(pointer.to_owned(), message, self.step_id.clone(), suggestion);
    }
}

/// Takes a field out that is a map, as it should be; another one stays for its error.
fn take_map(fields: &mut JsonMap, name: &str) -> Option<JsonMap> {
    match fields.get_mut(name)? {
        Value::Object(map) => Some(std::mem::take(map)),
        _ => None,
    }
}

/// Escapes one token of a JSON pointer (RFC 6901).
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Writes what a person needs of a plan, without state and without what is so by default; reading
/// it again gives the same definition.
pub fn render_definition(plan: &Plan, format: Format) -> String {
    let finite = "because a plan's maps have string keys and its numbers are finite";
    let mut written = serde_json::to_value(plan.definition()).expect(finite);
    let usual = serde_json::to_value(Plan::default()).expect(finite);
    without_usual(&mut written, &usual, &["goal", "steps"]);
    let usual = serde_json::to_value(PlanStep::default()).expect(finite);
    for step in written["steps"].as_array_mut().into_iter().flatten() {
        without_usual(step, &usual, &["step_id", "tool"]);
    }
    match format {
        Format::Json => serde_json::to_string_pretty(&written).expect(finite) + "\n",
        Format::Yaml => serde_saphyr::to_string(&written).expect(finite),
    }
}

/// Takes out the fields that have their defaults, but for those that are always written.
fn without_usual(written: &mut Value, usual: &Value, always: &[&str]) {
    if let Some(fields) = written.as_object_mut() {
        fields.retain(|name, value| {
            always.contains(&name.as_str()) || usual.get(name) != Some(value)
        });
    }
}

/// Writes a plan as a file's text; reading it again gives the same plan.
pub fn render_plan(plan: &Plan, format: Format) -> String {
    match format {
        Format::Json => {
            let mut text = serde_json::to_string_pretty(plan)
                .expect("because a plan's maps have string keys and its numbers are finite");
            text.push('\n');
            text
        }
        Format::Yaml => serde_saphyr::to_string(plan)
            .expect("because a plan's maps have string keys and its numbers are finite"),
    }
}
