//! Exit codes: what a script learns from `pe` without reading a word.

use pe_model::{PlanStatus, RunState, StepState, StepStatus, StopCause};

/// How the program ends. The discriminants are the codes, and a promise.
///
/// Where several hold at once, the first of 130, 6, 5, 1, 0 is taken; usage errors, invalid
/// plans and a missing model end the program before a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for was done.
    Success = 0,
    /// The run failed, or `diff --exit-code` found a difference.
    Failed = 1,
    /// The command line, the configuration or a path is wrong; nothing was done.
    Usage = 2,
    /// The plan is invalid, or no plan at all; nothing was executed.
    Invalid = 3,
    /// A model is needed, and there is none, or it failed.
    NoModel = 4,
    /// A step waits for a person, was rejected by one, or is in doubt.
    NeedsPerson = 5,
    /// The plan's time or a budget is used up.
    LimitReached = 6,
    /// A signal asked the program to stop.
    Interrupted = 130,
}

impl Exit {
    /// In the order in which they win over each other after a run.
    const PRECEDENCE: [Self; 6] = [
        Self::Interrupted,
        Self::LimitReached,
        Self::NoModel,
        Self::NeedsPerson,
        Self::Failed,
        Self::Success,
    ];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The exit code of a run that ended or paused in `state`.
    ///
    /// A stop that was asked for counts even where the running steps still ended well.
    pub(crate) fn of_run(state: &RunState) -> Self {
        let needs_person = |step: &StepState| {
            step.rejected || matches!(step.status, StepStatus::Waiting | StepStatus::InDoubt)
        };
        let holds = |exit: &Self| match exit {
            Self::Interrupted => state.stopping == Some(StopCause::Interrupted),
            Self::LimitReached => {
                matches!(state.stopping, Some(StopCause::Timeout | StopCause::Budget))
            }
            Self::NoModel => state.stopping == Some(StopCause::NoModel),
            Self::NeedsPerson => {
                matches!(state.status, PlanStatus::Waiting | PlanStatus::InDoubt)
                    || state.steps().iter().any(needs_person)
            }
            Self::Success => state.status == PlanStatus::Completed,
            _ => state.status != PlanStatus::Completed,
        };
        Self::PRECEDENCE.into_iter().find(holds).unwrap_or(Self::Failed)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use pe_model::Event;
    use serde_json::{Value, json};

    use super::*;

    /// Folds a run of two steps from the rest of its events.
    fn check(rest: Value, expected: Exit) {
        let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t"}]);
        let mut events = vec![json!({
            "type": "run_started", "plan": {"steps": steps}, "config": {}, "weights": [1, 1],
            "seed": 1, "started_at": "2026-01-01T00:00:00Z",
        })];
        events.extend(rest.as_array().unwrap().iter().cloned());
        let events: Vec<Event> = (0..)
            .zip(&events)
            .map(|(seq, kind)| {
                let mut event = json!({"format": 1, "run_id": "r", "seq": seq, "at_ms": seq});
                event.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
                serde_json::from_value(event).unwrap()
            })
            .collect();
        let state = RunState::fold(&events).unwrap().unwrap();
        assert_eq!(Exit::of_run(&state), expected, "{rest}");
    }

    #[test]
    fn the_first_that_holds_wins() {
        let stop = |cause| json!({"type": "run_stopping", "cause": cause});
        let end = |status| json!({"type": "run_finished", "status": status});
        let waits = json!({"type": "step_waiting", "step_id": "a", "generation": 0,
            "waiting_for": "consent", "calls": []});
        let rejected = json!({"type": "step_rejected", "step_id": "a", "generation": 0});
        check(json!([end("completed")]), Exit::Success);
        check(json!([end("failed")]), Exit::Failed);
        check(json!([]), Exit::Failed);
        check(json!([waits, end("waiting")]), Exit::NeedsPerson);
        check(json!([waits, rejected, end("failed")]), Exit::NeedsPerson);
        check(json!([end("in_doubt")]), Exit::NeedsPerson);
        check(json!([waits, stop("timeout"), end("cancelled")]), Exit::LimitReached);
        check(json!([stop("budget"), end("cancelled")]), Exit::LimitReached);
        check(json!([waits, stop("no_model"), end("cancelled")]), Exit::NoModel);
        check(json!([waits, stop("interrupted"), end("cancelled")]), Exit::Interrupted);
        check(json!([stop("interrupted"), end("completed")]), Exit::Interrupted);
    }
}
