//! The compiled form: a flat list of operations for a stack machine.
//!
//! Flat on purpose. A tree of boxes recurses when it is evaluated, cloned or
//! dropped; this does none of that, so no source can overflow the stack.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{ErrorKind, ExprError, Span};
use crate::function::Function;
use crate::operator::{Binary, Comparison, Logic, Prefix};
use crate::reference::{References, Segment};

/// One operation. Jumps are relative to the operation after the jump, so that
/// a run of operations can be moved as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// Pushes a constant by its index.
    Constant(usize),
    /// Pushes the value of a variable.
    Load(Box<str>),
    /// Replaces the top by one of its members, known when parsed.
    Member(Box<Segment>),
    /// Pops an index and replaces the top by that member.
    Index,
    /// Pops that many values and pushes their list.
    List(usize),
    /// Pops a value for each key and pushes their map.
    Map(Box<[String]>),
    /// Replaces the top.
    Prefix(Prefix),
    /// Pops two values and pushes one.
    Binary(Binary),
    /// Pops two values and pushes a boolean.
    Compare(Comparison),
    /// `a < b < c`: compares the two on top; if true keeps the right one, else leaves false and jumps.
    Chain(Comparison, usize),
    /// If the top decides, leaves it and jumps; else pops it.
    Decide(Logic, usize),
    /// Checks that the top, the right side of the operator, is a boolean.
    Boolean(Logic),
    /// Pops a condition and jumps unless it is true.
    Unless(usize),
    /// Jumps.
    Jump(usize),
    /// From here to `Landed`, what is missing jumps instead of failing.
    Guard(usize),
    /// Ends the latest guard and jumps.
    Landed(usize),
    /// Drops the top.
    Drop,
    /// Pops arguments and pushes the result.
    Call(Function, usize),
}

/// Where an operation stands in the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// The operation with its operands.
    pub(crate) whole: Span,
    /// Its decisive part: the right operand, the last segment of a path.
    pub(crate) focus: Span,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The text that all spans refer to.
    pub(crate) text: Arc<str>,
    /// The expression's part of it.
    pub(crate) span: Span,
    pub(crate) code: Vec<(Op, Place)>,
    pub(crate) constants: Vec<Value>,
    pub(crate) references: References,
}

impl Program {
    pub(crate) fn error(&self, kind: ErrorKind, span: Span) -> ExprError {
        ExprError::new(kind, span, self.text.clone())
    }

    /// The source between two places.
    pub(crate) fn source(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }
}
