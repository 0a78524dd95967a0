//! The live view: one row a running step, and a row that counts.

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use pe_model::{IterationPhase, PlanStage, RunState, StepState, StepStatus};

use crate::console::{Console, Tone};
use crate::words::{duration, fit, one_line};

/// Drawn on stderr.
pub(super) struct Live {
    console: Console,
    /// All rows are the lines of one bar, so that a frame is one piece of output. It is taken
    /// off the screen by ending it; the next frame is a new one's.
    bar: Option<ProgressBar>,
    frame: usize,
}

/// What turns while something runs.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// No more rows than this, however high the terminal is.
const MOST_ROWS: usize = 16;

impl Live {
    pub(super) fn new(console: Console) -> Self {
        Self { console, bar: None, frame: 0 }
    }

    /// Draws the state over the last frame.
    pub(super) fn draw(&mut self, state: &RunState, now_ms: u64) {
        let (height, width) = Term::stderr()
            .size_checked()
            .map_or((self.console.height, self.console.width), |(height, width)| {
                (usize::from(height), usize::from(width))
            });
        let spinner = SPINNER[self.frame % SPINNER.len()];
        self.frame += 1;
        let rows = rows(state, now_ms, (height / 2).clamp(2, MOST_ROWS));
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let mark = if row.tone == Tone::Faint { "·" } else { spinner };
                let text = fit(&row.text, width.saturating_sub(3));
                format!("{} {text}", self.console.paint(row.tone, mark))
            })
            .collect();
        self.bar.get_or_insert_with(bar).set_message(lines.join("\n"));
    }

    /// Puts a line above the rows, where it stays.
    pub(super) fn line(&mut self, line: &str) {
        self.bar.get_or_insert_with(bar).println(line);
    }

    /// Takes the rows off the screen.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}")
        .expect("because the template is one placeholder that exists");
    ProgressBar::no_length().with_style(style)
}

/// One row.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    tone: Tone,
    text: String,
}

/// The rows of a frame: what runs, in plan order, then a count.
fn rows(state: &RunState, now_ms: u64, most: usize) -> Vec<Row> {
    let steps = || state.plan.steps.iter().zip(state.steps());
    let under_way: Vec<Row> = steps()
        .filter(|(_, step)| matches!(step.status, StepStatus::Running | StepStatus::Waiting))
        .map(|(plan, step)| {
            let id = one_line(plan.step_id.as_str());
            let what = one_line(if plan.action.is_empty() { &plan.tool } else { &plan.action });
            let (tone, how) = progress(step, now_ms);
            Row { tone, text: format!("{id}  {how}  {what}") }
        })
        .collect();
    let more = under_way.len().saturating_sub(most.saturating_sub(1));
    let shown = under_way.len() - if more > 1 { more } else { 0 };
    let mut rows: Vec<Row> = under_way.into_iter().take(shown).collect();
    if more > 1 {
        rows.push(Row { tone: Tone::Faint, text: format!("and {more} more") });
    }
    let ended = |step: &&StepState| {
        matches!(step.status, StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped)
    };
    let lost = |step: &&StepState| step.status == StepStatus::Failed && !step.is_recovered();
    let number = state.steps().len();
    let finished = state.steps().iter().filter(ended).count();
    let failed = state.steps().iter().filter(lost).count();
    let mut text = match state.stage {
        PlanStage::Draft if number == 0 => "planning".to_owned(),
        PlanStage::Draft => format!("planning, {finished}/{number} so far finished"),
        PlanStage::Growing => format!("call by call, {finished} finished"),
        PlanStage::Complete => format!("{finished}/{number} finished"),
    };
    if failed > 0 {
        text += &format!(", {failed} failed");
    }
    if state.stopping.is_some() {
        text += ", stopping";
    }
    text += &format!(", {}", duration(now_ms));
    rows.push(Row { tone: Tone::Strong, text });
    rows
}

/// How a step is getting on.
fn progress(step: &StepState, now_ms: u64) -> (Tone, String) {
    if step.status == StepStatus::Waiting {
        let what = step.reason.map_or("a person", |reason| reason.as_str());
        return (Tone::Faint, format!("waits for {what}"));
    }
    let since = step.first_started_ms.unwrap_or(now_ms);
    let mut text = duration(now_ms.saturating_sub(since));
    if let Some(count) = step.loop_count {
        text += &format!(", {} of {count}", step.iteration_outputs().count());
    }
    // In a loop, the attempt is that of the iteration which needs the most of them.
    let attempt = step.iterations.iter().map(|iteration| iteration.attempts).max().unwrap_or(0);
    if attempt > 1 {
        text += &format!(", attempt {attempt}");
    }
    let backoff = step.iterations.iter().find_map(|iteration| match iteration.phase {
        IterationPhase::Backoff { until_ms, .. } => Some(until_ms.saturating_sub(now_ms)),
        _ => None,
    });
    let runs = |phase: &IterationPhase| matches!(phase, IterationPhase::Running { .. });
    match backoff {
        Some(left) if !step.iterations.iter().any(|iteration| runs(&iteration.phase)) => {
            (Tone::Caution, format!("{text}, retries in {}", duration(left)))
        }
        _ => (Tone::Good, text),
    }
}

#[cfg(test)]
mod tests;
