//! `pe completions`: a script that teaches a shell the command line.

use clap::CommandFactory as _;

use super::Context;
use crate::args::{Cli, CompletionsVerb};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(verb: &CompletionsVerb, context: &mut Context) -> Result<Exit, Failure> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(verb.shell, &mut Cli::command(), "pe", &mut script);
    context.output.lines(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
