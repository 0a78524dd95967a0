//! Answering from a recording.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pe_model::{
    BoxFuture, Delta, DeltaSink, ErrorClass, LlmClient, ModelAnswer, ModelError, ModelErrorKind,
    ModelName, ModelRequest,
};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    Exchange, MAX_LINE_BYTES, MAX_RECORDING_BYTES, RECORDING_FORMAT, RecordingError, Secrets,
};

/// How long the pieces are that an answer is passed on in, in characters.
const PIECE: usize = 16;
/// How much of a difference is shown, in characters.
const SHOWN: usize = 60;

/// A model that says again what was recorded.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    name: ModelName,
    secrets: Secrets,
    lines: Vec<Line>,
    /// The lines of each request, in order.
    by_request: HashMap<String, Vec<usize>>,
    turns: Mutex<Turns>,
}

#[derive(Debug)]
struct Line {
    request: ModelRequest,
    outcome: Result<ModelAnswer, ModelError>,
}

#[derive(Debug, Default)]
struct Turns {
    /// How often each request was asked.
    asked: HashMap<String, usize>,
    /// Whether each line was given.
    given: Vec<bool>,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or a line of it is damaged or newer.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RecordingError> {
        let path = path.into();
        let mut lines = Vec::new();
        let mut by_request: HashMap<String, Vec<usize>> = HashMap::new();
        let mut name = None;
        for exchange in read(&path)? {
            let Exchange { model, endpoint, request, answer, error, .. } = exchange;
            name.get_or_insert(ModelName { model, endpoint });
            let outcome = match (answer, error) {
                (Some(answer), _) => Ok(answer),
                (None, Some(error)) => Err(error),
                (None, None) => continue,
            };
            by_request.entry(key(&request, &Secrets::default())).or_default().push(lines.len());
            lines.push(Line { request, outcome });
        }
        let nobody = || ModelName { model: "recorded".into(), endpoint: "replay".into() };
        let turns = Turns { given: vec![false; lines.len()], ..Turns::default() };
        Ok(Self {
            path,
            name: name.unwrap_or_else(nobody),
            secrets: Secrets::default(),
            lines,
            by_request,
            turns: Mutex::new(turns),
        })
    }

    /// Takes these values out of what is asked, as they were when it was recorded.
    pub fn secrets(self, secrets: Vec<SecretString>) -> Self {
        Self { secrets: Secrets::new(secrets), ..self }
    }

    /// How many exchanges there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn answer(&self, request: &ModelRequest) -> Result<ModelAnswer, ModelError> {
        let key = key(request, &self.secrets);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = self.by_request.get(&key) else {
            return Err(self.not_recorded(request, &turns));
        };
        let asked = turns.asked.entry(key).or_default();
        let line = known[(*asked).min(known.len() - 1)];
        *asked += 1;
        turns.given[line] = true;
        self.lines[line].outcome.clone()
    }

    fn not_recorded(&self, request: &ModelRequest, turns: &Turns) -> ModelError {
        let next = turns.given.iter().position(|given| !given);
        let found = match next {
            None if self.is_empty() => "it is empty".to_owned(),
            None => format!("all of its {} exchanges were given", self.len()),
            Some(at) => {
                let expected = &self.lines[at].request;
                format!(
                    "of its {} exchanges the next would be number {}, for {:?}: {}",
                    self.len(),
                    at + 1,
                    expected.purpose,
                    difference(expected, request)
                )
            }
        };
        let message = format!(
            "the recording `{}` has no answer to this request for {:?}; {found}; record again \
             with `--record`",
            self.path.display(),
            request.purpose
        );
        let error = ModelError::new(ModelErrorKind::NotRecorded, ErrorClass::NotFound, message);
        ModelError { attempts: 0, ..error }
    }
}

/// What a request is found by.
fn key(request: &ModelRequest, secrets: &Secrets) -> String {
    let request = ModelRequest { max_tokens: None, ..request.clone() };
    // A request is plain data with text keys, and numbers that JSON knows.
    let mut value = serde_json::to_value(request).unwrap_or(Value::Null);
    secrets.remove_from(&mut value);
    value.to_string()
}

/// The first thing in which two requests differ, as a person would look for it.
fn difference(expected: &ModelRequest, found: &ModelRequest) -> String {
    if expected.purpose != found.purpose {
        return "another purpose".to_owned();
    }
    let pairs = expected.messages.iter().zip(&found.messages).enumerate();
    for (at, (expected, found)) in pairs {
        if expected.content != found.content {
            let (one, other) = apart(&expected.content, &found.content);
            return format!("message {} has `{other}` where `{one}` was recorded", at + 1);
        }
        if expected != found {
            return format!("message {} has other calls", at + 1);
        }
    }
    let (one, other) = (expected.messages.len(), found.messages.len());
    if one != other {
        return format!("{other} messages where {one} were recorded");
    }
    if expected.tools != found.tools {
        return "other tools are offered".to_owned();
    }
    if expected.format != found.format {
        return "another form of answer is asked for".to_owned();
    }
    "another temperature".to_owned()
}

/// Two texts from where they differ, on one line each.
fn apart(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    // A few letters before it show the place.
    let from = same.saturating_sub(12);
    let cut = |text: &str| {
        let part: String = text.chars().skip(from).take(SHOWN).collect();
        part.escape_debug().to_string()
    };
    (cut(one), cut(other))
}

fn read(path: &Path) -> Result<Vec<Exchange>, RecordingError> {
    let io = |what| move |source| RecordingError::Io { path: path.to_owned(), what, source };
    let file = File::open(path).map_err(io("opened"))?;
    if file.metadata().map_err(io("opened"))?.len() > MAX_RECORDING_BYTES {
        return Err(RecordingError::TooLarge { path: path.to_owned() });
    }
    // What is no file has no length: a pipe is bounded here.
    let mut reader = BufReader::new(file.take(MAX_RECORDING_BYTES));
    let mut exchanges = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        let taken = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        if taken.map_err(io("read"))? == 0 {
            break;
        }
        let damaged = |reason: String| RecordingError::Damaged {
            path: path.to_owned(),
            line: number,
            reason,
        };
        if line.len() as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            return Err(damaged(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let value: Value =
            serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        let format = value.get("format").and_then(Value::as_u64);
        if let Some(found) = format.filter(|format| *format > u64::from(RECORDING_FORMAT)) {
            return Err(RecordingError::Newer { path: path.to_owned(), line: number, found });
        }
        let exchange: Exchange =
            serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if exchange.answer.is_none() && exchange.error.is_none() {
            return Err(damaged("it has neither an answer nor an error".to_owned()));
        }
        exchanges.push(exchange);
    }
    Ok(exchanges)
}

/// Passes a text on in pieces.
fn pass_on(text: &str, sink: DeltaSink<'_>) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(PIECE).map_or(rest.len(), |(end, _)| end);
        sink(Delta::Text(&rest[..end]));
        rest = &rest[end..];
    }
}

impl LlmClient for Replay {
    fn name(&self) -> ModelName {
        self.name.clone()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let answer = self.answer(request)?;
            if let Some(sink) = sink {
                pass_on(&answer.content, sink);
            }
            Ok(answer)
        })
    }
}
