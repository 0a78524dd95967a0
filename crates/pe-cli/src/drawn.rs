//! A plan to be looked at: read leniently, with every edge that its validation can find.
//!
//! The JSON of a run is a plan too, and so is a recorded run: the executed one.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use pe_model::{Plan, PlanFile, PlanStatus, PlanStep, RunReport, StepStatus, read_value};
use pe_orchestrator::Outlook;
use pe_store::{FindError, SqliteStore};
use pe_validate::ValidPlan;
use pe_view::{CriticalPath, PlanView, executed};

use crate::commands::Context;
use crate::database;
use crate::document::{Document, Source};
use crate::failure::Failure;
use crate::settings::{Flags, Settings};
use crate::words::one_line;

/// A plan and its edges; of one that cannot run, why.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The document's name.
    pub(crate) name: String,
    plan: Plan,
    outlook: Outlook,
}

/// The database of runs, opened when the first one is named.
pub(crate) struct Runs<'a> {
    context: &'a Context,
    settings: OnceCell<Settings>,
    store: OnceCell<Option<Arc<SqliteStore>>>,
}

impl<'a> Runs<'a> {
    /// Nothing is opened yet.
    pub(crate) fn new(context: &'a Context) -> Self {
        Self { context, settings: OnceCell::new(), store: OnceCell::new() }
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Result<&Settings, Failure> {
        if self.settings.get().is_none() {
            let settings = self.context.settings(Flags::default())?;
            // Nobody else could have set it.
            let _ = self.settings.set(settings);
        }
        Ok(self.settings.get().expect("because it was just set"))
    }

    fn store(&self) -> Result<Option<&SqliteStore>, Failure> {
        if self.store.get().is_none() {
            let opened = database::open_if_there(self.settings()?)?;
            // Nobody else could have set it.
            let _ = self.store.set(opened);
        }
        Ok(self.store.get().and_then(|store| store.as_deref()))
    }

    fn drawn(&self, text: &str) -> Result<Drawn, Failure> {
        let neither = |more: String| {
            let text = one_line(text);
            Failure::usage_message(format!("there is no file `{text}`, and no run either{more}"))
                .hint("check the path, or see `pe ls`; `-` reads stdin")
        };
        let Some(store) = self.store()? else {
            return Err(neither(": nothing has been run yet".to_owned()));
        };
        let run = store.find_run(text).map_err(|error| match error {
            FindError::NotFound { nearest: Some(near), .. } => {
                neither(format!("; did you mean run `{near}`?"))
            }
            FindError::NotFound { .. } => neither(String::new()),
            FindError::Store(error) => error.into(),
            other => Failure::usage(other),
        })?;
        Ok(Drawn::of(run.name, store.state(&run.run_id)?.executed_plan()))
    }
}

impl Drawn {
    /// Reads what a word of the command line names: a file, stdin, or a recorded run. What
    /// exists as a file is one.
    ///
    /// # Errors
    /// When it is none of them.
    pub(crate) fn named(word: &Path, runs: &Runs<'_>) -> Result<Self, Failure> {
        match word.to_str().filter(|_| !Source::is_named_by(word)) {
            Some(text) => runs.drawn(text),
            None => Self::read(Document::read(&Source::new(word), None)?),
        }
    }

    /// Reads a plan or the JSON of a run.
    ///
    /// # Errors
    /// When the document is neither. An invalid plan is no error.
    pub(crate) fn read(document: Document) -> Result<Self, Failure> {
        let Document { name, format, bytes } = document;
        let cannot = |what: &str, error: String| {
            Failure::invalid(format!("cannot read `{name}` as {what}: {error}"))
        };
        let bytes = bytes.map_err(|error| cannot("a plan", error.to_string()))?;
        let value =
            read_value(&bytes, format).map_err(|error| cannot("a plan", with_place(&error)))?;
        if value.is_object() && ["run_id", "steps"].iter().all(|key| value.get(key).is_none()) {
            return Err(Failure::invalid(format!(
                "`{name}` is neither a plan nor the JSON of a run: it has no `steps`"
            )));
        }
        let plan = if value.get("run_id").is_some() {
            let report: RunReport = serde_json::from_value(value)
                .map_err(|error| cannot("the JSON of a run", error.to_string()))?;
            executed(&report)
        } else {
            let file = PlanFile::from_value(value);
            file.map_err(|error| cannot("a plan", error.to_string()))?.plan
        };
        Ok(Self::of(name, plan))
    }

    /// A plan that is no file, valid or not.
    pub(crate) fn of(name: String, plan: Plan) -> Self {
        let outlook = Outlook::new(&plan);
        Self { name, plan, outlook }
    }

    /// The plan as it could be run, were all its tools there.
    pub(crate) fn valid(&self) -> Option<&ValidPlan> {
        self.outlook.valid.as_ref()
    }

    /// What the views are made of.
    pub(crate) fn view(&self) -> PlanView<'_> {
        self.outlook.view(&self.plan)
    }

    /// The same with the critical path, which an invalid plan does not have.
    pub(crate) fn view_with_critical_path(&self) -> PlanView<'_> {
        PlanView { critical: self.valid().map(critical_path), ..self.view() }
    }
}

/// The longest path by the time that the steps took; those that are still to run take as long
/// as in a simulation. How long it is is known where all of its steps have a time of their own.
fn critical_path(plan: &ValidPlan) -> CriticalPath {
    let steps = &plan.plan().steps;
    let executed = steps.iter().any(|step| step.execution_time_ms.is_some());
    let status = plan.plan().status;
    let over = [PlanStatus::Completed, PlanStatus::Failed, PlanStatus::Cancelled].contains(&status);
    let known: Vec<Option<f64>> = if executed {
        let idle = |step: &PlanStep| {
            // What did not run, and never will, took no time.
            let is_settled = [StepStatus::Completed, StepStatus::Failed, StepStatus::Skipped];
            (over || is_settled.contains(&step.status)).then_some(0.0)
        };
        let took = |step: &PlanStep| step.execution_time_ms.map(|ms| ms as f64);
        steps.iter().map(|step| took(step).or_else(|| idle(step))).collect()
    } else {
        plan.stated_durations_ms()
    };
    let assumed = plan.assumed_durations_ms();
    let weights: Vec<f64> = match executed {
        true => known.iter().zip(assumed).map(|(known, guess)| known.unwrap_or(guess)).collect(),
        false => assumed,
    };
    let (places, total) = plan.graph().critical_path(&weights);
    let known = places.iter().all(|&place| known[place].is_some());
    CriticalPath { places, total_ms: known.then(|| total.round() as u64) }
}

fn with_place(error: &pe_model::ReadError) -> String {
    match error.position() {
        Some((line, column)) => format!("line {line}, column {column}: {error}"),
        None => error.to_string(),
    }
}
