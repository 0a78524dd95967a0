//! Functions from one type to another.

use serde_json::Value;

use super::Arguments;
use crate::arithmetic::{Number, truncate};
use crate::error::Outcome;
use crate::json;
use crate::limits::Meter;
use crate::slot::Slot;

pub(super) fn int<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let number = match arguments.slots[0].value() {
        Some(Value::Bool(boolean)) => Number::Integer((*boolean).into()),
        Some(Value::String(text)) => {
            meter.scan(text.len())?;
            let parsed = text.trim().parse::<i64>();
            Number::Integer(
                parsed
                    .map_err(|_| {
                        arguments.unusable(0, "it is not a 64-bit integer in decimal digits")
                    })?
                    .into(),
            )
        }
        _ => match arguments
            .number(0)
            .map_err(|_| arguments.wrong(0, "a number, string or boolean"))?
        {
            Number::Float(float) => truncate(float)?,
            integer => integer,
        },
    };
    number.into_value().map(Slot::Own)
}

pub(super) fn float<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let number = match arguments.slots[0].value() {
        Some(Value::Bool(boolean)) => f64::from(u8::from(*boolean)),
        Some(Value::String(text)) => {
            meter.scan(text.len())?;
            let text = text.trim();
            // Rust also reads `inf`, `nan` and `infinity`.
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            let parsed = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
            parsed.ok_or_else(|| {
                arguments.unusable(0, "it is not a finite number in decimal digits")
            })?
        }
        _ => arguments
            .number(0)
            .map_err(|_| arguments.wrong(0, "a number, string or boolean"))?
            .to_f64(),
    };
    Number::Float(number).into_value().map(Slot::Own)
}

pub(super) fn str<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let slot = arguments.take(0);
    if slot.text().is_some() {
        return Ok(slot);
    }
    text(&slot, meter)
}

pub(super) fn json<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    text(&arguments.take(0), meter)
}

fn text<'a>(slot: &Slot<'_>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    meter.nodes(1)?;
    let mut out = String::new();
    json::append_json(&mut out, &*slot.read(meter)?, meter)?;
    Ok(Slot::Own(out.into()))
}

pub(super) fn parse_json<'a>(
    arguments: &mut Arguments<'a>,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let text = arguments.text(0)?;
    meter.scan(text.len())?;
    let (nodes, bytes) = json_size(text);
    meter.nodes(nodes)?;
    meter.bytes(bytes)?;
    // serde_json itself refuses text that nests deeper than 128.
    let parsed = serde_json::from_str::<Value>(text);
    parsed.map(Slot::Own).map_err(|error| arguments.unusable(0, error.to_string()))
}

/// At least as many values and map entries, and bytes of text, as the JSON holds.
fn json_size(text: &str) -> (usize, usize) {
    let (mut nodes, mut bytes) = (1, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' | b':' if !quoted => nodes += 1,
            _ => {}
        }
        bytes += usize::from(quoted);
    }
    (nodes, bytes)
}
