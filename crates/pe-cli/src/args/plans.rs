//! The verbs about the versions of recorded plans.

use clap::Args;

use crate::args::Notation;

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
