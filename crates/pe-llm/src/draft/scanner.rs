//! Finds the JSON in an answer while it is being written.
//!
//! A state machine over the text that looks at every byte once: it knows strings (in any quotes),
//! comments, brackets and thinking blocks, and nothing of what the JSON means but the few keys
//! under which steps are kept. It decides what is *closed*; nothing that it calls open is ever
//! read, whatever a mender of JSON would make of it. It does not parse.

use std::ops::Range;

use super::keys::{is_steps_key, is_wrapper_key};
use super::opening::{Opening, opening};
use super::thinking::{Tag, tag};
use crate::notation::canonical;

/// The deepest nesting that is followed.
pub(crate) const DEEPEST: usize = 128;
/// The most single steps that are kept.
const MOST: usize = 100_000;

/// A JSON value at the top of an answer, closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// From its opening to its closing bracket.
    pub(crate) range: Range<usize>,
    /// Whether it holds a list or a map of steps.
    pub(crate) strong: bool,
    /// Whether that list or map holds any.
    pub(crate) filled: bool,
    /// Whether it is an object that may be one step.
    pub(crate) stepish: bool,
    /// Why it must not be read although it is closed.
    pub(crate) broken: Option<&'static str>,
}

/// A step's object that has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosedStep {
    /// From `{` to `}`.
    pub(crate) range: Range<usize>,
    /// The key's place in a map of steps.
    pub(crate) key: Option<Range<usize>>,
    /// Whether it stands alone, outside of any list or map of steps.
    pub(crate) alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// May hold steps under a key.
    Wrapper,
    /// A list or map of steps.
    Steps,
    /// One step.
    Step,
    Other,
}

#[derive(Debug)]
struct Frame {
    is_object: bool,
    role: Role,
    open: usize,
    key: Range<usize>,
    awaits_key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Double,
    SmartDouble,
    Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Text {
        quote: Quote,
        from: usize,
        escaped: bool,
    },
    /// A single quote that closes, unless a letter follows.
    Closing {
        from: usize,
        to: usize,
    },
    LineComment,
    BlockComment,
    Thinking,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Scanner {
    at: usize,
    mode: Mode,
    frames: Vec<Frame>,
    token: Range<usize>,
    /// The last byte that is no white space.
    previous: u8,
    current: Candidate,
    /// The end of the last bracket that was prose.
    in_prose: usize,
    /// Strong candidates: the last one, and the last one that is filled.
    pub(crate) strong: Vec<Candidate>,
    /// Objects that may be single steps.
    pub(crate) single: Vec<Candidate>,
    /// Any other JSON: the last object or list.
    pub(crate) plain: Option<Candidate>,
    /// Where JSON begins that a fence or a thinking block's end cut off.
    pub(crate) abandoned: Option<usize>,
    /// Where nesting became too deep; nothing is read beyond.
    pub(crate) too_deep: Option<usize>,
    /// A closing bracket at the top without an opening one.
    pub(crate) stray_close: Option<usize>,
    /// Where JSON begins whose quotes are escaped.
    pub(crate) escaped: Option<usize>,
    /// Where an open thinking block begins.
    pub(crate) thinking: Option<usize>,
    /// The steps that closed since they were last taken, up to the end of the first value that
    /// holds steps, or of one that was given up.
    pub(crate) closed: Vec<ClosedStep>,
}

impl Scanner {
    pub(crate) fn new(at: usize) -> Self {
        Self {
            at,
            mode: Mode::Plain,
            frames: Vec::new(),
            token: 0..0,
            previous: 0,
            current: Candidate {
                range: 0..0,
                strong: false,
                filled: false,
                stepish: false,
                broken: None,
            },
            in_prose: 0,
            strong: Vec::new(),
            single: Vec::new(),
            plain: None,
            abandoned: None,
            too_deep: None,
            stray_close: None,
            escaped: None,
            thinking: None,
            closed: Vec::new(),
        }
    }

    /// Where the JSON begins that is open.
    pub(crate) fn open(&self) -> Option<usize> {
        self.frames.first().map(|frame| frame.open)
    }

    /// Whether what is open may be a plan: a list that begins with anything but objects is not.
    pub(crate) fn open_may_be_plan(&self) -> bool {
        self.frames.first().is_some_and(|frame| {
            frame.is_object || self.frames.len() > 1 || self.current.strong || self.previous == b'['
        })
    }

    /// Goes on to the end of `text`, which begins as it did before. Where a decision needs what
    /// follows, it is put off until there is more, or until the text has `ended`.
    pub(crate) fn scan(&mut self, text: &str, ended: bool) {
        let bytes = text.as_bytes();
        while self.too_deep.is_none() && self.at < bytes.len() {
            let going = match self.mode {
                Mode::Plain if self.frames.is_empty() => self.prose(text, ended),
                Mode::Plain => self.json(text, ended),
                Mode::Text { quote, from, escaped } => self.string(bytes, quote, from, escaped),
                Mode::Closing { from, to } => self.closing(bytes, from, to),
                Mode::LineComment => self.skip_to(bytes, b"\n", ended),
                Mode::BlockComment => self.skip_to(bytes, b"*/", ended),
                Mode::Thinking => self.thought(text, ended),
            };
            if !going {
                break;
            }
        }
    }

    /// Outside of all JSON.
    fn prose(&mut self, text: &str, ended: bool) -> bool {
        let bytes = text.as_bytes();
        match bytes[self.at] {
            // `{{` in prose opens nothing, with as many of them as there are.
            byte @ (b'{' | b'[')
                if self.at > 0 && self.in_prose == self.at && bytes[self.at - 1] == byte =>
            {
                self.prose_bracket();
            }
            b'{' | b'[' => match opening(text, self.at, ended) {
                Opening::Unknown => return false,
                Opening::Prose => self.prose_bracket(),
                Opening::Escaped => {
                    self.escaped.get_or_insert(self.at);
                    self.at += 1;
                }
                Opening::Json => {
                    self.current = Candidate {
                        range: self.at..self.at,
                        strong: false,
                        filled: false,
                        stepish: false,
                        broken: None,
                    };
                    self.previous = bytes[self.at];
                    self.enter(text);
                }
            },
            b'}' | b']' => {
                self.stray_close = Some(self.at);
                self.at += 1;
            }
            b'<' => return self.tag(text, ended),
            _ => self.at += 1,
        }
        true
    }

    fn prose_bracket(&mut self) {
        self.at += 1;
        self.in_prose = self.at;
    }

    /// Inside JSON, outside strings.
    fn json(&mut self, text: &str, ended: bool) -> bool {
        let bytes = text.as_bytes();
        let byte = bytes[self.at];
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.at += 1;
                return true;
            }
            b'"' => self.quote(Quote::Double, 1),
            b'\'' if self.value_may_begin() => self.quote(Quote::Single, 1),
            0xE2 => match bytes.get(self.at..self.at + 3) {
                Some([_, 0x80, 0x9C..=0x9E]) => self.quote(Quote::SmartDouble, 3),
                Some([_, 0x80, 0x98..=0x9A]) if self.value_may_begin() => {
                    self.quote(Quote::Single, 3);
                }
                Some([_, 0x80, 0xA6]) => {
                    self.current.broken = Some("a part is left out (`…`)");
                    self.at += 3;
                }
                _ => self.at += 1,
            },
            b'/' => match bytes.get(self.at + 1) {
                None if !ended => return false,
                Some(b'/') => (self.mode, self.at) = (Mode::LineComment, self.at + 2),
                Some(b'*') => (self.mode, self.at) = (Mode::BlockComment, self.at + 2),
                _ => self.at += 1,
            },
            b'#' => (self.mode, self.at) = (Mode::LineComment, self.at + 1),
            b'.' => match bytes.get(self.at..self.at + 3) {
                None if !ended => return false,
                Some(b"...") => {
                    self.current.broken = Some("a part is left out (`...`)");
                    self.at += 3;
                }
                _ => self.word(),
            },
            b'`' => match bytes.get(self.at..self.at + 3) {
                None if !ended => return false,
                Some(b"```") => {
                    self.abandoned = self.open();
                    self.frames.clear();
                    self.at += 3;
                }
                _ => self.at += 1,
            },
            b'<' => return self.tag(text, ended),
            b'{' | b'[' => self.enter(text),
            b'}' | b']' => self.leave(byte == b'}'),
            b':' => {
                let token = self.token.clone();
                if let Some(frame) = self.frames.last_mut()
                    && frame.is_object
                    && frame.awaits_key
                {
                    frame.awaits_key = false;
                    frame.key = token;
                    if self.frames.len() == 1 {
                        self.top_key(text);
                    }
                }
                self.at += 1;
            }
            b',' => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.awaits_key = true;
                }
                self.at += 1;
            }
            _ => self.word(),
        }
        self.previous = byte;
        true
    }

    fn value_may_begin(&self) -> bool {
        matches!(self.previous, b'{' | b'[' | b',' | b':' | b'(')
    }

    fn quote(&mut self, quote: Quote, length: usize) {
        self.at += length;
        self.mode = Mode::Text { quote, from: self.at, escaped: false };
    }

    /// A byte of a word without quotes.
    fn word(&mut self) {
        if self.token.end == self.at && self.token.start < self.token.end {
            self.token.end = self.at + 1;
        } else {
            self.token = self.at..self.at + 1;
        }
        self.at += 1;
    }

    fn string(&mut self, bytes: &[u8], quote: Quote, from: usize, escaped: bool) -> bool {
        let mut escaped = escaped;
        while self.at < bytes.len() {
            let byte = bytes[self.at];
            if escaped {
                escaped = false;
                self.at += 1;
                continue;
            }
            let closing = match (byte, quote) {
                (b'\\', _) => {
                    escaped = true;
                    0
                }
                (b'"', Quote::Double | Quote::SmartDouble) | (b'\'', Quote::Single) => 1,
                (0xE2, Quote::SmartDouble) => match bytes.get(self.at..self.at + 3) {
                    Some([_, 0x80, 0x9C | 0x9D]) => 3,
                    _ => 0,
                },
                (0xE2, Quote::Single) => match bytes.get(self.at..self.at + 3) {
                    Some([_, 0x80, 0x98 | 0x99]) => 3,
                    _ => 0,
                },
                _ => 0,
            };
            if closing == 0 {
                self.at += 1;
                continue;
            }
            let to = self.at;
            self.at += closing;
            if quote == Quote::Single {
                self.mode = Mode::Closing { from, to };
            } else {
                self.token = from..to;
                self.mode = Mode::Plain;
            }
            return true;
        }
        self.mode = Mode::Text { quote, from, escaped };
        true
    }

    fn closing(&mut self, bytes: &[u8], from: usize, to: usize) -> bool {
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        match bytes.get(self.at) {
            None => {}
            Some(b',' | b':' | b'}' | b']' | b'/' | b'#' | b')') => {
                self.token = from..to;
                self.mode = Mode::Plain;
            }
            Some(_) => self.mode = Mode::Text { quote: Quote::Single, from, escaped: false },
        }
        true
    }

    fn skip_to(&mut self, bytes: &[u8], end: &[u8], ended: bool) -> bool {
        while self.at < bytes.len() {
            if bytes[self.at..].starts_with(end) {
                self.at += end.len();
                self.mode = Mode::Plain;
                return true;
            }
            if bytes.len() - self.at < end.len() && !ended {
                return false;
            }
            self.at += 1;
        }
        true
    }

    /// `<` outside strings: a thinking block's tag, or nothing.
    fn tag(&mut self, text: &str, ended: bool) -> bool {
        match tag(&text[self.at..], ended) {
            Tag::Unknown => return false,
            Tag::None => self.at += 1,
            Tag::Opens(length) => {
                if self.frames.is_empty() {
                    self.thinking = Some(self.at);
                    self.mode = Mode::Thinking;
                }
                self.at += length;
            }
            Tag::Closes(length) => {
                self.at += length;
                self.forget();
            }
        }
        true
    }

    fn thought(&mut self, text: &str, ended: bool) -> bool {
        let bytes = text.as_bytes();
        while self.at < bytes.len() {
            if bytes[self.at] != b'<' {
                self.at += 1;
                continue;
            }
            match tag(&text[self.at..], ended) {
                Tag::Unknown => return false,
                Tag::Closes(length) => {
                    self.at += length;
                    self.thinking = None;
                    self.forget();
                    return true;
                }
                _ => self.at += 1,
            }
        }
        true
    }

    /// What came so far was thought.
    fn forget(&mut self) {
        let at = self.at;
        *self = Self::new(at);
    }

    fn enter(&mut self, text: &str) {
        let is_object = text.as_bytes()[self.at] == b'{';
        if self.frames.len() >= DEEPEST {
            self.too_deep = self.open();
            return;
        }
        // A list around the plan: what looked like its first step is the plan.
        if let [_, plan] = self.frames.as_mut_slice()
            && plan.role == Role::Step
            && is_steps_key(text.get(plan.key.clone()).unwrap_or_default())
        {
            plan.role = Role::Wrapper;
        }
        let role = match self.frames.last() {
            None if is_object => Role::Wrapper,
            None => Role::Steps,
            Some(parent) => match parent.role {
                Role::Wrapper if parent.is_object => {
                    let key = text.get(parent.key.clone()).unwrap_or_default();
                    match (is_steps_key(key), is_wrapper_key(key)) {
                        (_, true) if is_object => Role::Wrapper,
                        (true, _) => Role::Steps,
                        _ => Role::Other,
                    }
                }
                Role::Steps if is_object => Role::Step,
                _ => Role::Other,
            },
        };
        match role {
            Role::Steps if !self.frames.is_empty() => self.current.strong = true,
            Role::Step => (self.current.strong, self.current.filled) = (true, true),
            _ => {}
        }
        self.frames.push(Frame { is_object, role, open: self.at, key: 0..0, awaits_key: true });
        self.token = 0..0;
        self.at += 1;
    }

    fn leave(&mut self, is_object: bool) {
        self.at += 1;
        let Some(frame) = self.frames.pop() else { return };
        let mut frame = frame;
        if frame.is_object != is_object {
            self.current.broken = Some("its brackets do not match");
            match self.frames.iter().rposition(|frame| frame.is_object == is_object) {
                Some(place) => {
                    self.frames.truncate(place + 1);
                    if let Some(outer) = self.frames.pop() {
                        frame = outer;
                    }
                }
                // It closes nothing that is open.
                None => {
                    self.frames.push(frame);
                    return;
                }
            }
        }
        self.token = 0..0;
        let range = frame.open..self.at;
        let is_first = self.strong.is_empty() && self.abandoned.is_none();
        if frame.role == Role::Step && is_first && self.current.broken.is_none() {
            let key = self.frames.last().filter(|parent| parent.is_object);
            let key = key.map(|parent| parent.key.clone());
            self.closed.push(ClosedStep { range: range.clone(), key, alone: false });
        }
        if self.frames.is_empty() {
            self.complete(range, frame.is_object);
        }
    }

    /// A value at the top has closed.
    fn complete(&mut self, range: Range<usize>, is_object: bool) {
        let is_empty_list = !is_object && !self.current.strong;
        let candidate = Candidate { range, ..self.current.clone() };
        if candidate.strong {
            self.strong.retain(|known| known.filled && !candidate.filled);
            self.strong.push(candidate);
        } else if candidate.stepish && self.single.len() < MOST {
            let is_first = self.strong.is_empty() && self.abandoned.is_none();
            if candidate.broken.is_none() && is_first {
                let range = candidate.range.clone();
                self.closed.push(ClosedStep { range, key: None, alone: true });
            }
            self.single.push(candidate);
        } else if is_object || is_empty_list {
            let keep = self.plain.as_ref().is_none_or(|_| is_object);
            if keep {
                self.plain = Some(candidate);
            }
        }
    }

    /// A key of the object at the top.
    fn top_key(&mut self, text: &str) {
        let Some(frame) = self.frames.first() else { return };
        let key = text.get(frame.key.clone()).unwrap_or_default();
        if is_steps_key(key) || is_wrapper_key(key) {
            self.current.strong |= is_steps_key(key);
        }
        self.current.stepish |= canonical(key).is_some();
    }
}
