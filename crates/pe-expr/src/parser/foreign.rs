//! What people and models write out of habit, and what to write instead.

use crate::error::{ErrorKind, shorten};
use crate::function::Function;
use crate::lexer::{Token, syntax};

/// Something stands where a value should.
pub(super) fn instead_of_operand(token: &Token<'_>) -> ErrorKind {
    let hint = match token {
        Token::Name("lambda") => Some("there are no user-defined functions"),
        Token::Name("for") => Some("there are no loops; `pluck` reads one key of every element"),
        Token::Name("is") => Some("compare with `==`"),
        Token::Symbol("*") => Some("there is no unpacking"),
        _ => None,
    };
    syntax(format!("a value is due here, found {}", describe(token)), hint.map(str::to_owned))
}

/// Something stands where an operator or the end should.
pub(super) fn instead_of_operator(token: &Token<'_>) -> ErrorKind {
    let hint = match token {
        Token::Symbol("=")
        | Token::Symbol("===")
        | Token::Symbol(":=")
        | Token::Name("is" | "eq" | "equals") => "did you mean `==`?",
        Token::Symbol("!==" | "<>") | Token::Name("ne") => "did you mean `!=`?",
        Token::Symbol("**" | "^") => "there is no power operator; multiply instead",
        Token::Symbol("&") | Token::Name("AND" | "And") => "did you mean `and`?",
        Token::Name("OR" | "Or") => "did you mean `or`?",
        Token::Name("NOT" | "Not") => "did you mean `not`?",
        Token::Name("IN" | "In") => "did you mean `in`?",
        Token::Symbol("|") => "did you mean `or`? filters are functions: `upper(x)`",
        Token::Symbol("?") => "a conditional is written `a if condition else b`",
        Token::Symbol(":") => "a part is cut out with `slice(value, start, end)`",
        Token::Name("for") => "there are no loops; `pluck` reads one key of every element",
        Token::Name("contains") => "did you mean `in`, or `contains(value, part)`?",
        Token::Symbol(";") => "one expression only",
        _ => "",
    };
    syntax(
        format!("an operator is due here, found {}", describe(token)),
        (!hint.is_empty()).then(|| hint.to_owned()),
    )
}

/// Something stands where a map should have a key.
pub(super) fn instead_of_key(token: &Token<'_>) -> ErrorKind {
    let hint = match token {
        Token::Symbol("{") => {
            "here the whole text is an expression already: leave out `{{` and `}}`"
        }
        Token::Integer(_) | Token::Float(_) => "keys are strings: put it in quotes",
        _ => "keys are names or strings",
    };
    syntax(format!("a key is due here, found {}", describe(token)), Some(hint.to_owned()))
}

pub(super) fn unknown_function(name: &str) -> ErrorKind {
    ErrorKind::UnknownFunction {
        name: shorten(name),
        hint: Function::nearest(name)
            .map(|function| format!("did you mean `{}`?", function.usage())),
    }
}

/// `x.upper()`.
pub(super) fn method(name: &str, object: &str) -> ErrorKind {
    let object = shorten(object.trim());
    let hint = match Function::nearest(name) {
        Some(function) if function.arity().0 > 1 => {
            format!("write `{}({object}, ...)`", function.name())
        }
        Some(function) => format!("write `{}({object})`", function.name()),
        None => "functions are written `name(value)`".into(),
    };
    syntax(format!("values have no methods, such as `{}`", shorten(name)), Some(hint))
}

pub(super) fn not_callable() -> ErrorKind {
    syntax("only functions can be called, by their names".into(), None)
}

pub(super) fn comma_outside() -> ErrorKind {
    syntax(
        "a comma outside of a list, map or call".into(),
        Some("lists are written `[a, b]`".into()),
    )
}

pub(super) fn two_indexes() -> ErrorKind {
    syntax(
        "one index at a time".into(),
        Some("a part is cut out with `slice(value, start, end)`".into()),
    )
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::Name(name) => format!("`{}`", shorten(name)),
        Token::Text(text) => format!("the string '{}'", shorten(text)),
        Token::Integer(number) => format!("the number {number}"),
        Token::Float(number) => format!("the number {number}"),
        Token::Symbol(symbol) => format!("`{symbol}`"),
        Token::End => "the end".into(),
    }
}
