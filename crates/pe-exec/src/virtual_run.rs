//! Virtual time: the scheduler driven by a list of completions instead of a clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use pe_model::{Event, RunState, ToolError};
use pe_validate::ValidPlan;
use serde_json::Value;

use crate::{Attempt, CallRules, Command, Input, Millis, RunOptions, Scheduler, Turn};

/// What a simulated call does.
#[derive(Debug, Clone)]
pub struct Response {
    /// How long it takes.
    pub after_ms: Millis,
    /// How it ends.
    pub result: Result<Value, ToolError>,
}

/// A run in virtual time.
#[derive(Debug, Clone)]
pub struct VirtualRun {
    /// Its end.
    pub state: RunState,
    /// Its events.
    pub events: Vec<Event>,
}

/// Runs a plan to its end in virtual time; `respond` stands for the tools.
///
/// Nobody answers questions: a run that waits for a person ends as waiting. Nobody writes on
/// either: one whose plan is not whole is left running when nothing more would happen by itself.
pub fn run_virtual(
    plan: ValidPlan,
    rules: Arc<dyn CallRules>,
    options: RunOptions,
    mut respond: impl FnMut(&Attempt) -> Response,
) -> VirtualRun {
    let mut scheduler = Scheduler::new(plan, rules, options);
    let mut world = World::default();
    world.take(scheduler.handle(Input::Begin, 0), 0, &mut respond);
    let mut now = 0;
    while !scheduler.state().is_finished() {
        let wake = scheduler.next_wake();
        let input = match (world.next_at(), wake) {
            (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                now = at;
                world.next_outcome()
            }
            (_, Some(wake)) => {
                now = now.max(wake);
                Input::Tick
            }
            _ => Input::Pause,
        };
        let pauses = matches!(input, Input::Pause);
        world.take(scheduler.handle(input, now), now, &mut respond);
        if pauses && scheduler.is_stalled() {
            break;
        }
    }
    VirtualRun { state: scheduler.state().clone(), events: world.events }
}

/// Completions to come, in the order of time, then of their starts.
#[derive(Default)]
struct World {
    events: Vec<Event>,
    due: BinaryHeap<Reverse<(Millis, u64)>>,
    outcomes: BTreeMap<u64, (Attempt, Result<Value, ToolError>)>,
    started: u64,
}

impl World {
    fn take(&mut self, turn: Turn, now: Millis, respond: &mut impl FnMut(&Attempt) -> Response) {
        self.events.extend(turn.events);
        for command in turn.commands {
            // A cancelled attempt's outcome comes all the same, and is ignored as too late.
            if let Command::Start(attempt) = command {
                let response = respond(&attempt);
                let at = now.saturating_add(response.after_ms);
                self.due.push(Reverse((at, self.started)));
                self.outcomes.insert(self.started, (attempt, response.result));
                self.started += 1;
            }
        }
    }

    fn next_at(&self) -> Option<Millis> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    fn next_outcome(&mut self) -> Input {
        let outcome = self.due.pop().and_then(|Reverse((_, number))| self.outcomes.remove(&number));
        match outcome {
            Some((Attempt { key, .. }, Ok(output))) => {
                Input::AttemptSucceeded { key, output: Arc::new(output) }
            }
            Some((Attempt { key, .. }, Err(error))) => Input::AttemptFailed { key, error },
            None => Input::Tick,
        }
    }
}
