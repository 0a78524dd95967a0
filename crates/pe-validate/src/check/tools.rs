//! Tools and their parameters: whether they exist and whether the values fit the schemas.

use std::collections::HashMap;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use pe_model::{Catalog, PlanStep, ToolSpec, nearest};
use serde_json::Value;

use super::Checker;
use crate::Code;
use crate::compile::Expressions;
use crate::finding::Harm;

/// The catalog, with each schema compiled when it is first needed.
pub(super) struct ToolChecks<'c> {
    catalog: &'c Catalog,
    validators: HashMap<&'c str, Option<Validator>>,
}

impl<'c> ToolChecks<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, validators: HashMap::new() }
    }

    pub(super) fn check(
        &mut self,
        checker: &mut Checker,
        place: usize,
        step: &PlanStep,
        expressions: Option<&Expressions>,
    ) {
        let Some(spec) = self.catalog.get(&step.tool) else {
            self.missing(checker, place, step);
            return;
        };
        required(checker, place, step, spec);
        unknown(checker, place, step, spec);
        let validator = self
            .validators
            .entry(spec.name.as_str())
            .or_insert_with(|| compile(checker, place, step, spec));
        if let Some(validator) = validator {
            values(checker, place, step, validator, expressions);
        }
    }

    fn missing(&self, checker: &mut Checker, place: usize, step: &PlanStep) {
        let at = (place, &step.step_id);
        if step.tool.trim().is_empty() {
            let message = format!("step `{}` names no tool", step.step_id);
            checker.at_step(Code::MissingTool, at, "tool", message);
            return;
        }
        let message =
            format!("step `{}` calls tool `{}`, which does not exist", step.step_id, step.tool);
        checker.at_step(Code::MissingTool, at, "tool", message).suggestion =
            nearest(&step.tool, self.catalog.names()).map(|near| format!("did you mean `{near}`?"));
        if !checker.report.missing_tools.contains(&step.tool) {
            checker.report.missing_tools.push(step.tool.clone());
        }
    }
}

/// The tool's schema, ready to hold values against; a bad one is told once.
fn compile(
    checker: &mut Checker,
    place: usize,
    step: &PlanStep,
    spec: &ToolSpec,
) -> Option<Validator> {
    if spec.parameters.is_null() {
        return None;
    }
    // Remote references are never fetched: the crate is built without any way to.
    match jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&spec.parameters) {
        Ok(validator) => Some(validator),
        Err(error) => {
            let message =
                format!("the schema of tool `{}` is not a JSON Schema: {error}", spec.name);
            checker.at_step(Code::BadToolSchema, (place, &step.step_id), "tool", message);
            None
        }
    }
}

fn required(checker: &mut Checker, place: usize, step: &PlanStep, spec: &ToolSpec) {
    for name in spec.required_parameters().filter(|name| !step.parameters.contains_key(*name)) {
        let id = &step.step_id;
        let message =
            format!("step `{id}` does not give `{name}`, which tool `{}` requires", spec.name);
        checker.at_step(Code::MissingParameter, (place, id), "parameters", message);
        checker.report.missing_parameters.push((id.clone(), name.to_owned()));
    }
}

/// Parameters that the schema does not name.
fn unknown(checker: &mut Checker, place: usize, step: &PlanStep, spec: &ToolSpec) {
    let schema = &spec.parameters;
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let says_more = !closed
        && ["additionalProperties", "patternProperties", "$ref", "allOf", "anyOf", "oneOf"]
            .iter()
            .any(|word| schema.get(word).is_some());
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(known) = properties.filter(|_| !says_more) else { return };
    for name in step.parameters.keys().filter(|name| !known.contains_key(*name)) {
        let field = format!("parameters/{}", name.replace('~', "~0").replace('/', "~1"));
        let message = format!("tool `{}` has no parameter `{name}`", step.tool);
        let strictness = checker.strictness;
        let finding =
            checker.at_step(Code::UnknownParameter, (place, &step.step_id), &field, message);
        if closed {
            finding.severity = Harm::Unsound.severity(strictness);
        }
        finding.suggestion = nearest(name, known.keys().map(String::as_str))
            .map(|near| format!("did you mean `{near}`?"));
    }
}

/// Values against the schema, as far as they are known before the run.
fn values(
    checker: &mut Checker,
    place: usize,
    step: &PlanStep,
    validator: &Validator,
    expressions: Option<&Expressions>,
) {
    let templates: Vec<(&str, bool)> = expressions.map_or_else(Vec::new, |expressions| {
        let templates = expressions.parameters.templates();
        templates.map(|(pointer, template)| (pointer, template.is_whole())).collect()
    });
    let parameters = Value::Object(step.parameters.clone());
    for error in validator.iter_errors(&parameters) {
        let pointer = error.instance_path().as_str().to_owned();
        let told = pointer.is_empty()
            && matches!(
                error.kind(),
                ValidationErrorKind::Required { .. }
                    | ValidationErrorKind::AdditionalProperties { .. }
            );
        if told || depends_on_template(&pointer, error.kind(), &templates) {
            continue;
        }
        let message = format!("`parameters{pointer}` of step `{}`: {error}", step.step_id);
        let field = format!("parameters{pointer}");
        checker.at_step(Code::ParameterMismatch, (place, &step.step_id), &field, message);
    }
}

/// Whether an error may go away once the templates at or below its place are rendered.
fn depends_on_template(
    pointer: &str,
    kind: &ValidationErrorKind,
    templates: &[(&str, bool)],
) -> bool {
    use ValidationErrorKind as Kind;
    templates.iter().any(|(place, whole)| {
        if *place == pointer {
            // Text with an expression inside stays text, whatever the expression gives.
            return *whole || !matches!(kind, Kind::Type { .. });
        }
        let below = place.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'));
        let whatever_it_is = matches!(
            kind,
            Kind::Type { .. }
                | Kind::Required { .. }
                | Kind::AdditionalProperties { .. }
                | Kind::MinItems { .. }
                | Kind::MaxItems { .. }
        );
        below && !whatever_it_is
    })
}
