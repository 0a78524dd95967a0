//! The draft parser: what a model wrote, read into steps.
//!
//! Tolerant in form and strict in substance: fences, prose, thinking blocks, comments, odd quotes
//! and synonyms are read past; what is not closed is an error, never completed.
//!
//! Which JSON counts: the last value that holds a list or a map of steps (models often draft
//! first), an empty one only if there is no other; without one, all single steps in their order.
//! An object that holds a key twice is refused, as in a plan file.

mod error;
mod interpretation;
mod keys;
mod opening;
mod scanner;
mod thinking;

use pe_model::{FinishReason, Format, PlanStep, ReadError, read_value};
use serde_json::Value;

pub use error::{DraftError, Place};
use error::{beginning, ending};
pub(crate) use scanner::DEEPEST;
use scanner::{Candidate, ClosedStep, Scanner};
pub(crate) use thinking::{Tag, last_close, tag};

use crate::notation::{Field, canonical};

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The most kinds of tolerance that are told.
const MOST_MENDED: usize = 20;

/// What a model wrote, read into steps: synonyms resolved, references in the plan's own form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The goal, if the model repeated it.
    pub goal: Option<String>,
    /// The steps, in the model's order.
    pub steps: Vec<PlanStep>,
    /// What was tolerated, each once, the first 20.
    pub mended: Vec<String>,
}

/// Reads an answer while it is being written.
#[derive(Debug)]
pub struct DraftParser {
    text: String,
    scanner: Scanner,
    yielded: usize,
    done: bool,
    too_large: bool,
}

impl Default for DraftParser {
    fn default() -> Self {
        Self::new()
    }
}

impl DraftParser {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            text: String::new(),
            scanner: Scanner::new(0),
            yielded: 0,
            done: false,
            too_large: false,
        }
    }

    /// Takes more of the answer and gives the steps that it closes, each once, in order. What
    /// cannot be read is left for [`finish`](Self::finish) to say.
    pub fn push(&mut self, text: &str) -> Vec<PlanStep> {
        if self.text.len() + text.len() > MAX_ANSWER_BYTES {
            self.too_large = true;
        }
        if self.too_large {
            return Vec::new();
        }
        self.text.push_str(text);
        self.scanner.scan(&self.text, false);
        let mut steps = Vec::new();
        for closed in std::mem::take(&mut self.scanner.closed) {
            if self.done {
                break;
            }
            let read = self.steps_of(closed);
            self.done = read.is_empty();
            self.yielded += read.len();
            steps.extend(read);
        }
        steps
    }

    /// The steps of an object that closed; none when the end must tell what it is.
    fn steps_of(&self, closed: ClosedStep) -> Vec<PlanStep> {
        let key = closed.key.map(|key| self.text.get(key).unwrap_or_default().to_owned());
        let found = match mended(&self.text[closed.range]) {
            Ok(value) if closed.alone => interpretation::find(value).map(|found| found.steps),
            Ok(value) => Some(vec![(key, value)]),
            Err(_) => None,
        };
        let mut steps = Vec::new();
        for (key, value) in found.unwrap_or_default() {
            let index = self.yielded + steps.len();
            let step = interpretation::read_one(index, key.as_deref(), value, &mut Vec::new());
            match step {
                Ok(step) if !step.tool.trim().is_empty() => steps.push(step),
                _ => return Vec::new(),
            }
        }
        steps
    }

    /// Forgets everything: the answer begins anew.
    pub fn restart(&mut self) {
        *self = Self::new();
    }

    /// Reads the whole.
    ///
    /// # Errors
    /// A [`DraftError`].
    pub fn finish(self, finish: FinishReason) -> Result<Draft, DraftError> {
        if self.too_large {
            return Err(DraftError::TooLarge { limit: MAX_ANSWER_BYTES });
        }
        let mut scanner = self.scanner;
        scanner.scan(&self.text, true);
        whole(&self.text, scanner, finish, 1)
    }
}

/// Reads a whole answer.
///
/// # Errors
/// A [`DraftError`].
pub fn parse_draft(text: &str, finish: FinishReason) -> Result<Draft, DraftError> {
    let mut parser = DraftParser::new();
    parser.done = true;
    parser.push(text);
    parser.finish(finish)
}

/// For each step in a value, in their order, whether it says which steps come before it.
pub(crate) fn dependencies_written(value: &Value) -> Vec<bool> {
    let says = |item: &Value| {
        let inner = item.as_object().filter(|map| map.len() == 1);
        let inner = inner.and_then(|map| map.values().next()?.as_object()).or(item.as_object());
        inner.is_some_and(|map| map.keys().any(|key| canonical(key) == Some(Field::After)))
    };
    let found = interpretation::find(value.clone()).unwrap_or_default();
    found.steps.iter().map(|(_, item)| says(item)).collect()
}

/// The last JSON object of an answer, or the last list where there is no object.
///
/// # Errors
/// A [`DraftError`], never [`DraftError::NoSteps`] nor [`DraftError::Step`].
pub fn extract_json(text: &str, finish: FinishReason) -> Result<Value, DraftError> {
    if text.len() > MAX_ANSWER_BYTES {
        return Err(DraftError::TooLarge { limit: MAX_ANSWER_BYTES });
    }
    let mut scanner = Scanner::new(0);
    scanner.scan(text, true);
    let scanner = settled(text, scanner, finish)?;
    let all = scanner.strong.iter().chain(&scanner.single).chain(&scanner.plain);
    let Some(last) = all.max_by_key(|candidate| candidate.range.start) else {
        return Err(DraftError::NoJson { excerpt: beginning(text) });
    };
    value_of(text, last)
}

/// The scanner after the last thinking block, when all that it found is closed.
fn settled(text: &str, scanner: Scanner, finish: FinishReason) -> Result<Scanner, DraftError> {
    let truncated = |problem: &str, at: usize| DraftError::Truncated {
        problem: problem.to_owned(),
        at: Place::of(text, at),
        excerpt: ending(text),
    };
    if finish.is_truncated() {
        return Err(truncated("the model did not finish it", text.len()));
    }
    let mut scanner = scanner;
    let nothing = scanner.strong.is_empty() && scanner.single.is_empty() && scanner.plain.is_none();
    if scanner.open().is_some() || nothing {
        // Odd quotes in a thought may have hidden its end.
        let begin = scanner.open().unwrap_or(0);
        if let Some(after) = thinking::last_close(text).filter(|&after| after > begin) {
            scanner = Scanner::new(after);
            scanner.scan(text, true);
        }
    }
    if let Some(at) = scanner.too_deep {
        return Err(DraftError::Malformed {
            problem: format!("it is nested deeper than {DEEPEST}"),
            at: Place::of(text, at),
            excerpt: beginning(&text[at..]),
        });
    }
    if let Some(at) = scanner.open().filter(|_| nothing || scanner.open_may_be_plan()) {
        return Err(truncated("JSON that does not close", at));
    }
    if let Some(at) = scanner.thinking {
        return Err(truncated("a thinking block that does not close", at));
    }
    if let Some(at) = scanner.abandoned {
        let all = scanner.strong.iter().chain(&scanner.single).chain(&scanner.plain);
        if all.map(|candidate| candidate.range.start).max().is_none_or(|start| start < at) {
            return Err(truncated("JSON that does not close", at));
        }
    }
    Ok(scanner)
}

fn whole(
    text: &str,
    scanner: Scanner,
    finish: FinishReason,
    unescapes: usize,
) -> Result<Draft, DraftError> {
    let scanner = settled(text, scanner, finish)?;
    let mut draft = Draft::default();
    let filled = scanner.strong.iter().rfind(|candidate| candidate.filled);
    if let Some(candidate) = filled.or(scanner.strong.last()) {
        let value = value_of(text, candidate)?;
        let found = interpretation::find(value).unwrap_or_default();
        draft.goal = found.goal;
        return with_steps(draft, found.steps);
    }
    if !scanner.single.is_empty() {
        check_sequence(text, &scanner)?;
        let mut steps = Vec::new();
        for candidate in &scanner.single {
            let value = value_of(text, candidate)?;
            if let Some(found) = interpretation::find(value) {
                draft.goal = draft.goal.or(found.goal);
                steps.extend(found.steps);
            }
        }
        return with_steps(draft, steps);
    }
    if unescapes > 0
        && let Some(start) = scanner.escaped
    {
        let inner = unescaped(&text[start..]);
        let mut scanner = Scanner::new(0);
        scanner.scan(&inner, true);
        let mut draft = whole(&inner, scanner, finish, unescapes - 1)?;
        draft.mended.push("JSON inside a string".to_owned());
        return Ok(draft);
    }
    match scanner.plain {
        Some(_) => Err(DraftError::NoSteps),
        None => Err(DraftError::NoJson { excerpt: beginning(text) }),
    }
}

fn with_steps(mut draft: Draft, steps: Vec<(Option<String>, Value)>) -> Result<Draft, DraftError> {
    if steps.is_empty() {
        return Err(DraftError::NoSteps);
    }
    for (index, (key, value)) in steps.into_iter().enumerate() {
        let step = interpretation::read_one(index, key.as_deref(), value, &mut draft.mended)?;
        draft.steps.push(step);
    }
    draft.mended.sort();
    draft.mended.dedup();
    draft.mended.truncate(MOST_MENDED);
    Ok(draft)
}

/// Single steps with commas between them are a list whose end must be there.
fn check_sequence(text: &str, scanner: &Scanner) -> Result<(), DraftError> {
    let last = &scanner.single[scanner.single.len() - 1];
    let after = text[last.range.end..].trim_start();
    let between =
        scanner.single.windows(2).map(|pair| &text[pair[0].range.end..pair[1].range.start]);
    let is_list = between.map(str::trim).any(|gap| gap == ",") || after.starts_with(',');
    let closes = scanner.stray_close.is_some_and(|at| at >= last.range.end);
    if is_list && !(closes && after.starts_with(']')) {
        return Err(DraftError::Truncated {
            problem: "a list that does not close".to_owned(),
            at: Place::of(text, last.range.end),
            excerpt: ending(text),
        });
    }
    Ok(())
}

/// The text that escapes stand for, one level of them. What is `\u` stays: it means the same in
/// the JSON that comes out.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('u') => out.push_str("\\u"),
                Some(other) => out.push(other),
                None => {}
            },
            (c, _) => out.push(c),
        }
    }
    out
}

fn value_of(text: &str, candidate: &Candidate) -> Result<Value, DraftError> {
    let slice = &text[candidate.range.clone()];
    let malformed = |problem: String| DraftError::Malformed {
        problem,
        at: Place::of(text, candidate.range.start),
        excerpt: beginning(slice),
    };
    if let Some(problem) = candidate.broken {
        return Err(malformed(problem.to_owned()));
    }
    mended(slice).map_err(malformed)
}

/// Reads a text whose brackets close, strictly or mended.
pub(crate) fn read_closed(text: &str) -> Option<Value> {
    let mut scanner = Scanner::new(0);
    scanner.scan(text, true);
    let mut found = scanner.strong.iter().chain(&scanner.single).chain(&scanner.plain);
    let is_whole = found.any(|found| found.range == (0..text.len()) && found.broken.is_none());
    is_whole.then(|| mended(text).ok()).flatten()
}

/// A closed text as a value: as it is, or after mending.
fn mended(text: &str) -> Result<Value, String> {
    match read_value(text.as_bytes(), Format::Json) {
        Ok(value) => Ok(value),
        Err(error @ (ReadError::DuplicateKey { .. } | ReadError::TooDeep { .. })) => {
            Err(error.to_string())
        }
        Err(error) => {
            let mended = jsonrepair_rs::jsonrepair(text).map_err(|_| error.to_string())?;
            read_value(mended.as_bytes(), Format::Json).map_err(|error| error.to_string())
        }
    }
}
