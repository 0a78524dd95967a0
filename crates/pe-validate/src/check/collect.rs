//! Collects findings, and makes the report of them.

use std::collections::HashSet;
use std::hash::Hash;

use pe_model::{Format, ReadError, StepId, Strictness, nearest};

use super::place_of;
use crate::finding::Harm;
use crate::locate::{Place, locate, offset_of, places};
use crate::{Code, Finding, Severity, ValidationReport};

/// So many names are compared for suggestions, over one plan: a plan in which everything is
/// misspelt must not cost the square of its length.
const COMPARISONS: usize = 400_000;
/// The longest text before a fault that is looked for in the file.
const LONGEST_PREFIX: usize = 4096;

/// Collects findings.
pub(super) struct Checker {
    pub(super) strictness: Strictness,
    pub(super) found: Vec<Found>,
    pub(super) report: ValidationReport,
    comparisons: usize,
}

/// A finding, and what is needed to put it in its place.
pub(super) struct Found {
    pub(super) finding: Finding,
    /// The place of the step that it belongs to, for the order of the report.
    place: Option<usize>,
    /// What stands before the fault inside the string at the pointer.
    prefix: Option<String>,
    /// Where it is in the file, when that is known already.
    offset: Option<Offset>,
}

/// A place in a file as its parser told it.
enum Offset {
    Bytes(usize),
    LineAndByte(usize, usize),
    LineAndColumn(usize, usize),
}

impl Checker {
    pub(super) fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            found: Vec::new(),
            report: ValidationReport::default(),
            comparisons: COMPARISONS,
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
            suggestion: None,
        };
        self.found.push(Found { finding, place, prefix: None, offset: None });
        &mut self.found.last_mut().expect("because it was just pushed").finding
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

    /// Says that the latest finding lies at byte `start` of the string at its pointer.
    pub(super) fn inside(&mut self, text: &str, start: usize) {
        let prefix = text.get(..start).filter(|prefix| prefix.len() <= LONGEST_PREFIX);
        if let (Some(found), Some(prefix)) = (self.found.last_mut(), prefix) {
            found.prefix = Some(prefix.to_owned());
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
    pub(super) fn unreadable(&mut self, error: &ReadError) {
        if let ReadError::Shape(issues) = error {
            for issue in issues {
                let (pointer, message) = (issue.pointer.clone(), issue.message.clone());
                self.add(Code::WrongType, place_of(&pointer), pointer, message);
            }
            return;
        }
        self.add(Code::Unreadable, None, String::new(), error.to_string());
        let offset = match (error, error.position()) {
            (ReadError::Encoding { offset }, _) => Some(Offset::Bytes(*offset)),
            // Nothing of it is read, not even to find out where it begins.
            (ReadError::TooLarge { .. }, _) => Some(Offset::LineAndColumn(1, 1)),
            (ReadError::Syntax { format: Format::Yaml, .. }, Some((line, column))) => {
                Some(Offset::LineAndColumn(line, column))
            }
            (_, Some((line, column))) => Some(Offset::LineAndByte(line, column)),
            (_, None) => None,
        };
        if let Some(found) = self.found.last_mut() {
            found.offset = offset;
        }
    }

    /// The report; findings get lines and columns when there is a file.
    pub(super) fn into_report(self, file: Option<(&[u8], Format)>) -> ValidationReport {
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
        report
    }
}

/// Lines and columns for all findings.
fn put_in_place(found: &mut [Found], bytes: &[u8], format: Format) {
    let known = |found: &Found| matches!(found.offset, Some(Offset::LineAndColumn(..)));
    if found.iter().all(known) {
        for found in found {
            if let Some(Offset::LineAndColumn(line, column)) = found.offset {
                (found.finding.line, found.finding.column) = (Some(line), Some(column));
            }
        }
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let pointers = found.iter().map(|found| found.finding.pointer.as_str());
    let located = locate(&text, format, pointers);
    for (found, Place { offset, mut line, mut column }) in found.iter_mut().zip(located) {
        match found.offset {
            Some(Offset::LineAndColumn(at_line, at_column)) => {
                (line, column) = (at_line, at_column)
            }
            Some(Offset::Bytes(at)) => {
                let place = places(&text, &[at])[0];
                (line, column) = (place.line, place.column);
            }
            Some(Offset::LineAndByte(at_line, at_byte)) => {
                let place = places(&text, &[offset_of(&text, at_line, at_byte)])[0];
                (line, column) = (place.line, place.column);
            }
            None => {
                if let Some(prefix) = &found.prefix {
                    column += width_before(&text[offset..], prefix).unwrap_or(0);
                }
            }
        }
        (found.finding.line, found.finding.column) = (Some(line), Some(column));
    }
}

/// How many characters stand between the start of a string in a file and what follows
/// `prefix` in it, when the file says it word for word: no escapes, no line breaks.
fn width_before(written: &str, prefix: &str) -> Option<usize> {
    let (quote, inner) = match written.as_bytes().first()? {
        b'"' | b'\'' => (1, &written[1..]),
        _ => (0, written),
    };
    // A quote inside would be escaped, by a backslash or by another quote.
    let plain = !prefix.contains(['\n', '\\'])
        && (quote == 0 || !prefix.contains(&written[..1]))
        && inner.starts_with(prefix);
    plain.then(|| quote + prefix.chars().count())
}

/// Removes repetitions, in linear time; the first of each stays.
fn once_each<T: Clone + Eq + Hash>(items: &mut Vec<T>) {
    if items.len() > 1 {
        let mut seen = HashSet::with_capacity(items.len());
        items.retain(|item| seen.insert(item.clone()));
    }
}
