//! The verbs that set `pe` up, and the flags that say which model is asked.

use clap::{Args, Subcommand};

/// Which model is asked.
#[derive(Debug, Default, Args)]
pub(crate) struct ModelArgs {
    /// Ask the endpoint at this address, which speaks OpenAI's chat completions
    #[arg(long, value_name = "URL", help_heading = "Model")]
    pub(crate) base_url: Option<String>,
    /// Ask this model
    #[arg(long, value_name = "MODEL", help_heading = "Model")]
    pub(crate) model: Option<String>,
}

/// `pe config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigVerb {
    /// What is to be shown.
    #[command(subcommand)]
    pub(crate) task: ConfigTask,
}

/// What can be shown of the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigTask {
    /// Print every setting in force, as a configuration file
    Show(ConfigShowTask),
    /// Print the files that are looked at, the one that wins first
    Path(ConfigPathTask),
}

/// `pe config show`.
#[derive(Debug, Args)]
pub(crate) struct ConfigShowTask {
    /// Say where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// `pe config path`.
#[derive(Debug, Args)]
pub(crate) struct ConfigPathTask {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pe init`.
#[derive(Debug, Args)]
pub(crate) struct InitVerb {}

/// `pe doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorVerb {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Which model.
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}
