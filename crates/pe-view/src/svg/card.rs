//! What a box says, and how large it is.

use pe_model::{StepStatus, StepType};

use super::graph::{Outline, Size};
use super::measure::{is_unsure, width, wrap};
use crate::drawing::Drawing;
use crate::label::{duration, fold, glyph, shorten};

/// The widest text in the box of a step, in pixels.
const WIDEST: f64 = 216.0;
/// The font sizes of the first line and of the others.
pub(super) const SIZES: [f64; 2] = [13.0, 11.5];
/// The heights of the first line and of the others.
const LINES: [f64; 2] = [18.0, 15.5];
/// How far the baseline is below the middle of a line, in parts of the font size. Programs do
/// not agree on `dominant-baseline`.
pub(super) const BASELINE: f64 = 0.35;
/// Bold text is wider.
const BOLD: f64 = 1.1;
const PAD: Size = Size { width: 12.0, height: 9.0 };
/// A bar of counts and the room around it.
pub(super) const BAR: Size = Size { width: 280.0, height: 8.0 };
const AROUND_BAR: f64 = 8.0;
/// The longest text in what a pointer shows, in characters.
const MAX_TITLE: usize = 400;

/// A line of text in a box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    pub(super) text: String,
    /// Whether it is the name of the box.
    pub(super) bold: bool,
    /// The baseline, from the top of the box.
    pub(super) baseline: f64,
    /// The width to squeeze the text to, where the estimate cannot be trusted.
    pub(super) squeeze: Option<f64>,
}

/// A box: its looks, its words and its size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    pub(super) look: &'static str,
    pub(super) outline: Outline,
    pub(super) critical: bool,
    pub(super) words: Vec<Words>,
    /// What a pointer shows and a screen reader reads; not yet escaped.
    pub(super) title: String,
    /// Parts of a whole, by look, and how long they are together, in pixels.
    pub(super) bar: Vec<(&'static str, f64)>,
    pub(super) size: Size,
}

impl Card {
    /// Arranges lines of text.
    pub(super) fn new(outline: Outline, look: &'static str, lines: &[String]) -> Self {
        let mut card = Self {
            look,
            outline,
            critical: false,
            words: Vec::new(),
            title: String::new(),
            bar: Vec::new(),
            size: Size { width: 0.0, height: PAD.height },
        };
        let mut widest = 64.0_f64;
        for (place, line) in lines.iter().enumerate() {
            let kind = place.min(1);
            let size = if place == 0 { SIZES[0] * BOLD } else { SIZES[1] };
            for text in wrap(line, size, widest_of(outline), 2) {
                let wide = width(&text, size);
                widest = widest.max(wide);
                card.words.push(Words {
                    baseline: card.size.height + LINES[kind] / 2.0 + BASELINE * SIZES[kind],
                    squeeze: is_unsure(&text).then_some(wide),
                    bold: place == 0,
                    text,
                });
                card.size.height += LINES[kind];
            }
        }
        let slant = match outline {
            Outline::Step(StepType::Conditional | StepType::Parallel) => 14.0,
            Outline::Step(StepType::Fallback | StepType::Loop) => 8.0,
            _ => 0.0,
        };
        card.size.width = widest + 2.0 * (PAD.width + slant);
        card.size.height += PAD.height;
        card
    }

    /// The box of a step.
    pub(super) fn step(drawing: &Drawing<'_>, index: usize) -> Self {
        let outline = Outline::Step(drawing.shape(index));
        let lines = drawing.words(index);
        Self {
            critical: drawing.is_critical(index),
            title: title(drawing, index),
            ..Self::new(outline, drawing.look(index), &lines)
        }
    }

    /// The box of an id that no step has.
    pub(super) fn missing(drawing: &Drawing<'_>, index: usize) -> Self {
        let id = shorten(drawing.missing[index].as_str(), MAX_TITLE);
        Self {
            title: format!("{id}: no step has this id"),
            ..Self::new(Outline::Missing, "missing", &drawing.missing_words(index))
        }
    }

    /// A box with a bar below its first line.
    pub(super) fn with_bar(mut self, bar: Vec<(&'static str, f64)>) -> Self {
        let room = BAR.height + AROUND_BAR;
        for words in self.words.iter_mut().filter(|words| !words.bold) {
            words.baseline += room;
        }
        self.size.height += room;
        self.size.width = self.size.width.max(BAR.width + 2.0 * PAD.width);
        self.bar = bar;
        self
    }

    /// The top of the bar, from the top of the box.
    pub(super) fn bar_top(&self) -> f64 {
        PAD.height + LINES[0] + AROUND_BAR / 2.0
    }
}

/// The widest text in a box, in pixels.
fn widest_of(outline: Outline) -> f64 {
    if outline == Outline::Group { BAR.width } else { WIDEST }
}

fn title(drawing: &Drawing<'_>, index: usize) -> String {
    let step = &drawing.steps[index];
    let status = drawing.status(index);
    let mut parts = vec![shorten(step.step_id.as_str(), MAX_TITLE)];
    parts.push(format!("{} {status}", glyph(status)));
    if step.step_type != StepType::Normal {
        parts.push(step.step_type.to_string());
    }
    for (what, text) in [("", &step.action), ("tool ", &step.tool)] {
        let text = shorten(text, MAX_TITLE);
        if !text.is_empty() {
            parts.push(format!("{what}{text}"));
        }
    }
    if let Some(ms) = step.execution_time_ms {
        parts.push(duration(ms));
    }
    if step.attempts > 1 {
        parts.push(format!("{} attempts", step.attempts));
    }
    if let Some(by) = step.recovered_by.as_ref().filter(|_| step.is_recovered()) {
        parts.push(format!("recovered by {}", shorten(by.as_str(), MAX_TITLE)));
    }
    let troubled = matches!(status, StepStatus::Failed | StepStatus::InDoubt);
    if let Some(error) = step.error.as_ref().filter(|_| troubled) {
        parts.push(format!("error: {}", shorten(error, MAX_TITLE)));
    }
    if let Some(reason) = &step.reason {
        parts.push(shorten(reason, MAX_TITLE));
    }
    if drawing.is_critical(index) {
        parts.push("on the critical path".to_owned());
    }
    fold(&parts.join("; "))
}
