//! Findings for people: drawn in their file with a caret under each, or a line each.
//!
//! Whatever the file is, what is drawn is bounded: so many findings, and of each one line of the
//! file, cut around the fault. Nothing that is drawn can control the terminal.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use pe_validate::{Finding, Severity, ValidationReport};

use crate::table::fold;
use crate::words::{count, one_line, printable};

mod excerpt;

use excerpt::{Excerpt, excerpts};

/// So many findings of a file are drawn; the others follow, a line each.
const DRAWN: usize = 50;
/// No message is drawn longer than this, in characters.
const LONGEST: usize = 1_000;
/// Columns between the number of a line and the line.
const GUTTER: usize = 3;
/// No line of a file is cut shorter than this, in columns; rather the terminal breaks it.
const NARROWEST: usize = 16;

/// What is drawn on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Canvas {
    /// In columns.
    pub(crate) width: usize,
    /// Whether it takes colours.
    pub(crate) color: bool,
}

/// The findings that matter as much as `least`, or more.
pub(crate) fn told(report: &ValidationReport, least: Severity) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.severity <= least).collect()
}

/// How many findings there are of each severity that has any: `2 errors`, `1 warning`.
pub(crate) fn numbers<'r>(
    reports: impl IntoIterator<Item = &'r ValidationReport> + Clone,
) -> impl Iterator<Item = String> {
    let number = move |severity| {
        let reports = reports.clone().into_iter();
        (reports.map(|report| report.of(severity).count()).sum(), severity)
    };
    let numbers = Severity::ALL.iter().copied().map(number);
    numbers
        .filter(|(number, _)| *number > 0)
        .map(|(number, severity)| count(number, severity.as_str()))
}

/// A line a finding: `FILE:LINE:COLUMN: SEVERITY[CODE]: ...`.
pub(crate) fn lines(findings: &[&Finding], file: &str) -> String {
    let line = |finding: &&Finding| {
        printable(&finding.render(file)).replace('\n', "\\n").replace('\t', " ") + "\n"
    };
    findings.iter().map(line).collect()
}

/// Findings drawn in their file, the worst where they are too many to be drawn; the others
/// follow, a line each.
pub(crate) fn drawn(findings: &[&Finding], file: &str, source: &[u8], canvas: Canvas) -> String {
    let (drawn, others) = worst(findings);
    let source = String::from_utf8_lossy(source);
    let mut text = String::new();
    let numbers = drawn.iter().filter_map(|finding| finding.line);
    let digits = numbers.max().map_or(1, |line| line.to_string().len());
    let room = canvas.width.saturating_sub(digits + GUTTER).max(NARROWEST);
    for (finding, excerpt) in drawn.iter().zip(excerpts(&source, &drawn, room)) {
        text += &draw(finding, file, excerpt, canvas);
        text += "\n\n";
    }
    if !others.is_empty() {
        text += &format!("{}, a line each:\n", count(others.len(), "more finding"));
        text += &lines(&others, file);
        text.push('\n');
    }
    text
}

/// Those that are drawn, and the others; both in the order given.
fn worst<'f>(findings: &[&'f Finding]) -> (Vec<&'f Finding>, Vec<&'f Finding>) {
    if findings.len() <= DRAWN {
        return (findings.to_vec(), Vec::new());
    }
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|&at| findings[at].severity);
    let mut is_drawn = vec![false; findings.len()];
    for &at in &order[..DRAWN] {
        is_drawn[at] = true;
    }
    let all = findings.iter().copied().zip(is_drawn);
    let (drawn, others): (Vec<_>, Vec<_>) = all.partition(|(_, is_drawn)| *is_drawn);
    let only = |found: Vec<(&'f Finding, bool)>| found.into_iter().map(|(one, _)| one).collect();
    (only(drawn), only(others))
}

fn draw(finding: &Finding, file: &str, excerpt: Option<Excerpt>, canvas: Canvas) -> String {
    let level = level(finding.severity);
    let heading = format!("{}[{}]: ", finding.severity, finding.code);
    let message = folded_text(&finding.message, canvas.width, heading.len());
    let mut place = Origin::path(one_line(file));
    if let (Some(line), Some(column)) = (finding.line, finding.column) {
        place = place.line(line).char_column(column);
    }
    let title = level.clone().primary_title(message).id(finding.code.as_str());
    let renderer = if canvas.color { Renderer::styled() } else { Renderer::plain() };
    // The lines of the file are cut already, and nothing else is to be.
    let renderer = renderer.term_width(usize::from(u16::MAX));
    // What is drawn of the file begins in the middle of a line, so its place is told apart.
    let mut text = renderer.render(&[title.element(place)]);
    let mut below = Vec::<Element<'_>>::new();
    let mut digits = 1;
    if let (Some(excerpt), Some(line)) = (excerpt, finding.line) {
        digits = line.to_string().len();
        let mark = AnnotationKind::Primary.span(excerpt.marked);
        let shown = Snippet::source(excerpt.text).line_start(line).fold(false).annotation(mark);
        below.push(shown.into());
    }
    if let Some(suggestion) = &finding.suggestion {
        let before = digits + " = help: ".len();
        let help = folded_text(suggestion, canvas.width, before);
        below.push(Level::HELP.message(help).into());
    }
    if let Some(arrow) = text.rfind('\n') {
        text.insert_str(arrow + 1, &" ".repeat(digits));
    }
    if !below.is_empty() {
        text.push('\n');
        text += &renderer.render(&[Group::with_level(level).elements(below)]);
    }
    text
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::NOTE.with_name("hint"),
    }
}

/// The text safe and in lines that fit behind `before` columns.
fn folded_text(text: &str, width: usize, before: usize) -> String {
    let shown = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => one_line(&text[..end]) + "…",
        None => one_line(text),
    };
    fold(&shown, width.saturating_sub(before).max(NARROWEST)).join("\n")
}
