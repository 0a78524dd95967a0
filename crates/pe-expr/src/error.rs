//! What can go wrong, where in the source, and how it is told.
//!
//! Callers branch on [`ErrorKind`]; the text is for people (and for the model
//! that repairs its plan). Inside the crate a fault is an [`ErrorKind`] alone;
//! the parser and the machine add the place.

use std::fmt;
use std::sync::Arc;

/// A fault whose place is not known yet.
pub(crate) type Outcome<T> = Result<T, ErrorKind>;

/// A range of bytes in the source of an expression or template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bound {
    /// Bytes of source.
    Source,
    /// Nesting of the source.
    Nesting,
    /// Bytes built by one evaluation.
    Bytes,
    /// Steps of one evaluation.
    Steps,
    /// Expressions in one template or parameter tree.
    Expressions,
    /// Nesting of a value.
    Depth,
    /// Bytes of the JSON pointer of a template in a parameter tree.
    Pointer,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The source is not an expression.
    #[error("{problem}{}", advice(.hint))]
    Syntax {
        /// What was found where.
        problem: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A limit was reached.
    #[error("{}", too_large(*.what, *.limit))]
    TooLarge {
        /// Which one.
        what: Bound,
        /// Its value.
        limit: u64,
    },
    /// A variable that is not there in this place.
    #[error("there is no variable `{name}` here{}", advice(.hint))]
    UnknownName {
        /// The name as written.
        name: String,
        /// The nearest name, or what to write instead.
        hint: Option<String>,
    },
    /// A function that the language does not have.
    #[error("there is no function `{name}`{}", advice(.hint))]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// The nearest function, or what to write instead.
        hint: Option<String>,
    },
    /// A key, index or element that is not there. `exists` and `default` allow for it.
    #[error("`{path}` is missing{}{}", because(.detail), advice(.hint))]
    Missing {
        /// The path as written.
        path: String,
        /// What is there instead.
        detail: Option<String>,
        /// The nearest path.
        hint: Option<String>,
    },
    /// A value of the wrong type.
    #[error("{what} takes {expected}, found {found}")]
    Type {
        /// The operator, function argument or place that was given the value.
        what: String,
        /// The types that it takes.
        expected: &'static str,
        /// The type found.
        found: &'static str,
    },
    /// A function called with too few or too many arguments.
    #[error("`{function}` takes {expected}, found {found}; write `{usage}`")]
    Arity {
        /// The function.
        function: &'static str,
        /// How many arguments it takes.
        expected: String,
        /// How many it was given.
        found: usize,
        /// The function with its parameters.
        usage: &'static str,
    },
    /// A calculation without a result.
    #[error("{0}")]
    Arithmetic(Arithmetic),
    /// A value of the right type that cannot be used.
    #[error("{what} cannot use {found}: {problem}")]
    Unusable {
        /// The function argument that was given the value.
        what: String,
        /// The value, shortened.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A calculation without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Arithmetic {
    /// `/`, `//` or `%` by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// An integer beyond 64 bits.
    #[error("the result does not fit a 64-bit integer; use `float(...)` for numbers of that size")]
    Overflow,
    /// A float beyond the largest.
    #[error("the result is not a finite number")]
    NotFinite,
}

/// An [`ErrorKind`] with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    kind: Box<ErrorKind>,
    span: Span,
    text: Arc<str>,
}

impl ExprError {
    pub(crate) fn new(kind: ErrorKind, span: Span, text: Arc<str>) -> Self {
        ExprError { kind: Box::new(kind), span, text }
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Where, in bytes of [`text`](Self::text).
    pub fn span(&self) -> Span {
        self.span
    }

    /// The expression, or the whole template that the expression is in.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of the span's start, both from 1, the column in characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.text[..self.floor(self.span.start)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// The line that the span starts in, cut to about 60 characters around it.
    fn excerpt(&self) -> String {
        const BEFORE: usize = 40;
        const WHOLE: usize = 60;
        let (line, column) = self.line_column();
        let line = self.text.split('\n').nth(line - 1).unwrap_or("");
        let first = (column - 1).saturating_sub(BEFORE);
        let mut rest = line.chars().skip(first);
        let mut excerpt = String::new();
        if first > 0 {
            excerpt.push('…');
        }
        excerpt.extend(rest.by_ref().take(WHOLE));
        if rest.next().is_some() {
            excerpt.push('…');
        }
        excerpt
    }

    fn floor(&self, index: usize) -> usize {
        let mut index = index.min(self.text.len());
        while !self.text.is_char_boundary(index) {
            index -= 1;
        }
        index
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(out, "{} at ", self.kind)?;
        if self.text.trim_end().contains('\n') {
            write!(out, "line {line}, ")?;
        }
        write!(out, "column {column} in `{}`", self.excerpt())
    }
}

impl std::error::Error for ExprError {}

/// Shortens a piece of user text for a message.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

fn advice(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()
}

fn because(detail: &Option<String>) -> String {
    detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default()
}

fn too_large(what: Bound, limit: u64) -> String {
    match what {
        Bound::Source => format!("the expression is longer than {limit} bytes"),
        Bound::Nesting => format!("the expression nests deeper than {limit} levels"),
        Bound::Bytes => format!("the expression builds more than {limit} bytes"),
        Bound::Steps => format!("the expression takes more than {limit} steps"),
        Bound::Expressions => format!("there are more than {limit} expressions in one template"),
        Bound::Depth => format!("the value nests deeper than {limit} levels"),
        Bound::Pointer => format!("the keys around a template are longer than {limit} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, start: usize, expected: &str) {
        let kind = ErrorKind::Arithmetic(Arithmetic::DivisionByZero);
        let error = ExprError::new(kind, Span { start, end: start }, text.into());
        assert_eq!(error.to_string(), format!("division by zero at {expected}"));
    }

    #[test]
    fn columns_count_characters_from_one() {
        check("1/0 > 1", 2, "column 3 in `1/0 > 1`");
        check("'é'/0", 5, "column 5 in `'é'/0`");
        check("", 0, "column 1 in ``");
    }

    #[test]
    fn a_place_in_several_lines_names_its_line() {
        check("1 +\n2/0", 6, "line 2, column 3 in `2/0`");
        check("2/0\n", 2, "column 3 in `2/0`");
    }

    #[test]
    fn a_long_source_is_cut_around_the_place() {
        let text = format!("{}1/0{}", "a+".repeat(100), "+b".repeat(100));
        let error = ExprError::new(
            ErrorKind::Arithmetic(Arithmetic::DivisionByZero),
            Span { start: 202, end: 203 },
            text.as_str().into(),
        );
        let shown = error.to_string();
        assert!(shown.contains("column 203"), "{shown}");
        assert!(shown.contains("…") && shown.contains("1/0"), "{shown}");
        assert!(shown.len() < 140, "{shown}");
    }

    #[test]
    fn a_span_inside_a_character_does_not_panic() {
        check("é", 1, "column 1 in `é`");
        check("é", 99, "column 2 in `é`");
    }
}
