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

/// Looks at every string on its own: for parameters that hold a fault.
pub(super) fn texts(parameters: &JsonMap) -> Vec<Text> {
    let mut texts = Vec::new();
    // What is still to be looked at, the next one last.
    let mut open: Vec<(String, &Value)> = Vec::new();
    open.extend(members("", parameters));
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::String(text) if text.contains("{{") => {
                texts.push((pointer, Template::parse(text)));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate().rev();
                open.extend(items.map(|(at, item)| (format!("{pointer}/{at}"), item)));
            }
            Value::Object(map) => open.extend(members(&pointer, map)),
            _ => {}
        }
    }
    texts
}

/// The members of a map with their pointers, last first.
fn members<'v>(
    pointer: &str,
    map: &'v JsonMap,
) -> impl Iterator<Item = (String, &'v Value)> + use<'v> {
    let pointer = pointer.to_owned();
    map.iter().rev().map(move |(key, value)| (format!("{pointer}/{}", escape(key)), value))
}

/// Escapes one token of a JSON pointer (RFC 6901).
pub(super) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
