//! `pe show --failed`: the steps that somebody has to look at, and why.

use std::fmt::Write as _;

use pe_model::{PendingCall, PlanStep, StepError, StepId, StepState, StepStatus};
use pe_view::glyph;
use serde::Serialize;

use super::step::short;
use super::{Context, Failure, Shown};
use crate::summary;
use crate::words::{count, one_line, printable};

/// A step that failed, is in doubt, or waits.
#[derive(Debug, Serialize)]
struct Trouble<'a> {
    step_id: &'a StepId,
    status: StepStatus,
    tool: &'a str,
    reason: Option<&'static str>,
    error: Option<&'a StepError>,
    attempts: u32,
    /// The calls that a person is asked about.
    pending_calls: &'a [PendingCall],
}

/// Prints them in plan order. What another step recovered is no failure any more.
pub(super) fn show(shown: &Shown, json: bool, context: &mut Context) -> Result<(), Failure> {
    let executed = shown.state.executed_plan();
    let steps = || executed.steps.iter().zip(shown.state.steps());
    let troubles = steps().filter(|(_, state)| is_trouble(state));
    if json {
        let troubles: Vec<Trouble<'_>> =
            troubles.map(|(step, state)| trouble(step, state)).collect();
        return Ok(context.output.json(&troubles)?);
    }
    let mut text = String::new();
    for (step, state) in troubles {
        let (_, status) = summary::status(step, shown.run.is_live);
        let id = one_line(step.step_id.as_str());
        let tool = one_line(&step.tool);
        let tries = match state.attempts() {
            0 => String::new(),
            1 => " after 1 try".to_owned(),
            tries => format!(" after {tries} tries"),
        };
        let _ = writeln!(text, "{} {id} ({tool}) {status}{tries}", glyph(step.status));
        if let Some(reason) = state.reason {
            let _ = writeln!(text, "  {}", reason.as_str().replace('_', " "));
        }
        if let Some(error) = &state.error {
            for line in printable(&error.to_string()).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        for call in &state.pending_calls {
            let _ = writeln!(text, "  {} {}", one_line(&call.tool), short(&*call.arguments));
        }
    }
    if text.is_empty() {
        context.console.inform(&match executed.steps.len() {
            0 => "the run has no steps".to_owned(),
            number => format!("of {} none failed, is in doubt or waits", count(number, "step")),
        });
    }
    Ok(context.output.lines(&text)?)
}

fn is_trouble(state: &StepState) -> bool {
    let stands =
        matches!(state.status, StepStatus::Failed | StepStatus::InDoubt | StepStatus::Waiting);
    stands && !state.is_recovered()
}

fn trouble<'a>(step: &'a PlanStep, state: &'a StepState) -> Trouble<'a> {
    Trouble {
        step_id: &step.step_id,
        status: state.status,
        tool: &step.tool,
        reason: state.reason.map(pe_model::Reason::as_str),
        error: state.error.as_ref(),
        attempts: state.attempts(),
        pending_calls: &state.pending_calls,
    }
}
