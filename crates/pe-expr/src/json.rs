//! Values to text: as JSON, charged before each piece is appended.

use serde_json::Value;

use crate::error::Outcome;
use crate::limits::Meter;
use crate::size::Elements;
use crate::slot::Slot;

/// Appends a value to a text: a string as it is, anything else as JSON.
pub(crate) fn append_text(out: &mut String, slot: &Slot<'_>, meter: &mut Meter) -> Outcome<()> {
    if let Some(text) = slot.text() {
        return append(out, text, meter);
    }
    append_json(out, &*slot.read(meter)?, meter)
}

/// Appends a piece of text.
pub(crate) fn append(out: &mut String, text: &str, meter: &mut Meter) -> Outcome<()> {
    meter.bytes(text.len())?;
    out.push_str(text);
    Ok(())
}

/// Appends compact JSON.
pub(crate) fn append_json(out: &mut String, value: &Value, meter: &mut Meter) -> Outcome<()> {
    let mut open: Vec<(Elements<'_>, bool, &'static str)> = Vec::new();
    begin(out, value, &mut open, meter)?;
    while let Some((elements, first, closer)) = open.last_mut() {
        let Some((key, value)) = elements.next() else {
            let closer = *closer;
            append(out, closer, meter)?;
            open.pop();
            continue;
        };
        if !std::mem::replace(first, false) {
            append(out, ",", meter)?;
        }
        if let Some(key) = key {
            quote(out, key, meter)?;
            append(out, ":", meter)?;
        }
        begin(out, value, &mut open, meter)?;
    }
    Ok(())
}

/// Appends a scalar, or the opening bracket of what has elements.
fn begin<'v>(
    out: &mut String,
    value: &'v Value,
    open: &mut Vec<(Elements<'v>, bool, &'static str)>,
    meter: &mut Meter,
) -> Outcome<()> {
    meter.visit(1)?;
    match value {
        Value::Null => append(out, "null", meter),
        Value::Bool(true) => append(out, "true", meter),
        Value::Bool(false) => append(out, "false", meter),
        Value::Number(number) => append(out, &number.to_string(), meter),
        Value::String(text) => quote(out, text, meter),
        Value::Array(list) => {
            open.push((Elements::List(list.iter()), true, "]"));
            append(out, "[", meter)
        }
        Value::Object(map) => {
            open.push((Elements::Map(map.iter()), true, "}"));
            append(out, "{", meter)
        }
    }
}

fn quote(out: &mut String, text: &str, meter: &mut Meter) -> Outcome<()> {
    let special = |c: char| c == '"' || c == '\\' || c < ' ';
    append(out, "\"", meter)?;
    let mut rest = text;
    while let Some(stop) = rest.find(special) {
        append(out, &rest[..stop], meter)?;
        let code = rest.as_bytes()[stop];
        match code {
            b'"' => append(out, "\\\"", meter)?,
            b'\\' => append(out, "\\\\", meter)?,
            b'\n' => append(out, "\\n", meter)?,
            b'\t' => append(out, "\\t", meter)?,
            b'\r' => append(out, "\\r", meter)?,
            8 => append(out, "\\b", meter)?,
            12 => append(out, "\\f", meter)?,
            _ => append(out, &format!("\\u{code:04x}"), meter)?,
        }
        rest = &rest[stop + 1..];
    }
    append(out, rest, meter)?;
    append(out, "\"", meter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use serde_json::json;

    #[test]
    fn the_text_is_what_serde_json_writes() {
        let every: String = (0..0x250).filter_map(char::from_u32).collect();
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!([1, -2, 1.5, 1e300, true, [[], {}], "a"]),
            json!({"a": {"b": [null, false]}, "ü\"\n": "\u{1}\\"}),
            json!(every),
        ] {
            let mut out = String::new();
            append_json(&mut out, &value, &mut Meter::new(&Limits::default()))
                .expect("within limits");
            assert_eq!(out, value.to_string());
        }
    }
}
