//! The verbs about plans that are being made, and about the versions of recorded ones.

use std::path::PathBuf;

use clap::Args;

use crate::args::{Notation, Parameter, PlannerArgs, StrictnessArg};

/// `pe plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanVerb {
    /// What is to be achieved, in your words
    #[arg(value_name = "GOAL")]
    pub(crate) goal: String,
    /// Write the plan to this file; a name ending in .json, .yaml or .yml says the notation
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace that file if it is there
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// The notation of the plan (default: that of the file's name, else yaml)
    #[arg(long, value_name = "NOTATION")]
    pub(crate) format: Option<Notation>,
    /// Read what a model wrote from this file (-: stdin) instead of asking one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["planner", "record"])]
    pub(crate) from: Option<PathBuf>,
    /// Set context.KEY; VALUE is JSON where it parses as that, else text (repeatable)
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
    /// How severe findings are (default: moderate)
    #[arg(long, value_name = "LEVEL")]
    pub(crate) strictness: Option<StrictnessArg>,
    /// Who is asked.
    #[command(flatten)]
    pub(crate) planner: PlannerArgs,
}

/// `pe prompt`.
#[derive(Debug, Args)]
pub(crate) struct PromptVerb {
    /// What is to be achieved, in your words
    #[arg(value_name = "GOAL")]
    pub(crate) goal: String,
    /// Set context.KEY, of which the model learns the name; VALUE is JSON where it parses as
    /// that, else text (repeatable)
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
    /// Print the request as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe versions`.
#[derive(Debug, Args)]
pub(crate) struct VersionsVerb {
    /// The plan: its id, a unique prefix of one, or a run that used it
    #[arg(value_name = "PLAN|RUN")]
    pub(crate) plan: String,
    /// Print this version as a plan file
    #[arg(long, value_name = "N")]
    pub(crate) show: Option<u32>,
    /// The notation of that file (default: json)
    #[arg(long, value_name = "NOTATION", requires = "show")]
    pub(crate) format: Option<Notation>,
    /// Print one JSON document
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// `pe rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackVerb {
    /// The plan: its id, a unique prefix of one, or a run that used it
    #[arg(value_name = "PLAN|RUN")]
    pub(crate) plan: String,
    /// The version whose content the new one is to have
    #[arg(long, value_name = "N")]
    pub(crate) to: u32,
}
