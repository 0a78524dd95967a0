//! `pe doctor`: what a run needs, each thing looked at, with its mend where it is not well.
//!
//! [`here`] looks at this machine, [`model`] at the endpoint; both give [`Check`]s and print
//! nothing. What is asked of the model is tiny, and nothing is tried over and over: a doctor
//! that waits is no help.

use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::args::DoctorVerb;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Flags, Settings, Surroundings};
use crate::table::Table;
use crate::words::{count, one_line};

mod here;
mod model;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    /// As it should be.
    Ok,
    /// It works, and not as well as it could.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    /// What was looked at.
    name: &'static str,
    /// How it is.
    status: Health,
    /// What was found.
    found: String,
    /// What to do about it: a command, a variable or a line of the configuration.
    mend: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Health::Ok, found: found.into(), mend: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, status: Health::Warn, found: found.into(), mend: Some(mend.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { status: Health::Fail, ..Self::warn(name, found, mend) }
    }
}

pub(super) fn run(verb: &DoctorVerb, context: &mut Context) -> Result<Exit, Failure> {
    let surroundings = Surroundings::of_process(&context.global);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(anyhow::Error::from)?;
    let mut checks = Vec::new();
    match Settings::resolve(&surroundings, Flags::default().asking(&verb.model)) {
        Ok(settings) => {
            checks.push(here::configuration(&surroundings, &settings));
            checks.extend(here::tools(&settings));
            checks.push(here::database(&settings));
            checks.push(runtime.block_on(here::containment(&settings)));
            if context.console.is_live {
                let llm = &settings.llm.table;
                context.console.inform(&format!(
                    "asking {} at {}, which may have to wake up",
                    one_line(&llm.model),
                    one_line(&llm.base_url)
                ));
            }
            checks.extend(runtime.block_on(model::checks(&settings)));
        }
        // Nothing else can be looked at with settings that do not hold.
        Err(failure) => checks.push(here::broken(&failure)),
    }
    // A program that was started and does not end must not hold this one.
    runtime.shutdown_background();
    let exit = verdict(&checks);
    if verb.json {
        context.output.json(&json!({"ok": exit == Exit::Success, "checks": checks}))?;
    } else {
        let console = context.console.for_stdout();
        context.output.text(&table(&checks, console.width))?;
    }
    let with = |health| checks.iter().filter(|check| check.status == health).count();
    let (fails, warns) = (with(Health::Fail), with(Health::Warn));
    context.console.inform(&format!(
        "{}: {}, {} to look at, {} to mend",
        if exit == Exit::Success { "well" } else { "not well" },
        count(checks.len(), "check"),
        warns,
        fails,
    ));
    Ok(exit)
}

/// 4 where a run of a plan file would work and only the model is missing.
fn verdict(checks: &[Check]) -> Exit {
    let failed: Vec<&Check> = checks.iter().filter(|check| check.status == Health::Fail).collect();
    match failed.as_slice() {
        [] => Exit::Success,
        failed if failed.iter().all(|check| model::NAMES.contains(&check.name)) => Exit::NoModel,
        _ => Exit::Failed,
    }
}

fn table(checks: &[Check], width: usize) -> String {
    let mut table = Table::new(["STATE", "CHECK", "FOUND"]);
    for check in checks {
        let state = match check.status {
            Health::Ok => "ok",
            Health::Warn => "warn",
            Health::Fail => "fail",
        };
        table.row([state.to_owned(), check.name.to_owned(), one_line(&check.found)]);
        if let Some(mend) = &check.mend {
            table.row([String::new(), String::new(), format!("mend: {}", one_line(mend))]);
        }
    }
    table.render(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_model_is_an_exit_of_its_own() {
        let (ok, warn) = (Check::ok("tools", ""), Check::warn("json", "", ""));
        let (model, other) = (Check::fail("endpoint", "", ""), Check::fail("database", "", ""));
        assert_eq!(verdict(&[ok.clone(), warn.clone()]), Exit::Success);
        assert_eq!(verdict(&[ok, warn, model.clone()]), Exit::NoModel);
        assert_eq!(verdict(&[model, other]), Exit::Failed);
    }
}
