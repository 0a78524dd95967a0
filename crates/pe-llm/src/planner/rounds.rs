//! The rounds of planning: ask, read, judge, send back.

use minijinja::Value;
use pe_model::{Delta, ModelAnswer, ModelRequest, Plan};
use pe_validate::{ValidationReport, check};

use super::findings::for_the_model;
use super::request::{again, first, max_steps, notation_of};
use super::{PlanProgress, PlanTask, Planned, Planner, PlanningError};
use crate::draft::{Draft, DraftError, DraftParser, parse_draft};
use crate::prompts::DEFAULT_WINDOW;
use crate::prompts::data::{bounded, defused, line};

/// How warm a model is asked that gave the same wrong answer twice.
const STUCK_TEMPERATURE: f64 = 0.6;

/// What was wrong with the last answer.
enum Wrong {
    Unreadable(DraftError),
    Invalid(Box<Plan>, Box<ValidationReport>),
}

pub(super) async fn plan(
    planner: &Planner,
    task: &PlanTask<'_>,
    on: &mut (dyn FnMut(PlanProgress<'_>) + Send),
) -> Result<Planned, PlanningError> {
    let (mut request, size) = first(planner.prompts(), task, planner.temperature());
    for note in &size.notes {
        on(PlanProgress::Note(note));
    }
    let mut last_findings = String::new();
    let mut round = 0;
    loop {
        let answer = ask(planner, &request, round, on).await.map_err(PlanningError::Model)?;
        let wrong = match parse_draft(&answer.content, answer.finish) {
            Err(error) => {
                on(PlanProgress::Unreadable { round, error: &error });
                Wrong::Unreadable(error)
            }
            Ok(draft) => {
                let checked = check(plan_of(task, draft), task.catalog, task.limits);
                if let Some(plan) = checked.plan {
                    return Ok(Planned { plan, report: checked.report, rounds: round });
                }
                on(PlanProgress::Findings { round, report: &checked.report });
                let written = checked.written.map(|plan| (*plan).clone()).unwrap_or_default();
                Wrong::Invalid(Box::new(written), Box::new(checked.report))
            }
        };
        if round >= task.max_repair_rounds {
            return Err(match wrong {
                Wrong::Unreadable(error) => PlanningError::Unreadable { error, rounds: round },
                Wrong::Invalid(plan, report) => {
                    PlanningError::Invalid { plan, report, rounds: round }
                }
            });
        }
        round += 1;
        request = sent_back(planner, task, &answer, &wrong, &mut last_findings);
    }
}

/// Asks once; what comes is read as it comes, and passed on.
async fn ask(
    planner: &Planner,
    request: &ModelRequest,
    round: u32,
    on: &mut (dyn FnMut(PlanProgress<'_>) + Send),
) -> Result<ModelAnswer, pe_model::ModelError> {
    on(PlanProgress::Asking { round });
    let mut reading = Reading { parser: DraftParser::new(), came: false, on };
    let mut sink = |delta: Delta<'_>| reading.take(delta);
    let answer = planner.client().ask(request, Some(&mut sink)).await?;
    // An answer that was recorded, or comes from where nothing streams.
    if !reading.came {
        reading.take(Delta::Text(&answer.content));
    }
    Ok(answer)
}

/// An answer on its way, and who is told of it.
struct Reading<'a> {
    parser: DraftParser,
    came: bool,
    on: &'a mut (dyn FnMut(PlanProgress<'_>) + Send),
}

impl Reading<'_> {
    fn take(&mut self, delta: Delta<'_>) {
        match delta {
            Delta::Text(text) => {
                self.came = true;
                (self.on)(PlanProgress::Text(text));
                for step in self.parser.push(text) {
                    (self.on)(PlanProgress::Step(&step));
                }
            }
            Delta::Restart => {
                self.came = false;
                self.parser.restart();
                (self.on)(PlanProgress::Restart);
            }
        }
    }
}

/// The draft as a plan: the goal is the person's, whatever the model wrote.
fn plan_of(task: &PlanTask<'_>, draft: Draft) -> Plan {
    Plan {
        goal: task.goal.to_owned(),
        steps: draft.steps,
        context: task.context.clone(),
        ..Plan::default()
    }
}

/// The request that says what is wrong with an answer.
fn sent_back(
    planner: &Planner,
    task: &PlanTask<'_>,
    answer: &ModelAnswer,
    wrong: &Wrong,
    last_findings: &mut String,
) -> ModelRequest {
    // About a third of the window, at three bytes a token.
    let window = task.context_tokens.unwrap_or(DEFAULT_WINDOW);
    let longest = usize::try_from(window).unwrap_or(usize::MAX).clamp(200, 16 * 1024);
    let (answered, values, findings) = match wrong {
        Wrong::Unreadable(error) => {
            let cut_off =
                matches!(error, DraftError::Truncated { .. } | DraftError::TooLarge { .. })
                    || answer.finish.is_truncated();
            let shown = if cut_off { longest.min(600) } else { longest.min(2_000) };
            let text = error.to_string();
            let values = vec![
                ("unreadable", Value::from(line(&text, 400))),
                ("cut_off", Value::from(cut_off)),
            ];
            (bounded(&answer.content, shown), values, text)
        }
        Wrong::Invalid(plan, report) => {
            let findings = for_the_model(report, task.limits.max_steps);
            let values = vec![("findings", Value::from(findings.clone()))];
            (bounded(&notation_of(plan), longest), values, findings)
        }
    };
    let repeated = *last_findings == findings;
    let mut values = values;
    values.push(("repeated", Value::from(repeated)));
    values.push(("max_steps", Value::from(max_steps(task.limits))));
    *last_findings = findings;
    // Asked the same way, the same model says the same.
    let temperature = match planner.temperature() {
        Some(usual) if repeated => Some(usual.max(STUCK_TEMPERATURE)),
        usual => usual,
    };
    let answered = if answered.trim().is_empty() { "(nothing)".to_owned() } else { answered };
    again(planner.prompts(), task, defused(&answered), values, temperature)
}
