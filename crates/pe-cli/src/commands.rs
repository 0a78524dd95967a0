//! The verbs, one file each, and the way from the command line to one of them.

use std::io::Write as _;

use clap::Parser as _;

use crate::args::{Cli, Color, Global, Verb};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{Flags, Settings, Surroundings};

mod again;
mod carry;
mod completions;
mod conclusion;
mod config;
mod db;
mod decide;
mod diff;
mod doctor;
mod goal;
mod graph;
mod init;
mod ls;
mod man;
mod plan;
mod prompt;
mod resume;
mod run;
mod schema;
mod show;
mod simulate;
mod tools;
mod validate;
mod versions;
mod watch;

/// What every verb has at hand.
pub(crate) struct Context {
    /// Flags that every verb takes.
    pub(crate) global: Global,
    /// Stderr.
    pub(crate) console: Console,
    /// Stdout.
    pub(crate) output: Output,
}

impl Context {
    /// Resolves the settings and says what is odd about them.
    pub(crate) fn settings(&self, flags: Flags) -> Result<Settings, Failure> {
        let surroundings = Surroundings::of_process(&self.global);
        let settings = Settings::resolve(&surroundings, flags)?;
        for warning in &settings.warnings {
            self.console.warn(warning);
        }
        Ok(settings)
    }
}

/// Parses the command line, does what it says, and says how that ended.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are no errors; a closed stream is nobody's.
            let printed = message.print().and_then(|()| std::io::stdout().flush());
            return match printed {
                _ if message.use_stderr() => Exit::Usage,
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    let failure = anyhow::Error::from(error).context("cannot write to stdout");
                    Console::new(Color::Auto, false).fail(&failure.into());
                    Exit::Failed
                }
                _ => Exit::Success,
            };
        }
    };
    let console = Console::new(cli.global.color, cli.global.quiet);
    let mut context =
        Context { global: cli.global, console: console.clone(), output: Output::stdout() };
    let done = match cli.verb {
        Verb::Run(verb) => run::run(&verb, &mut context),
        Verb::Plan(verb) => plan::run(&verb, &mut context),
        Verb::Prompt(verb) => prompt::run(&verb, &mut context),
        Verb::Apply(verb) => run::apply(&verb, &mut context),
        Verb::Resume(verb) => resume::run(&verb, &mut context),
        Verb::Retry(verb) => again::retry(&verb, &mut context),
        Verb::Fork(verb) => again::fork(&verb, &mut context),
        Verb::Cancel(verb) => decide::cancel(&verb, &mut context),
        Verb::Approve(verb) => decide::approve(&verb, &mut context),
        Verb::Reject(verb) => decide::reject(&verb, &mut context),
        Verb::Resolve(verb) => decide::resolve(&verb, &mut context),
        Verb::Ls(verb) => ls::run(&verb, &mut context),
        Verb::Show(verb) => show::run(&verb, &mut context),
        Verb::Watch(verb) => watch::run(&verb, &mut context),
        Verb::Versions(verb) => versions::run(&verb, &mut context),
        Verb::Rollback(verb) => versions::rollback(&verb, &mut context),
        Verb::Export(verb) => carry::export(&verb, &mut context),
        Verb::Import(verb) => carry::import(&verb, &mut context),
        Verb::Db(verb) => db::run(&verb, &mut context),
        Verb::Validate(verb) => validate::run(&verb, &mut context),
        Verb::Simulate(verb) => simulate::run(&verb, &mut context),
        Verb::Graph(verb) => graph::run(&verb, &mut context),
        Verb::Diff(verb) => diff::run(&verb, &mut context),
        Verb::Tools(verb) => tools::run(&verb, &mut context),
        Verb::Doctor(verb) => doctor::run(&verb, &mut context),
        Verb::Config(verb) => config::run(&verb, &mut context),
        Verb::Init(verb) => init::run(&verb, &mut context),
        Verb::Schema(verb) => schema::run(&verb, &mut context),
        Verb::Completions(verb) => completions::run(&verb, &mut context),
        Verb::Man(verb) => man::run(&verb, &mut context),
    };
    done.unwrap_or_else(|failure| {
        console.fail(&failure);
        failure.exit
    })
}
