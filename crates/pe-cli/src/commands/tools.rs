//! `pe tools`: what steps can call.

use pe_model::{Effect, ToolSpec, nearest};

use super::Context;
use crate::args::ToolsVerb;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::table::Table;
use crate::tooling::Tooling;
use crate::words::one_line;

pub(super) fn run(verb: &ToolsVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let catalog = Tooling::new(&settings, None)?.catalog;
    let Some(name) = &verb.name else {
        let specs: Vec<&ToolSpec> = catalog.iter().collect();
        if verb.json {
            context.output.json(&specs)?;
        } else {
            // A pipe has no width: one tool a line is what the next program wants.
            let console = &context.console;
            let width = if console.stdout_is_terminal { console.width } else { usize::MAX };
            context.output.text(&list(&specs, width))?;
        }
        return Ok(Exit::Success);
    };
    let Some(spec) = catalog.get(name) else {
        let failure = Failure::usage_message(format!("there is no tool `{name}`"));
        return Err(match nearest(name, catalog.names()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`pe tools` lists the tools"),
        });
    };
    if verb.json {
        context.output.json(spec)?;
    } else {
        context.output.lines(&details(spec)?)?;
    }
    Ok(Exit::Success)
}

fn list(specs: &[&ToolSpec], width: usize) -> String {
    let mut table = Table::new(["TOOL", "EFFECT", "RESOURCE", "CONSENT", "DESCRIPTION"]);
    for spec in specs {
        table.row([
            spec.name.clone(),
            effect(spec.effect).to_owned(),
            spec.resource.clone().unwrap_or_else(|| "-".to_owned()),
            if spec.consent { "asks" } else { "-" }.to_owned(),
            one_line(&spec.description),
        ]);
    }
    table.render(width)
}

fn details(spec: &ToolSpec) -> Result<String, Failure> {
    let resource = match &spec.resource {
        Some(name) if spec.concurrent => format!("{name} (calls may run beside each other)"),
        Some(name) => format!("{name} (one call at a time)"),
        None => "none".to_owned(),
    };
    let consent = if spec.consent {
        "asked for, unless a rule allows the call (`--allow`) or `--yes` is given"
    } else {
        "not needed"
    };
    let schema = |schema| serde_json::to_string_pretty(schema).map_err(anyhow::Error::from);
    Ok(format!(
        "{}: {}\n\nEffect:   {}\nResource: {resource}\nConsent:  {consent}\n\n\
         Parameters:\n{}\n\nOutput:\n{}\n",
        spec.name,
        spec.description,
        effect_in_words(spec.effect),
        schema(&spec.parameters)?,
        schema(&spec.output)?,
    ))
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    }
}

fn effect_in_words(class: Effect) -> String {
    let meaning = match class {
        Effect::Pure => "depends on its arguments only and changes nothing",
        Effect::Read => "reads the world and changes nothing",
        Effect::Idempotent => "changes the world; twice is the same as once",
        Effect::Once => "happens at most once; never repeated after an unknown outcome",
    };
    format!("{} ({meaning})", effect(class))
}
