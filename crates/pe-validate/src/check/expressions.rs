//! Expressions and templates: syntax, what they read, and the edges that this implies.

use std::collections::HashMap;

use pe_expr::{Expr, ExprError, MapScope, ParameterTemplate, References, Root, Segment};
use pe_model::{Catalog, Plan, PlanStep, StepId, StepType, nearest};
use serde_json::Value;

use super::dependencies::depend;
use super::{Checker, near_step};
use crate::Code;
use crate::compile::Expressions;
use crate::graph::Needs;

/// What every expression may read besides `results` and `steps`.
const EVERYWHERE: [&str; 2] = ["context", "goal"];

/// The step whose expressions are being read.
struct Reader<'a> {
    place: usize,
    step: &'a PlanStep,
    plan: &'a Plan,
    index: &'a HashMap<StepId, usize>,
    catalog: &'a Catalog,
    need: &'a mut Needs,
}

impl Checker {
    /// Compiles a step's expressions and notes what they need; `None` after a fault.
    pub(super) fn expressions(
        &mut self,
        place: usize,
        step: &PlanStep,
        plan: &Plan,
        index: &HashMap<StepId, usize>,
        catalog: &Catalog,
        need: &mut Needs,
    ) -> Option<Expressions> {
        let is_loop = step.step_type == StepType::Loop;
        let mut names: Vec<&str> = EVERYWHERE.to_vec();
        if is_loop {
            names.extend(["index", "iteration"]);
        }
        if is_loop && step.loop_over.is_some() {
            names.push("item");
        }
        let with_result: Vec<&str> = names.iter().copied().chain(["result"]).collect();
        let until = [&EVERYWHERE[..], &["result", "iteration"]].concat();

        let mut reader = Reader { place, step, plan, index, catalog, need };
        let before = self.found.len();
        let fields = [
            ("condition", &step.condition, &EVERYWHERE[..]),
            ("loop_over", &step.loop_over, &EVERYWHERE[..]),
            ("loop_until", &step.loop_until, &until[..]),
            ("expect", &step.expect, &with_result[..]),
        ];
        let [condition, loop_over, loop_until, expect] = fields.map(|(field, text, names)| {
            let text = text.as_deref()?;
            match Expr::parse(text) {
                Ok(expr) => {
                    self.references(&mut reader, field, expr.references(), names);
                    Some(expr)
                }
                Err(error) => {
                    self.bad_expression(&reader, field, text, &error);
                    None
                }
            }
        });
        let parameters = match ParameterTemplate::parse(&Value::Object(step.parameters.clone())) {
            Ok(parameters) => {
                for (pointer, template) in parameters.templates() {
                    let field = format!("parameters{pointer}");
                    self.references(&mut reader, &field, template.references(), &names);
                }
                Some(parameters)
            }
            Err(error) => {
                let field = format!("parameters{}", error.pointer);
                self.bad_expression(&reader, &field, "", &error.error);
                None
            }
        };
        if let Some(condition) = &condition
            && step.step_type == StepType::Conditional
        {
            self.never_true(&reader, condition);
        }
        let sound = self.found[before..].iter().all(|(_, f)| f.code != Code::BadExpression);
        let parameters = parameters.filter(|_| sound)?;
        Some(Expressions { parameters, condition, expect, loop_over, loop_until })
    }

    fn bad_expression(&mut self, reader: &Reader<'_>, field: &str, text: &str, error: &ExprError) {
        let id = &reader.step.step_id;
        let message = format!("`{field}` of step `{id}`: {error}");
        let finding = self.at_step(Code::BadExpression, (reader.place, id), field, message);
        if text.trim_start().starts_with("{{") {
            finding.suggestion =
                Some(format!("remove the braces: `{field}` is an expression already"));
        }
    }

    fn references(
        &mut self,
        reader: &mut Reader<'_>,
        field: &str,
        references: &References,
        names: &[&str],
    ) {
        let own = &reader.step.step_id;
        let at = (reader.place, own);
        if !references.whole.is_empty() {
            reader.need.reads_whole = true;
        }
        for (name, _) in
            references.variables.iter().filter(|(name, _)| !names.contains(&name.as_str()))
        {
            let message =
                format!("`{field}` of step `{own}` reads `{name}`, which has no meaning there");
            self.at_step(Code::UnknownVariable, at, field, message).suggestion =
                nearest(name, names.iter().copied().chain(["results", "steps"]))
                    .map(|near| format!("did you mean `{near}`?"));
        }
        for reference in &references.steps {
            let read = reference.step.as_str();
            if read == own.as_str() {
                let message = format!("`{field}` of step `{own}` reads the step's own outcome");
                self.at_step(Code::SelfReference, at, field, message).suggestion =
                    Some("in `expect` and `loop_until` the outcome is `result`".to_owned());
                continue;
            }
            let Some(&on) = reader.index.get(read) else {
                let message = format!(
                    "`{field}` of step `{own}` reads step `{read}`, which this plan does not define"
                );
                self.at_step(Code::UnknownReference, at, field, message).suggestion =
                    near_step(read, reader.index, own);
                continue;
            };
            if reference.root == Root::Results && !reference.guarded {
                depend(reader.need, on as u32);
                self.output_path(reader, field, on, &reference.path);
            } else if reader.need.fallback_for != Some(on as u32) {
                reader.need.ordering.push(on as u32);
            }
        }
    }

    /// Holds a path into an output against what the producing tool says that it returns.
    fn output_path(&mut self, reader: &Reader<'_>, field: &str, on: usize, path: &[Segment]) {
        let producer = &reader.plan.steps[on];
        let makes_list = producer.step_type == StepType::Loop && producer.loop_over.is_some();
        let Some(spec) = reader.catalog.get(&producer.tool).filter(|_| !makes_list) else { return };
        let mut schema = &spec.output;
        for segment in path {
            let Segment::Key(key) = segment else { return };
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            if let Some(inner) = properties.get(key) {
                schema = inner;
                continue;
            }
            let says_more = schema.get("additionalProperties").is_some_and(|more| *more != false)
                || ["patternProperties", "$ref", "anyOf", "oneOf", "allOf"]
                    .iter()
                    .any(|word| schema.get(word).is_some());
            // A fallback may be another tool, with another output.
            let replaceable = || {
                reader.plan.steps.iter().any(|s| s.fallback_for.as_ref() == Some(&producer.step_id))
            };
            if says_more || replaceable() {
                return;
            }
            let own = &reader.step.step_id;
            let message = format!(
                "`{field}` of step `{own}` reads `{key}`, which tool `{}` does not return",
                producer.tool
            );
            self.at_step(Code::UnknownOutput, (reader.place, own), field, message).suggestion =
                nearest(key, properties.keys().map(String::as_str))
                    .map(|near| format!("did you mean `{near}`?"));
            return;
        }
    }

    fn never_true(&mut self, reader: &Reader<'_>, condition: &Expr) {
        if condition.references().is_empty()
            && let Ok(false) =
                condition.evaluate_bool(&MapScope::new(), &pe_expr::Limits::default())
        {
            let id = &reader.step.step_id;
            let message = format!("step `{id}` never runs: its condition is always false");
            self.at_step(Code::Unreachable, (reader.place, id), "condition", message);
        }
    }
}
