//! Settings: flags, environment and configuration files, resolved once to a checked form.
//!
//! Precedence: flags, then `PE_*`, then the project's `.pe/config.toml`, then the user's own
//! file, then the defaults; key by key.
//!
//! Invariant: a project's file, which comes with a checkout and may be a stranger's, cannot
//! widen what a run may do: its `[policy]`, `[http]` and `[command]` are left out with a warning. Naming
//! the file with `--config` is what trusts it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use pe_model::{Effect, OrchestratorConfig};
use pe_validate::Limits;
use serde_json::{Map, Value};

use crate::args::{ExecuteArgs, Global, ReadArgs, RunArgs, StrictnessArg};
use crate::failure::Failure;

mod file;
mod key;
mod location;

pub(crate) use file::ConfigFile;

/// Everything that is configured, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// How plans are judged and executed.
    pub(crate) orchestrator: OrchestratorConfig,
    /// What a plan file is held to: sizes only where they were set.
    pub(crate) limits: Limits,
    /// What may be done without asking.
    pub(crate) allow: Vec<Allow>,
    /// The hosts that `http_request` may reach.
    pub(crate) hosts: Vec<String>,
    /// The environment variables that programs see; `None`: the default list.
    pub(crate) pass_env: Option<Vec<String>>,
    /// Where runs are kept; `None` where nothing says so and there is no home.
    pub(crate) database: Option<PathBuf>,
    /// What is odd about the configuration, for people.
    pub(crate) warnings: Vec<String>,
}

/// One entry of `[policy] allow`, or one `--allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allow {
    /// A tool name, or the first words of a command.
    pub(crate) rule: String,
    /// The effect class that the operator states for such calls.
    pub(crate) effect: Option<Effect>,
    /// Where the rule was written, for messages.
    pub(crate) origin: String,
}

/// What settings are resolved from besides flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Where the search for the project's file begins.
    pub(crate) directory: PathBuf,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// `--db`.
    pub(crate) database: Option<PathBuf>,
}

/// What flags set; `None` where a flag was not given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// Values by the name of their key in `[orchestrator]`.
    pub(crate) orchestrator: Vec<(&'static str, Value)>,
    /// Every `--allow`.
    pub(crate) allow: Vec<String>,
}

/// One source of settings, in its low form.
#[derive(Debug, Default)]
struct Layer {
    /// Values for `[orchestrator]`: key, value, and the name of the place for messages.
    orchestrator: Vec<(String, Value, String)>,
    allow: Vec<Allow>,
    hosts: Vec<String>,
    pass_env: Option<Vec<String>>,
}

impl Flags {
    /// Those of a verb that reads and judges a plan.
    pub(crate) fn judging(read: &ReadArgs) -> Self {
        let mut flags = Self::default();
        flags.strictness(read.strictness);
        flags
    }

    /// Those of a verb that runs a plan.
    pub(crate) fn running(args: &RunArgs) -> Self {
        let mut flags = Self::executing(&args.execute);
        flags.strictness(args.strictness);
        flags
    }

    /// Those of a verb that makes calls.
    pub(crate) fn executing(args: &ExecuteArgs) -> Self {
        let mut flags = Self { allow: args.allow.clone(), ..Self::default() };
        flags.parallel(args.parallel);
        flags.set("plan_timeout_ms", args.timeout.map(|timeout| timeout.ms));
        flags.set("step_timeout_ms", args.step_timeout.map(|timeout| timeout.ms));
        let budget: serde_json::Map<String, Value> =
            args.budget.iter().map(|part| (part.key.clone(), part.value.clone())).collect();
        flags.set("budget", (!budget.is_empty()).then_some(budget));
        flags.set("fail_fast", args.fail_fast.then_some(true));
        flags
    }

    /// A recorded configuration with what the flags say over it.
    ///
    /// # Errors
    /// A usage failure that names the key.
    pub(crate) fn over(
        &self,
        recorded: &OrchestratorConfig,
    ) -> Result<OrchestratorConfig, Failure> {
        let mut config = serde_json::to_value(recorded).map_err(Failure::usage)?;
        for (name, value) in &self.orchestrator {
            key::check(name, value).map_err(|problem| {
                Failure::usage_message(format!("the command line: {problem}"))
            })?;
            config[*name] = value.clone();
        }
        serde_json::from_value(config).map_err(Failure::usage)
    }

    /// `--parallel`; asking for more than one step at a time asks for parallelism too.
    pub(crate) fn parallel(&mut self, parallel: Option<NonZeroUsize>) {
        let parallel = parallel.map(NonZeroUsize::get);
        self.set("max_parallel_steps", parallel);
        self.set("enable_parallel", parallel.filter(|&steps| steps > 1).map(|_| true));
    }

    fn strictness(&mut self, strictness: Option<StrictnessArg>) {
        let name = strictness.and_then(|level| level.to_possible_value());
        self.set("plan_validation_strictness", name.map(|name| name.get_name().to_owned()));
    }

    fn set(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        self.orchestrator.extend(value.map(|value| (key, value.into())));
    }
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_process(global: &Global) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            // A value that is no text is kept as one that no key accepts.
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Self {
            directory: std::env::current_dir().unwrap_or_default(),
            environment: std::env::vars_os().filter_map(text).collect(),
            file: global.config.clone(),
            database: global.db.clone(),
        }
    }
}

impl Settings {
    /// Resolves the settings.
    ///
    /// # Errors
    /// A usage failure that names file or variable, key, what was found and what was expected.
    pub(crate) fn resolve(surroundings: &Surroundings, flags: Flags) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let mut layers = Vec::new();
        for found in location::files(surroundings) {
            layers.push(file::read(&found, &mut warnings)?);
        }
        layers.push(environment(&surroundings.environment, &mut warnings));
        layers.push(Layer {
            orchestrator: flags
                .orchestrator
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value, "the command line".to_owned()))
                .collect(),
            allow: flags
                .allow
                .into_iter()
                .map(|rule| Allow { rule, effect: None, origin: "--allow".to_owned() })
                .collect(),
            ..Layer::default()
        });
        let database = location::database(surroundings);
        Ok(Self { database, ..Self::merge(layers, warnings)? })
    }

    /// Lays the layers over each other, the lowest first.
    fn merge(layers: Vec<Layer>, warnings: Vec<String>) -> Result<Self, Failure> {
        let mut set = Map::new();
        let (mut allow, mut hosts, mut pass_env) = (Vec::new(), Vec::new(), None);
        for layer in layers {
            for (name, value, origin) in layer.orchestrator {
                key::check(&name, &value)
                    .map_err(|problem| Failure::usage_message(format!("{origin}: {problem}")))?;
                set.insert(name, value);
            }
            allow.extend(layer.allow);
            hosts.extend(layer.hosts);
            pass_env = layer.pass_env.or(pass_env);
        }
        let is_set = |name: &str| set.contains_key(name);
        let (steps, depth) = (is_set("max_plan_steps"), is_set("max_plan_depth"));
        let orchestrator: OrchestratorConfig =
            serde_json::from_value(Value::Object(set)).map_err(Failure::usage)?;
        let limits = Limits {
            strictness: orchestrator.plan_validation_strictness,
            max_steps: steps.then_some(orchestrator.max_plan_steps),
            max_depth: depth.then_some(orchestrator.max_plan_depth),
        };
        Ok(Self { orchestrator, limits, allow, hosts, pass_env, database: None, warnings })
    }
}

/// What `PE_*` sets. An empty variable sets nothing.
fn environment(variables: &BTreeMap<String, String>, warnings: &mut Vec<String>) -> Layer {
    let mut layer = Layer::default();
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix("PE_").filter(|_| variable != location::DATABASE)
        else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        if key::find(&name).is_none() {
            // Other programs and later versions have variables of that kind too: only a slip
            // of the pen is worth a word.
            if let Some(near) = key::near(&name) {
                let near = near.to_ascii_uppercase();
                warnings.push(format!("`{variable}` is ignored; did you mean `PE_{near}`?"));
            }
        } else if !text.is_empty() {
            key::warn_if_idle(&name, variable, warnings);
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            layer.orchestrator.push((name, value, format!("`{variable}` in the environment")));
        }
    }
    layer
}

/// A path for messages: relative to the current directory where it lies in it.
fn shown(path: &Path, directory: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
