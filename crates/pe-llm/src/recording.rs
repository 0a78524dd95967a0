//! Model traffic in a file: recorded once, replayed for nothing.
//!
//! A recording is JSON lines, one exchange each: the format's version, what the call was for,
//! model and endpoint, the request, and the answer or the error. [`Recorder`] appends a line
//! when a call ends, whole, in one write; [`Replay`] answers from such a file and from nothing
//! else.
//!
//! - **Secrets.** No key is in a request, an answer or an error. Values that the caller knows
//!   to be secret are taken out of every text beside that, as they are and as they look inside
//!   a JSON string; a replay does the same to what it is asked before it looks it up.
//! - **A request is found again** by what is asked: purpose, messages, tools, form. The
//!   greatest length of the answer is left out, since a budget changes it. Asked again, the
//!   same request gets its next answer, and the last one from then on.
//! - **Bounds.** A line has at most 32 MiB, a file at most 256.
//!
//! A replay keeps recorded errors as they are, retryable ones too; a
//! [`Patient`](crate::Patient) around it would wait and take the next answer.

mod record;
mod replay;

use std::borrow::Cow;
use std::path::PathBuf;

use pe_model::{ModelAnswer, ModelError, ModelRequest, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use record::Recorder;
pub use replay::Replay;

/// The version of the format that is written.
pub const RECORDING_FORMAT: u32 = 1;
/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 32 * 1024 * 1024;
/// The largest file, in bytes.
const MAX_RECORDING_BYTES: u64 = 256 * 1024 * 1024;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened, read or written.
    #[error("the recording `{}` cannot be {what}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted: `opened`, `read` or `written`.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is no exchange.
    #[error(
        "line {line} of the recording `{}` is damaged: {reason}; remove the line, or record again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is of a later version of this program.
    #[error(
        "line {line} of the recording `{}` has format {found}, and this program reads up to \
         {RECORDING_FORMAT}; use the program that recorded it, or record again",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its format.
        found: u64,
    },
    /// The file is larger than what is read.
    #[error("the recording `{}` is larger than {MAX_RECORDING_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// One exchange, as a line.
#[derive(Debug, Serialize, Deserialize)]
struct Exchange {
    format: u32,
    purpose: Purpose,
    model: String,
    endpoint: String,
    request: ModelRequest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<ModelAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ModelError>,
    duration_ms: u64,
}

/// Values that are taken out of every text.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<SecretString>);

/// What stands in the place of a secret.
const REMOVED: &str = "[secret]";
/// What is shorter is found in words that have nothing to do with it.
const SHORTEST_SECRET: usize = 4;

impl Secrets {
    pub(crate) fn new(values: Vec<SecretString>) -> Self {
        let long = |value: &SecretString| value.expose_secret().len() >= SHORTEST_SECRET;
        Self(values.into_iter().filter(long).collect())
    }

    /// Takes the secrets out of every text and key in a value.
    fn remove_from(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        let mut rest = vec![value];
        while let Some(value) = rest.pop() {
            match value {
                Value::String(text) => self.remove_from_text(text),
                Value::Array(items) => rest.extend(items),
                Value::Object(entries) => {
                    let hit = |key: &String| self.cleaned(key).is_some();
                    if entries.keys().any(hit) {
                        let old = std::mem::take(entries);
                        entries.extend(old.into_iter().map(|(mut key, value)| {
                            self.remove_from_text(&mut key);
                            (key, value)
                        }));
                    }
                    rest.extend(entries.values_mut());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    /// A value without the secrets.
    pub(crate) fn without<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        if self.0.is_empty() {
            return Cow::Borrowed(value);
        }
        let mut clean = value.clone();
        self.remove_from(&mut clean);
        Cow::Owned(clean)
    }

    /// A text without the secrets.
    pub(crate) fn without_in<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.cleaned(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    fn remove_from_text(&self, text: &mut String) {
        if let Some(clean) = self.cleaned(text) {
            *text = clean;
        }
    }

    /// The text without secrets, if there is one in it.
    fn cleaned(&self, text: &str) -> Option<String> {
        let mut clean: Option<String> = None;
        for secret in &self.0 {
            let secret = secret.expose_secret();
            let quoted = Value::from(secret).to_string();
            for form in [secret, &quoted[1..quoted.len() - 1]] {
                let now = clean.as_deref().unwrap_or(text);
                if now.contains(form) {
                    clean = Some(now.replace(form, REMOVED));
                }
            }
        }
        clean
    }
}
