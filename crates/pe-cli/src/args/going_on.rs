//! The verbs that go on with recorded runs.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::args::{ExecuteArgs, Parameter};

/// `pe resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// How its calls are made; limits that are not given stay as they were.
    #[command(flatten)]
    pub(crate) execute: ExecuteArgs,
    /// Show the model's plan, and every change to it, before anything of it is executed
    #[arg(long, help_heading = "Model")]
    pub(crate) review: bool,
}

/// `pe retry`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct RetryVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Run what failed, what was skipped and what never ran; keep the rest
    #[arg(long, group = "what")]
    pub(crate) failed: bool,
    /// Run this step again, and what follows from it (repeatable)
    #[arg(long, value_name = "STEP", group = "what")]
    pub(crate) from: Vec<String>,
    /// Set context.KEY; steps that read it run again (repeatable)
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
    /// How its calls are made.
    #[command(flatten)]
    pub(crate) execute: ExecuteArgs,
}

/// `pe fork`.
#[derive(Debug, Args)]
pub(crate) struct ForkVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Run this edited plan instead of the run's own
    #[arg(long, value_name = "FILE", conflicts_with = "plan_version")]
    pub(crate) plan: Option<PathBuf>,
    /// Run this version of the run's plan (default: the one that the run ended with)
    #[arg(long, value_name = "N")]
    pub(crate) plan_version: Option<u32>,
    /// Run this step again, and what follows from it (repeatable)
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Vec<String>,
    /// Set context.KEY; steps that read it run again (repeatable)
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
    /// How its calls are made.
    #[command(flatten)]
    pub(crate) execute: ExecuteArgs,
}

/// `pe cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

/// `pe approve` and `pe reject`.
#[derive(Debug, Args)]
pub(crate) struct StepVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The waiting step
    #[arg(value_name = "STEP")]
    pub(crate) step: String,
}

/// `pe resolve`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("ruling").required(true))]
pub(crate) struct ResolveVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step in doubt
    #[arg(value_name = "STEP")]
    pub(crate) step: String,
    /// The effect happened
    #[arg(long, group = "ruling")]
    done: bool,
    /// The effect did not happen, and the step fails (its fallbacks may run)
    #[arg(long, group = "ruling")]
    failed: bool,
    /// The effect did not happen: make a new attempt
    #[arg(long, group = "ruling")]
    retry: bool,
    /// What the step returned, as JSON (default: null)
    #[arg(long, value_name = "JSON", requires = "done")]
    output: Option<String>,
    /// The iteration in doubt, from 0 (needed only where several are)
    #[arg(long, value_name = "N")]
    pub(crate) iteration: Option<u32>,
}

/// What a person says about a step in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling<'a> {
    /// It happened, and returned this.
    Done(Option<&'a str>),
    /// It did not happen.
    Failed,
    /// It did not happen, and is to.
    Retry,
}

impl ResolveVerb {
    /// What the flags say; clap sees to it that there is one.
    pub(crate) fn ruling(&self) -> Ruling<'_> {
        match (self.failed, self.retry) {
            (true, _) => Ruling::Failed,
            (_, true) => Ruling::Retry,
            _ => Ruling::Done(self.output.as_deref()),
        }
    }
}
