//! Looks at the top level of JSON text, without building it.
//!
//! The text is our own serialiser's: compact and valid. Text that is not gives fewer fields
//! or none, never a panic.

use std::ops::Range;

/// Where one field of an object stands in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name, quotes excluded and escapes as they are.
    pub(crate) name: Range<usize>,
    /// The value.
    pub(crate) value: Range<usize>,
}

/// The fields of an object, in order.
pub(crate) fn fields(text: &str) -> Vec<Field> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 1;
    while bytes.get(at) == Some(&b'"') {
        let name_end = end_of_string(bytes, at);
        let value = name_end + 1;
        let end = end_of_value(bytes, value);
        if end > bytes.len() || end <= value {
            return Vec::new();
        }
        found.push(Field { name: at + 1..name_end - 1, value: value..end });
        at = end + 1;
    }
    found
}

/// Whether lists and maps are nested at most `limit` deep.
pub(crate) fn is_shallow(text: &str, limit: usize) -> bool {
    let bytes = text.as_bytes();
    // Counting is vectorised and answers for nearly every text.
    if bytes.iter().filter(|&&byte| byte == b'[' || byte == b'{').count() <= limit {
        return true;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    true
}

/// The place after the closing quote of the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place after the value that begins at `at`.
fn end_of_value(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut place) = (0_usize, at);
    while let Some(&byte) = bytes.get(place) {
        match byte {
            b'"' => {
                place = end_of_string(bytes, place);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return place,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => return place,
            _ => {}
        }
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_they_hold() {
        let text = r#"{"a":"x,}\"]","b\"":[1,{"c":2}],"d":null,"e":{},"f":-1.5e3}"#;
        let found: Vec<(&str, &str)> =
            fields(text).into_iter().map(|field| (&text[field.name], &text[field.value])).collect();
        assert_eq!(
            found,
            [
                ("a", r#""x,}\"]""#),
                ("b\\\"", r#"[1,{"c":2}]"#),
                ("d", "null"),
                ("e", "{}"),
                ("f", "-1.5e3")
            ]
        );
        assert_eq!(fields("{}"), []);
        for broken in ["", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "[1]"] {
            assert_eq!(fields(broken), [], "{broken}");
        }
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(is_shallow(r#"{"a":["[[[["]}"#, 2));
        assert!(is_shallow("[[],[],[],[]]", 2));
        assert!(!is_shallow("[[[]],[]]", 2));
    }
}
