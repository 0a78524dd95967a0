//! The verbs that look at recorded runs.

use clap::{Args, ValueEnum};
use pe_model::PlanStatus;

use crate::args::{Moment, OutputKind};

/// `pe ls`.
#[derive(Debug, Args)]
pub(crate) struct LsVerb {
    /// Only runs whose goal, name or plan id contains this
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Only runs that stand like that (repeatable)
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<StatusArg>,
    /// Only runs that began then or later: so long ago (2h, 7d), a date or a time, in UTC
    /// where nothing else is said
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,
    /// Only runs that began before then
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Moment>,
    /// Only runs of this plan: its id, a unique prefix of one, or a run that used it
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<String>,
    /// List at most so many
    #[arg(long, short = 'n', value_name = "N", default_value = "20",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// List all of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe show`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub(crate) struct ShowVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Everything about this step: its definition, every attempt, what went in and came out
    #[arg(long, value_name = "STEP", group = "what")]
    pub(crate) step: Option<String>,
    /// Only the steps that failed, are in doubt or wait, with their errors
    #[arg(long, group = "what")]
    pub(crate) failed: bool,
    /// Every event, a line each
    #[arg(long, group = "what")]
    pub(crate) events: bool,
    /// Print one JSON document: what `pe run --json` prints; of one step an object, of failures
    /// and events a list
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Print one JSON document at the end (the same as --output json)
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    /// What stdout gets
    #[arg(long, value_name = "KIND", default_value = "text")]
    pub(crate) output: OutputKind,
}

/// How runs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusArg {
    /// Every step ended well.
    Completed,
    /// A failure was left unrecovered.
    Failed,
    /// Under way when something was last recorded, whether or not a process still runs it.
    Running,
    /// Stopped early.
    Cancelled,
    /// A step waits for a person.
    Waiting,
    /// A step's effect may or may not have happened.
    #[value(name = "in_doubt", alias = "in-doubt")]
    InDoubt,
    /// A process runs it now.
    Live,
    /// Under way when its process died.
    Stopped,
    /// `pe resume` would go on with it.
    Resumable,
}

impl StatusArg {
    /// The recorded status that this is; none where more has to be known.
    pub(crate) fn recorded(self) -> Option<PlanStatus> {
        match self {
            Self::Completed => Some(PlanStatus::Completed),
            Self::Failed => Some(PlanStatus::Failed),
            Self::Running => Some(PlanStatus::Running),
            Self::Cancelled => Some(PlanStatus::Cancelled),
            Self::Waiting => Some(PlanStatus::Waiting),
            Self::InDoubt => Some(PlanStatus::InDoubt),
            Self::Live | Self::Stopped | Self::Resumable => None,
        }
    }
}
