//! `pe man`: the manual page, of the program or of one verb.

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use pe_model::nearest;

use super::Context;
use crate::args::{Cli, ManVerb};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(verb: &ManVerb, context: &mut Context) -> Result<Exit, Failure> {
    let mut pe = Cli::command().disable_help_subcommand(true);
    // Flags that every verb takes reach the verbs only when the whole is built.
    pe.build();
    let page = match &verb.verb {
        None => pe,
        Some(name) => page_of(&pe, name)?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).context("cannot render the manual page")?;
    context.output.lines(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Success)
}

fn page_of(pe: &Command, name: &str) -> Result<Command, Failure> {
    if let Some(page) = pe.find_subcommand(name) {
        return Ok(page.clone());
    }
    let failure = Failure::usage_message(format!("there is no verb `{name}`"));
    Err(match nearest(name, pe.get_subcommands().map(Command::get_name)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`pe --help` lists the verbs"),
    })
}
