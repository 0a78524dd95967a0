//! Collects findings, and makes the report of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use pe_expr::Span;
use pe_model::{Format, ReadError, StepId, Strictness, nearest};

use super::place_of;
use crate::finding::Harm;
use crate::locate::{
    Mark, Part, Within, key_at, key_before, locate, offset_of_byte, offset_of_character, places,
    token_at,
};
use crate::{Code, Finding, Severity, ValidationReport};

/// So many names are compared for suggestions, over one plan: a plan in which everything is
/// misspelt must not cost the square of its length.
const COMPARISONS: usize = 400_000;
/// So many findings of one code are listed: nobody reads more of them, and the report on a file
/// that is wrong all over must not be larger than the file.
const LISTED: usize = 1_000;
/// So many circles are listed, those of steps that wait for themselves included.
const MOST_CIRCLES: usize = 100;
/// So many bytes of a string are read again to find a fault inside it in the file.
const LONGEST_READ: usize = 4096;

/// Collects findings.
pub(super) struct Checker {
    pub(super) strictness: Strictness,
    found: Vec<Found>,
    /// How many findings there are of each code, listed or not.
    counts: BTreeMap<Code, usize>,
    /// The codes of errors that are not listed.
    unlisted_errors: BTreeSet<Code>,
    pub(super) report: ValidationReport,
    comparisons: usize,
    /// The field of the file that a whole plan stands under.
    pub(super) wrapper: Option<String>,
    /// The string that the latest finding inside one lies in.
    string: Arc<str>,
}

/// A finding, and what is needed to put it in its place.
pub(super) struct Found {
    pub(super) finding: Finding,
    /// The place of the step that it belongs to, for the order of the report.
    place: Option<usize>,
    /// The beginning of the string that the fault lies in, and where it lies there.
    inside: Option<(Arc<str>, Range<usize>)>,
    /// Where it is in the file, when that is known already.
    fault: Option<Fault>,
    /// Whether it will be in the report.
    is_listed: bool,
}

/// A place in a file as its parser told it.
enum Fault {
    /// Nothing of the file is read, not even to find out where it begins.
    Unread,
    Byte(usize),
    LineAndByte(usize, usize),
    LineAndCharacter(usize, usize),
    KeyBefore(usize, usize),
    Key(usize, usize),
}

impl Checker {
    pub(super) fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            found: Vec::new(),
            counts: BTreeMap::new(),
            unlisted_errors: BTreeSet::new(),
            report: ValidationReport::default(),
            comparisons: COMPARISONS,
            wrapper: None,
            string: Arc::default(),
        }
    }

    /// Notes a finding; step id and suggestion are filled in through the reference.
    pub(super) fn add(
        &mut self,
        code: Code,
        place: Option<usize>,
        pointer: String,
        message: String,
    ) -> &mut Finding {
        let finding = Finding {
            code,
            severity: code.harm().severity(self.strictness),
            message,
            pointer,
            step_id: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
            suggestion: None,
        };
        self.drop_unlisted();
        let count = self.counts.entry(code).or_default();
        *count += 1;
        let is_listed = *count <= LISTED;
        self.found.push(Found { finding, place, inside: None, fault: None, is_listed });
        &mut self.found.last_mut().expect("because it was just pushed").finding
    }

    /// How many findings there are, listed or not.
    pub(super) fn count(&self) -> usize {
        self.counts.values().sum()
    }

    /// How many findings of a code there are, listed or not.
    pub(super) fn count_of(&self, code: Code) -> usize {
        self.counts.get(&code).copied().unwrap_or_default()
    }

    /// Whether further findings of a code are counted and no more.
    pub(super) fn has_enough(&self, code: Code) -> bool {
        self.count_of(code) > LISTED
    }

    /// The latest finding stays until the next one, so that it can be filled in.
    fn drop_unlisted(&mut self) {
        if let Some(Found { finding, .. }) = self.found.pop_if(|found| !found.is_listed)
            && finding.severity == Severity::Error
        {
            self.unlisted_errors.insert(finding.code);
        }
    }

    /// Says of which codes there are more findings than are listed.
    fn say_unlisted(&mut self) {
        let counts: Vec<(Code, usize)> =
            self.counts.iter().map(|(code, count)| (*code, *count)).collect();
        for (code, count) in counts.into_iter().filter(|(_, count)| *count > LISTED) {
            let message =
                format!("the first {LISTED} of at least {count} findings of {code} are listed");
            self.add(Code::More, None, String::new(), message).suggestion =
                Some("mend those that are listed first".to_owned());
            // A plan is never refused without an error to be read.
            if self.unlisted_errors.contains(&code) {
                self.with_harm(Harm::Impossible);
            }
        }
    }

    /// A finding at a field of a step.
    pub(super) fn at_step(
        &mut self,
        code: Code,
        (place, step_id): (usize, &StepId),
        field: &str,
        message: String,
    ) -> &mut Finding {
        let pointer = if field.is_empty() {
            format!("/steps/{place}")
        } else {
            format!("/steps/{place}/{field}")
        };
        let finding = self.add(code, Some(place), pointer, message);
        finding.step_id = Some(step_id.clone());
        finding
    }

    /// Says where inside the string at its pointer the latest finding lies.
    pub(super) fn inside(&mut self, text: &str, Span { start, end }: Span) {
        let read = &text[..text.floor_char_boundary(LONGEST_READ)];
        let end = end.clamp(start, read.len().max(start));
        if read.get(start..end).is_none() {
            return;
        }
        // Many faults in one string share it.
        if *self.string != *read {
            self.string = read.into();
        }
        if let Some(found) = self.found.last_mut() {
            found.inside = Some((Arc::clone(&self.string), start..end));
        }
    }

    /// Gives the latest finding the severity of another harm than its code's.
    pub(super) fn with_harm(&mut self, harm: Harm) {
        if let Some(found) = self.found.last_mut() {
            found.finding.severity = harm.severity(self.strictness);
        }
    }

    /// "did you mean", over `count` known names; silent once too much was compared.
    pub(super) fn near<'k>(
        &mut self,
        name: &str,
        count: usize,
        known: impl Iterator<Item = &'k str>,
    ) -> Option<String> {
        self.comparisons = self.comparisons.checked_sub(count)?;
        nearest(name, known).map(|near| format!("did you mean `{near}`?"))
    }

    /// The findings of a file that is not a plan.
    pub(super) fn unreadable(&mut self, error: &ReadError, format: Format) {
        if let ReadError::Shape(issues) = error {
            for issue in issues {
                let (pointer, message) = (issue.pointer.clone(), issue.message.clone());
                let finding = self.add(Code::WrongType, place_of(&pointer), pointer, message);
                finding.step_id.clone_from(&issue.step_id);
                finding.suggestion.clone_from(&issue.suggestion);
            }
            return;
        }
        self.add(Code::Unreadable, None, String::new(), error.to_string()).suggestion =
            error.suggestion().map(str::to_owned);
        let fault = match (error, error.position()) {
            (ReadError::Encoding { offset }, _) => Some(Fault::Byte(*offset)),
            (ReadError::TooLarge { .. } | ReadError::Utf16, _) => Some(Fault::Unread),
            (ReadError::DuplicateKey { .. }, Some((line, at))) => Some(match format {
                Format::Json => Fault::KeyBefore(line, at),
                Format::Yaml => Fault::Key(line, at),
            }),
            (_, Some((line, at))) => Some(match format {
                Format::Json => Fault::LineAndByte(line, at),
                Format::Yaml => Fault::LineAndCharacter(line, at),
            }),
            (_, None) => None,
        };
        if let Some(found) = self.found.last_mut() {
            found.fault = fault;
        }
    }

    /// The report; findings get lines and columns when there is a file.
    pub(super) fn into_report(mut self, file: Option<(&[u8], Format)>) -> ValidationReport {
        self.drop_unlisted();
        self.say_unlisted();
        let (mut report, mut found) = (self.report, self.found);
        if let Some((bytes, format)) = file
            && !found.is_empty()
        {
            put_in_place(&mut found, bytes, format);
        }
        found.sort_by_key(|found| found.place.map_or(0, |place| place.saturating_add(1)));
        report.findings = found.into_iter().map(|found| found.finding).collect();
        let messages = |severity| {
            let of = report.findings.iter().filter(|finding| finding.severity == severity);
            of.map(|finding| finding.message.clone()).collect()
        };
        report.errors = messages(Severity::Error);
        report.warnings = messages(Severity::Warning);
        report.hints = messages(Severity::Hint);
        report.is_valid = report.errors.is_empty();
        once_each(&mut report.missing_tools);
        once_each(&mut report.missing_parameters);
        once_each(&mut report.circular_dependencies);
        report.circular_dependencies.truncate(MOST_CIRCLES);
        report
    }
}

/// Lines and columns for all findings.
fn put_in_place(found: &mut [Found], bytes: &[u8], format: Format) {
    if let [Found { finding, fault: Some(Fault::Unread), .. }] = found {
        (finding.line, finding.column) = (Some(1), Some(1));
        (finding.end_line, finding.end_column) = (Some(1), Some(1));
        return;
    }
    // What follows bytes that are no text says nothing about where they are.
    let bytes = match found {
        [Found { fault: Some(Fault::Byte(at)), .. }] => &bytes[..bytes.len().min(*at + 4)],
        _ => bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    let pointers = found.iter().map(|found| (found.finding.pointer.as_str(), found.part()));
    let marks = locate(&text, format, pointers);
    let mut strings = Strings { text: &text, latest: None };
    let ranges = found.iter().zip(marks).map(|(found, mark)| match &found.fault {
        Some(fault) => fault.range(&text),
        None => strings.range(found, mark),
    });
    let offsets: Vec<usize> = ranges.flat_map(|range| [range.start, range.end]).collect();
    let places = places(&text, &offsets);
    for (found, ends) in found.iter_mut().zip(places.chunks_exact(2)) {
        let finding = &mut found.finding;
        (finding.line, finding.column) = (Some(ends[0].line), Some(ends[0].column));
        (finding.end_line, finding.end_column) = (Some(ends[1].line), Some(ends[1].column));
    }
}

impl Found {
    /// Where a field should not be there at all, the fault is its name.
    fn part(&self) -> Part {
        match self.finding.code {
            Code::UnknownField | Code::UnknownParameter => Part::Key,
            _ => Part::Value,
        }
    }
}

impl Fault {
    fn range(&self, text: &str) -> Range<usize> {
        match *self {
            Self::Unread => 0..0,
            Self::Byte(at) => token_at(text, at),
            Self::LineAndByte(line, at) => token_at(text, offset_of_byte(text, line, at)),
            Self::LineAndCharacter(line, at) => token_at(text, offset_of_character(text, line, at)),
            Self::KeyBefore(line, at) => key_before(text, offset_of_byte(text, line, at)),
            Self::Key(line, at) => key_at(text, offset_of_character(text, line, at)),
        }
    }
}

/// Places inside strings; faults in one string come one after the other.
struct Strings<'t> {
    text: &'t str,
    latest: Option<(usize, Within<'t>)>,
}

impl Strings<'_> {
    /// The range of a fault inside a string, or the whole of it when it cannot be followed.
    fn range(&mut self, found: &Found, mark: Mark) -> Range<usize> {
        let Some((value, inside)) = &found.inside else { return mark.range };
        let start = mark.range.start;
        let goes_on =
            |(at, within): &(usize, Within<'_>)| *at == start && within.read() <= inside.start;
        if !self.latest.as_ref().is_some_and(goes_on) {
            self.latest = Within::new(self.text, &mark).map(|within| (start, within));
        }
        let found = self.latest.as_mut().and_then(|(_, within)| within.find(value, inside.clone()));
        if found.is_none() {
            self.latest = None;
        }
        found.unwrap_or(mark.range)
    }
}

/// Removes repetitions, in linear time; the first of each stays.
fn once_each<T: Clone + Eq + Hash>(items: &mut Vec<T>) {
    if items.len() > 1 {
        let mut seen = HashSet::with_capacity(items.len());
        items.retain(|item| seen.insert(item.clone()));
    }
}
