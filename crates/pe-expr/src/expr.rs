//! One expression: parsed once, evaluated as often as needed.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{Bound, ErrorKind, ExprError, Span};
use crate::kinds::{self, Kinds, Read};
use crate::limits::{Limits, Meter};
use crate::machine;
use crate::parser::{self, Ending};
use crate::program::Program;
use crate::reference::References;
use crate::scope::Scope;

/// A parsed expression; a clone shares it.
#[derive(Debug, Clone)]
pub struct Expr {
    program: Arc<Program>,
}

impl Expr {
    /// Parses under the default limits.
    ///
    /// # Errors
    /// The first fault in the source, with its place.
    pub fn parse(source: &str) -> Result<Expr, ExprError> {
        Expr::parse_with(source, &Limits::default())
    }

    /// Parses under given limits, of which the length and nesting of the source matter here.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(source: &str, limits: &Limits) -> Result<Expr, ExprError> {
        if source.len() > limits.source_bytes {
            let kind =
                ErrorKind::TooLarge { what: Bound::Source, limit: limits.source_bytes as u64 };
            let span = Span { start: 0, end: 0 };
            // The error quotes the beginning; it does not keep a source that is refused for its size.
            return Err(ExprError::new(kind, span, beginning(source).into()));
        }
        let (program, _) = parser::parse(&Arc::from(source), 0, Ending::Input, limits)?;
        Ok(Expr { program: Arc::new(program) })
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.program.text
    }

    /// What it reads.
    pub fn references(&self) -> &References {
        &self.program.references
    }

    /// The kinds that its value can have; `known` says those of what is read.
    ///
    /// `known` answers [`Kinds::ANY`] where it knows nothing. It is asked for each literal
    /// path as a whole, and neither about `results` and `steps` themselves, which are maps,
    /// nor about `goal`, a string, and `index` and `iteration`, integers.
    pub fn kinds(&self, known: &dyn Fn(&Read<'_>) -> Kinds) -> Kinds {
        kinds::kinds(&self.program, known)
    }

    /// The value over a scope.
    ///
    /// # Errors
    /// Whatever has no value, with its place: see [`ErrorKind`].
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, ExprError> {
        let mut meter = Meter::new(limits);
        let slot = machine::evaluate(&self.program, scope, &mut meter)?;
        slot.finish(&mut meter).map_err(|kind| self.program.error(kind, self.program.span))
    }

    /// The value over a scope, which must be a boolean: for conditions.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); any other type is [`ErrorKind::Type`] with the type found.
    pub fn evaluate_bool(&self, scope: &dyn Scope, limits: &Limits) -> Result<bool, ExprError> {
        let mut meter = Meter::new(limits);
        let slot = machine::evaluate(&self.program, scope, &mut meter)?;
        machine::boolean(&slot, || "a condition".into())
            .map_err(|kind| self.program.error(kind, self.program.span))
    }
}

/// Enough of a source to recognise it by.
pub(crate) fn beginning(source: &str) -> &str {
    let cut = source.char_indices().nth(100).map_or(source.len(), |(cut, _)| cut);
    &source[..cut]
}
