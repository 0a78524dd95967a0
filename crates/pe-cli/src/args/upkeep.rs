//! The verbs that carry runs from one database to another, and look after a database.

use std::path::PathBuf;

use clap::Args;

/// `pe export`.
#[derive(Debug, Args)]
pub(crate) struct ExportVerb {
    /// The run: its name, its id or a unique prefix of either, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Write to this file, or - for stdout (default: the run's name with .json)
    #[arg(long, short, value_name = "FILE|-")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file where it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// `pe import`.
#[derive(Debug, Args)]
pub(crate) struct ImportVerb {
    /// What `pe export` wrote, or - for stdin
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}
