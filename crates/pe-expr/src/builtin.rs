//! The functions.
//!
//! Each takes its arguments from [`Arguments`], which knows how to say what is
//! wrong with one, and charges what it builds before it builds it.

mod collections;
mod convert;
mod numbers;
mod ordering;
mod strings;

use serde_json::Value;

use crate::arithmetic::Number;
use crate::compare;
use crate::error::{ErrorKind, Outcome, shorten};
use crate::function::Function;
use crate::limits::Meter;
use crate::slot::Slot;

/// Calls a function; the number of arguments has been checked by the parser.
///
/// Within a guard nobody reads why something is missing.
pub(crate) fn call<'a>(
    function: Function,
    slots: Vec<Slot<'a>>,
    guarded: bool,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let mut arguments = Arguments { function, slots, guarded };
    let arguments = &mut arguments;
    match function {
        Function::Len => collections::len(arguments, meter),
        Function::Lower => strings::lower(arguments, meter),
        Function::Upper => strings::upper(arguments, meter),
        Function::Trim => strings::trim(arguments, meter),
        Function::Split => strings::split(arguments, meter),
        Function::Join => strings::join(arguments, meter),
        Function::Replace => strings::replace(arguments, meter),
        Function::Contains => {
            let (whole, part) = (arguments.name(0), arguments.name(1));
            let found =
                compare::contains(&whole, &arguments.slots[0], &part, &arguments.slots[1], meter)?;
            Ok(Value::Bool(found).into())
        }
        Function::StartsWith => {
            strings::affix(arguments, |text, part| text.starts_with(part), meter)
        }
        Function::EndsWith => strings::affix(arguments, |text, part| text.ends_with(part), meter),
        Function::First => collections::end(arguments, 0, meter),
        Function::Last => collections::end(arguments, -1, meter),
        Function::Slice => collections::slice(arguments, meter),
        Function::Keys => collections::keys(arguments, meter),
        Function::Values => collections::values(arguments, meter),
        Function::Pluck => collections::pluck(arguments, meter),
        Function::Flatten => collections::flatten(arguments, meter),
        Function::Any => collections::truths(arguments, true, meter),
        Function::All => collections::truths(arguments, false, meter),
        Function::Sort => ordering::sort(arguments, meter),
        Function::Unique => ordering::unique(arguments, meter),
        Function::Min => ordering::extreme(arguments, std::cmp::Ordering::Less, meter),
        Function::Max => ordering::extreme(arguments, std::cmp::Ordering::Greater, meter),
        Function::Sum => numbers::sum(arguments, meter),
        Function::Abs => arguments.number(0)?.absolute().into_value().map(Slot::Own),
        Function::Round => numbers::round(arguments),
        Function::Int => convert::int(arguments, meter),
        Function::Float => convert::float(arguments, meter),
        Function::Str => convert::str(arguments, meter),
        Function::Json => convert::json(arguments, meter),
        Function::ParseJson => convert::parse_json(arguments, meter),
        // The parser makes guards and jumps of these two.
        Function::Exists | Function::Default => Ok(arguments.take(0)),
    }
}

/// The arguments of one call.
struct Arguments<'a> {
    function: Function,
    slots: Vec<Slot<'a>>,
    guarded: bool,
}

impl<'a> Arguments<'a> {
    /// How an argument is called in messages.
    fn name(&self, index: usize) -> String {
        format!("argument {} of `{}`", index + 1, self.function.name())
    }

    fn wrong(&self, index: usize, expected: &'static str) -> ErrorKind {
        ErrorKind::Type {
            what: self.name(index),
            expected,
            found: self.slots.get(index).map_or("nothing", Slot::type_name),
        }
    }

    /// An element of a list argument that has the wrong type.
    fn wrong_element(
        &self,
        index: usize,
        element: usize,
        expected: &'static str,
        found: &'static str,
    ) -> ErrorKind {
        ErrorKind::Type {
            what: format!("element {element} of {}", self.name(index)),
            expected,
            found,
        }
    }

    fn unusable(&self, index: usize, problem: impl Into<String>) -> ErrorKind {
        let found = match self.slots.get(index).and_then(Slot::value) {
            Some(Value::String(text)) => format!("'{}'", shorten(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value.to_string(),
            Some(Value::Array(_)) => "this list".into(),
            _ => "this map".into(),
        };
        ErrorKind::Unusable { what: self.name(index), found, problem: problem.into() }
    }

    /// What has no first element, no least element and the like.
    fn empty(&self) -> ErrorKind {
        ErrorKind::Missing {
            path: format!("{}(...)", self.function.name()),
            detail: Some("there is no element".into()),
            hint: Some("`default(..., value)` allows for that".into()),
        }
    }

    /// Whether the optional argument was given, and not as `null`.
    fn given(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| !matches!(slot.value(), Some(Value::Null)))
    }

    fn take(&mut self, index: usize) -> Slot<'a> {
        match self.slots.get_mut(index) {
            Some(slot) => std::mem::replace(slot, Slot::Own(Value::Null)),
            None => Slot::Own(Value::Null),
        }
    }

    fn text(&self, index: usize) -> Outcome<&str> {
        self.slots.get(index).and_then(Slot::text).ok_or_else(|| self.wrong(index, "a string"))
    }

    fn list(&self, index: usize) -> Outcome<&[Value]> {
        match self.slots.get(index).and_then(Slot::value) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(self.wrong(index, "a list")),
        }
    }

    /// A list to keep; one that was only read is copied and charged.
    fn take_list(&mut self, index: usize, meter: &mut Meter) -> Outcome<Vec<Value>> {
        self.list(index)?;
        match self.take(index).keep(meter)? {
            Value::Array(list) => Ok(list),
            _ => Ok(Vec::new()),
        }
    }

    fn number(&self, index: usize) -> Outcome<Number> {
        self.slots
            .get(index)
            .and_then(Slot::value)
            .and_then(Number::of)
            .ok_or_else(|| self.wrong(index, "a number"))
    }

    fn integer(&self, index: usize) -> Outcome<i64> {
        match self.slots.get(index).and_then(Slot::value).and_then(Number::of) {
            Some(Number::Integer(integer)) => {
                // Beyond 64 bits is beyond every position, so the nearest one does as well.
                Ok(i64::try_from(integer).unwrap_or(i64::MAX))
            }
            _ => Err(self.wrong(index, "an integer")),
        }
    }
}
