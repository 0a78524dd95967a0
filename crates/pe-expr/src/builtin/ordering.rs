//! Functions that compare elements: `sort`, `unique`, `min`, `max`.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;

use super::{Arguments, collections};
use crate::compare::{self, order_values};
use crate::error::Outcome;
use crate::limits::Meter;
use crate::slot::{Slot, copy, type_name};

/// What is ordered: all numbers or all strings.
fn check_order<'v>(
    arguments: &Arguments<'_>,
    mut keys: impl Iterator<Item = &'v Value> + Clone,
) -> Outcome<()> {
    let all = keys.clone();
    let Some(first) = keys.next() else {
        return Ok(());
    };
    let expected = match first {
        Value::Number(_) => "a number, as the first is",
        Value::String(_) => "a string, as the first is",
        _ => return Err(arguments.wrong_element(0, 0, "a number or string", type_name(first))),
    };
    match all.enumerate().find(|(_, key)| {
        key.is_number() != first.is_number() || key.is_string() != first.is_string()
    }) {
        Some((index, key)) => Err(arguments.wrong_element(0, index, expected, type_name(key))),
        None => Ok(()),
    }
}

fn text_bytes<'v>(keys: impl Iterator<Item = &'v Value>) -> usize {
    keys.map(|key| key.as_str().map_or(0, str::len)).sum()
}

pub(super) fn sort<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let list = arguments.list(0)?;
    // Comparisons of a merge sort; a comparison reads no more than the shorter text.
    let rounds = list.len().max(1).ilog2() as usize + 1;
    meter.visit(list.len().saturating_mul(rounds + 1))?;
    let mut keys = Vec::with_capacity(list.len());
    for (index, element) in list.iter().enumerate() {
        keys.push(match arguments.given(1) {
            true => collections::field(arguments, index, element, arguments.text(1)?, meter)?,
            false => element,
        });
    }
    check_order(arguments, keys.iter().copied())?;
    meter.scan(text_bytes(keys.iter().copied()).saturating_mul(rounds))?;
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|a, b| order_values(keys[*a], keys[*b]).unwrap_or(Ordering::Equal));
    meter.nodes(1)?;
    let mut sorted = Vec::with_capacity(list.len());
    for index in order {
        sorted.push(copy(&list[index], meter)?);
    }
    Ok(Slot::Own(sorted.into()))
}

pub(super) fn unique<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let list = arguments.list(0)?;
    meter.nodes(1)?;
    let mut seen: HashMap<u64, Vec<&Value>> = HashMap::new();
    let mut kept = Vec::new();
    for element in list {
        let alike = seen.entry(compare::hash(element, meter)?).or_default();
        let mut known = false;
        for earlier in alike.iter() {
            known = known || compare::equal(earlier, element, meter)?;
        }
        if !known {
            alike.push(element);
            kept.push(copy(element, meter)?);
        }
    }
    Ok(Slot::Own(kept.into()))
}

/// The first of the elements for which no other is `wanted` before it.
pub(super) fn extreme<'a>(
    arguments: &mut Arguments<'a>,
    wanted: Ordering,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let several = arguments.slots.len() > 1;
    let best = if several {
        for (index, slot) in arguments.slots.iter().enumerate() {
            if !matches!(slot.value(), Some(Value::Number(_) | Value::String(_))) {
                return Err(arguments.wrong(index, "a number or string"));
            }
        }
        most(arguments, arguments.slots.iter().filter_map(Slot::value), wanted, meter)?
    } else {
        most(arguments, arguments.list(0)?.iter(), wanted, meter)?
    };
    if several {
        return Ok(arguments.take(best));
    }
    Ok(match arguments.take(0) {
        Slot::Ref(Value::Array(list)) => list.get(best).map_or(Slot::Own(Value::Null), Slot::Ref),
        Slot::Own(Value::Array(mut list)) => Slot::Own(list.swap_remove(best)),
        other => other,
    })
}

/// The position of the first key that is `wanted` of all others.
fn most<'v>(
    arguments: &Arguments<'_>,
    keys: impl Iterator<Item = &'v Value> + Clone,
    wanted: Ordering,
    meter: &mut Meter,
) -> Outcome<usize> {
    meter.visit(keys.clone().count())?;
    meter.scan(text_bytes(keys.clone()))?;
    check_order(arguments, keys.clone())?;
    let mut numbered = keys.enumerate();
    let mut best = numbered.next().ok_or_else(|| arguments.empty())?;
    for (index, key) in numbered {
        if order_values(key, best.1) == Some(wanted) {
            best = (index, key);
        }
    }
    Ok(best.0)
}
