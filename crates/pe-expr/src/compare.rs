//! Equality, order and membership.
//!
//! Values of different types are unequal, never an error; integers and floats
//! are one type here. Walks are iterative and charged.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use crate::arithmetic::{self, Number};
use crate::error::{ErrorKind, Outcome};
use crate::limits::Meter;
use crate::operator::Comparison;
use crate::size::Elements;
use crate::slot::{Slot, type_name};

/// The result of a comparing operator.
pub(crate) fn compare<'a>(
    operator: Comparison,
    left: &Slot<'a>,
    right: &Slot<'a>,
    meter: &mut Meter,
) -> Outcome<bool> {
    Ok(match operator {
        Comparison::Equal => equal(&*left.read(meter)?, &*right.read(meter)?, meter)?,
        Comparison::NotEqual => !equal(&*left.read(meter)?, &*right.read(meter)?, meter)?,
        Comparison::Less => order(operator, left, right, meter)? == Ordering::Less,
        Comparison::LessEqual => order(operator, left, right, meter)? != Ordering::Greater,
        Comparison::Greater => order(operator, left, right, meter)? == Ordering::Greater,
        Comparison::GreaterEqual => order(operator, left, right, meter)? != Ordering::Less,
        Comparison::In => {
            contains("the right side of `in`", right, "the left side of `in`", left, meter)?
        }
        Comparison::NotIn => !contains(
            "the right side of `not in`",
            right,
            "the left side of `not in`",
            left,
            meter,
        )?,
    })
}

/// Whether `part` is an element of the list, a part of the string or a key of the map.
pub(crate) fn contains(
    whole_role: &str,
    whole: &Slot<'_>,
    part_role: &str,
    part: &Slot<'_>,
    meter: &mut Meter,
) -> Outcome<bool> {
    let text = || {
        part.text().ok_or_else(|| ErrorKind::Type {
            what: part_role.to_owned(),
            expected: "a string here",
            found: part.type_name(),
        })
    };
    match whole {
        Slot::View(entries) => {
            let key = text()?;
            meter.scan(key.len())?;
            Ok(entries.get(key).is_some())
        }
        other => match other.value() {
            Some(Value::Object(map)) => {
                let key = text()?;
                meter.scan(key.len())?;
                Ok(map.contains_key(key))
            }
            Some(Value::String(string)) => {
                meter.scan(string.len())?;
                Ok(string.contains(text()?))
            }
            Some(Value::Array(list)) => {
                let part = part.read(meter)?;
                for element in list {
                    if equal(element, &part, meter)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(ErrorKind::Type {
                what: whole_role.to_owned(),
                expected: "a list, string or map",
                found: whole.type_name(),
            }),
        },
    }
}

/// The order of two numbers or two strings.
pub(crate) fn order_values(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => Some(Number::of(left)?.order(Number::of(right)?)),
    }
}

fn order<'a>(
    operator: Comparison,
    left: &Slot<'a>,
    right: &Slot<'a>,
    meter: &mut Meter,
) -> Outcome<Ordering> {
    if let (Some(left), Some(right)) = (left.value(), right.value()) {
        if let (Value::String(a), Value::String(b)) = (left, right) {
            meter.scan(a.len().min(b.len()))?;
        }
        if let Some(order) = order_values(left, right) {
            return Ok(order);
        }
    }
    let (side, expected, found) = match left.value() {
        Some(Value::String(_)) => ("right", "a string, as on its left", right),
        Some(Value::Number(_)) => ("right", "a number, as on its left", right),
        _ => ("left", "a number or string", left),
    };
    Err(ErrorKind::Type {
        what: format!("the {side} side of `{}`", operator.text()),
        expected,
        found: found.type_name(),
    })
}

/// Two values of one kind whose elements are still to be compared.
enum Pairs<'v> {
    Lists(std::iter::Zip<std::slice::Iter<'v, Value>, std::slice::Iter<'v, Value>>),
    Maps(serde_json::map::Iter<'v>, &'v Map<String, Value>),
}

/// Whether two values are equal; maps whatever the order of their keys.
pub(crate) fn equal(left: &Value, right: &Value, meter: &mut Meter) -> Outcome<bool> {
    let mut open = Vec::new();
    if !equal_shallow(left, right, &mut open, meter)? {
        return Ok(false);
    }
    while let Some(pairs) = open.last_mut() {
        let next = match pairs {
            Pairs::Lists(lists) => lists.next(),
            Pairs::Maps(left, right) => match left.next() {
                Some((key, value)) => {
                    meter.scan(key.len())?;
                    match right.get(key) {
                        Some(other) => Some((value, other)),
                        None => return Ok(false),
                    }
                }
                None => None,
            },
        };
        match next {
            Some((left, right)) => {
                if !equal_shallow(left, right, &mut open, meter)? {
                    return Ok(false);
                }
            }
            None => {
                open.pop();
            }
        }
    }
    Ok(true)
}

/// Whether two values may be equal; elements that decide it are pushed.
fn equal_shallow<'v>(
    left: &'v Value,
    right: &'v Value,
    open: &mut Vec<Pairs<'v>>,
    meter: &mut Meter,
) -> Outcome<bool> {
    meter.visit(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(_), Value::Number(_)) => order_values(left, right) == Some(Ordering::Equal),
        (Value::String(a), Value::String(b)) => {
            a.len() == b.len() && {
                meter.scan(a.len())?;
                a == b
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            let same = a.len() == b.len();
            if same {
                open.push(Pairs::Lists(a.iter().zip(b)));
            }
            same
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = a.len() == b.len();
            if same {
                open.push(Pairs::Maps(a.iter(), b));
            }
            same
        }
        _ => false,
    })
}

/// A hash that is the same for equal values, within one process.
pub(crate) fn hash(value: &Value, meter: &mut Meter) -> Outcome<u64> {
    let mut hasher = DefaultHasher::new();
    let mut open = Vec::new();
    hash_shallow(value, &mut hasher, &mut open, meter)?;
    while let Some(rest) = open.last_mut() {
        match rest.next() {
            Some((key, value)) => {
                meter.scan(key.map_or(0, str::len))?;
                key.hash(&mut hasher);
                hash_shallow(value, &mut hasher, &mut open, meter)?;
            }
            None => {
                open.pop();
            }
        }
    }
    Ok(hasher.finish())
}

type Rest<'v> = Box<dyn Iterator<Item = (Option<&'v str>, &'v Value)> + 'v>;

fn hash_shallow<'v>(
    value: &'v Value,
    hasher: &mut DefaultHasher,
    open: &mut Vec<Rest<'v>>,
    meter: &mut Meter,
) -> Outcome<()> {
    meter.visit(1)?;
    type_tag(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(boolean) => boolean.hash(hasher),
        Value::String(text) => {
            meter.scan(text.len())?;
            text.hash(hasher);
        }
        Value::Number(_) => match Number::of(value) {
            Some(Number::Integer(integer)) => integer.hash(hasher),
            // A float that is whole hashes as its integer, because the two are equal.
            Some(Number::Float(float)) if float.fract() == 0.0 && float.abs() < 3.7e19 => {
                (float as i128).hash(hasher);
            }
            Some(Number::Float(float)) => float.to_bits().hash(hasher),
            None => {}
        },
        Value::Array(list) => {
            list.len().hash(hasher);
            open.extend(Elements::of(value).map(|elements| Box::new(elements) as Rest<'v>));
        }
        Value::Object(map) => {
            // The keys are sorted, which takes a few comparisons for each.
            let rounds = map.len().max(1).ilog2() as usize + 1;
            meter.visit(map.len().saturating_mul(rounds))?;
            map.len().hash(hasher);
            let mut sorted: Vec<(Option<&str>, &Value)> =
                map.iter().map(|(key, value)| (Some(key.as_str()), value)).collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            open.push(Box::new(sorted.into_iter()));
        }
    }
    Ok(())
}

fn type_tag(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "a number",
        other => type_name(other),
    }
}

/// A number that a value must be.
pub(crate) fn number(
    what: impl FnOnce() -> String,
    slot: &Slot<'_>,
) -> Outcome<arithmetic::Number> {
    slot.value().and_then(Number::of).ok_or_else(|| ErrorKind::Type {
        what: what(),
        expected: "a number",
        found: slot.type_name(),
    })
}
