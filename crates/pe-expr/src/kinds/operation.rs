//! The kinds that operators and members give, from those of their operands.
//!
//! Each is what the machine does, without the values. Numbers without a fraction stay
//! so under `+ - * %` and signs, floats too: a float beyond 2^53 has no fraction, and
//! below that the result is exact.

use super::Kinds;
use crate::operator::{Binary, Comparison, Prefix};
use crate::reference::Segment;

/// What `first`, an index and the like take elements of.
const ELEMENTS: Kinds = Kinds::LIST.union(Kinds::MAP);

pub(super) fn prefix(prefix: Prefix, value: Kinds) -> Kinds {
    value.intersection(match prefix {
        Prefix::Not => Kinds::BOOLEAN,
        Prefix::Minus | Prefix::Plus => Kinds::NUMBER,
    })
}

pub(super) fn binary(operator: Binary, left: Kinds, right: Kinds) -> Kinds {
    let both = |kinds: Kinds| left.intersects(kinds) && right.intersects(kinds);
    let mut result = Kinds::NONE;
    if both(Kinds::NUMBER) {
        result |= match operator {
            Binary::FloorDivide => Kinds::INTEGER,
            Binary::Divide => Kinds::NUMBER,
            _ => number(left | right),
        };
    }
    match operator {
        Binary::Add => {
            for sequence in [Kinds::STRING, Kinds::LIST] {
                if both(sequence) {
                    result |= sequence;
                }
            }
        }
        Binary::Multiply => {
            for (times, repeated) in [(left, right), (right, left)] {
                if times.intersects(Kinds::INTEGER) {
                    result |= repeated.intersection(Kinds::STRING | Kinds::LIST);
                }
            }
        }
        _ => {}
    }
    result
}

/// What a calculation with numbers of these kinds gives.
pub(super) fn number(operands: Kinds) -> Kinds {
    if operands.intersects(Kinds::FLOAT) { Kinds::NUMBER } else { Kinds::INTEGER }
}

pub(super) fn comparison(operator: Comparison, left: Kinds, right: Kinds) -> Kinds {
    let both = |kinds: Kinds| left.intersects(kinds) && right.intersects(kinds);
    let possible = match operator {
        Comparison::Equal | Comparison::NotEqual => both(Kinds::ANY),
        Comparison::Less
        | Comparison::LessEqual
        | Comparison::Greater
        | Comparison::GreaterEqual => both(Kinds::NUMBER) || both(Kinds::STRING),
        Comparison::In | Comparison::NotIn => contains(right, left),
    };
    if possible { Kinds::BOOLEAN } else { Kinds::NONE }
}

/// Whether asking if `whole` has `part` can have an answer.
pub(super) fn contains(whole: Kinds, part: Kinds) -> bool {
    whole.intersects(Kinds::LIST) && !part.is_empty()
        || whole.intersects(Kinds::STRING | Kinds::MAP) && part.intersects(Kinds::STRING)
}

/// A literal member of a value.
pub(super) fn member(value: Kinds, segment: &Segment) -> Kinds {
    index(
        value,
        match segment {
            Segment::Key(_) => Kinds::STRING,
            Segment::Index(_) => Kinds::INTEGER,
        },
    )
}

/// `value[index]`.
pub(super) fn index(value: Kinds, index: Kinds) -> Kinds {
    let (by_number, by_name) = (index.intersects(Kinds::INTEGER), index.intersects(Kinds::STRING));
    if value.intersects(ELEMENTS) && by_number || value.intersects(Kinds::MAP) && by_name {
        return Kinds::ANY;
    }
    if by_number { value.intersection(Kinds::STRING) } else { Kinds::NONE }
}
