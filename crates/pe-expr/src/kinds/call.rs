//! The kinds that functions give, from those of their arguments.

use super::{Kinds, operation};
use crate::function::Function;

/// What an argument may be, and what the function gives of it.
const SEQUENCE: Kinds = Kinds::STRING.union(Kinds::LIST);
const ORDERED: Kinds = Kinds::NUMBER.union(Kinds::STRING);
const CONVERTIBLE: Kinds = ORDERED.union(Kinds::BOOLEAN);

/// The result of a call; no kind when an argument can only be refused.
pub(super) fn call(function: Function, arguments: &[Kinds]) -> Kinds {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(Kinds::NULL);
    let first = argument(0);
    let takes = |expected: &[Kinds], result: Kinds| {
        let mut pairs = arguments.iter().zip(expected);
        if pairs.all(|(given, expected)| given.intersects(*expected)) {
            result
        } else {
            Kinds::NONE
        }
    };
    let optional = |kinds: Kinds| kinds | Kinds::NULL;
    if arguments.iter().any(|kinds| kinds.is_empty()) {
        return Kinds::NONE;
    }
    match function {
        Function::Len => takes(&[SEQUENCE | Kinds::MAP], Kinds::INTEGER),
        Function::Lower | Function::Upper | Function::Trim => {
            takes(&[Kinds::STRING], Kinds::STRING)
        }
        Function::Replace => takes(&[Kinds::STRING; 3], Kinds::STRING),
        Function::Split => takes(&[Kinds::STRING, optional(Kinds::STRING)], Kinds::LIST),
        Function::Join => takes(&[Kinds::LIST, optional(Kinds::STRING)], Kinds::STRING),
        Function::Contains if operation::contains(first, argument(1)) => Kinds::BOOLEAN,
        Function::Contains => Kinds::NONE,
        Function::StartsWith | Function::EndsWith => takes(&[Kinds::STRING; 2], Kinds::BOOLEAN),
        Function::First | Function::Last if first.intersects(Kinds::LIST) => Kinds::ANY,
        Function::First | Function::Last => first.intersection(Kinds::STRING),
        Function::Slice => {
            let position = optional(Kinds::INTEGER);
            takes(&[SEQUENCE, position, position], first.intersection(SEQUENCE))
        }
        Function::Keys | Function::Values => takes(&[Kinds::MAP], Kinds::LIST),
        Function::Pluck => takes(&[Kinds::LIST, Kinds::STRING], Kinds::LIST),
        // The key of `sort` is looked at when there is an element.
        Function::Sort | Function::Unique | Function::Flatten => takes(&[Kinds::LIST], Kinds::LIST),
        Function::Any | Function::All => takes(&[Kinds::LIST], Kinds::BOOLEAN),
        Function::Min | Function::Max if arguments.len() == 1 => takes(&[Kinds::LIST], ORDERED),
        Function::Min | Function::Max => extreme(arguments),
        Function::Sum => takes(&[Kinds::LIST], Kinds::NUMBER),
        Function::Abs => first.intersection(Kinds::NUMBER),
        Function::Round => {
            let numbers = first.intersection(Kinds::NUMBER);
            let rounded = if numbers.is_empty() { Kinds::NONE } else { Kinds::INTEGER };
            // With digits, a float may keep a fraction.
            let digits = argument(1).intersects(Kinds::INTEGER);
            takes(
                &[Kinds::NUMBER, optional(Kinds::INTEGER)],
                if digits { rounded | numbers } else { rounded },
            )
        }
        Function::Int => takes(&[CONVERTIBLE], Kinds::INTEGER),
        Function::Float => {
            let text = first.intersects(Kinds::STRING | Kinds::FLOAT);
            takes(&[CONVERTIBLE], if text { Kinds::NUMBER } else { Kinds::INTEGER })
        }
        Function::Str | Function::Json => Kinds::STRING,
        Function::ParseJson => takes(&[Kinds::STRING], Kinds::ANY),
        // The parser makes guards and jumps of these two.
        Function::Exists | Function::Default => Kinds::ANY,
    }
}

/// `min` and `max` of several arguments give one of them, all being numbers or all strings.
fn extreme(arguments: &[Kinds]) -> Kinds {
    let all = arguments.iter().fold(Kinds::NONE, |all, kinds| all | *kinds);
    [Kinds::NUMBER, Kinds::STRING]
        .into_iter()
        .filter(|alike| arguments.iter().all(|kinds| kinds.intersects(*alike)))
        .fold(Kinds::NONE, |result, alike| result | all.intersection(alike))
}
