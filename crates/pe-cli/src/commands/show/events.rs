//! `pe show --events`: what happened, event by event.

use std::fmt::Write as _;

use pe_model::{Event, RunState};

use super::{Context, Failure, Shown};
use crate::execution::names;
use crate::progress::Narrator;

/// Prints every event: a line each, or one list of what `--output jsonl` prints.
pub(super) fn show(shown: &Shown, json: bool, context: &mut Context) -> Result<(), Failure> {
    if json {
        let events: Vec<&Event> = shown.events.iter().map(|recorded| &recorded.event).collect();
        return Ok(context.output.json(&events)?);
    }
    let mut narrator = Narrator::new(names(&shown.store));
    let mut text = String::new();
    let mut state: Option<RunState> = None;
    for recorded in &shown.events {
        let event = &recorded.event;
        let applied = match &mut state {
            Some(state) => state.apply(event),
            None => RunState::begin(event).map(|begun| state = Some(begun)),
        };
        // The whole has been folded before: every part of it can be.
        debug_assert!(applied.is_ok(), "{applied:?}");
        let Some(state) = &state else { continue };
        let _ = writeln!(text, "{:.3}  {}", recorded.recorded_at, narrator.tell(event, state));
    }
    Ok(context.output.lines(&text)?)
}
