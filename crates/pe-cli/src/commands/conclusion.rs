//! How a run ended: the table and what needs a person on stderr, the answer on stdout.

use pe_llm::PlanningError;
use pe_model::{PlanStatus, RunState, StopCause, ToolSet};
use pe_orchestrator::{Outcome, Trouble};
use pe_store::SqliteStore;

use super::Context;
use super::plan::planning_failed;
use crate::args::OutputKind;
use crate::consent::unanswered;
use crate::console::{Console, Tone};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::unreachable;
use crate::summary;

/// Says how the run ended.
pub(super) fn conclude(
    outcome: Option<Outcome>,
    kind: OutputKind,
    store: &SqliteStore,
    tools: &ToolSet,
    context: &mut Context,
) -> Result<Exit, Failure> {
    let Some(Outcome { mut report, state, trouble }) = outcome else {
        return Ok(Exit::Interrupted);
    };
    let name = store.run(&state.run_id).ok().map(|run| run.name);
    report.run_name = name.clone();
    let name = name.unwrap_or_else(|| state.run_id.to_string());
    let failure = trouble.as_ref().and_then(|trouble| in_the_way(trouble, &state, &name));
    let exit = failure.as_ref().map_or_else(|| Exit::of_run(&state), |failure| failure.exit);
    let console = &context.console;
    if !state.plan.steps.is_empty() {
        console.inform(&summary::table(&report, console));
    }
    console.inform(&summary::line(&report, &state, console));
    if console.quiet && exit != Exit::Success {
        // What went wrong is never left out.
        console.say(&summary::line(&report, &state, console));
    }
    for waiting in unanswered(&state, tools) {
        console.say(&format!("{} {waiting}", console.paint(Tone::Caution, "waiting:")));
    }
    match (&failure, &trouble) {
        (Some(failure), _) => console.fail(failure),
        // The run says by itself that it failed; this is why nothing could be done about it.
        (None, Some(Trouble::Rejected)) | (None, None) => {}
        (None, Some(trouble)) => console.warn(&trouble.to_string()),
    }
    if failure.as_ref().is_none_or(|failure| failure.hint.is_none()) {
        say_next_moves(&state, &name, exit, console);
    }
    match kind {
        OutputKind::Json => context.output.json(&report)?,
        // A part of an answer could be taken for the whole of it; `--json` has the parts.
        OutputKind::Text if state.status == PlanStatus::Completed => {
            context.output.lines(&report.final_response)?;
        }
        OutputKind::Text | OutputKind::Jsonl => {}
    }
    Ok(exit)
}

fn say_next_moves(state: &RunState, name: &str, exit: Exit, console: &Console) {
    for next in summary::next_moves(state, name) {
        let text = format!("{} {next}", console.paint(Tone::Strong, "next:"));
        // What needs a person is never left out.
        match exit {
            Exit::NeedsPerson => console.say(&text),
            _ => console.inform(&text),
        }
    }
}

/// What kept the run from going on, where the run itself does not say it; none where the
/// person wanted it to stop.
fn in_the_way(trouble: &Trouble, state: &RunState, name: &str) -> Option<Failure> {
    let goal = &state.plan.goal;
    match trouble {
        // It came to its end without the change.
        Trouble::Rejected if state.status == PlanStatus::Completed => None,
        Trouble::Rejected if state.status == PlanStatus::Failed => Some(Failure {
            exit: Exit::NeedsPerson,
            error: anyhow::anyhow!("the change of the plan was rejected, and the run has failed"),
            hint: Some(format!("`pe retry {name} --failed` runs again what did not succeed")),
        }),
        Trouble::Rejected => Some(Failure {
            exit: Exit::NeedsPerson,
            error: anyhow::anyhow!("{trouble}"),
            hint: Some(format!("`pe resume {name} --review` shows it again")),
        }),
        // Nobody interrupted it, whatever its end is recorded as.
        Trouble::Refused(_) | Trouble::NoStep(_) => Some(Failure {
            exit: Exit::Failed,
            error: trouble.clone().into(),
            hint: (state.status == PlanStatus::Cancelled)
                .then(|| format!("`pe resume {name}` goes on")),
        }),
        _ if state.stopping == Some(StopCause::Interrupted) => None,
        Trouble::Model(error) if state.stopping == Some(StopCause::NoModel) => {
            Some(unreachable(error, goal, Some(name)))
        }
        Trouble::Planning(
            error @ (PlanningError::Invalid { .. } | PlanningError::Unreadable { .. }),
        ) => {
            let failure = planning_failed(error, goal);
            let hint = format!("`pe resume {name}` asks the model again");
            Some(Failure { hint: Some(hint), ..failure })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pe_model::Event;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_run_refused_is_no_interrupt_by_the_person() {
        let kinds = [
            json!({"type": "run_started", "plan": {"steps": [{"step_id": "a", "tool": "t"}]},
                "config": {}, "weights": [1], "seed": 1, "started_at": "2026-01-01T00:00:00Z"}),
            json!({"type": "run_stopping", "cause": "interrupted"}),
            json!({"type": "run_finished", "status": "cancelled"}),
        ];
        let events: Vec<Event> = (0..)
            .zip(kinds)
            .map(|(seq, mut event)| {
                let head = json!({"format": 1, "run_id": "r", "seq": seq, "at_ms": seq});
                event.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
                serde_json::from_value(event).unwrap()
            })
            .collect();
        let state = RunState::fold(&events).unwrap().unwrap();
        for trouble in
            [Trouble::NoStep("no step".to_owned()), Trouble::Refused(pe_exec::ControlError::Ended)]
        {
            let failure = in_the_way(&trouble, &state, "name").unwrap();
            assert_eq!(failure.exit, Exit::Failed);
            assert!(failure.hint.unwrap().contains("`pe resume name`"));
            assert_eq!(failure.error.to_string(), trouble.to_string());
        }
        let other = Trouble::NotAdapted("enough".to_owned());
        assert!(in_the_way(&other, &state, "name").is_none(), "the person wanted it to stop");
    }
}
