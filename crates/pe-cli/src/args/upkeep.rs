//! The verbs that carry runs from one database to another, and look after a database.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use crate::args::{Moment, StatusArg};

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

/// `pe db`.
#[derive(Debug, Args)]
pub(crate) struct DbVerb {
    /// What is to be done.
    #[command(subcommand)]
    pub(crate) task: DbTask,
}

/// What can be done with a database.
#[derive(Debug, Subcommand)]
pub(crate) enum DbTask {
    /// Look at everything in it, and print every problem
    Check(CheckTask),
    /// Copy it while it is in use
    Backup(BackupTask),
    /// Give the room of what was deleted back to the system
    Vacuum(VacuumTask),
    /// Forget old runs, and what nothing refers to any more
    Prune(PruneTask),
}

/// `pe db check`.
#[derive(Debug, Args)]
pub(crate) struct CheckTask {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe db backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupTask {
    /// The copy, which must not exist yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `pe db vacuum`.
#[derive(Debug, Args)]
pub(crate) struct VacuumTask {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe db prune`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct PruneTask {
    /// Forget runs that began before then: so long ago (30d), a date or a time
    #[arg(long, value_name = "WHEN", group = "which")]
    pub(crate) older_than: Option<Moment>,
    /// Keep so many of the newest runs, whatever they are
    #[arg(long, value_name = "N", group = "which")]
    pub(crate) keep: Option<u32>,
    /// Only runs that stand like that (repeatable; default: completed and failed)
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<StatusArg>,
    /// Forget also runs that `pe resume` would go on with
    #[arg(long)]
    pub(crate) resumable: bool,
    /// Only list what would be forgotten
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}
