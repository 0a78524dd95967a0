//! Parameter templates, and every fault in them.

use pe_expr::{ExprError, ParameterError, ParameterTemplate, Template};
use pe_model::JsonMap;
use serde_json::Value;

/// What parsing the parameters of one step gave.
pub(super) type Parsed = Result<ParameterTemplate, ParameterError>;

/// Parses the parameters of a step.
pub(super) fn parse(parameters: &JsonMap) -> Parsed {
    ParameterTemplate::parse_owned(Value::Object(parameters.clone()))
}

/// One string with an expression in it: its JSON pointer, and the template or its fault.
pub(super) type Text = (String, Result<Template, ExprError>);

/// The bytes of pointers that are kept: a long key over many strings stands in each of them.
const POINTER_BYTES: usize = 1 << 20;

/// Looks at every string on its own: for parameters that hold a fault.
///
/// The strings from where the pointers become too long on are left out.
pub(super) fn texts(parameters: &JsonMap) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut left = POINTER_BYTES;
    let mut pointer = String::new();
    // The members still to come of each value around, and the length of its pointer.
    let mut open = vec![(Members::Map(parameters.iter()), 0)];
    while let Some((members, parent)) = open.last_mut() {
        pointer.truncate(*parent);
        let Some(value) = members.next(&mut pointer) else {
            open.pop();
            continue;
        };
        match value {
            Value::String(text) if text.contains("{{") => {
                let Some(rest) = left.checked_sub(pointer.len()) else { break };
                left = rest;
                texts.push((pointer.clone(), Template::parse(text)));
            }
            Value::Array(items) => {
                open.push((Members::List(items.iter().enumerate()), pointer.len()));
            }
            Value::Object(map) => open.push((Members::Map(map.iter()), pointer.len())),
            _ => {}
        }
    }
    texts
}

/// The members of a value that are still to be looked at.
enum Members<'v> {
    List(std::iter::Enumerate<std::slice::Iter<'v, Value>>),
    Map(serde_json::map::Iter<'v>),
}

impl<'v> Members<'v> {
    /// The next member; its token is appended to the pointer.
    fn next(&mut self, pointer: &mut String) -> Option<&'v Value> {
        let (token, value) = match self {
            Members::List(items) => items.next().map(|(at, item)| (at.to_string(), item))?,
            Members::Map(members) => members.next().map(|(key, value)| (escape(key), value))?,
        };
        pointer.push('/');
        pointer.push_str(&token);
        Some(value)
    }
}

/// Escapes one token of a JSON pointer (RFC 6901).
pub(super) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(parameters: &Value) -> Vec<String> {
        let texts = texts(parameters.as_object().expect("a map"));
        texts.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn strings_with_expressions_are_found_in_their_order() {
        let parameters = json!({
            "a": ["x", {"b/c": "{{ 1 }}"}, ["{{"]], "d~": "{{ 2 }}", "e": {}, "f": [[], "{{ 3 }}"],
        });
        assert_eq!(pointers(&parameters), ["/a/1/b~1c", "/a/2/0", "/d~0", "/f/1"]);
    }

    #[test]
    fn a_long_key_is_not_kept_for_each_string_below_it() {
        let parameters = json!({ "k".repeat(1000): vec!["{{"; 100_000] });
        let kept: usize = pointers(&parameters).iter().map(String::len).sum();
        assert!((1 << 19..=1 << 20).contains(&kept), "{kept}");
        // The elements that hold nothing to be looked at cost nothing at all.
        let parameters = json!({ "k".repeat(1 << 20): vec![1; 100_000] });
        assert!(pointers(&parameters).is_empty());
    }
}
