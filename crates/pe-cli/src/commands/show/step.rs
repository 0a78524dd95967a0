//! `pe show --step`: one step, every attempt of it, what went in and what came out.

use std::fmt::Write as _;

use pe_model::{PendingCall, PlanStep, RunId, StepError, StepId, StepState, StepStatus, StepType};
use pe_store::ToolCallRecord;
use pe_view::glyph;
use serde::Serialize;
use serde_json::Value;

use super::{Context, Failure, Shown, fields};
use crate::commands::run::unknown_step;
use crate::summary;
use crate::words::{duration, fit, one_line, printable};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Details<'a> {
    run_id: &'a RunId,
    run_name: &'a str,
    step_id: &'a StepId,
    status: StepStatus,
    reason: Option<&'static str>,
    definition: PlanStep,
    generation: u32,
    approved: bool,
    rejected: bool,
    loop_count: Option<u32>,
    recovered_by: Option<&'a StepId>,
    reused_from: Option<&'a RunId>,
    execution_time_ms: Option<u64>,
    /// The calls that a person is or was asked about.
    pending_calls: &'a [PendingCall],
    output: Option<&'a Value>,
    error: Option<&'a StepError>,
    /// In the order in which they started.
    attempts: Vec<ToolCallRecord>,
}

/// Prints everything about one step.
pub(super) fn show(
    shown: &Shown,
    id: &str,
    json: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    let state = &shown.state;
    let Some(place) = state.place(id) else {
        let message = unknown_step(id, state, &shown.run.name);
        return Err(Failure::usage_message(message));
    };
    let (step, executed) = (state.step_at(place), &state.executed_plan().steps[place]);
    let mut calls = shown.store.tool_calls(&shown.run.run_id)?;
    calls.retain(|call| call.step_id == executed.step_id);
    if json {
        let details = Details {
            run_id: &state.run_id,
            run_name: &shown.run.name,
            step_id: &executed.step_id,
            status: step.status,
            reason: step.reason.map(pe_model::Reason::as_str),
            definition: executed.definition(),
            generation: step.generation,
            approved: step.approved,
            rejected: step.rejected,
            loop_count: step.loop_count,
            recovered_by: step.recovered_by.as_ref(),
            reused_from: step.reused_from.as_ref(),
            execution_time_ms: step.execution_time_ms,
            pending_calls: &step.pending_calls,
            output: step.output.as_deref(),
            error: step.error.as_ref(),
            attempts: calls,
        };
        return Ok(context.output.json(&details)?);
    }
    let mut text = definition(executed);
    text += &outcome(shown, executed, step);
    text += &attempts(&calls, step, shown.run.is_live);
    Ok(context.output.lines(&text)?)
}

/// The step as it was written, in short.
fn definition(step: &PlanStep) -> String {
    let line = |text: &String| one_line(text);
    let kind = match step.step_type {
        StepType::Normal => String::new(),
        kind => format!(" ({kind})"),
    };
    let ids: Vec<String> = step.dependencies.iter().map(|id| one_line(id.as_str())).collect();
    fields([
        ("Step", Some(format!("{}{kind}", one_line(step.step_id.as_str())))),
        ("Action", (!step.action.is_empty()).then(|| one_line(&step.action))),
        ("Tool", Some(one_line(&step.tool))),
        ("Parameters", (!step.parameters.is_empty()).then(|| short(&step.parameters))),
        ("After", (!ids.is_empty()).then(|| ids.join(", "))),
        ("Trigger", step.trigger_rule.map(|rule| rule.as_str().replace('_', " "))),
        ("Condition", step.condition.as_ref().map(line)),
        ("Loop count", step.loop_count.map(|count| count.to_string())),
        ("Loop over", step.loop_over.as_ref().map(line)),
        ("Loop until", step.loop_until.as_ref().map(line)),
        ("Fallback for", step.fallback_for.as_ref().map(|id| one_line(id.as_str()))),
        ("Timeout", step.timeout_ms.map(duration)),
        ("Retry", step.retry.as_ref().map(short)),
        ("Expect", step.expect.as_ref().map(line)),
        ("Approval", step.approval.then(|| "needed".to_owned())),
    ])
}

/// How the step stands.
fn outcome(shown: &Shown, executed: &PlanStep, step: &StepState) -> String {
    let run_name = |id: &RunId| shown.store.run(id).map_or_else(|_| id.to_string(), |run| run.name);
    let (_, status) = summary::status(executed, shown.run.is_live);
    let person = match (step.approved, step.rejected) {
        (_, true) => Some("refused"),
        (true, _) => Some("agreed"),
        _ => None,
    };
    let text = fields([
        ("Status", Some(format!("{} {status}", glyph(step.status)))),
        ("Reason", step.reason.map(|reason| reason.as_str().replace('_', " "))),
        ("A person", person.map(str::to_owned)),
        ("Recovered by", step.recovered_by.as_ref().map(|id| one_line(id.as_str()))),
        ("Taken over from", step.reused_from.as_ref().map(|id| format!("run {}", run_name(id)))),
        ("Generation", (step.generation > 0).then(|| step.generation.to_string())),
        ("Took", step.execution_time_ms.map(duration)),
        ("Error", step.error.as_ref().map(|error| cut(&error.to_string()))),
        ("Output", step.output.as_deref().map(short)),
    ]);
    format!("\n{text}")
}

/// Every attempt, below the call that it made.
fn attempts(calls: &[ToolCallRecord], step: &StepState, is_live: bool) -> String {
    let mut text = String::new();
    let mut calls: Vec<&ToolCallRecord> = calls.iter().collect();
    calls.sort_by_key(|call| (call.generation, call.iteration, call.attempt));
    let same = |a: &&ToolCallRecord, b: &&ToolCallRecord| {
        (a.generation, a.iteration) == (b.generation, b.iteration)
    };
    for calls in calls.chunk_by(same) {
        let first = calls[0];
        let mut name = match step.loop_count {
            Some(count) => format!("Iteration [{}] of {count}", first.iteration),
            None => "Call".to_owned(),
        };
        if first.generation > 0 {
            let _ = write!(name, ", generation {}", first.generation);
        }
        let effect = short(&first.effect).replace('"', "");
        let _ = writeln!(text, "\n{name}: {} (effect: {effect})", one_line(&first.tool));
        let _ = writeln!(text, "  key: {}", one_line(&first.idempotency_key));
        let _ = writeln!(text, "  arguments: {}", short(&*first.arguments));
        for call in calls {
            let took = call.duration_ms.map(|ms| format!(" after {}", duration(ms)));
            let outcome = match &call.outcome {
                Some(outcome) => outcome.replace('_', " "),
                None if is_live => "under way".to_owned(),
                None => "no outcome was recorded".to_owned(),
            };
            let _ = writeln!(
                text,
                "  attempt {}, {:.3}: {outcome}{}",
                call.attempt,
                call.started_at,
                took.unwrap_or_default()
            );
            if let Some(error) = &call.error {
                let _ = writeln!(text, "    error: {}", cut(&error.to_string()));
            }
            if let Some(output) = &call.output {
                let _ = writeln!(text, "    output: {}", short(&**output));
            }
        }
    }
    text
}

/// A value on one line of bearable length.
pub(super) fn short(value: &impl Serialize) -> String {
    cut(&serde_json::to_string(value).unwrap_or_default())
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 400;
    let line = one_line(&printable(text));
    let shown = fit(&line, LONGEST);
    if shown.len() < line.len() {
        format!("{shown} ({} bytes; `--json` has all)", text.len())
    } else {
        line
    }
}
