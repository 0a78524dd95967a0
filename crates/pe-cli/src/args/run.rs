//! The flags of the verbs that execute.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::{Duration, ModelArgs, Notation, Parameter, StrictnessArg};

/// How calls are made, bounded and shown, whatever run they belong to.
#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    /// The directory that file tools are confined to and commands start in (default: the
    /// current directory; for a run that goes on or is run again, the one that it began in)
    #[arg(long, value_name = "DIR", help_heading = "Consent")]
    pub(crate) root: Option<PathBuf>,
    /// Allow every call and approve every step that asks for it
    #[arg(long, short, help_heading = "Consent")]
    pub(crate) yes: bool,
    /// Allow a tool by name, or a command by its first words, without asking (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Consent")]
    pub(crate) allow: Vec<String>,

    /// How many steps may run at the same time
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) parallel: Option<NonZeroUsize>,
    /// Stop each execution of the plan after this time (500ms, 30s, 5m; 0: never); what a model
    /// takes to plan and to answer does not count
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub(crate) timeout: Option<Duration>,
    /// Bound each attempt of a step that does not say otherwise
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub(crate) step_timeout: Option<Duration>,
    /// Stop the run before it spends more, as in tool_calls=20 (repeatable)
    #[arg(long, value_name = "WHAT=N", help_heading = "Limits")]
    pub(crate) budget: Vec<Parameter>,
    /// Start nothing more after the first failure that nothing recovers
    #[arg(long, help_heading = "Limits")]
    pub(crate) fail_fast: bool,
    /// How often the plan may be executed (1: the model never changes it), or how many turns
    /// the sequential loop may take
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) max_iterations: Option<NonZeroU32>,

    /// Who is asked for plans, and where the conversation is kept.
    #[command(flatten)]
    pub(crate) planner: PlannerArgs,

    /// Print one JSON document (the same as --output json)
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    /// What stdout gets
    #[arg(long, value_name = "KIND", default_value = "text")]
    pub(crate) output: OutputKind,
}

/// Who is asked for plans, and where the conversation is kept.
#[derive(Debug, Default, Args)]
pub(crate) struct PlannerArgs {
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Let a recorded conversation answer in the model's place
    #[arg(long, value_name = "replay:FILE", help_heading = "Model")]
    pub(crate) planner: Option<String>,
    /// Append every exchange with the model to this file, without secrets
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    pub(crate) record: Option<PathBuf>,
}

/// What happens while a model is still writing its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamingArg {
    /// Nothing.
    Off,
    /// Steps are shown as they arrive.
    Show,
    /// Safe steps start as they arrive.
    Execute,
}

/// How a plan is run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// How its calls are made.
    #[command(flatten)]
    pub(crate) execute: ExecuteArgs,

    /// Have the model change the plan where the run fails or goes astray (a goal's run does)
    #[arg(long, help_heading = "Model")]
    pub(crate) adapt: bool,
    /// Have the model write the final answer (a goal's run does)
    #[arg(long, help_heading = "Model")]
    pub(crate) answer: bool,
    /// Print the results as they are; the model writes no answer
    #[arg(long, conflicts_with = "answer", help_heading = "Model")]
    pub(crate) no_answer: bool,
    /// Show the model's plan, and every change to it, before anything of it is executed
    #[arg(long, help_heading = "Model")]
    pub(crate) review: bool,
    /// What happens while the model is still writing its plan
    #[arg(long, value_name = "MODE", help_heading = "Model")]
    pub(crate) streaming: Option<StreamingArg>,

    /// Take over what this run finished where it still holds: run only what has changed since,
    /// and what follows from it
    #[arg(long, value_name = "RUN")]
    pub(crate) reuse: Option<String>,

    /// Set context.KEY; VALUE is JSON where it parses as that, else text (repeatable)
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE", help_heading = "Reading")]
    pub(crate) parameters: Vec<Parameter>,
    /// How severe findings are (default: moderate)
    #[arg(long, value_name = "LEVEL", help_heading = "Reading")]
    pub(crate) strictness: Option<StrictnessArg>,
    /// Read in this notation (default: from the file's name, else from its first character)
    #[arg(long, value_name = "NOTATION", help_heading = "Reading")]
    pub(crate) format: Option<Notation>,

    /// Show the plan and how long it would take; execute nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl ExecuteArgs {
    /// What stdout gets.
    pub(crate) fn output(&self) -> OutputKind {
        if self.json { OutputKind::Json } else { self.output }
    }
}

/// What stdout gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputKind {
    /// The answer of a run that succeeded.
    Text,
    /// One JSON document.
    Json,
    /// Every event as a line of JSON, as soon as it is durable.
    Jsonl,
}
