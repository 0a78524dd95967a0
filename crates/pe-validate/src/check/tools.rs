//! Tools and their parameters: whether they exist and whether the values fit the schemas.

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use pe_expr::Template;
use pe_model::{Catalog, PlanStep, ToolSpec};
use serde_json::Value;

use super::Checker;
use super::parameters::{Text, escape};
use crate::Code;
use crate::compile::Expressions;
use crate::effort::{is_checkable, refers};
use crate::finding::Harm;

/// The catalog, with each schema compiled when it is first needed.
pub(super) struct ToolChecks<'c> {
    catalog: &'c Catalog,
    validators: HashMap<&'c str, Option<Compiled>>,
    /// Suggestions for tools that do not exist.
    missing: HashMap<String, Option<String>>,
}

impl<'c> ToolChecks<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, validators: HashMap::new(), missing: HashMap::new() }
    }

    /// Gives the step's tool, when there is one.
    pub(super) fn check(
        &mut self,
        checker: &mut Checker,
        place: usize,
        step: &PlanStep,
        expressions: Option<&Expressions>,
    ) -> Option<&'c ToolSpec> {
        let Some(spec) = self.catalog.get(&step.tool) else {
            self.missing(checker, place, step);
            return None;
        };
        required(checker, place, step, spec);
        unknown(checker, place, step, spec);
        let validator = self
            .validators
            .entry(spec.name.as_str())
            .or_insert_with(|| compile(checker, place, step, spec));
        if let Some(validator) = validator {
            values(checker, (place, step, spec), validator, expressions);
        }
        Some(spec)
    }

    fn missing(&mut self, checker: &mut Checker, place: usize, step: &PlanStep) {
        let at = (place, &step.step_id);
        if step.tool.trim().is_empty() {
            let message = format!("step `{}` names no tool", step.step_id);
            checker.at_step(Code::MissingTool, at, "tool", message).suggestion =
                Some("set `tool`".to_owned());
            return;
        }
        let suggestion = match self.missing.get(&step.tool) {
            Some(suggestion) => suggestion.clone(),
            None => {
                let near = checker.near(&step.tool, self.catalog.len(), self.catalog.names());
                checker.report.missing_tools.push(step.tool.clone());
                self.missing.insert(step.tool.clone(), near.clone());
                near
            }
        };
        let message =
            format!("step `{}` calls tool `{}`, which does not exist", step.step_id, step.tool);
        checker.at_step(Code::MissingTool, at, "tool", message).suggestion = suggestion;
    }
}

/// A tool's schema, and whether it refers to parts of itself.
struct Compiled {
    validator: Validator,
    refers: bool,
}

/// The tool's schema, ready to hold values against; a bad one is told once.
fn compile(
    checker: &mut Checker,
    place: usize,
    step: &PlanStep,
    spec: &ToolSpec,
) -> Option<Compiled> {
    if spec.parameters.is_null() {
        return None;
    }
    // Remote references are never fetched: the crate is built without any way to.
    match jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&spec.parameters) {
        Ok(validator) => Some(Compiled { validator, refers: refers(&spec.parameters) }),
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
        missing_parameter(checker, place, step, name);
    }
}

fn missing_parameter(checker: &mut Checker, place: usize, step: &PlanStep, name: &str) {
    let id = &step.step_id;
    let message =
        format!("step `{id}` does not give `{name}`, which tool `{}` requires", step.tool);
    checker.at_step(Code::MissingParameter, (place, id), "parameters", message);
    checker.report.missing_parameters.push((id.clone(), name.to_owned()));
}

/// Parameters that the schema does not name, as far as it is plain about it.
fn unknown(checker: &mut Checker, place: usize, step: &PlanStep, spec: &ToolSpec) {
    /// Words by which a schema may allow names that are not among its properties.
    const MORE: [&str; 11] = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "dependentSchemas",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "then",
        "else",
    ];
    let schema = &spec.parameters;
    let properties = schema.get("properties").and_then(Value::as_object);
    let says_more = MORE.iter().any(|word| schema.get(word).is_some());
    let Some(known) = properties.filter(|_| !says_more) else { return };
    for name in step.parameters.keys().filter(|name| !known.contains_key(*name)) {
        unknown_parameter(checker, place, step, spec, name);
    }
}

fn unknown_parameter(
    checker: &mut Checker,
    place: usize,
    step: &PlanStep,
    spec: &ToolSpec,
    name: &str,
) {
    let field = format!("parameters/{}", escape(name));
    let message = format!("tool `{}` has no parameter `{name}`", step.tool);
    let known = spec.parameters.get("properties").and_then(Value::as_object);
    let near =
        known.and_then(|known| checker.near(name, known.len(), known.keys().map(String::as_str)));
    checker.at_step(Code::UnknownParameter, (place, &step.step_id), &field, message).suggestion =
        near;
}

/// Values against the schema, as far as they are known before the run.
fn values(
    checker: &mut Checker,
    (place, step, spec): (usize, &PlanStep, &ToolSpec),
    Compiled { validator, refers }: &Compiled,
    expressions: Option<&Expressions>,
) {
    let copy;
    let parameters = match expressions {
        Some(Expressions { parameters, .. }) => parameters.source(),
        None => {
            copy = Value::Object(step.parameters.clone());
            &copy
        }
    };
    if *refers && !is_checkable(&spec.parameters, parameters) {
        let id = &step.step_id;
        let message = format!(
            "the parameters of step `{id}` were not checked: the schema of tool `{}` branches into \
             itself, and they are nested too deep for it",
            spec.name
        );
        checker.at_step(Code::BadToolSchema, (place, id), "parameters", message);
        return;
    }
    // Listing errors costs several times what finding out that there are none does.
    let is_valid = |expressions: &Expressions| validator.is_valid(expressions.parameters.source());
    if expressions.is_some_and(is_valid) {
        return;
    }
    // After a fault in one string the others are looked at as they are written.
    let templates: Vec<Templated> = match expressions {
        Some(Expressions { parameters, .. }) => parameters.templates().map(of_template).collect(),
        None => super::parameters::texts(&step.parameters).into_iter().map(of_text).collect(),
    };
    for error in validator.iter_errors(parameters) {
        if checker.has_enough(Code::ParameterMismatch) {
            break;
        }
        let pointer = error.instance_path().as_str().to_owned();
        if depends_on_template(&pointer, &error, &templates) {
            continue;
        }
        match error.kind() {
            Kind::Required { property } if pointer.is_empty() => {
                let name = property.as_str().unwrap_or_default();
                // What the schema requires of every call is told already.
                if !spec.required_parameters().any(|required| required == name) {
                    missing_parameter(checker, place, step, name);
                }
                continue;
            }
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected }
                if pointer.is_empty() =>
            {
                for name in unexpected {
                    unknown_parameter(checker, place, step, spec, name);
                    checker.with_harm(Harm::Unsound);
                }
                continue;
            }
            // All that a schema without properties allows is nothing.
            Kind::FalseSchema if error.schema_path().as_str() == "/additionalProperties" => {
                for name in step.parameters.keys() {
                    unknown_parameter(checker, place, step, spec, name);
                    checker.with_harm(Harm::Unsound);
                }
                continue;
            }
            _ => {}
        }
        let field = format!("parameters{pointer}");
        let message = format!("`{field}` of step `{}`: {}", step.step_id, shortened(&error));
        checker.at_step(Code::ParameterMismatch, (place, &step.step_id), &field, message);
    }
}

/// A string with an expression in it, and whether it is nothing else: then it may become
/// any value.
type Templated = (String, bool);

fn of_template((pointer, template): (&str, &Template)) -> Templated {
    (pointer.to_owned(), template.is_whole())
}

fn of_text((pointer, template): Text) -> Templated {
    (pointer, template.map_or(true, |template| template.is_whole()))
}

/// Whether an error may go away once the templates at or below its place are rendered.
fn depends_on_template(
    pointer: &str,
    error: &ValidationError<'_>,
    templates: &[Templated],
) -> bool {
    // Which branch of a conditional schema holds may hang on any of the values.
    let in_branch = in_branch(error.schema_path().as_str());
    templates.iter().any(|(place, whole)| {
        if in_branch {
            return true;
        }
        if *place == pointer {
            // Text with an expression inside stays text, whatever the expression gives.
            return *whole || !matches!(error.kind(), Kind::Type { .. });
        }
        let below = place.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'));
        let whatever_it_is = matches!(
            error.kind(),
            Kind::Type { .. }
                | Kind::Required { .. }
                | Kind::AdditionalProperties { .. }
                | Kind::PropertyNames { .. }
                | Kind::MinProperties { .. }
                | Kind::MaxProperties { .. }
                | Kind::MinItems { .. }
                | Kind::MaxItems { .. }
        );
        below && !whatever_it_is
    })
}

/// Whether a place in a schema lies in a part that holds only for some values.
fn in_branch(schema: &str) -> bool {
    let mut words = schema.split('/').skip(1);
    while let Some(word) = words.next() {
        match word {
            "then" | "else" | "dependentSchemas" => return true,
            // What follows is a name that somebody chose.
            "properties" | "patternProperties" | "$defs" | "definitions" => {
                words.next();
            }
            _ => {}
        }
    }
    false
}

/// A validator's message quotes the value, which may be of any length.
fn shortened(error: &ValidationError<'_>) -> String {
    const LONGEST: usize = 200;
    let message = match error.kind() {
        Kind::Enum { options } => among(error.instance(), options),
        _ => error.to_string(),
    };
    match message.char_indices().nth(LONGEST) {
        Some((cut, _)) => {
            let expected: String = error.masked().to_string().chars().take(LONGEST).collect();
            format!("{}… ({expected})", &message[..cut])
        }
        None => message,
    }
}

/// What is allowed, all of it where that is not much.
fn among(value: &Value, options: &Value) -> String {
    const SHOWN: usize = 12;
    let options: Vec<String> =
        options.as_array().into_iter().flatten().map(ToString::to_string).collect();
    let shown = options.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match options.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        Some(more) => format!("{value} is none of {shown} and {more} more"),
        None => format!("{value} is none of {shown}"),
    }
}
