//! `pe diff`: what changed between two plans, how long both take, and which is the better one.

use pe_exec::simulate;
use pe_view::{PlanTiming, diff_text, diff_views};

use super::Context;
use crate::args::DiffVerb;
use crate::document::Source;
use crate::drawn::{Drawn, Runs};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(verb: &DiffVerb, context: &mut Context) -> Result<Exit, Failure> {
    let sources = [&verb.first, &verb.second].map(|path| Source::new(path));
    if sources.iter().all(|source| *source == Source::Stdin) {
        return Err(Failure::usage_message("cannot read stdin twice: `-` is given twice"));
    }
    let runs = Runs::new(context);
    let (first, second) = (Drawn::named(&verb.first, &runs)?, Drawn::named(&verb.second, &runs)?);
    let workers = runs.settings()?.orchestrator.slots();
    let diff = diff_views(&first.view(), &second.view()).with_timing(
        workers,
        timing(&first, workers),
        timing(&second, workers),
    );
    if verb.json {
        context.output.json(&diff)?;
    } else {
        context.output.lines(&diff_text(&diff, &first.name, &second.name))?;
    }
    Ok(if verb.exit_code && !diff.is_same() { Exit::Failed } else { Exit::Success })
}

/// How long a plan takes that could be run.
fn timing(drawn: &Drawn, workers: usize) -> Option<PlanTiming> {
    let simulation = simulate(drawn.valid()?, workers);
    Some(PlanTiming {
        makespan_ms: simulation.makespan_ms,
        critical_path: simulation.critical_path,
        critical_path_ms: simulation.critical_path_ms,
    })
}
