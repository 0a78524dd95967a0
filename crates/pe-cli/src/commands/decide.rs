//! `pe cancel`, `approve`, `reject` and `resolve`: a person decides about a run, whoever runs it.
//!
//! The process that owns the run is asked to take the decision; where there is none, it is
//! recorded here, and `pe resume` goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pe_exec::{Answer, Driver, ResumeError};
use pe_model::{
    Effect, IterationPhase, JournalError, Resolution, RunId, RunState, StepId, StepState,
    StepStatus,
};
use pe_store::{RunSummary, SqliteStore};

use super::Context;
use super::resume::not_imported;
use super::run::unknown_step;
use crate::args::{CancelVerb, ResolveVerb, Ruling, StepVerb};
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::tool_config;
use crate::requests::{self, Asked, Request};
use crate::settings::Flags;
use crate::words::one_line;

/// `pe cancel`.
pub(super) fn cancel(verb: &CancelVerb, context: &mut Context) -> Result<Exit, Failure> {
    let desk = Desk::open(&verb.run, context)?;
    if desk.run.is_live {
        let (name, owner) = (&desk.run.name, &desk.run.owner);
        context.console.inform(&format!("asking {owner} to stop run {name}"));
    }
    if desk.deliver(&Request::Stop)? == Delivered::ToOwner {
        desk.wait_for_the_end()?;
    }
    let status = desk.store.run(&desk.run.run_id)?.status;
    let name = &desk.run.name;
    context.console.inform(&format!("run {name} is {status}; `pe resume {name}` would go on"));
    Ok(Exit::Success)
}

/// `pe approve`.
pub(super) fn approve(verb: &StepVerb, context: &mut Context) -> Result<Exit, Failure> {
    answer_waiting(verb, context, "approved", |step_id, generation| Answer::Approve {
        step_id,
        generation,
    })
}

/// `pe reject`.
pub(super) fn reject(verb: &StepVerb, context: &mut Context) -> Result<Exit, Failure> {
    answer_waiting(verb, context, "rejected", |step_id, generation| Answer::Reject {
        step_id,
        generation,
    })
}

fn answer_waiting(
    verb: &StepVerb,
    context: &mut Context,
    done: &str,
    answer: impl Fn(StepId, u32) -> Answer,
) -> Result<Exit, Failure> {
    let desk = Desk::open(&verb.run, context)?;
    let step = desk.step(&verb.step)?;
    if step.status != StepStatus::Waiting {
        let (id, status) = (one_line(&verb.step), step.status.as_str().replace('_', " "));
        let message = format!("step `{id}` of run {} does not wait: it is {status}", desk.run.name);
        return Err(Failure::usage_message(message));
    }
    let answer = answer(StepId::new(&verb.step), step.generation);
    let delivered = desk.deliver(&Request::Answer(answer))?;
    desk.say_done(&verb.step, done, delivered, context);
    Ok(Exit::Success)
}

/// `pe resolve`.
pub(super) fn resolve(verb: &ResolveVerb, context: &mut Context) -> Result<Exit, Failure> {
    let resolution = match verb.ruling() {
        Ruling::Done(output) => Resolution::Done { output: Arc::new(output_of(output)?) },
        Ruling::Failed => Resolution::Failed,
        Ruling::Retry => Resolution::Retry,
    };
    let done = match resolution {
        Resolution::Done { .. } => "done",
        Resolution::Failed => "failed",
        Resolution::Retry => "to be tried again",
    };
    let desk = Desk::open(&verb.run, context)?;
    let step = desk.step(&verb.step)?;
    let iteration = desk.iteration(&verb.step, step, verb.iteration)?;
    let attempt = step.iterations[iteration as usize].attempts;
    let (step_id, generation) = (StepId::new(&verb.step), step.generation);
    let answer = Answer::Resolve { step_id, generation, iteration, attempt, resolution };
    let delivered = desk.deliver(&Request::Answer(answer))?;
    desk.say_done(&verb.step, &format!("resolved as {done}"), delivered, context);
    Ok(Exit::Success)
}

fn output_of(text: Option<&str>) -> Result<serde_json::Value, Failure> {
    let Some(text) = text else { return Ok(serde_json::Value::Null) };
    serde_json::from_str(text).map_err(|error| {
        Failure::usage_message(format!("`--output` is no JSON: {error}"))
            .hint("a text needs quotes of its own: --output '\"sent\"'")
    })
}

/// Who took a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivered {
    ToOwner,
    Recorded,
}

/// A run that a person decides about.
struct Desk {
    store: Arc<SqliteStore>,
    driver: Driver,
    run: RunSummary,
    state: RunState,
}

impl Desk {
    fn open(word: &str, context: &mut Context) -> Result<Self, Failure> {
        let settings = context.settings(Flags::default())?;
        // What is recorded here needs the database as it is, not a new one.
        database::open_existing(&settings)?;
        let store = database::open(&settings)?;
        let run = database::find_run(&store, word)?;
        let state = store.state(&run.run_id)?;
        not_imported(&run, &state)?;
        let tools = pe_tools::builtin(&tool_config(&settings, None)).map_err(Failure::usage)?;
        let journal = Arc::clone(&store) as Arc<dyn pe_model::Journal>;
        let driver = Driver::new(tools).journal(journal);
        Ok(Self { store, driver, run, state })
    }

    fn step(&self, id: &str) -> Result<&StepState, Failure> {
        self.state
            .step(id)
            .ok_or_else(|| Failure::usage_message(unknown_step(id, &self.state, &self.run.name)))
    }

    /// The iteration that is meant: the one in doubt, unless there are several.
    fn iteration(&self, id: &str, step: &StepState, given: Option<u32>) -> Result<u32, Failure> {
        let doubtful: Vec<u32> = (0..)
            .zip(&step.iterations)
            .filter(|(_, iteration)| match iteration.phase {
                IterationPhase::InDoubt { .. } => true,
                // The process that made the call has died, and nobody has gone on since.
                IterationPhase::Running { .. } => {
                    iteration.effect == Effect::Once && !self.run.is_live
                }
                _ => false,
            })
            .map(|(number, _)| number)
            .collect();
        let (id, name) = (one_line(id), &self.run.name);
        match (given, &doubtful[..]) {
            (Some(given), _) if doubtful.contains(&given) => Ok(given),
            (None, [only]) => Ok(*only),
            (None, [_, _, ..]) => Err(Failure::usage_message(format!(
                "several iterations of step `{id}` of run {name} are in doubt: {}; say which with `--iteration`",
                doubtful.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
            ))),
            _ => {
                let which = given.map(|n| format!("iteration {n} of ")).unwrap_or_default();
                let status = step.status.as_str().replace('_', " ");
                Err(Failure::usage_message(format!(
                    "{which}step `{id}` of run {name} is not in doubt: the step is {status}"
                )))
            }
        }
    }

    /// Has a decision taken by whoever owns the run, and records it where nobody does.
    fn deliver(&self, request: &Request) -> Result<Delivered, Failure> {
        let run_id = &self.run.run_id;
        loop {
            match self.record(run_id, request) {
                Ok(()) => return Ok(Delivered::Recorded),
                Err(ResumeError::Journal(JournalError::Owned { .. })) => {}
                Err(error) => return Err(error.into()),
            }
            // The owner may end before it looks: then it is nobody's again.
            if requests::ask(&self.store, run_id, request)? == Asked::Done {
                return Ok(Delivered::ToOwner);
            }
        }
    }

    fn record(&self, run_id: &RunId, request: &Request) -> Result<(), ResumeError> {
        // Nothing is waited for but the journal.
        let recorded = match request {
            Request::Stop => block_on(self.driver.cancel(run_id)),
            Request::Answer(answer) => block_on(self.driver.decide(run_id, vec![answer.clone()])),
        };
        recorded.map(|_| ())
    }

    fn say_done(&self, step: &str, done: &str, delivered: Delivered, context: &Context) {
        let (name, step) = (&self.run.name, one_line(step));
        let next = match delivered {
            Delivered::ToOwner => "; the run goes on".to_owned(),
            Delivered::Recorded => format!("; `pe resume {name}` goes on"),
        };
        context.console.inform(&format!("step `{step}` of run {name} is {done}{next}"));
    }

    /// Waits until the owner has let the run go.
    fn wait_for_the_end(&self) -> Result<(), Failure> {
        let patience = Duration::from_millis(pe_exec::GRACE_MS) + Duration::from_secs(10);
        let began = Instant::now();
        while self.store.run(&self.run.run_id)?.is_live {
            if began.elapsed() > patience {
                return Err(anyhow::anyhow!(
                    "run {} was asked to stop and has not stopped yet",
                    self.run.name
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Waits for a future that needs nothing of a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("because a runtime without drivers needs nothing").block_on(future)
}
