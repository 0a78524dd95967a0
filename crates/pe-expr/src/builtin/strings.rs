//! Functions on text.

use serde_json::Value;

use super::Arguments;
use crate::error::Outcome;
use crate::json;
use crate::limits::{Meter, NODE_BYTES};
use crate::slot::Slot;

pub(super) fn lower<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    change_case(arguments.text(0)?, str::to_lowercase, meter)
}

pub(super) fn upper<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    change_case(arguments.text(0)?, str::to_uppercase, meter)
}

fn change_case<'a>(text: &str, change: fn(&str) -> String, meter: &mut Meter) -> Outcome<Slot<'a>> {
    meter.bytes(NODE_BYTES + text.len())?;
    let changed = change(text);
    // A few characters grow, to three times their length at most.
    meter.bytes(changed.len().saturating_sub(text.len()))?;
    Ok(Slot::Own(changed.into()))
}

pub(super) fn trim<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let text = arguments.text(0)?;
    meter.scan(text.len())?;
    let trimmed = text.trim();
    meter.bytes(NODE_BYTES + trimmed.len())?;
    Ok(Slot::Own(trimmed.into()))
}

/// `starts_with` and `ends_with`.
pub(super) fn affix<'a>(
    arguments: &mut Arguments<'a>,
    test: fn(&str, &str) -> bool,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let (text, part) = (arguments.text(0)?, arguments.text(1)?);
    meter.scan(part.len().min(text.len()))?;
    Ok(Slot::Own(Value::Bool(test(text, part))))
}

pub(super) fn split<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let text = arguments.text(0)?;
    meter.scan(text.len())?;
    if !arguments.given(1) {
        let count = text.split_whitespace().count();
        meter.nodes(count + 1)?;
        meter.bytes(text.len())?;
        return Ok(Slot::Own(text.split_whitespace().map(Value::from).collect()));
    }
    let separator = arguments.text(1)?;
    if separator.is_empty() {
        return Err(arguments.unusable(1, "the separator is empty"));
    }
    // A searcher is prepared from all of what it looks for.
    meter.scan(separator.len())?;
    meter.nodes(text.matches(separator).count() + 2)?;
    meter.bytes(text.len())?;
    Ok(Slot::Own(text.split(separator).map(Value::from).collect()))
}

pub(super) fn join<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let separator = if arguments.given(1) { arguments.text(1)? } else { "" };
    let list = arguments.list(0)?;
    meter.nodes(1)?;
    let mut joined = String::new();
    for (index, element) in list.iter().enumerate() {
        meter.visit(1)?;
        if index > 0 {
            json::append(&mut joined, separator, meter)?;
        }
        json::append_text(&mut joined, &Slot::Ref(element), meter)?;
    }
    Ok(Slot::Own(joined.into()))
}

pub(super) fn replace<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let (text, old, new) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    if old.is_empty() {
        return Err(arguments.unusable(1, "there is nothing to look for"));
    }
    meter.scan(text.len())?;
    meter.scan(old.len())?;
    let count = text.matches(old).count();
    let length = (text.len() - count * old.len()).saturating_add(count.saturating_mul(new.len()));
    meter.bytes(length.saturating_add(NODE_BYTES))?;
    Ok(Slot::Own(text.replace(old, new).into()))
}
