//! Which kinds of JSON values an expression can give, known without evaluating it.
//!
//! The answer may hold kinds that never come, and always holds every one that does:
//! a caller that finds no kind in common with what a place takes knows that the
//! expression cannot serve there. It walks the compiled program once, forwards, and
//! looks at no value but constants.

mod call;
mod operation;
mod walk;

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use serde_json::Value;

use crate::reference::{Segment, StepReference};

pub(crate) use walk::kinds;

/// A set of kinds of JSON values.
///
/// As in JSON Schema, a number without a fraction is an integer however it is
/// written, `2.0` as well as `2`.
///
/// ```
/// use pe_expr::{Expr, Kinds, Template};
///
/// let known = |_: &pe_expr::Read<'_>| Kinds::ANY;
/// assert_eq!(Expr::parse("len(results.a) + 1")?.kinds(&known), Kinds::INTEGER);
/// let either = Expr::parse("'none' if results.a == 0 else 1 / results.a")?.kinds(&known);
/// assert_eq!(either.to_string(), "a number or a string");
/// assert_eq!(Template::parse("{{ goal }}!")?.kinds(&known), Kinds::STRING);
/// # Ok::<(), pe_expr::ExprError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

/// What an expression reads, when the caller is asked what it knows about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Read<'a> {
    /// A step by name, as in the [`References`](crate::References).
    Step(&'a StepReference),
    /// Another variable and what is read of it, as far as that is literal.
    Variable {
        /// Its name.
        name: &'a str,
        /// The path from there.
        path: &'a [&'a Segment],
    },
}

impl Kinds {
    /// No kind: what is said to give these always fails.
    pub const NONE: Kinds = Kinds(0);
    /// `null`.
    pub const NULL: Kinds = Kinds(1);
    /// `true` and `false`.
    pub const BOOLEAN: Kinds = Kinds(1 << 1);
    /// Numbers without a fraction.
    pub const INTEGER: Kinds = Kinds(1 << 2);
    /// Numbers with a fraction.
    pub const FLOAT: Kinds = Kinds(1 << 3);
    /// Numbers of either kind.
    pub const NUMBER: Kinds = Kinds::INTEGER.union(Kinds::FLOAT);
    /// Strings.
    pub const STRING: Kinds = Kinds(1 << 4);
    /// Lists.
    pub const LIST: Kinds = Kinds(1 << 5);
    /// Maps.
    pub const MAP: Kinds = Kinds(1 << 6);
    /// Every kind.
    pub const ANY: Kinds = Kinds((1 << 7) - 1);

    /// The kind of a value.
    pub fn of(value: &Value) -> Kinds {
        match value {
            Value::Null => Kinds::NULL,
            Value::Bool(_) => Kinds::BOOLEAN,
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() && float.fract() != 0.0 => Kinds::FLOAT,
                _ => Kinds::INTEGER,
            },
            Value::String(_) => Kinds::STRING,
            Value::Array(_) => Kinds::LIST,
            Value::Object(_) => Kinds::MAP,
        }
    }

    /// The kinds of both.
    #[must_use]
    pub const fn union(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// The kinds that both have.
    #[must_use]
    pub const fn intersection(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    /// Whether there is a kind that both have.
    pub const fn intersects(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every kind of the other is in it.
    pub const fn contains(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no kind in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Kinds {
    type Output = Kinds;

    fn bitor(self, other: Kinds) -> Kinds {
        self.union(other)
    }
}

impl BitOrAssign for Kinds {
    fn bitor_assign(&mut self, other: Kinds) {
        *self = self.union(other);
    }
}

impl fmt::Display for Kinds {
    /// `a number or a string`; `any value` and `no value` at the ends.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Kinds, &str); 8] = [
            (Kinds::NULL, "null"),
            (Kinds::BOOLEAN, "a boolean"),
            (Kinds::NUMBER, "a number"),
            (Kinds::INTEGER, "an integer"),
            (Kinds::FLOAT, "a float"),
            (Kinds::STRING, "a string"),
            (Kinds::LIST, "a list"),
            (Kinds::MAP, "a map"),
        ];
        match *self {
            Kinds::ANY => return out.write_str("any value"),
            Kinds::NONE => return out.write_str("no value"),
            _ => {}
        }
        let mut rest = *self;
        for (kinds, name) in NAMES {
            if !rest.contains(kinds) {
                continue;
            }
            if rest != *self {
                out.write_str(" or ")?;
            }
            out.write_str(name)?;
            rest = Kinds(rest.0 & !kinds.0);
        }
        Ok(())
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kinds({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kinds: Kinds, expected: &str) {
        assert_eq!(kinds.to_string(), expected);
    }

    #[test]
    fn kinds_in_words() {
        check(Kinds::NONE, "no value");
        check(Kinds::ANY, "any value");
        check(Kinds::NUMBER, "a number");
        check(Kinds::INTEGER, "an integer");
        check(Kinds::FLOAT | Kinds::NULL, "null or a float");
        check(Kinds::STRING | Kinds::NUMBER | Kinds::MAP, "a number or a string or a map");
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        for (value, expected) in [
            (json!(2), Kinds::INTEGER),
            (json!(2.0), Kinds::INTEGER),
            (json!(u64::MAX), Kinds::INTEGER),
            (json!(1e300), Kinds::INTEGER),
            (json!(-0.5), Kinds::FLOAT),
        ] {
            assert_eq!(Kinds::of(&value), expected, "{value}");
        }
    }
}
