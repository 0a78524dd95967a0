//! Takes secrets out of JSON before it leaves the database.
//!
//! What is under a key that names a secret goes, whatever it is; so do given values wherever
//! they occur, in keys as well, passwords in addresses, and what follows `Bearer`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

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
        // The longest first: a secret may be part of another one.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, nothing: false }
    }

    /// Nothing is secret.
    pub fn none() -> Self {
        Self { values: Vec::new(), nothing: true }
    }

    /// Replaces every secret.
    pub fn apply(&self, value: &mut Value) {
        if self.nothing {
            return;
        }
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if is_secret_name(name) && !field.is_null() {
                        *field = Value::String(REDACTED.to_owned());
                    } else {
                        self.apply(field);
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
        without_bearers(&without_logins(&text))
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

/// `https://user:pass@host` becomes `https://[redacted]@host`.
fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let after = at + 3;
        clean.push_str(&rest[..after]);
        rest = &rest[after..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<');
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if let Some(end) = authority.rfind('@').filter(|&end| end > 0) {
            clean.push_str(REDACTED);
            rest = &rest[end..];
        }
    }
    clean.push_str(rest);
    clean
}

/// `Bearer abc` becomes `Bearer [redacted]`.
fn without_bearers(text: &str) -> String {
    const SCHEME: &str = "bearer ";
    // ASCII letters alone change: places are the same in both.
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = lower[at..].find(SCHEME) {
        let start = at + found + SCHEME.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '\\');
        let end = start + text[start..].find(ends).unwrap_or(text.len() - start);
        clean.push_str(&text[at..start]);
        clean.push_str(if end > start { REDACTED } else { "" });
        at = end;
    }
    clean.push_str(&text[at..]);
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut value: Value, expected: Value) {
        Redaction::new(["s3cr3t".to_owned(), "s3cr3t-long".to_owned(), "abc".to_owned()])
            .apply(&mut value);
        assert_eq!(value, expected);
    }

    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        for name in [
            "Authorization",
            "api_key",
            "X-API-Key",
            "apiKey",
            "OPENAI_API_KEY",
            "password",
            "dbPassword",
            "Set-Cookie",
            "access_token",
            "client-secret",
            "auth",
        ] {
            check(json!({ name: {"deep": [1]} }), json!({ name: REDACTED }));
        }
        for name in ["tokens", "max_tokens", "author", "keyboard", "secretary", "cookies_eaten"] {
            check(json!({ name: "kept" }), json!({ name: "kept" }));
        }
        check(json!({"password": null}), json!({"password": null}));
    }

    #[test]
    fn secrets_are_found_inside_texts() {
        check(
            json!(["x s3cr3t-long y s3cr3t", "abc"]),
            json!(["x [redacted] y [redacted]", "abc"]),
        );
        check(
            json!("see https://me:pass@host/a@b and http://host/x@y"),
            json!("see https://[redacted]@host/a@b and http://host/x@y"),
        );
        check(
            json!("-H 'authorization: bearer a.b.c' -v"),
            json!("-H 'authorization: bearer [redacted]' -v"),
        );
        check(json!("BEARER ü"), json!("BEARER [redacted]"));
        check(json!("the bearer "), json!("the bearer "));
    }

    #[test]
    fn secrets_are_found_inside_keys_and_no_field_is_lost() {
        check(
            json!({"s3cr3t": {"x s3cr3t-long": "s3cr3t"}, "abc": 1}),
            json!({REDACTED: {"x [redacted]": REDACTED}, "abc": 1}),
        );
        check(
            json!([{"https://me:pass@host/": 1, "Bearer abc": 2}]),
            json!([{"https://[redacted]@host/": 1, "Bearer [redacted]": 2}]),
        );
        check(
            json!({"s3cr3t": 1, "[redacted] 2": 2, "s3cr3t-long": 3, "[redacted]": 4}),
            json!({"[redacted] 3": 1, "[redacted] 2": 2, "[redacted] 4": 3, "[redacted]": 4}),
        );
        check(json!({"s3cr3t token": 1}), json!({"[redacted] token": REDACTED}));
        let mut value = json!({"api_token": "t0"});
        Redaction::new(["token".to_owned()]).apply(&mut value);
        assert_eq!(value, json!({"api_[redacted]": REDACTED}));
    }

    #[test]
    fn nothing_is_changed_where_nothing_is_secret() {
        let mut value = json!({"token": "https://a:b@c", "n": 1});
        Redaction::none().apply(&mut value);
        assert_eq!(value, json!({"token": "https://a:b@c", "n": 1}));
    }
}
