//! Text to JSON values, for JSON and YAML alike, with the bounds that hold for both.
//!
//! Duplicate keys are refused in every object, sizes are checked before memory is taken,
//! and numbers that JSON cannot hold (NaN, infinities) are errors.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{MAX_STEPS, ShapeIssue};

mod told;

/// The longest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// The deepest nesting of lists and maps that is read.
pub const MAX_NESTING: usize = 128;

/// The most values that all aliases of a YAML document stand for.
const MAX_REPLAYED: usize = 50_000;

/// A notation for plan files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.2, one document.
    Yaml,
}

impl Format {
    /// The format that a file name's ending stands for: `.json`, `.yaml` or `.yml`.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        match ending.as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// The likely format of a text without a name: JSON when it opens with `{` or `[`.
    pub fn sniff(text: &[u8]) -> Self {
        match text
            .iter()
            .find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte))
        {
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Yaml,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        })
    }
}

/// Why a text is not a plan, or not even a document. Nothing was read from it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The document is longer than [`MAX_DOCUMENT_BYTES`].
    #[error("the file has {bytes} bytes, more than the {limit} that are read; split the plan")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There is nothing but blank space.
    #[error("the file is empty; a plan needs at least `goal` and `steps`")]
    Empty,
    /// The bytes are not UTF-8.
    #[error("the file is not UTF-8 at byte {offset}; save it as UTF-8")]
    Encoding {
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// The bytes are UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// The text is not in the notation that it should be in.
    #[error("not {format}: {message}")]
    Syntax {
        /// The notation.
        format: Format,
        /// What the parser found.
        message: String,
        /// Line and column, both from 1, where known.
        at: Option<(usize, usize)>,
        /// What to write instead, where the text shows what was meant.
        help: Option<&'static str>,
    },
    /// The text is in its notation, but holds what is not read.
    #[error("{message}")]
    Refused {
        /// What it is, and what to do.
        message: String,
        /// Line and column, both from 1, where known.
        at: Option<(usize, usize)>,
    },
    /// An object holds a key twice.
    #[error("duplicate key `{key}` in one object; keep one of the two")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Line and column of the second one, both from 1, where known.
        at: Option<(usize, usize)>,
    },
    /// Lists and maps are nested deeper than [`MAX_NESTING`].
    #[error("lists and maps are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Line and column, both from 1, where known.
        at: Option<(usize, usize)>,
    },
    /// A list holds more than [`MAX_STEPS`] elements.
    #[error("a list has more than {limit} elements")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The plan holds more steps than the reader asked for; the rest was not looked at.
    #[error("the plan has more than {limit} steps; nothing else of it was read")]
    TooManySteps {
        /// How many were read.
        limit: usize,
    },
    /// The document's top is not an object.
    #[error("expected an object with `goal` and `steps`, found {found}")]
    NotAnObject {
        /// What stands there.
        found: &'static str,
    },
    /// Fields hold values of the wrong type; every one of them is listed.
    #[error("{} of the wrong type: {}", count(.0.len()), list(.0))]
    Shape(Vec<ShapeIssue>),
}

impl ReadError {
    /// Line and column of the fault, both from 1, where the parser knew them.
    pub fn position(&self) -> Option<(usize, usize)> {
        match self {
            Self::Syntax { at, .. }
            | Self::Refused { at, .. }
            | Self::DuplicateKey { at, .. }
            | Self::TooDeep { at, .. } => *at,
            _ => None,
        }
    }

    /// What to write instead, where the text shows what was meant; the message says the rest.
    pub fn suggestion(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { help, .. } => *help,
            _ => None,
        }
    }
}

/// Reads one document into a JSON value.
///
/// # Errors
/// Every [`ReadError`] but `NotAnObject` and `Shape`.
pub fn read_value(bytes: &[u8], format: Format) -> Result<Value, ReadError> {
    read(bytes, format, None)
}

/// Takes one element of a document's `steps`, and says whether it wants another one.
pub(crate) type TakeStep<'t> = &'t mut (dyn FnMut(Value) -> bool + Send);

/// Reads one document whose `steps` are handed on one by one, as they are read: a plan is never
/// held as a tree of values. In the value that is returned the list is empty.
///
/// # Errors
/// As [`read_value`]; `TooManySteps` when `take` wants no more of them, with a limit of 0.
pub(crate) fn read_steps(
    bytes: &[u8],
    format: Format,
    take: TakeStep<'_>,
) -> Result<Value, ReadError> {
    read(bytes, format, Some(take))
}

fn read(bytes: &[u8], format: Format, take: Option<TakeStep<'_>>) -> Result<Value, ReadError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(ReadError::TooLarge { bytes: bytes.len(), limit: MAX_DOCUMENT_BYTES });
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if told::is_utf16(bytes) {
        return Err(ReadError::Utf16);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ReadError::Encoding { offset: error.valid_up_to() })?;
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    match format {
        Format::Json => read_json(text, take),
        Format::Yaml => read_yaml(text, take),
    }
}

/// What kind of value this is, for messages: `a list`, `a string`, and so on.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn read_json(text: &str, take: Option<TakeStep<'_>>) -> Result<Value, ReadError> {
    let (refusal, take) = (Cell::new(None), take.map(RefCell::new));
    let mut reader = serde_json::Deserializer::from_str(text);
    // Our own bound is checked first; the parser's would refuse the last legal depth.
    reader.disable_recursion_limit();
    let value = Strict { depth: 0, refusal: &refusal, role: Role::of(&take) }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        let at = (error.line() > 0).then(|| (error.line(), error.column()));
        refused(refusal.take(), at).unwrap_or_else(|| ReadError::Syntax {
            format: Format::Json,
            message: strip_position(&error.to_string()),
            at,
            help: told::help(text, at),
        })
    })
}

/// The YAML parser recurses with large frames, so it gets a stack of its own: a library
/// must not depend on how much of its caller's is left.
fn read_yaml(text: &str, take: Option<TakeStep<'_>>) -> Result<Value, ReadError> {
    const STACK_BYTES: usize = 64 * 1024 * 1024;
    let broken = |message: String| ReadError::Syntax {
        format: Format::Yaml,
        message,
        at: None,
        help: told::help(text, None),
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("read-yaml".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || read_yaml_here(text, take))
            .map_err(|error| broken(format!("no thread to read it on: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(broken("the parser gave up on it".to_owned())))
    })
}

fn read_yaml_here(text: &str, take: Option<TakeStep<'_>>) -> Result<Value, ReadError> {
    let (refusal, take) = (Cell::new(None), take.map(RefCell::new));
    let seed = Strict { depth: 0, refusal: &refusal, role: Role::of(&take) };
    let value =
        serde_saphyr::with_deserializer_from_str_with_options(text, yaml_options(), |reader| {
            seed.deserialize(reader)
        });
    value.map_err(|error| {
        let at = error.location().map(|place| (place.line() as usize, place.column() as usize));
        refused(refusal.take(), at).unwrap_or_else(|| told::yaml(error.without_snippet(), text, at))
    })
}

/// Why the visitor gave up, if it was the visitor.
fn refused(refusal: Option<Refusal>, at: Option<(usize, usize)>) -> Option<ReadError> {
    Some(match refusal? {
        Refusal::Duplicate(key) => ReadError::DuplicateKey { key, at },
        Refusal::Deep => ReadError::TooDeep { limit: MAX_NESTING, at },
        Refusal::Long => ReadError::TooLong { limit: MAX_STEPS },
        Refusal::Enough => ReadError::TooManySteps { limit: 0 },
    })
}

fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_NESTING + 1,
            max_events: 8_000_000,
            max_nodes: 4_000_000,
            max_total_scalar_bytes: MAX_DOCUMENT_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        with_snippet: false,
        // YAML 1.2: `no`, `on` and `y` are words.
        strict_booleans: true,
    }
}

/// serde_json ends its messages with ` at line L column C`; the position is kept apart.
fn strip_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text).to_owned()
}

fn count(issues: usize) -> String {
    if issues == 1 { "1 field is".to_owned() } else { format!("{issues} fields are") }
}

fn list(issues: &[ShapeIssue]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<_> =
        issues.iter().take(SHOWN).map(|i| format!("{}: {}", i.pointer, i.message)).collect();
    if issues.len() > SHOWN {
        text.push(format!("and {} more", issues.len() - SHOWN));
    }
    text.join("; ")
}

/// Why the visitor gave up; parsers pass on only text.
enum Refusal {
    Duplicate(String),
    Deep,
    Long,
    Enough,
}

/// What is being read, as far as it matters.
#[derive(Clone, Copy)]
enum Role<'r, 't> {
    /// Anything.
    Value,
    /// The whole document, whose steps somebody takes.
    Document(&'r RefCell<TakeStep<'t>>),
    /// What stands under `steps`.
    Steps(&'r RefCell<TakeStep<'t>>),
}

/// Builds a value and refuses what the two notations would let pass.
#[derive(Clone, Copy)]
struct Strict<'r, 't> {
    depth: usize,
    refusal: &'r Cell<Option<Refusal>>,
    role: Role<'r, 't>,
}

impl<'r, 't> Role<'r, 't> {
    fn of(take: &'r Option<RefCell<TakeStep<'t>>>) -> Self {
        take.as_ref().map_or(Self::Value, Self::Document)
    }
}

impl Strict<'_, '_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_NESTING {
            return Err(self.refuse(Refusal::Deep));
        }
        Ok(Self { depth: self.depth + 1, role: Role::Value, ..self })
    }

    /// Notes why; the error only makes the parser stop.
    fn refuse<E: serde::de::Error>(self, refusal: Refusal) -> E {
        self.refusal.set(Some(refusal));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom(format!("{value} is not a number that JSON can hold")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let (mut list, mut count) = (Vec::new(), 0);
        while let Some(item) = items.next_element_seed(inner)? {
            if count >= MAX_STEPS {
                return Err(self.refuse(Refusal::Long));
            }
            count += 1;
            match self.role {
                Role::Steps(take) => {
                    if !take.borrow_mut()(item) {
                        return Err(self.refuse(Refusal::Enough));
                    }
                }
                _ => list.push(item),
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(self.refuse(Refusal::Duplicate(key)));
            }
            let role = match self.role {
                Role::Document(take) if key == "steps" => Role::Steps(take),
                _ => Role::Value,
            };
            let value = entries.next_value_seed(Strict { role, ..inner })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
