//! `pe versions` and `pe rollback`: what a plan was, and what it is to be again.
//!
//! Versions are only ever added: going back writes a new one with the old content.

use std::sync::Arc;

use pe_model::{Format, PlanId, render_plan};
use pe_store::{PlanVersion, SqliteStore};
use serde::Serialize;

use super::Context;
use crate::args::{Notation, RollbackVerb, VersionsVerb};
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::table::Table;
use crate::when::{ago, now};
use crate::words::one_line;

/// A version, and how many steps it has.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    version: PlanVersion,
    steps: usize,
}

/// `pe versions`.
pub(super) fn run(verb: &VersionsVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    let plan_id = database::find_plan(&store, &verb.plan)?;
    if let Some(version) = verb.show {
        known(&store, &plan_id, version)?;
        let plan = store.plan(&plan_id, Some(version))?.definition();
        let format = verb.format.map_or(Format::Json, Notation::into);
        context.output.lines(&render_plan(&plan, format))?;
        return Ok(Exit::Success);
    }
    let mut versions = Vec::new();
    for version in store.plan_versions(&plan_id)? {
        let steps = store.plan(&plan_id, Some(version.version))?.steps.len();
        versions.push(Listed { version, steps });
    }
    if verb.json {
        context.output.json(&versions)?;
        return Ok(Exit::Success);
    }
    let now = now();
    let mut table = Table::new(["VERSION", "CREATED", "PARENT", "STEPS", "REASON"]);
    for Listed { version, steps } in &versions {
        let number = version.parent_version.map(|parent| parent.to_string());
        let parent = number.or_else(|| version.parent_plan.as_ref().map(PlanId::to_string));
        table.row([
            version.version.to_string(),
            ago(version.created_at, now),
            parent.map_or_else(|| "-".to_owned(), |parent| one_line(&parent)),
            steps.to_string(),
            one_line(&version.reason),
        ]);
    }
    context.output.text(&table.render(context.console.for_stdout().width))?;
    Ok(Exit::Success)
}

/// `pe rollback`.
pub(super) fn rollback(verb: &RollbackVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    // What is recorded here needs the database as it is, not a new one.
    database::open_existing(&settings)?;
    let store: Arc<SqliteStore> = database::open(&settings)?;
    let plan_id = database::find_plan(&store, &verb.plan)?;
    known(&store, &plan_id, verb.to)?;
    let version = store.roll_back(&plan_id, verb.to)?.version;
    context.console.inform(&format!(
        "plan {plan_id} is at version {version} now, with the content of version {}",
        verb.to
    ));
    Ok(Exit::Success)
}

/// Fails where a plan has no such version, and names those that it has.
fn known(store: &SqliteStore, plan_id: &PlanId, version: u32) -> Result<(), Failure> {
    let all = store.plan_versions(plan_id)?;
    if all.iter().any(|known| known.version == version) {
        return Ok(());
    }
    let range = match (all.first(), all.last()) {
        (Some(first), Some(last)) if first.version < last.version => {
            format!("it has {} to {}", first.version, last.version)
        }
        (Some(only), _) => format!("it has only {}", only.version),
        _ => "it has none".to_owned(),
    };
    let message = format!("plan {plan_id} has no version {version}: {range}");
    Err(Failure::usage_message(message).hint(format!("`pe versions {plan_id}` lists them")))
}
