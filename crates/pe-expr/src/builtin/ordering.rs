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
fn check_order(arguments: &Arguments<'_>, keys: &[&Value]) -> Outcome<()> {
    let Some(first) = keys.first() else {
        return Ok(());
    };
    let expected = match first {
        Value::Number(_) => "a number, as the first is",
        Value::String(_) => "a string, as the first is",
        _ => return Err(arguments.wrong_element(0, 0, "a number or string", type_name(first))),
    };
    match keys.iter().position(|key| {
        key.is_number() != first.is_number() || key.is_string() != first.is_string()
    }) {
        Some(index) => Err(arguments.wrong_element(0, index, expected, type_name(keys[index]))),
        None => Ok(()),
    }
}

fn text_bytes(keys: &[&Value]) -> usize {
    keys.iter().map(|key| key.as_str().map_or(0, str::len)).sum()
}

pub(super) fn sort<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let list = arguments.list(0)?;
    meter.visit(list.len())?;
    let mut keys = Vec::with_capacity(list.len());
    for (index, element) in list.iter().enumerate() {
        keys.push(match arguments.given(1) {
            true => collections::field(arguments, index, element, arguments.text(1)?, meter)?,
            false => element,
        });
    }
    check_order(arguments, &keys)?;
    // Comparisons of a merge sort; a comparison reads no more than the shorter text.
    let rounds = keys.len().max(1).ilog2() as usize + 1;
    meter.visit(keys.len().saturating_mul(rounds))?;
    meter.scan(text_bytes(&keys).saturating_mul(rounds))?;
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
    let best = {
        let keys: Vec<&Value> = if several {
            for (index, slot) in arguments.slots.iter().enumerate() {
                if !matches!(slot.value(), Some(Value::Number(_) | Value::String(_))) {
                    return Err(arguments.wrong(index, "a number or string"));
                }
            }
            arguments.slots.iter().filter_map(Slot::value).collect()
        } else {
            arguments.list(0)?.iter().collect()
        };
        meter.visit(keys.len())?;
        meter.scan(text_bytes(&keys))?;
        check_order(arguments, &keys)?;
        let mut best = 0;
        for (index, key) in keys.iter().enumerate().skip(1) {
            if order_values(key, keys[best]) == Some(wanted) {
                best = index;
            }
        }
        if keys.is_empty() {
            return Err(arguments.empty());
        }
        best
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
