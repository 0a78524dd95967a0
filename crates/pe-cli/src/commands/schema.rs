//! `pe schema`: the JSON Schemas of what is read and written.

use clap::ValueEnum as _;
use pe_model::{Event, Plan, RunReport};
use pe_validate::ValidationReport;
use schemars::{Schema, schema_for};

use super::Context;
use crate::args::{SchemaName, SchemaVerb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::ConfigFile;

pub(super) fn run(verb: &SchemaVerb, context: &mut Context) -> Result<Exit, Failure> {
    let Some(name) = verb.name else {
        let names = SchemaName::value_variants().iter().filter_map(|name| name.to_possible_value());
        let names: String = names.map(|name| format!("{}\n", name.get_name())).collect();
        context.output.text(&names)?;
        return Ok(Exit::Success);
    };
    context.output.json(&match name {
        SchemaName::Plan => plan(),
        SchemaName::Config => schema_for!(ConfigFile),
        SchemaName::Events => schema_for!(Event),
        SchemaName::Report => schema_for!(ValidationReport),
        SchemaName::Run => schema_for!(RunReport),
    })?;
    Ok(Exit::Success)
}

/// The schema of plan files.
pub(super) fn plan() -> Schema {
    schema_for!(Plan)
}
