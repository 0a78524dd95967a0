//! How large and how deep a value is, without recursion.

use serde_json::{Value, map};

use crate::error::Outcome;
use crate::limits::{Meter, NODE_BYTES};

/// The elements of a value that are still to be walked.
pub(crate) enum Elements<'v> {
    List(std::slice::Iter<'v, Value>),
    Map(map::Iter<'v>),
}

impl<'v> Elements<'v> {
    /// The elements of a list or map.
    pub(crate) fn of(value: &'v Value) -> Option<Self> {
        match value {
            Value::Array(list) => Some(Elements::List(list.iter())),
            Value::Object(map) => Some(Elements::Map(map.iter())),
            _ => None,
        }
    }
}

impl<'v> Iterator for Elements<'v> {
    type Item = (Option<&'v str>, &'v Value);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Elements::List(list) => list.next().map(|value| (None, value)),
            Elements::Map(map) => map.next().map(|(key, value)| (Some(key.as_str()), value)),
        }
    }
}

/// Charges a copy of the value as it walks it, and returns its depth: 0 for a
/// scalar, 1 for a list of scalars.
pub(crate) fn charge(value: &Value, meter: &mut Meter) -> Outcome<usize> {
    meter.bytes(own_bytes(value))?;
    let mut deepest = 0;
    let mut open: Vec<Elements<'_>> = Elements::of(value).into_iter().collect();
    while let Some(elements) = open.last_mut() {
        let Some((key, value)) = elements.next() else {
            deepest = deepest.max(open.len());
            open.pop();
            continue;
        };
        meter.bytes(key.map_or(0, |key| NODE_BYTES + key.len()) + own_bytes(value))?;
        open.extend(Elements::of(value));
    }
    Ok(deepest)
}

/// The depth of a value that was built already; charges the walk alone.
pub(crate) fn depth(value: &Value, meter: &mut Meter) -> Outcome<usize> {
    let mut deepest = 0;
    let mut open: Vec<Elements<'_>> = Elements::of(value).into_iter().collect();
    while let Some(elements) = open.last_mut() {
        match elements.next() {
            Some((_, value)) => {
                meter.visit(1)?;
                open.extend(Elements::of(value));
            }
            None => {
                deepest = deepest.max(open.len());
                open.pop();
            }
        }
    }
    Ok(deepest)
}

/// The charge for a value, its elements apart.
fn own_bytes(value: &Value) -> usize {
    NODE_BYTES + value.as_str().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use serde_json::json;

    fn check(value: &Value, bytes: usize, expected_depth: usize) {
        let limits = |bytes| Limits { bytes, ..Limits::default() };
        let exactly = charge(value, &mut Meter::new(&limits(bytes)));
        assert_eq!(exactly, Ok(expected_depth), "{value}");
        assert!(charge(value, &mut Meter::new(&limits(bytes - 1))).is_err(), "{value}");
        let walked = depth(value, &mut Meter::new(&limits(0)));
        assert_eq!(walked, Ok(expected_depth), "{value}");
    }

    #[test]
    fn a_value_is_sixteen_bytes_and_its_text() {
        check(&json!(null), 16, 0);
        check(&json!("abc"), 19, 0);
        check(&json!([]), 16, 1);
        check(&json!([1, [2, "x"]]), 16 * 5 + 1, 2);
        check(&json!({"ab": {"c": [0]}}), 16 * 6 + 3, 3);
    }
}
