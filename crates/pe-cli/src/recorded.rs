//! Recorded runs as people see them: how a run stands when its process may have died.

use pe_llm::final_words;
use pe_model::{ModelAnswer, PlanStatus, RunReport, RunState, Usage};
use pe_store::{ModelCall, RunSummary, SqliteStore};
use serde::Deserialize as _;

/// Whether the run was under way when its process ended, and nobody has gone on with it.
pub(crate) fn is_stopped(run: &RunSummary) -> bool {
    !run.is_live && matches!(run.status, PlanStatus::Running | PlanStatus::Created)
}

/// Whether `pe resume` would go on with the run.
pub(crate) fn is_resumable(run: &RunSummary) -> bool {
    let pauses =
        matches!(run.status, PlanStatus::Cancelled | PlanStatus::Waiting | PlanStatus::InDoubt);
    is_stopped(run) || (pauses && !run.is_live)
}

/// How the run stands, in a word or two: `stopped` where the journal says running and nobody
/// runs it.
pub(crate) fn standing(run: &RunSummary) -> &'static str {
    match run.status {
        _ if is_stopped(run) => "stopped",
        PlanStatus::InDoubt => "in doubt",
        status => status.as_str(),
    }
}

/// The JSON of a run, from what is on record.
pub(crate) fn report(store: &SqliteStore, state: &RunState, answer: String) -> RunReport {
    let calls = store.model_calls(&state.run_id).unwrap_or_default();
    let answer = match written_answer(&calls).filter(|_| state.status == PlanStatus::Completed) {
        Some(written) => written,
        None => answer,
    };
    let run_name = store.run(&state.run_id).ok().map(|run| run.name);
    let report = RunReport::new(state, answer, state.planner(), usage(&calls));
    RunReport { run_name, ..report }
}

/// The answer that the model wrote in the end: for that purpose, or instead of the next call of
/// the sequential loop. None where it wrote none that can be used, or changed the plan since.
fn written_answer(calls: &[ModelCall]) -> Option<String> {
    for call in calls.iter().rev() {
        let said = call.response.as_ref().filter(|_| call.error.is_none());
        let said = || ModelAnswer::deserialize(said?).ok();
        match call.purpose.as_str() {
            "answer" => return said().and_then(usable),
            "sequential" => {
                let words = said().filter(|said| said.tool_calls.is_empty()).and_then(usable);
                if words.is_some() {
                    return words;
                }
            }
            "adapt" => return None,
            _ => {}
        }
    }
    None
}

/// A whole answer without what the model thought aloud; none where nothing is left.
fn usable(said: ModelAnswer) -> Option<String> {
    final_words(&said).ok()
}

/// What recorded exchanges with a model cost; a sum of which a part is unknown is unknown.
fn usage(calls: &[ModelCall]) -> Usage {
    Usage {
        llm_calls: Some(calls.len() as u64),
        prompt_tokens: calls.iter().map(|call| call.prompt_tokens).sum(),
        completion_tokens: calls.iter().map(|call| call.completion_tokens).sum(),
        cost_usd: calls.iter().try_fold(0.0, |sum, call| Some(sum + call.cost_usd?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(calls: &[(&str, Value)], expected: Option<&str>) {
        let call = |(purpose, response): &(&str, Value)| ModelCall {
            purpose: (*purpose).to_owned(),
            model: "m".to_owned(),
            endpoint: "e".to_owned(),
            request: json!({}),
            response: Some(response.clone()).filter(|response| !response.is_null()),
            prompt_tokens: None,
            completion_tokens: None,
            cost_usd: None,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            duration_ms: 1,
            error: response.is_null().then(|| "no".to_owned()),
        };
        let made: Vec<ModelCall> = calls.iter().map(call).collect();
        assert_eq!(written_answer(&made).as_deref(), expected, "{calls:?}");
    }

    #[test]
    fn the_answer_is_what_the_model_wrote_in_the_end() {
        let said = |text: &str| json!({"content": text, "finish": "stop"});
        let cut = |text: &str| json!({"content": text, "finish": "length"});
        let asks = json!({"content": "I look.", "finish": "tool_calls",
            "tool_calls": [{"id": "1", "name": "echo", "arguments": "{}"}]});
        check(&[("plan", said("{}"))], None);
        check(&[("plan", said("{}")), ("answer", said(" 42\n"))], Some("42"));
        check(&[("answer", said("<think>hm</think>42"))], Some("42"));
        check(&[("answer", said("<think>hm"))], None);
        check(&[("answer", cut("4"))], None);
        check(&[("answer", Value::Null)], None);
        check(&[("sequential", asks.clone()), ("sequential", said("Done."))], Some("Done."));
        check(&[("sequential", asks.clone())], None);
        // What was no answer was asked for again.
        check(
            &[("sequential", said("<think>x</think> Done.")), ("step", said("x"))],
            Some("Done."),
        );
        check(&[("sequential", said("Done.")), ("sequential", cut("Do"))], Some("Done."));
        // The plan went another way afterwards.
        check(&[("sequential", said("No.")), ("adapt", said("{}"))], None);
        check(&[("sequential", said("No.")), ("answer", cut("Y"))], None);
    }
}
