//! `pe run GOAL`: a goal in, an answer out.

use std::sync::Arc;

use pe_model::JsonMap;
use pe_orchestrator::{Supervision, Task};

use super::Context;
use super::conclusion::conclude;
use super::run::origin;
use crate::args::RunArgs;
use crate::database;
use crate::execution::Execution;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::tooling::Tooling;

pub(super) fn run(goal: &str, args: &RunArgs, context: &mut Context) -> Result<Exit, Failure> {
    if args.dry_run {
        return Err(Failure::usage_message("a goal has no plan yet that a dry run could show")
            .hint(
                "`pe plan GOAL -o plan.yaml` writes one, `pe run plan.yaml --dry-run` shows it",
            ));
    }
    if args.reuse.is_some() {
        return Err(Failure::usage_message("`--reuse` takes a plan file, not a goal")
            .hint("`pe plan GOAL -o plan.yaml`, then `pe run plan.yaml --reuse RUN`"));
    }
    let settings = context.settings(Flags::running(args))?;
    let root = args.execute.root.as_deref();
    let tooling = Tooling::new(&settings, root)?;
    let store = database::open(&settings)?;
    let console = context.console.clone();
    let execution = Execution::new(
        tooling.tools.clone(),
        Arc::clone(&store),
        &settings,
        &args.execute,
        console,
    )?
    .reviewed(args.review)?;
    let task = Task::Goal {
        goal: goal.to_owned(),
        context: parameters(&args.parameters),
        origin: origin(root, None),
        supervision: Supervision { adapt: true, answer: !args.no_answer },
    };
    let outcome = execution.run(task, settings.orchestrator)?;
    conclude(outcome, args.execute.output(), &store, &tooling.tools, context)
}

/// What the command line sets in `context`.
pub(super) fn parameters(given: &[crate::args::Parameter]) -> JsonMap {
    given.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
}
