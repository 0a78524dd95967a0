//! `pe plan`: a goal becomes a plan file, and nothing is executed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use pe_llm::parse_draft;
use pe_model::{FinishReason, Format, JsonMap, ModelErrorKind, Plan, render_definition};
use pe_orchestrator::{LoopObserver, Notice, OrchestratorError, PlanExecuteOrchestrator};
use pe_validate::Limits;

use super::Context;
use super::goal::parameters;
use crate::args::PlanVerb;
use crate::document::{Document, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::Loaded;
use crate::model::{Model, unreachable};
use crate::progress::told;
use crate::settings::{Flags, Settings};
use crate::tooling::Tooling;
use crate::words::{count, quoted};

pub(super) fn run(verb: &PlanVerb, context: &mut Context) -> Result<Exit, Failure> {
    not_empty(&verb.goal)?;
    let settings = context.settings(Flags::planning(verb))?;
    let tooling = Tooling::new(&settings, None)?;
    if let Some(path) = &verb.output {
        can_be_written(path, verb.force)?;
    }
    let values = parameters(&verb.parameters);
    let plan = match &verb.from {
        Some(path) => read(path, &verb.goal, values, &settings, &tooling, context)?,
        None => asked(verb, values, settings, &tooling, context)?,
    };
    let by_name =
        verb.output.as_deref().and_then(|path| Format::from_file_name(path.file_name()?.to_str()?));
    let format = verb.format.map(Into::into).or(by_name).unwrap_or(Format::Yaml);
    let text = render_definition(&plan, format);
    match &verb.output {
        None => context.output.text(&text)?,
        Some(path) => {
            write(path, &text, verb.force)?;
            let name = quoted(&path.display().to_string()).into_owned();
            let steps = count(plan.steps.len(), "step");
            context
                .console
                .inform(&format!("{steps} written to {name}; `pe run {name}` runs them"));
        }
    }
    Ok(Exit::Success)
}

/// A goal in so many words.
///
/// # Errors
/// A usage failure for one without any.
pub(super) fn not_empty(goal: &str) -> Result<(), Failure> {
    if goal.trim().is_empty() {
        return Err(Failure::usage_message("the goal is empty"));
    }
    Ok(())
}

/// Found out before anything is paid for.
fn can_be_written(path: &Path, replace: bool) -> Result<(), Failure> {
    let name = path.display();
    if path.is_dir() {
        let message = format!("`{name}` is a directory; nothing was asked");
        return Err(Failure::usage_message(message).hint("`-o FILE` takes the name of a file"));
    }
    if path.exists() && !replace {
        let message = format!("`{name}` is there already; nothing was asked");
        return Err(Failure::usage_message(message).hint("`--force` replaces it"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if parent.is_some_and(|parent| !parent.is_dir()) {
        let message = format!("the directory of `{name}` is not there; nothing was asked");
        return Err(Failure::usage_message(message));
    }
    Ok(())
}

/// Has the model write the plan.
fn asked(
    verb: &PlanVerb,
    values: JsonMap,
    settings: Settings,
    tooling: &Tooling,
    context: &Context,
) -> Result<Plan, Failure> {
    let model = Model::new(&settings, &verb.planner)?;
    let console = context.console.clone();
    let narrator = move |notice: &Notice| {
        for (tone, line) in told(notice) {
            console.inform(&console.paint(tone, &line));
        }
    };
    let orchestrator = model
        .give_to(PlanExecuteOrchestrator::builder().prompts(model.prompts()?))
        .tools(&tooling.tools)
        .config(settings.orchestrator)
        .loop_observer(std::sync::Arc::new(narrator) as std::sync::Arc<dyn LoopObserver>)
        .build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let planned = runtime.block_on(async {
        tokio::select! {
            planned = orchestrator.generate_plan_with(&verb.goal, &values) => Some(planned),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    runtime.shutdown_background();
    match planned {
        Some(Ok(planned)) => Ok(planned.plan.plan().definition()),
        Some(Err(error)) => Err(not_planned(error, &verb.goal)),
        None => Err(Failure {
            exit: Exit::Interrupted,
            error: anyhow::anyhow!("interrupted; no plan was written"),
            hint: None,
        }),
    }
}

/// Says why there is no plan.
fn not_planned(error: OrchestratorError, goal: &str) -> Failure {
    match error {
        OrchestratorError::Planning(error) => planning_failed(&error, goal),
        error => Failure { exit: Exit::NoModel, error: error.into(), hint: None },
    }
}

/// The failure that a planning without a plan is.
pub(super) fn planning_failed(error: &pe_llm::PlanningError, goal: &str) -> Failure {
    use pe_llm::PlanningError as E;
    match error {
        E::Model(error) if error.kind == ModelErrorKind::Budget => Failure {
            exit: Exit::LimitReached,
            error: anyhow::anyhow!("no plan was made: {error}"),
            hint: Some("`pe config show --origin` says where the budget is set".to_owned()),
        },
        E::Model(error) => unreachable(error, goal, None),
        E::Invalid { .. } => Failure::invalid(format!("{error}; nothing was executed")),
        error => Failure {
            exit: Exit::NoModel,
            error: anyhow::anyhow!("{error}; nothing was executed"),
            hint: Some("a larger model, or a goal in plainer words, may do better".to_owned()),
        },
    }
}

/// Reads the answer that a model gave elsewhere.
fn read(
    path: &Path,
    goal: &str,
    values: JsonMap,
    settings: &Settings,
    tooling: &Tooling,
    context: &Context,
) -> Result<Plan, Failure> {
    let source = Source::new(path);
    let document = Document::read(&source, Some(Format::Json))?;
    let name = document.name.clone();
    let bytes = document.bytes.map_err(|error| Failure::invalid(format!("{name}: {error}")))?;
    let text = String::from_utf8_lossy(&bytes);
    let draft = parse_draft(&text, FinishReason::Stop)
        .map_err(|error| Failure::invalid(format!("{name}: {error}")))?;
    let plan =
        Plan { goal: goal.to_owned(), context: values, steps: draft.steps, ..Plan::default() };
    let limits = Limits::from_config(&settings.orchestrator);
    let loaded = Loaded::check_plan(name, plan, &tooling.catalog, &limits);
    let valid = loaded.plan_or_verdict(context).map_err(|invalid| invalid.1)?;
    Ok(valid.plan().definition())
}

fn write(path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!replace);
    let cannot = || format!("cannot write `{}`", path.display());
    let mut file = options.open(path).with_context(cannot).map_err(Failure::usage)?;
    Ok(file.write_all(text.as_bytes()).with_context(cannot)?)
}
