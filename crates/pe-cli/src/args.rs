//! The command line as it is written: words to a low form, nothing looked up yet.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod going_on;
mod looking;
mod moment;
mod plans;
mod run;
mod setup;
mod upkeep;
mod value;

pub(crate) use going_on::{
    CancelVerb, ForkVerb, ResolveVerb, ResumeVerb, RetryVerb, Ruling, StepVerb,
};
pub(crate) use looking::{LsVerb, ShowVerb, StatusArg, WatchVerb};
pub(crate) use moment::Moment;
pub(crate) use plans::{PlanVerb, PromptVerb, RollbackVerb, VersionsVerb};
pub(crate) use run::{ExecuteArgs, OutputKind, PlannerArgs, RunArgs};
pub(crate) use setup::{
    ConfigPathTask, ConfigShowTask, ConfigTask, ConfigVerb, DoctorVerb, InitVerb, ModelArgs,
};
pub(crate) use upkeep::{
    BackupTask, CheckTask, DbTask, DbVerb, ExportVerb, ImportVerb, PruneTask, VacuumTask,
};
pub(crate) use value::{Duration, Notation, Parameter, StrictnessArg};

/// Execute plans: DAGs of tool calls, checked like programs and run like builds.
#[derive(Debug, Parser)]
#[command(name = "pe", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What holds for every verb.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 run failed (or `diff --exit-code` differs), 2 usage, 3 plan invalid,
4 no model, 5 waiting for a person, rejected or in doubt, 6 timeout or budget, 130 interrupted.";

/// Flags that every verb takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Read this configuration file instead of the project's `.pe/config.toml`
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Keep runs in this database (default: $XDG_DATA_HOME/pe/pe.db, else the same below
    /// ~/.local/share; PE_DB sets another default)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) db: Option<PathBuf>,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
    /// Say nothing on stderr but errors and what needs a person; of findings only errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What `pe` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Work on a goal, or run a plan file
    Run(RunVerb),
    /// Have a model write a plan for a goal; nothing is executed
    Plan(PlanVerb),
    /// Print what a model would be asked for a plan, for any chat
    Prompt(PromptVerb),
    /// Run exactly this plan file
    Apply(ApplyVerb),
    /// Go on with a run that was interrupted, waits, or whose process died
    Resume(ResumeVerb),
    /// Run a run's plan again, taking over what it finished
    Retry(RetryVerb),
    /// Begin a new plan from a run's plan, taking over what still holds
    Fork(ForkVerb),
    /// Stop a run, wherever it runs
    Cancel(CancelVerb),
    /// Agree to a waiting step
    Approve(StepVerb),
    /// Refuse a waiting step, which then fails
    Reject(StepVerb),
    /// Decide about a step in doubt: did its effect happen?
    Resolve(ResolveVerb),
    /// List the recorded runs, newest first
    Ls(LsVerb),
    /// Show a recorded run: its steps, its errors, its answer
    Show(ShowVerb),
    /// Look on while another process runs a run
    Watch(WatchVerb),
    /// List the versions of a plan, or print one
    Versions(VersionsVerb),
    /// Make an old version of a plan the newest one
    Rollback(RollbackVerb),
    /// Write a run to a file, without secrets
    Export(ExportVerb),
    /// Bring an exported run into the database
    Import(ImportVerb),
    /// Look after the database: check, back up, tidy, forget
    Db(DbVerb),
    /// Check plan files and print every finding
    Validate(ValidateVerb),
    /// Work out how long a plan takes, in virtual time; nothing is executed
    Simulate(SimulateVerb),
    /// Draw a plan or a run
    Graph(GraphVerb),
    /// Show what changed between two plans or runs, and which is better
    Diff(DiffVerb),
    /// List the tools that steps can call
    Tools(ToolsVerb),
    /// Check what a run needs, from the model to the database, and say how to mend it
    Doctor(DoctorVerb),
    /// Show the configuration in force, and where it comes from
    Config(ConfigVerb),
    /// Write a configuration and a first plan into the current directory
    Init(InitVerb),
    /// Print a JSON Schema
    Schema(SchemaVerb),
    /// Print a completion script for a shell
    Completions(CompletionsVerb),
    /// Print the manual page
    Man(ManVerb),
}

/// `pe run`.
#[derive(Debug, Args)]
pub(crate) struct RunVerb {
    /// A plan file (an existing file, or a name ending in .json, .yaml, .yml), or - for stdin
    #[arg(value_name = "GOAL|FILE|-")]
    pub(crate) target: PathBuf,
    /// How to run it.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `pe apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyVerb {
    /// The plan file, or - for stdin
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// How to run it.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How a plan is read and judged.
#[derive(Debug, Default, Args)]
pub(crate) struct ReadArgs {
    /// How severe findings are (default: moderate)
    #[arg(long, value_name = "LEVEL", help_heading = "Reading")]
    pub(crate) strictness: Option<StrictnessArg>,
    /// Check against this tool catalog instead of the built-in tools: an OpenAI tool list, an
    /// MCP `tools/list` result, or the output of `pe tools --json`
    #[arg(long, value_name = "CATALOG", help_heading = "Reading")]
    pub(crate) tools: Option<PathBuf>,
}

/// `pe validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateVerb {
    /// The plan files, or - for stdin
    #[arg(value_name = "FILE|-", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Read in this notation (default: from the file's name, else from its first character)
    #[arg(long, value_name = "NOTATION", help_heading = "Reading")]
    pub(crate) format: Option<Notation>,
    /// Print one line a finding, `FILE:LINE:COLUMN: SEVERITY[CODE]: ...`, for other programs
    #[arg(long)]
    pub(crate) short: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "short")]
    pub(crate) json: bool,
}

/// `pe simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateVerb {
    /// The plan file, or - for stdin
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// How to read it.
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Read in this notation (default: from the file's name, else from its first character)
    #[arg(long, value_name = "NOTATION", help_heading = "Reading")]
    pub(crate) format: Option<Notation>,
    /// How many steps may run at the same time
    #[arg(long, value_name = "N")]
    pub(crate) parallel: Option<std::num::NonZeroUsize>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphVerb {
    /// A plan file, the JSON that `pe run --json` printed, a recorded run, or - for stdin
    #[arg(value_name = "FILE|RUN|-")]
    pub(crate) file: PathBuf,
    /// How to draw it
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) format: Drawing,
}

/// How a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// Steps with their status, one a line.
    Text,
    /// A Mermaid flowchart, as Markdown pages show it.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A picture that needs no other program, for light and dark pages.
    Svg,
}

/// `pe diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffVerb {
    /// The first plan, the JSON of a run, a recorded run, or - for stdin
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,
    /// The second plan, the JSON of a run, a recorded run, or - for stdin
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Exit with 1 when the plans differ
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// `pe tools`.
#[derive(Debug, Args)]
pub(crate) struct ToolsVerb {
    /// Show everything about this tool
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print one JSON document: a catalog that `pe validate --tools` reads
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaVerb {
    /// Which schema
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<SchemaName>,
    /// Print the names, one a line
    #[arg(long, conflicts_with = "name")]
    pub(crate) list: bool,
}

/// The documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// A plan file.
    Plan,
    /// A configuration file, TOML read as JSON.
    Config,
    /// One line of `pe run --output jsonl`.
    Events,
    /// What `pe validate --json` prints.
    Report,
    /// What `pe run --json` prints.
    Run,
}

/// `pe completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsVerb {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `pe man`.
#[derive(Debug, Args)]
pub(crate) struct ManVerb {
    /// The page of one verb instead of that of `pe`
    #[arg(value_name = "VERB")]
    pub(crate) verb: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_holds() {
        super::Cli::command().debug_assert();
    }
}
