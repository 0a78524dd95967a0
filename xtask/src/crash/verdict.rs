//! The verdict: what must hold between the events, the acknowledgements and the ledger.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::ledger::Line;
use super::plan::{ONCE, ORDER};
use super::trial::End;

/// A call in doubt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Doubt {
    pub(super) step: String,
    pub(super) generation: u64,
    pub(super) iteration: u64,
}

impl Doubt {
    /// How the idempotency key of the call ends.
    pub(super) fn key_end(&self) -> String {
        format!("/{}/{}/{}", self.generation, self.iteration, self.step)
    }
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

fn call(event: &Value) -> Doubt {
    Doubt {
        step: event["step_id"].as_str().unwrap_or_default().to_owned(),
        generation: event["generation"].as_u64().unwrap_or_default(),
        iteration: event["iteration"].as_u64().unwrap_or_default(),
    }
}

/// What was shown as durable is on record, unchanged, and the record has no gap.
pub(super) fn nothing_is_lost(acknowledged: &[Value], events: &[Value]) -> Result<()> {
    for (number, event) in events.iter().enumerate() {
        ensure!(event["seq"] == number, "event {number} of the record is {}", event["seq"]);
    }
    for (number, event) in acknowledged.iter().enumerate().filter(|(_, event)| !event.is_null()) {
        match events.get(number) {
            None => bail!("event {number} was acknowledged and is lost: {event}"),
            Some(kept) => ensure!(kept == event, "event {number} was {event} and is now {kept}"),
        }
    }
    Ok(())
}

/// No effect without its intent, none twice that must happen once, none of a step that had
/// completed, none before those that it depends on. `before` lines were there when the last
/// process began.
pub(super) fn effects_are_allowed(events: &[Value], ledger: &[Line], before: usize) -> Result<()> {
    let intents: BTreeSet<(String, u64)> = events
        .iter()
        .filter(|event| kind(event) == "attempt_started")
        .map(|event| (call(event).key_end(), event["attempt"].as_u64().unwrap_or_default()))
        .collect();
    let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
    for line in ledger {
        let known = intents.iter().any(|(end, attempt)| {
            line.key.ends_with(end.as_str()) && *attempt == u64::from(line.attempt)
        });
        ensure!(known, "{line:?} happened without an intent on record");
        *lines.entry(&line.key).or_default() += 1;
    }
    for line in ledger.iter().filter(|line| ONCE.contains(&line.step.as_str())) {
        let times = lines[line.key.as_str()];
        ensure!(times == 1, "{line:?} must happen once and happened {times} times");
    }
    // Completed before the last process began: everything up to its own first event.
    let last_begin = events
        .iter()
        .rposition(|event| matches!(kind(event), "run_started" | "run_resumed"))
        .unwrap_or_default();
    let completed: BTreeSet<&str> = events[..last_begin.min(events.len())]
        .iter()
        .filter(|event| kind(event) == "step_completed")
        .filter_map(|event| event["step_id"].as_str())
        .collect();
    for line in ledger.iter().skip(before) {
        ensure!(!completed.contains(line.step.as_str()), "{line:?} of a step that had completed");
    }
    for (first, second) in ORDER {
        let place = |step: &str| ledger.iter().position(|line| line.step == step);
        if let Some(second_at) = place(second) {
            let first_at = place(first);
            ensure!(
                first_at.is_some_and(|first_at| first_at < second_at),
                "`{second}` ran before `{first}`"
            );
        }
    }
    Ok(())
}

/// Calls in doubt that nobody has decided about.
pub(super) fn doubts(events: &[Value]) -> BTreeSet<Doubt> {
    let mut open = BTreeSet::new();
    for event in events {
        match kind(event) {
            "step_in_doubt" => {
                open.insert(call(event));
            }
            "step_resolved" => {
                open.remove(&call(event));
            }
            _ => {}
        }
    }
    open
}

/// What the call returned in the undisturbed run.
pub(super) fn output_of<'e>(undisturbed: &'e End, doubt: &Doubt) -> Result<&'e Value> {
    let same = |event: &&Value| kind(event) == "attempt_succeeded" && call(event) == *doubt;
    let event = undisturbed.events.iter().find(same);
    Ok(&event.with_context(|| format!("{doubt:?} never succeeded undisturbed"))?["output"])
}

/// A run that has ended well, with every call of the plan in the ledger.
pub(super) fn is_whole(end: &End) -> Result<()> {
    ensure!(end.report["success"] == true, "the run did not succeed: {}", end.report["errors"]);
    ensure!(end.report["steps_recovered"] == 1, "one step is to be recovered");
    let keys: BTreeSet<&str> = end.ledger.iter().map(|line| line.key.as_str()).collect();
    // Twelve steps, of which one loops three times and one twice.
    ensure!(keys.len() == 15, "{} calls in the ledger, expected 15", keys.len());
    for event in end.events.iter().filter(|event| kind(event) == "step_completed") {
        let same = |other: &&Value| kind(other) == "step_completed" && call(other) == call(event);
        ensure!(end.events.iter().filter(same).count() == 1, "{event} is recorded twice");
    }
    Ok(())
}

/// The end is that of the undisturbed run, times and numbers of attempts aside.
pub(super) fn equals(end: &End, undisturbed: &End) -> Result<()> {
    let (found, expected) = (&end.report, &undisturbed.report);
    for field in ["status", "success", "final_response", "results", "plan_steps", "errors"] {
        ensure!(
            found[field] == expected[field],
            "`{field}` is {}, undisturbed {}",
            found[field],
            expected[field]
        );
    }
    let statuses = |report: &Value| -> Vec<[Value; 3]> {
        let steps = report["steps"].as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .map(|step| ["step_id", "status", "recovered_by"].map(|field| step[field].clone()))
            .collect()
    };
    ensure!(statuses(found) == statuses(expected), "the steps ended in another way");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, kind: &str, step: &str) -> Value {
        json!({"seq": seq, "type": kind, "step_id": step, "generation": 0, "iteration": 0,
            "attempt": 1})
    }

    fn line(step: &str) -> Line {
        Line { key: format!("run/0/0/{step}"), step: step.to_owned(), attempt: 1 }
    }

    #[track_caller]
    fn violates(judged: Result<()>, expected: &str) {
        let said = judged.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn what_was_acknowledged_must_be_there() {
        let events = [event(0, "run_started", ""), event(1, "attempt_started", "s1")];
        assert!(nothing_is_lost(&events[..1], &events).is_ok());
        violates(nothing_is_lost(&events, &events[..1]), "is lost");
        violates(nothing_is_lost(&[], &events[1..]), "event 0 of the record");
        let other = [event(0, "run_resumed", "")];
        violates(nothing_is_lost(&other, &events), "is now");
    }

    #[test]
    fn effects_need_an_intent_happen_once_and_in_order() {
        let started = |steps: &[&str]| -> Vec<Value> {
            steps.iter().map(|s| event(0, "attempt_started", s)).collect()
        };
        let check = |events: &[Value], ledger: &[Line]| effects_are_allowed(events, ledger, 0);
        assert!(check(&started(&["s1", "s2"]), &[line("s1"), line("s2"), line("s2")]).is_ok());
        violates(check(&started(&["s2"]), &[line("s1")]), "without an intent");
        violates(check(&started(&["s1"]), &[line("s1"), line("s1")]), "happened 2 times");
        violates(check(&started(&["s1", "s2"]), &[line("s2"), line("s1")]), "ran before");
        violates(check(&started(&["s2"]), &[line("s2")]), "ran before");
    }

    #[test]
    fn a_completed_step_gains_no_line() {
        let events = [
            event(0, "run_started", ""),
            event(1, "attempt_started", "s6"),
            event(2, "step_completed", "s6"),
            event(3, "run_resumed", ""),
        ];
        assert!(effects_are_allowed(&events, &[line("s6")], 1).is_ok());
        let gained = [line("s6"), line("s6")];
        violates(effects_are_allowed(&events, &gained, 1), "had completed");
    }

    #[test]
    fn a_doubt_is_open_until_it_is_resolved() {
        let mut events = vec![event(0, "step_in_doubt", "s1"), event(1, "step_in_doubt", "s3")];
        assert_eq!(doubts(&events).len(), 2);
        events.push(event(2, "step_resolved", "s1"));
        let open = doubts(&events).into_iter().next().unwrap();
        assert_eq!(open.key_end(), "/0/0/s3");
    }
}
