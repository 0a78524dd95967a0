//! Expressions and templates: syntax, what they read, and the edges that this implies.

use std::fmt;

use pe_expr::{Expr, ExprError, MapScope, References, Root, StepReference};
use pe_model::{PlanStep, StepId, StepType, nearest};

use super::dependencies::depend;
use super::fields::is_blank;
use super::parameters::{Parsed, texts};
use super::{Checker, Facts};
use crate::Code;
use crate::compile::Expressions;
use crate::graph::Needs;

/// What an expression may read besides `results` and `steps`, by the place where it stands.
fn names(step: &PlanStep, field: &str) -> &'static [&'static str] {
    let over = step.loop_over.is_some();
    match (field, step.step_type == StepType::Loop) {
        ("condition" | "loop_over", _) => &["context", "goal"],
        ("loop_until", _) => &["context", "goal", "result", "index", "iteration"],
        ("expect", false) => &["context", "goal", "result"],
        ("expect", true) if over => &["context", "goal", "index", "iteration", "result", "item"],
        ("expect", true) => &["context", "goal", "index", "iteration", "result"],
        (_, false) => &["context", "goal"],
        (_, true) if over => &["context", "goal", "index", "iteration", "item"],
        (_, true) => &["context", "goal", "index", "iteration"],
    }
}

/// A field of a step and the JSON pointer inside it, put together only for a finding.
#[derive(Clone, Copy)]
pub(super) struct Field<'f>(pub(super) &'f str, pub(super) &'f str);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}

/// The step whose expressions are being read.
pub(super) struct Reader<'a> {
    pub(super) place: usize,
    pub(super) step: &'a PlanStep,
    pub(super) facts: &'a Facts<'a>,
    need: &'a mut Needs,
}

impl Checker {
    /// Compiles a step's expressions and notes what they need; `None` after a fault.
    pub(super) fn expressions(
        &mut self,
        place: usize,
        facts: &Facts<'_>,
        parameters: Parsed,
        need: &mut Needs,
    ) -> Option<Expressions> {
        let step = &facts.plan.steps[place];
        let mut reader = Reader { place, step, facts, need };
        let mut sound = true;
        // A blank condition is a missing one, which is told already.
        let condition = Some(&step.condition).filter(|condition| !is_blank(condition));
        let fields = [
            ("condition", condition.unwrap_or(&None)),
            ("loop_over", &step.loop_over),
            ("loop_until", &step.loop_until),
            ("expect", &step.expect),
        ];
        let [condition, loop_over, loop_until, expect] = fields.map(|(field, text)| {
            let text = text.as_deref()?;
            match Expr::parse(text) {
                Ok(expr) => {
                    let names = names(step, field);
                    self.references(&mut reader, Field(field, ""), text, expr.references(), names);
                    Some(expr)
                }
                Err(error) => {
                    sound = false;
                    self.bad_expression(&reader, Field(field, ""), text, &error);
                    None
                }
            }
        });
        let names = names(step, "parameters");
        let parameters = match parameters {
            Ok(parameters) => {
                for (pointer, template) in parameters.templates() {
                    let (field, text) = (Field("parameters", pointer), template.source());
                    self.references(&mut reader, field, text, template.references(), names);
                }
                Some(parameters)
            }
            Err(first) => {
                let before = self.count_of(Code::BadExpression);
                for (pointer, template) in texts(&step.parameters) {
                    let field = Field("parameters", &pointer);
                    match template {
                        Ok(template) => {
                            let (text, references) = (template.source(), template.references());
                            self.references(&mut reader, field, text, references, names);
                        }
                        Err(error) => self.bad_expression(&reader, field, "", &error),
                    }
                }
                if self.count_of(Code::BadExpression) == before {
                    // A bound on the tree as a whole, which no string breaks alone.
                    let field = Field("parameters", &first.pointer);
                    self.bad_expression(&reader, field, "", &first.error);
                }
                None
            }
        };
        if let Some(condition) = &condition
            && step.step_type == StepType::Conditional
        {
            self.never_true(&reader, condition);
        }
        let parameters = parameters.filter(|_| sound)?;
        let expressions = Expressions { parameters, condition, expect, loop_over, loop_until };
        self.kinds(&reader, &expressions);
        Some(expressions)
    }

    fn bad_expression(
        &mut self,
        reader: &Reader<'_>,
        field: Field<'_>,
        text: &str,
        error: &ExprError,
    ) {
        let id = &reader.step.step_id;
        let message = format!("`{field}` of step `{id}`: {error}");
        let finding =
            self.at_step(Code::BadExpression, (reader.place, id), &field.to_string(), message);
        if text.trim_start().starts_with("{{") {
            finding.suggestion =
                Some(format!("remove the braces: `{field}` is an expression already"));
        }
        self.inside(error.text(), error.span());
    }

    fn references(
        &mut self,
        reader: &mut Reader<'_>,
        field: Field<'_>,
        text: &str,
        references: &References,
        names: &'static [&'static str],
    ) {
        let own = &reader.step.step_id;
        let at = (reader.place, own);
        if !references.whole.is_empty() {
            reader.need.reads_whole = true;
        }
        for (name, span) in
            references.variables.iter().filter(|(name, _)| !names.contains(&name.as_str()))
        {
            let message =
                format!("`{field}` of step `{own}` reads `{name}`, which has no meaning there");
            let known = names.iter().copied().chain(["results", "steps"]);
            let step = reader.facts.place(name).map(|_| {
                format!("a step's output is `results.{name}`, and its state `steps.{name}`")
            });
            self.at_step(Code::UnknownVariable, at, &field.to_string(), message).suggestion =
                step.or_else(|| nearest(name, known).map(|near| format!("did you mean `{near}`?")));
            self.inside(text, *span);
        }
        for reference in &references.steps {
            let before = self.count();
            self.reference(reader, field, reference);
            if self.count() > before {
                self.inside(text, reference.span);
            }
        }
    }

    fn reference(&mut self, reader: &mut Reader<'_>, field: Field<'_>, reference: &StepReference) {
        let own = &reader.step.step_id;
        let at = (reader.place, own);
        let read = reference.step.as_str();
        if read == own.as_str() {
            let message = format!("`{field}` of step `{own}` reads the step's own outcome");
            self.at_step(Code::SelfReference, at, &field.to_string(), message).suggestion =
                Some("in `expect` and `loop_until` the outcome is `result`".to_owned());
            return;
        }
        let Some(on) = reader.facts.place(read) else {
            reader.need.missing.push(StepId::new(read));
            let suggestion = reader.facts.near_step(self, read, own);
            let message = format!(
                "`{field}` of step `{own}` reads step `{read}`, which this plan does not define"
            );
            self.at_step(Code::UnknownReference, at, &field.to_string(), message).suggestion =
                suggestion;
            return;
        };
        if reference.root == Root::Results && !reference.guarded {
            depend(reader.facts, reader.need, reader.place, on);
        } else if !reader.facts.stands_in_for(reader.place, on) {
            reader.need.ordering.push(on as u32);
        }
        if reference.guarded {
            return;
        }
        // Its own stand-ins run only after it did.
        if reference.root == Root::Results
            && let Some(target) = reader.facts.target(on)
            && !reader.facts.stands_in_for(reader.place, on)
        {
            let target = &reader.facts.plan.steps[target as usize].step_id;
            let message = format!(
                "`{field}` of step `{own}` reads `{read}`, which has a result only if `{target}` \
                 fails"
            );
            self.at_step(Code::ReadsFallback, at, &field.to_string(), message).suggestion = Some(
                format!("read `results.{target}`: where `{read}` stands in, it is its result"),
            );
        }
        match reference.root {
            Root::Results => self.output_path(reader, field, on, &reference.path),
            Root::Steps => self.state_path(reader, field, &reference.path),
        }
    }

    fn never_true(&mut self, reader: &Reader<'_>, condition: &Expr) {
        if condition.references().is_empty()
            && let Ok(false) =
                condition.evaluate_bool(&MapScope::new(), &pe_expr::Limits::default())
        {
            let id = &reader.step.step_id;
            let message = format!("step `{id}` never runs: its condition is always false");
            self.at_step(Code::Unreachable, (reader.place, id), "condition", message).suggestion =
                Some("remove the step, or mend its condition".to_owned());
        }
    }
}
