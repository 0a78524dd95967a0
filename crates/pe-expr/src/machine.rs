//! Runs a program: a stack of values, a stack of guards, one loop.
//!
//! Every operation costs a step. What is missing lands at the innermost guard
//! (`exists`, `default`); every other fault ends the evaluation.

mod path;

use serde_json::{Map, Value};

use crate::arithmetic::{Number, calculate};
use crate::builtin;
use crate::compare::{self, compare};
use crate::error::{Arithmetic, ErrorKind, ExprError, Outcome};
use crate::function::Function;
use crate::limits::{Meter, NODE_BYTES, VALUE_DEPTH};
use crate::operator::{Binary, Comparison, Logic, Prefix};
use crate::program::{Op, Place, Program};
use crate::scope::Scope;
use crate::size;
use crate::slot::{Slot, copy, too_deep};
use crate::suggest;

/// The value of a program.
pub(crate) fn evaluate<'a>(
    program: &'a Program,
    scope: &'a dyn Scope,
    meter: &mut Meter,
) -> Result<Slot<'a>, ExprError> {
    let mut machine =
        Machine { program, scope, meter, stack: Vec::with_capacity(4), guards: Vec::new(), at: 0 };
    while let Some((op, place)) = program.code.get(machine.at) {
        machine.at += 1;
        if let Err(kind) = machine.execute(op, place) {
            machine.land_or_fail(kind, place)?;
        }
    }
    Ok(machine.pop())
}

struct Machine<'a, 'm> {
    program: &'a Program,
    scope: &'a dyn Scope,
    meter: &'m mut Meter,
    stack: Vec<Slot<'a>>,
    guards: Vec<Guard>,
    at: usize,
}

/// Where to go on, and how high the stack was, if something is missing.
struct Guard {
    target: usize,
    height: usize,
}

impl<'a> Machine<'a, '_> {
    fn execute(&mut self, op: &'a Op, place: &Place) -> Outcome<()> {
        self.meter.step()?;
        match op {
            Op::Constant(index) => {
                let slot =
                    self.program.constants.get(*index).map_or(Slot::Own(Value::Null), Slot::Ref);
                self.stack.push(slot);
            }
            Op::Load(name) => {
                let binding = self.scope.variable(name).ok_or_else(|| self.unknown(name))?;
                self.stack.push(binding.into());
            }
            Op::Member(segment) => {
                let value = self.pop();
                let member = self.member(value, segment, place)?;
                self.stack.push(member);
            }
            Op::Index => {
                let index = self.pop();
                let value = self.pop();
                let segment = path::segment(&index, self.meter)?;
                let member = self.member(value, &segment, place)?;
                self.stack.push(member);
            }
            Op::List(count) => self.list(*count)?,
            Op::Map(keys) => self.map(keys)?,
            Op::Prefix(prefix) => {
                let value = self.pop();
                let result = apply(*prefix, &value)?;
                self.stack.push(result.into());
            }
            Op::Binary(operator) => {
                let right = self.pop();
                let left = self.pop();
                let result = self.binary(*operator, left, right)?;
                self.stack.push(result.into());
            }
            Op::Compare(operator) => {
                let right = self.pop();
                let left = self.pop();
                let result = compare(*operator, &left, &right, self.meter)?;
                self.stack.push(Value::Bool(result).into());
            }
            Op::Chain(operator, jump) => self.chain(*operator, *jump)?,
            Op::Decide(logic, jump) => {
                let decided = self.boolean(|| format!("the left side of `{}`", logic.text()))?;
                if decided == (*logic == Logic::Or) {
                    self.at += jump;
                } else {
                    self.stack.pop();
                }
            }
            Op::Boolean(logic) => {
                self.boolean(|| format!("the right side of `{}`", logic.text()))?;
            }
            Op::Unless(jump) => {
                if !self.boolean(|| "the condition of `if`".into())? {
                    self.at += jump;
                }
                self.stack.pop();
            }
            Op::Jump(jump) => self.at += jump,
            Op::Guard(jump) => {
                self.guards.push(Guard { target: self.at + jump, height: self.stack.len() })
            }
            Op::Landed(jump) => {
                self.guards.pop();
                self.at += jump;
            }
            Op::Drop => {
                self.stack.pop();
            }
            Op::Call(function, count) => self.call(*function, *count)?,
        }
        Ok(())
    }

    /// Goes on at the innermost guard if something is missing; else gives the fault its place.
    fn land_or_fail(&mut self, kind: ErrorKind, place: &Place) -> Result<(), ExprError> {
        if matches!(kind, ErrorKind::Missing { .. })
            && let Some(guard) = self.guards.pop()
        {
            self.stack.truncate(guard.height);
            self.at = guard.target;
            return Ok(());
        }
        let span = match kind {
            ErrorKind::Arithmetic(Arithmetic::DivisionByZero) => place.focus,
            _ => place.whole,
        };
        Err(self.program.error(kind, span))
    }

    fn pop(&mut self) -> Slot<'a> {
        self.stack.pop().unwrap_or(Slot::Own(Value::Null))
    }

    fn split(&mut self, count: usize) -> Vec<Slot<'a>> {
        self.stack.split_off(self.stack.len().saturating_sub(count))
    }

    /// The top, which must be a boolean.
    fn boolean(&self, what: impl FnOnce() -> String) -> Outcome<bool> {
        match self.stack.last() {
            Some(top) => boolean(top, what),
            None => Ok(false),
        }
    }

    fn unknown(&self, name: &str) -> ErrorKind {
        let hint = if Function::from_name(name).is_some() {
            Some(format!("`{name}` is a function, called as `{name}(...)`"))
        } else {
            let known = self.scope.names();
            let known = known.into_iter().filter(|known| self.scope.variable(known).is_some());
            suggest::nearest(name, known.chain(["null", "true", "false"]))
                .map(|nearest| format!("did you mean `{nearest}`?"))
        };
        ErrorKind::UnknownName { name: crate::error::shorten(name), hint }
    }

    fn list(&mut self, count: usize) -> Outcome<()> {
        self.meter.nodes(1)?;
        let mut list = Vec::with_capacity(count);
        for slot in self.split(count) {
            list.push(self.element(slot)?);
        }
        self.stack.push(Value::Array(list).into());
        Ok(())
    }

    fn map(&mut self, keys: &[String]) -> Outcome<()> {
        self.meter.nodes(1)?;
        let mut map = Map::new();
        for (key, slot) in keys.iter().zip(self.split(keys.len())) {
            self.meter.bytes(NODE_BYTES + key.len())?;
            map.insert(key.clone(), self.element(slot)?);
        }
        self.stack.push(Value::Object(map).into());
        Ok(())
    }

    /// A value as an element of a new list or map, whose depth stays bounded.
    fn element(&mut self, slot: Slot<'a>) -> Outcome<Value> {
        let value = slot.keep(self.meter)?;
        if size::depth(&value, self.meter)? >= VALUE_DEPTH {
            return Err(too_deep());
        }
        Ok(value)
    }

    fn chain(&mut self, operator: Comparison, jump: usize) -> Outcome<()> {
        let right = self.pop();
        let left = self.pop();
        if compare(operator, &left, &right, self.meter)? {
            self.stack.push(right);
        } else {
            self.stack.push(Value::Bool(false).into());
            self.at += jump;
        }
        Ok(())
    }

    fn call(&mut self, function: Function, count: usize) -> Outcome<()> {
        let arguments = self.split(count);
        let result = builtin::call(function, arguments, !self.guards.is_empty(), self.meter)?;
        self.stack.push(result);
        Ok(())
    }

    fn binary(&mut self, operator: Binary, left: Slot<'a>, right: Slot<'a>) -> Outcome<Value> {
        if let (Some(a), Some(b)) =
            (left.value().and_then(Number::of), right.value().and_then(Number::of))
        {
            return calculate(operator, a, b)?.into_value();
        }
        match operator {
            Binary::Add => self.add(left, right),
            Binary::Multiply => self.repeat(left, right),
            _ => Err(mismatch(operator, "a number", &left, &right)),
        }
    }

    /// Joins two strings or two lists; one that was built is extended in place.
    fn add(&mut self, left: Slot<'a>, right: Slot<'a>) -> Outcome<Value> {
        match (left.value(), right.value()) {
            (Some(Value::String(_)), Some(Value::String(addition))) => {
                let Value::String(mut text) = left.keep(self.meter)? else {
                    return Ok(Value::Null);
                };
                self.meter.bytes(addition.len())?;
                text.push_str(addition);
                Ok(text.into())
            }
            (Some(Value::Array(_)), Some(Value::Array(_))) => {
                let left = left.keep(self.meter)?;
                let right = right.keep(self.meter)?;
                let (Value::Array(mut list), Value::Array(addition)) = (left, right) else {
                    return Ok(Value::Null);
                };
                self.meter.visit(addition.len())?;
                list.extend(addition);
                Ok(list.into())
            }
            _ => Err(mismatch(Binary::Add, "two numbers, strings or lists", &left, &right)),
        }
    }

    /// A string or list times an integer.
    fn repeat(&mut self, left: Slot<'a>, right: Slot<'a>) -> Outcome<Value> {
        let times = |slot: &Slot<'_>| match slot.value().and_then(Number::of) {
            Some(Number::Integer(times)) => {
                Some(usize::try_from(times.max(0)).unwrap_or(usize::MAX))
            }
            _ => None,
        };
        let (value, times) = match (times(&left), times(&right)) {
            (_, Some(times)) => (left, times),
            (Some(times), None) => (right, times),
            _ => {
                return Err(mismatch(
                    Binary::Multiply,
                    "two numbers, or a string or list and an integer",
                    &left,
                    &right,
                ));
            }
        };
        match value.value() {
            Some(Value::String(text)) => {
                self.meter.bytes(text.len().saturating_mul(times).saturating_add(NODE_BYTES))?;
                Ok(if text.is_empty() { String::new() } else { text.repeat(times) }.into())
            }
            Some(Value::Array(list)) => {
                self.meter.nodes(list.len().saturating_mul(times).saturating_add(1))?;
                let mut repeated = Vec::new();
                let rounds = if list.is_empty() { 0 } else { times };
                for _ in 0..rounds {
                    for element in list {
                        repeated.push(copy(element, self.meter)?);
                    }
                }
                Ok(repeated.into())
            }
            _ => {
                let number = Slot::Own(times.into());
                Err(mismatch(
                    Binary::Multiply,
                    "two numbers, or a string or list and an integer",
                    &value,
                    &number,
                ))
            }
        }
    }
}

/// The boolean that a value must be.
pub(crate) fn boolean(slot: &Slot<'_>, what: impl FnOnce() -> String) -> Outcome<bool> {
    slot.value().and_then(Value::as_bool).ok_or_else(|| ErrorKind::Type {
        what: what(),
        expected: "true or false",
        found: slot.type_name(),
    })
}

fn apply(prefix: Prefix, value: &Slot<'_>) -> Outcome<Value> {
    let what = || format!("`{}`", prefix.text());
    match prefix {
        Prefix::Not => boolean(value, what).map(|value| Value::Bool(!value)),
        Prefix::Minus => compare::number(what, value)?.negate().into_value(),
        Prefix::Plus => compare::number(what, value)?.into_value(),
    }
}

/// The side of an operator that does not fit: the left one, unless that is what the operator takes.
fn mismatch<'a>(
    operator: Binary,
    expected: &'static str,
    left: &Slot<'a>,
    right: &Slot<'a>,
) -> ErrorKind {
    let number = |slot: &Slot<'_>| slot.value().is_some_and(Value::is_number);
    let sequence =
        |slot: &Slot<'_>| matches!(slot.value(), Some(Value::String(_) | Value::Array(_)));
    let fits = match operator {
        Binary::Add | Binary::Multiply => number(left) || sequence(left),
        _ => number(left),
    };
    let (side, found) = if fits { ("right", right) } else { ("left", left) };
    let expected = match (operator, fits, left.value()) {
        (Binary::Add, true, Some(Value::String(_))) => {
            "a string, as on its left (`str(...)` makes one)"
        }
        (Binary::Add, true, Some(Value::Array(_))) => "a list, as on its left",
        (Binary::Add | Binary::Multiply, true, Some(Value::Number(_))) => {
            "a number, as on its left"
        }
        (Binary::Multiply, true, _) => "an integer",
        _ => expected,
    };
    ErrorKind::Type {
        what: format!("the {side} side of `{}`", operator.text()),
        expected,
        found: found.type_name(),
    }
}
