//! Text with expressions in it: one parameter string.
//!
//! `{{` always opens an expression and the parser, not a search for `}}`, finds
//! its end, so string literals and maps may hold braces. What an expression
//! yields is appended as it is and never looked at as a template again.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Bound, ErrorKind, ExprError, Span};
use crate::expr::beginning;
use crate::json;
use crate::kinds::{self, Kinds, Read};
use crate::limits::{EXPRESSIONS, Limits, Meter};
use crate::machine;
use crate::parser::{self, Ending};
use crate::program::Program;
use crate::reference::References;
use crate::scope::Scope;

/// A parsed template.
///
/// ```
/// use pe_expr::{Limits, MapScope, Template};
/// use serde_json::json;
///
/// let scope = MapScope::new().with("context", json!({"n": 3, "tags": ["a"]}));
/// let render = |text: &str| Template::parse(text)?.render(&scope, &Limits::default());
/// assert_eq!(render("{{ context.n }}")?, json!(3));
/// assert_eq!(render("{{ context.n }} of {{ context.tags }}")?, json!("3 of [\"a\"]"));
/// assert_eq!(render("a brace: {{ '{{' }}")?, json!("a brace: {{"));
/// # Ok::<(), pe_expr::ExprError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Template {
    text: Arc<str>,
    parts: Vec<Part>,
    references: References,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Range<usize>),
    Expression(Program),
}

impl Template {
    /// Parses under the default limits, which hold for each expression.
    ///
    /// # Errors
    /// The first fault; its place is in the whole text.
    pub fn parse(text: &str) -> Result<Template, ExprError> {
        Template::parse_with(text, &Limits::default())
    }

    /// Parses under given limits. More than 1,000 expressions are refused.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &str, limits: &Limits) -> Result<Template, ExprError> {
        let text: Arc<str> = text.into();
        let mut parts = Vec::new();
        let mut references = References::default();
        let mut expressions = 0;
        let mut at = 0;
        while let Some(offset) = text[at..].find("{{") {
            let open = at + offset;
            expressions += 1;
            if expressions > EXPRESSIONS {
                return Err(too_many(beginning(&text)));
            }
            if offset > 0 {
                parts.push(Part::Text(at..open));
            }
            let (program, end) = parser::parse(&text, open + 2, Ending::Braces, limits)?;
            references.extend(&program.references);
            parts.push(Part::Expression(program));
            at = end;
        }
        if at < text.len() {
            parts.push(Part::Text(at..text.len()));
        }
        parts.shrink_to_fit();
        Ok(Template { text, parts, references })
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// Whether it holds no expression, so that it renders to itself.
    pub fn is_literal(&self) -> bool {
        self.expressions() == 0
    }

    /// Whether it is one expression with no text around it, not even a space: its type is kept.
    pub fn is_whole(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Expression(_)])
    }

    /// What its expressions read; places are in the whole text.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// The kinds that its value can have: those of a whole expression, else a string.
    ///
    /// `known` is asked as in [`Expr::kinds`](crate::Expr::kinds).
    pub fn kinds(&self, known: &dyn Fn(&Read<'_>) -> Kinds) -> Kinds {
        match self.parts.as_slice() {
            [Part::Expression(program)] => kinds::kinds(program, known),
            _ => Kinds::STRING,
        }
    }

    /// The value over a scope: that of a whole expression, or the text.
    ///
    /// # Errors
    /// The first fault, with its place in the whole text.
    pub fn render(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, ExprError> {
        self.render_charged(scope, &mut Meter::new(limits))
    }

    pub(crate) fn expressions(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Expression(_))).count()
    }

    pub(crate) fn render_charged(
        &self,
        scope: &dyn Scope,
        meter: &mut Meter,
    ) -> Result<Value, ExprError> {
        if let [Part::Expression(program)] = self.parts.as_slice() {
            let slot = machine::evaluate(program, scope, meter)?;
            return slot.finish(meter).map_err(|kind| program.error(kind, program.span));
        }
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(range) => {
                    let place = Span { start: range.start, end: range.end };
                    let piece = &self.text[range.clone()];
                    json::append(&mut out, piece, meter)
                        .map_err(|kind| ExprError::new(kind, place, self.text.clone()))?;
                }
                Part::Expression(program) => {
                    let slot = machine::evaluate(program, scope, meter)?;
                    json::append_text(&mut out, &slot, meter)
                        .map_err(|kind| program.error(kind, program.span))?;
                }
            }
        }
        Ok(Value::String(out))
    }
}

pub(crate) fn too_many(text: &str) -> ExprError {
    let kind = ErrorKind::TooLarge { what: Bound::Expressions, limit: EXPRESSIONS as u64 };
    ExprError::new(kind, Span { start: 0, end: 0 }, text.into())
}
