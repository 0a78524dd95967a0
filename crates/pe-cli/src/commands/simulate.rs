//! `pe simulate`: how long a plan takes in virtual time.

use pe_exec::{Simulation, simulate};

use super::Context;
use crate::args::SimulateVerb;
use crate::document::{Document, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::{Loaded, catalog};
use crate::settings::Flags;
use crate::words::{count, duration, one_line};

pub(super) fn run(verb: &SimulateVerb, context: &mut Context) -> Result<Exit, Failure> {
    let mut flags = Flags::judging(&verb.read);
    flags.parallel(verb.parallel);
    let settings = context.settings(flags)?;
    let catalog = catalog(&verb.read, &settings)?;
    let document = Document::read(&Source::new(&verb.file), verb.format.map(Into::into))?;
    let loaded = Loaded::check(document, &catalog, &settings.limits, &[]);
    loaded.say_findings(&context.console);
    let Some(plan) = &loaded.plan else {
        if verb.json {
            context.output.json(&loaded.report)?;
        }
        return Err(Failure::invalid(format!("{}; nothing was simulated", loaded.verdict())));
    };
    let simulation = simulate(plan, settings.orchestrator.slots());
    if verb.json {
        context.output.json(&simulation)?;
    } else {
        context.output.text(&summary(&simulation))?;
    }
    Ok(Exit::Success)
}

/// The simulation for people.
pub(super) fn summary(simulation: &Simulation) -> String {
    const SHOWN: usize = 12;
    let path = &simulation.critical_path;
    let mut names: Vec<String> = path.iter().take(SHOWN).map(|id| one_line(id.as_str())).collect();
    if path.len() > SHOWN {
        names.push(format!("… ({} more)", path.len() - SHOWN));
    }
    format!(
        "Makespan: {} with {} (no schedule can take less than {})\n\
         Critical path: {} in {}\n  {}\n\
         Work: {}\n",
        duration(simulation.makespan_ms),
        count(simulation.workers, "worker"),
        duration(simulation.lower_bound_ms),
        count(path.len(), "step"),
        duration(simulation.critical_path_ms),
        names.join(" → "),
        duration(simulation.work_ms),
    )
}
