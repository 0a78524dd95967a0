//! One step out of a JSON object, whatever its fields are called.

use std::collections::HashSet;

use pe_expr::{Expr, References, Root, Template};
use pe_model::{JsonMap, PlanStep, StepId, StepType, kind_of};
use serde_json::Value;

use super::arguments;
use super::fields::{Field, canonical};
use super::reference::Dialect;
use super::values::{
    expression, flag, identifier, ids, number, retry, rule, text, typed, unsigned, whole,
};
use crate::draft::DraftError;

/// A step as read, and what was tolerated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// The step.
    pub(crate) step: PlanStep,
    /// Whether an id was written.
    pub(crate) has_id: bool,
    /// What was tolerated, in words.
    pub(crate) mended: Vec<String>,
}

/// Reads one step, in the notation, in the plan's own form, or in what models make of either.
///
/// Dependencies that are not written are the steps that it reads through `results`, the type
/// is what its fields tell. Fields that no step has are left out, state is ignored.
///
/// # Errors
/// [`DraftError::Step`], with index 0: no id, or a field of a type that means nothing.
pub fn read_step(value: &Value) -> Result<PlanStep, DraftError> {
    let problem = |problem| DraftError::Step { index: 0, problem };
    if depth_exceeds(value, crate::draft::DEEPEST) {
        return Err(problem("it is nested too deep".to_owned()));
    }
    let reading = read(value.clone()).map_err(problem)?;
    if !reading.has_id {
        return Err(problem("it has no `id`".to_owned()));
    }
    Ok(reading.step)
}

/// Whether an object has what a step has: a tool, or an id with something to do.
pub(crate) fn looks_like_step(map: &JsonMap) -> bool {
    let mut has = [false; 4];
    for key in map.keys() {
        match canonical(key) {
            Some(Field::Tool | Field::Function) => has[0] = true,
            Some(Field::Id) => has[1] = true,
            Some(Field::Name | Field::Task | Field::Action) => has[2] = true,
            Some(Field::Args | Field::After) => has[3] = true,
            _ => {}
        }
    }
    has[0] || (has[1] && (has[2] || has[3])) || (has[2] && has[3])
}

/// Reads one step. The problem is in words, for a [`DraftError::Step`].
pub(crate) fn read(value: Value) -> Result<Reading, String> {
    let Value::Object(map) = value else {
        return Err(format!("expected a step (an object), found {}", kind_of(&value)));
    };
    let mut reader = Reader::default();
    let own_form = map.contains_key("step_id") && map.contains_key("parameters");
    let dialect = if own_form { Dialect::Plan } else { Dialect::Notation };
    let mut taken: Vec<(Field, String, Value)> = Vec::with_capacity(map.len());
    for (key, value) in map {
        match canonical(&key) {
            Some(Field::State) => {}
            Some(field) => {
                // A second name for the same field: the first one stands.
                if taken.iter().any(|(known, ..)| *known == field) {
                    reader.merge(&mut taken, field, key, value);
                } else {
                    taken.push((field, key, value));
                }
            }
            None => reader.mended.push(format!("the field `{}` was left out", brief(&key))),
        }
    }
    if taken.is_empty() {
        return Err("it has none of the fields of a step".to_owned());
    }
    reader.read(taken, dialect)
}

#[derive(Default)]
struct Reader {
    step: PlanStep,
    mended: Vec<String>,
}

impl Reader {
    /// Two keys for one field: texts for people are joined by choice of the first, and anything
    /// that says the same twice is taken once.
    fn merge(
        &mut self,
        taken: &mut [(Field, String, Value)],
        field: Field,
        key: String,
        value: Value,
    ) {
        if let Some((_, first, known)) = taken.iter_mut().find(|(known, ..)| *known == field)
            && *known != value
        {
            // The plan's own name is the clearest, whichever comes first.
            if PlanStep::FIELDS.contains(&key.as_str())
                && !PlanStep::FIELDS.contains(&first.as_str())
            {
                self.mended.push(format!("the field `{}` was left out", brief(first)));
                (*first, *known) = (key, value);
            } else {
                self.mended.push(format!("the field `{}` was left out", brief(&key)));
            }
        }
    }

    fn read(
        mut self,
        taken: Vec<(Field, String, Value)>,
        dialect: Dialect,
    ) -> Result<Reading, String> {
        let has = |field| taken.iter().any(|(known, ..)| *known == field);
        let hugging = has(Field::Task)
            && !has(Field::Tool)
            && has(Field::Id)
            && has(Field::After)
            && taken.iter().any(|(field, _, value)| *field == Field::Id && value.is_number());
        let has_tool = has(Field::Tool) || has(Field::Function);
        let has_name = has(Field::Name);
        let has_id = has(Field::Id);
        // ReAct: the action is the tool and `action_input` its arguments.
        let action_is_tool = !has_tool
            && !has_name
            && !has(Field::Task)
            && has(Field::Args)
            && dialect == Dialect::Notation;
        let mut type_given = false;
        let mut after_given = false;
        for (field, key, value) in taken {
            if value.is_null() {
                continue;
            }
            let wrong = |problem: String| format!("`{}`: {problem}", brief(&key));
            match field {
                Field::Id => {
                    let id = identifier(&value).map_err(wrong)?;
                    let id = if hugging { format!("step_{id}") } else { id };
                    self.step.step_id = StepId::new(id);
                }
                Field::Tool => self.step.tool = text(value).map_err(wrong)?,
                Field::Function => self.function(value).map_err(wrong)?,
                Field::Name if !has_tool => self.step.tool = text(value).map_err(wrong)?,
                Field::Name if !has_id => {
                    self.step.step_id = StepId::new(text(value).map_err(wrong)?);
                }
                Field::Name => self.describe(value),
                Field::Task if !has_tool && !has_name => {
                    self.step.tool = text(value).map_err(wrong)?;
                }
                Field::Action if action_is_tool && key == "action" => {
                    self.step.tool = text(value).map_err(wrong)?;
                }
                Field::Task | Field::Action => self.describe(value),
                Field::Args => {
                    if !value.is_object() {
                        self.mended.push("arguments that were no object".to_owned());
                    }
                    self.step.parameters = arguments::read(value).map_err(wrong)?;
                }
                Field::After => {
                    after_given = true;
                    self.step.dependencies = ids(value, hugging).map_err(wrong)?;
                }
                Field::If => self.step.condition = Some(expression(value, dialect).map_err(wrong)?),
                Field::Times => self.step.loop_count = Some(whole(&value).map_err(wrong)?),
                Field::Over => {
                    self.step.loop_over = Some(expression(value, dialect).map_err(wrong)?)
                }
                Field::Until => {
                    self.step.loop_until = Some(expression(value, dialect).map_err(wrong)?);
                }
                Field::AtOnce => self.step.loop_parallelism = Some(whole(&value).map_err(wrong)?),
                Field::FallbackFor => {
                    self.step.fallback_for = Some(StepId::new(identifier(&value).map_err(wrong)?));
                }
                Field::Type => {
                    self.step.step_type = typed::<StepType>(value).map_err(wrong)?;
                    type_given = true;
                }
                Field::Kind => match typed::<StepType>(value) {
                    Ok(step_type) => (self.step.step_type, type_given) = (step_type, true),
                    Err(_) => self.mended.push(format!("the field `{}` was left out", brief(&key))),
                },
                Field::Trigger => self.step.trigger_rule = Some(rule(value).map_err(wrong)?),
                Field::TimeoutMs => {
                    self.step.timeout_ms = Some(unsigned(&value).map_err(wrong)?);
                }
                Field::TimeoutS => {
                    let seconds = number(&value).map_err(wrong)?.max(0.0);
                    self.step.timeout_ms = Some((seconds * 1000.0).min(1e15) as u64);
                }
                Field::Retry => self.step.retry = Some(retry(value).map_err(wrong)?),
                Field::Expect => {
                    self.step.expect = Some(expression(value, dialect).map_err(wrong)?)
                }
                Field::Approval => self.step.approval = flag(&value).map_err(wrong)?,
                Field::Agent => self.step.agent = Some(text(value).map_err(wrong)?),
                Field::Complexity => self.step.complexity = whole(&value).map_err(wrong)?,
                Field::Metadata => match value {
                    Value::Object(map) => self.step.metadata = map,
                    other => {
                        return Err(wrong(format!(
                            "expected an object, found {}",
                            kind_of(&other)
                        )));
                    }
                },
                Field::State => {}
            }
        }
        for value in self.step.parameters.values_mut() {
            if hugging {
                generated(value);
            }
            arguments::lengthen(value, dialect);
        }
        if !type_given {
            self.step.step_type = implied_type(&self.step);
        }
        if !after_given {
            self.step.dependencies = implied_dependencies(&self.step);
        }
        let has_id = has_id || (has_name && has_tool);
        Ok(Reading { step: self.step, has_id, mended: self.mended })
    }

    /// The function of a native tool call: its name, or its name and arguments.
    fn function(&mut self, value: Value) -> Result<(), String> {
        match value {
            Value::Object(mut map) => {
                if let Some(name) = map.shift_remove("name") {
                    self.step.tool = text(name)?;
                }
                for key in ["arguments", "args", "parameters"] {
                    if let Some(value) = map.shift_remove(key) {
                        self.step.parameters = arguments::read(value)?;
                    }
                }
                Ok(())
            }
            other => {
                self.step.tool = text(other)?;
                Ok(())
            }
        }
    }

    /// Words for people; the first ones stand.
    fn describe(&mut self, value: Value) {
        if let Value::String(words) = value
            && self.step.action.is_empty()
        {
            self.step.action = words;
        }
    }
}

/// The type that a step has when none is written.
pub(super) fn implied_type(step: &PlanStep) -> StepType {
    let loops = step.loop_count.is_some() || step.loop_over.is_some() || step.loop_until.is_some();
    match (step.fallback_for.is_some(), loops, step.condition.is_some()) {
        (true, ..) => StepType::Fallback,
        (_, true, _) => StepType::Loop,
        (.., true) => StepType::Conditional,
        _ => StepType::Normal,
    }
}

/// The dependencies that a step has when none are written: what it reads through `results`, in
/// the order of reading, each once, itself left out.
pub(crate) fn implied_dependencies(step: &PlanStep) -> Vec<StepId> {
    let mut ids: Vec<StepId> = Vec::new();
    let mut known: HashSet<StepId> = HashSet::from([step.step_id.clone()]);
    let mut add = |references: &References| {
        for reference in &references.steps {
            if reference.root == Root::Results && !reference.guarded {
                let id = StepId::new(&reference.step);
                if known.insert(id.clone()) {
                    ids.push(id);
                }
            }
        }
    };
    step.parameters.values().for_each(|value| visit_texts(value, &mut add));
    let expressions = [&step.condition, &step.loop_over, &step.loop_until, &step.expect];
    for source in expressions.into_iter().flatten() {
        if let Ok(expression) = Expr::parse(source) {
            add(expression.references());
        }
    }
    ids
}

fn visit_texts(value: &Value, add: &mut impl FnMut(&References)) {
    match value {
        Value::String(text) if text.contains("{{") => {
            if let Ok(template) = Template::parse(text) {
                add(template.references());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit_texts(item, add)),
        Value::Object(map) => map.values().for_each(|item| visit_texts(item, add)),
        _ => {}
    }
}

/// HuggingGPT: the output of task `n` is written `<GENERATED>-n`.
fn generated(value: &mut Value) {
    const MARK: &str = "<GENERATED>-";
    match value {
        Value::String(text) if text.contains(MARK) => {
            let mut pieces = text.split(MARK);
            let mut out = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
                match digits {
                    0 => out.push_str(MARK),
                    _ => out.push_str(&format!("{{{{ results.step_{} }}}}", &piece[..digits])),
                }
                out.push_str(&piece[digits..]);
            }
            *text = out;
        }
        Value::Array(items) => items.iter_mut().for_each(generated),
        Value::Object(map) => map.values_mut().for_each(generated),
        _ => {}
    }
}

fn depth_exceeds(value: &Value, limit: usize) -> bool {
    let mut open = vec![(value, 0_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > limit {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    false
}

fn brief(text: &str) -> String {
    text.chars().take(40).collect()
}
