//! Takes secrets out of JSON before it leaves the database.
//!
//! What is under a key that names a secret goes, whatever it is. The same text goes wherever
//! else it occurs, in keys as well, and so do given values and what texts name as a secret
//! (`shapes.rs`).

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

mod shapes;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Names of secrets; a key that is one of them, or ends in one after a separator, is one.
const NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "auth",
    "authorization",
    "bearer",
    "clientsecret",
    "connectionstring",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "sessiontoken",
    "setcookie",
    "token",
    "xapikey",
];

/// A value shorter than this is no secret, and replacing it would spoil the text.
const SHORTEST_VALUE: usize = 4;

/// What stands under the name of a secret and has fewer characters is not looked for elsewhere.
const SHORTEST_LEARNT: usize = 6;

/// Says how somebody logs in, or of what type a secret is, and is none itself.
const NO_SECRETS: &[&str] = &[
    "boolean",
    "bearer",
    "default",
    "digest",
    "disabled",
    "enabled",
    "integer",
    "negotiate",
    "number",
    "oauth2",
    "object",
    "optional",
    "required",
    "string",
];

/// What is secret.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    values: Vec<String>,
    nothing: bool,
}

impl Redaction {
    /// By names and shapes, and these very values wherever they occur (those of secret-looking
    /// environment variables, say); values under four characters are left alone.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<String> =
            values.into_iter().filter(|value| value.len() >= SHORTEST_VALUE).collect();
        // What stands in place of a secret is not replaced again.
        values.retain(|value| !REDACTED.contains(value.as_str()));
        // The longest first: a secret may be part of another one.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, nothing: false }
    }

    /// Nothing is secret.
    pub fn none() -> Self {
        Self { values: Vec::new(), nothing: true }
    }

    /// Replaces every secret. What stands under the name of one is replaced wherever else it
    /// occurs, too.
    pub fn apply(&self, value: &mut Value) {
        self.and(self.learn(value)).replace(value);
    }

    /// What stands in a document under the names of secrets and is looked for elsewhere.
    pub(crate) fn learn(&self, value: &Value) -> BTreeSet<String> {
        let mut learnt = BTreeSet::new();
        if !self.nothing {
            learn(value, &mut learnt);
        }
        learnt
    }

    /// These values are secret as well.
    pub(crate) fn and(&self, values: impl IntoIterator<Item = String>) -> Self {
        if self.nothing {
            return Self::none();
        }
        // A text that holds JSON has it with other characters before quotes.
        let both = values.into_iter().flat_map(|value| {
            let written = Value::String(value.clone()).to_string();
            [written[1..written.len() - 1].to_owned(), value]
        });
        Self::new(self.values.iter().cloned().chain(both))
    }

    /// Replaces what is known to be secret.
    pub(crate) fn replace(&self, value: &mut Value) {
        if self.nothing {
            return;
        }
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => {
                let mut is_secret = false;
                for item in items {
                    let follows = item.as_str().is_some_and(shapes::is_secret_flag);
                    if is_secret && is_value(item) {
                        *item = Value::String(REDACTED.to_owned());
                    } else {
                        self.replace(item);
                    }
                    is_secret = follows;
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if is_secret_name(name) && !field.is_null() {
                        *field = Value::String(REDACTED.to_owned());
                    } else {
                        self.replace(field);
                    }
                }
                // Last, because what is left of a name may be no secret's any more.
                self.apply_to_keys(fields);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces secrets in keys. Keys that would be the same then are numbered, so that no
    /// field takes another one's place.
    fn apply_to_keys(&self, fields: &mut Map<String, Value>) {
        let clean: Vec<String> = fields.keys().map(|name| self.text(name)).collect();
        if fields.keys().eq(&clean) {
            return;
        }
        let kept = fields.keys().zip(&clean).filter(|(name, clean)| name == clean);
        let mut taken: HashSet<String> = kept.map(|(name, _)| name.clone()).collect();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for ((name, field), clean) in std::mem::take(fields).into_iter().zip(clean) {
            let mut free = clean.clone();
            if name != clean {
                let number = numbers.entry(clean.clone()).or_insert(1);
                while !taken.insert(free.clone()) {
                    *number += 1;
                    free = format!("{clean} {number}");
                }
            }
            fields.insert(free, field);
        }
    }

    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        if self.nothing {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), REDACTED);
            }
        }
        shapes::without_secrets(&text)
    }
}

/// Whether it is what a flag before it asks for, and not another flag.
fn is_value(item: &Value) -> bool {
    item.as_str().is_some_and(|text| !text.starts_with('-')) || item.is_number()
}

/// Collects what stands under the names of secrets.
fn learn(value: &Value, learnt: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            shapes::fields(text).for_each(|field| learn_text(&text[field], learnt));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|before| items[before].as_str());
                if before.is_some_and(shapes::is_secret_flag) && is_value(item) {
                    learn_all(item, learnt);
                } else {
                    learn(item, learnt);
                }
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if is_secret_name(name) { learn_all(field, learnt) } else { learn(field, learnt) }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Collects every text of a value that is secret as a whole; the description of a type is none.
fn learn_all(value: &Value, learnt: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => learn_text(text, learnt),
        Value::Array(items) => items.iter().for_each(|item| learn_all(item, learnt)),
        Value::Object(fields) if fields.get("type").is_some_and(Value::is_string) => {}
        Value::Object(fields) => fields.values().for_each(|field| learn_all(field, learnt)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn learn_text(text: &str, learnt: &mut BTreeSet<String>) {
    let is_word = NO_SECRETS.contains(&text) || NAMES.contains(&words(text).concat().as_str());
    if text.chars().count() >= SHORTEST_LEARNT && !is_word && !shapes::is_template(text) {
        learnt.insert(text.to_owned());
    }
}

/// Whether a key names a secret: `X-Api-Key`, `db_password`, `OPENAI_API_KEY`.
fn is_secret_name(name: &str) -> bool {
    let words: Vec<String> = words(name);
    (0..words.len()).any(|from| NAMES.contains(&words[from..].concat().as_str()))
}

/// `setCookie`, `set-cookie` and `SET_COOKIE` are all `set`, `cookie`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower_before = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        lower_before = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests;
