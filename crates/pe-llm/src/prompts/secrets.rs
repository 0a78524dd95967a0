//! Given values that no model is to see: those whose names look like secrets.
//!
//! They are not shown among the given values, and taken out of what tools answered. What is
//! encoded in some way is not recognised, nor are numbers.

use pe_model::JsonMap;
use secrecy::SecretString;
use serde_json::Value;

use crate::recording::Secrets;

/// The texts in given values whose names, or the names of what they are in, look like secrets.
pub(crate) fn secrets_of(context: &JsonMap) -> Secrets {
    let mut found: Vec<&str> = Vec::new();
    let mut open: Vec<(&Value, bool)> =
        context.iter().map(|(name, value)| (value, is_secret(name))).collect();
    while let Some((value, hidden)) = open.pop() {
        match value {
            Value::String(text) if hidden => found.push(text),
            Value::Array(items) => open.extend(items.iter().map(|item| (item, hidden))),
            Value::Object(map) => {
                open.extend(map.iter().map(|(name, item)| (item, hidden || is_secret(name))));
            }
            _ => {}
        }
    }
    // One that holds another goes first.
    found.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    Secrets::new(found.into_iter().map(SecretString::from).collect())
}

/// Whether a value is a secret by its name.
pub(crate) fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "privatekey",
        "credential",
        "authorization",
    ];
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).take(256).collect();
    let plain = plain.to_lowercase();
    WORDS.iter().any(|word| plain.contains(word))
}
