//! Settings: flags, environment and configuration files, resolved once to a checked form.
//!
//! Precedence: flags, then `PE_*`, then the project's `.pe/config.toml`, then the user's own
//! file, then `OPENAI_BASE_URL`, then the defaults; key by key.
//!
//! Invariant: a project's file, which comes with a checkout and may be a stranger's, cannot
//! widen what a run may do, spend or tell: its `[policy]`, `[http]`, `[command]` and `[prompts]`
//! and where `[llm]` sends what for how much are left out with a warning; its budget, and how often it
//! has a model asked, only lower the user's own. Naming the file with `--config` is what trusts it.
//!
//! Invariant: a key of an endpoint is never part of a setting: it is taken from the environment
//! and held as a secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pe_model::{Budget, Effect, OrchestratorConfig};
use pe_validate::Limits;
use serde_json::{Map, Value};

use crate::args::Global;
use crate::failure::Failure;

mod api_key;
mod entries;
mod environment;
mod file;
mod flags;
mod key;
mod llm;
mod location;
mod origin;
mod prompts;

pub(crate) use api_key::ApiKey;
pub(crate) use entries::Entry;
pub(crate) use file::ConfigFile;
pub(crate) use flags::Flags;
use key::Section;
pub(crate) use llm::{LlmSettings, LlmTable, ResponseFormat};
pub(crate) use location::{Fate, Owner, Place, places};
pub(crate) use origin::Origin;
pub(crate) use prompts::PromptFile;

/// Everything that is configured, checked.
#[derive(Debug, Clone)]
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
    /// Which model is asked, and how.
    pub(crate) llm: LlmSettings,
    /// Files that stand in for built-in prompts.
    pub(crate) prompts: Vec<PromptFile>,
    /// What is odd about the configuration, for people.
    pub(crate) warnings: Vec<String>,
    /// Who set what, by table and key; what is not here has its default.
    origins: BTreeMap<String, Vec<Origin>>,
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

/// One source of settings, in its low form.
#[derive(Debug, Default)]
struct Layer {
    /// Whether it is a project's file.
    is_project: bool,
    /// Values for the tables whose keys are laid over each other.
    values: Vec<Setting>,
    allow: Vec<Allow>,
    hosts: Vec<String>,
    pass_env: Option<Vec<String>>,
    prompts: Vec<PromptFile>,
    /// What it is, where its lists come from one place.
    place: Option<Origin>,
}

/// A value that a source sets, in its low form.
#[derive(Debug)]
struct Setting {
    section: Section,
    key: String,
    value: Value,
    origin: Origin,
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
        let variables = &surroundings.environment;
        let mut layers = vec![environment::openai(variables, &mut warnings)];
        for found in location::files(surroundings) {
            layers.push(file::read(&found, &mut warnings)?);
        }
        layers.push(environment::own(variables, &mut warnings));
        layers.push(flags.into_layer());
        let mut settings = Self::merge(layers, warnings, variables)?;
        let (database, origin) = location::database(surroundings);
        settings.database = database;
        settings.origins.insert("database".to_owned(), vec![origin]);
        Ok(settings)
    }

    /// Who set a key, by table and key, in words.
    pub(crate) fn origin_of(&self, name: &str) -> String {
        self.origins.get(name).map_or_else(
            || Origin::Default.to_string(),
            |origins| origins.iter().map(Origin::to_string).collect::<Vec<_>>().join(", "),
        )
    }

    /// The texts of the prompts that stand in for built-in ones, each with its name.
    ///
    /// # Errors
    /// A usage failure that names the file that cannot be used.
    pub(crate) fn prompt_texts(&self) -> Result<Vec<(String, String)>, Failure> {
        let text = |file: &PromptFile| Ok((file.name.to_owned(), file.read()?));
        self.prompts.iter().map(text).collect()
    }

    /// Lays the layers over each other, the lowest first.
    fn merge(
        layers: Vec<Layer>,
        mut warnings: Vec<String>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let (mut orchestrator, mut llm) = (Map::new(), Map::new());
        let mut origins: BTreeMap<String, Vec<Origin>> = BTreeMap::new();
        let (mut allow, mut hosts, mut pass_env) = (Vec::new(), Vec::new(), None);
        let mut prompts: Vec<PromptFile> = Vec::new();
        let mut keys = api_key::Candidates::default();
        let defaults = serde_json::to_value(OrchestratorConfig::default());
        let defaults = defaults.map_err(Failure::usage)?;
        for layer in layers {
            keys.note(&layer.values);
            for Setting { section, key, mut value, origin } in layer.values {
                section.check(&key, &value).map_err(|problem| {
                    Failure::usage_message(format!("{}: {problem}", origin.in_words()))
                })?;
                let set = match section {
                    Section::Orchestrator => &mut orchestrator,
                    Section::Llm => &mut llm,
                };
                if layer.is_project && key == "budget" {
                    value = lower_budget(set.get(&key), value, &origin, &mut warnings)?;
                }
                if layer.is_project && MODEL_CALLS.contains(&key.as_str()) {
                    let before = set.get(&key).unwrap_or(&defaults[key.as_str()]);
                    if value.as_u64() > before.as_u64() {
                        warnings.push(format!(
                            "{} cannot allow more than your own {before}: it is paid for by you",
                            origin.in_words()
                        ));
                        continue;
                    }
                }
                let joined = origins.entry(format!("{}.{key}", section.name())).or_default();
                // Of a project's budget and the user's own the lower limits hold.
                if !(layer.is_project && key == "budget") {
                    joined.clear();
                }
                joined.push(origin);
                set.insert(key, value);
            }
            for (key, is_set) in [
                ("policy.allow", !layer.allow.is_empty()),
                ("http.hosts", !layer.hosts.is_empty()),
                ("command.pass_env", layer.pass_env.is_some()),
            ] {
                let Some(place) = layer.place.as_ref().filter(|_| is_set) else { continue };
                let joined = origins.entry(key.to_owned()).or_default();
                if key == "command.pass_env" {
                    joined.clear();
                }
                joined.push(place.with_key(key));
            }
            allow.extend(layer.allow);
            hosts.extend(layer.hosts);
            pass_env = layer.pass_env.or(pass_env);
            for file in layer.prompts {
                prompts.retain(|other| other.name != file.name);
                prompts.push(file);
            }
        }
        let is_set = |name: &str| orchestrator.contains_key(name);
        let (steps, depth) = (is_set("max_plan_steps"), is_set("max_plan_depth"));
        let orchestrator: OrchestratorConfig =
            serde_json::from_value(Value::Object(orchestrator)).map_err(Failure::usage)?;
        let limits = Limits {
            strictness: orchestrator.plan_validation_strictness,
            max_steps: steps.then_some(orchestrator.max_plan_steps),
            max_depth: depth.then_some(orchestrator.max_plan_depth),
            max_retries: None,
        };
        let table: LlmTable = serde_json::from_value(Value::Object(llm)).map_err(Failure::usage)?;
        let chosen = keys.choose(&table.base_url, variables);
        let llm = LlmSettings::new(table, chosen);
        let database = None;
        Ok(Self {
            orchestrator,
            limits,
            allow,
            hosts,
            pass_env,
            database,
            llm,
            prompts,
            warnings,
            origins,
        })
    }
}

/// What bounds how often a model is asked: a project only lowers it.
const MODEL_CALLS: [&str; 2] = ["max_iterations", "max_repair_rounds"];

/// A project's budget over the user's own: of each limit the lower holds.
fn lower_budget(
    own: Option<&Value>,
    value: Value,
    origin: &Origin,
    warnings: &mut Vec<String>,
) -> Result<Value, Failure> {
    let Some(own) = own else { return Ok(value) };
    let read = |value| serde_json::from_value::<Budget>(value).map_err(Failure::usage);
    let (own, theirs) = (read(own.clone())?, read(value)?);
    fn lower<T: PartialOrd + Copy>(
        own: Option<T>,
        theirs: Option<T>,
        raises: &mut bool,
    ) -> Option<T> {
        let (Some(limit), Some(other)) = (own, theirs) else { return own.or(theirs) };
        *raises |= other > limit;
        Some(if other < limit { other } else { limit })
    }
    let mut raises = false;
    let budget = Budget {
        llm_calls: lower(own.llm_calls, theirs.llm_calls, &mut raises),
        tokens: lower(own.tokens, theirs.tokens, &mut raises),
        tool_calls: lower(own.tool_calls, theirs.tool_calls, &mut raises),
        cost_usd: lower(own.cost_usd, theirs.cost_usd, &mut raises),
    };
    if raises {
        let place = origin.in_words();
        warnings.push(format!("{place} cannot raise your own budget: the lower limits hold"));
    }
    serde_json::to_value(budget).map_err(Failure::usage)
}

/// A path for messages: relative to the current directory where it lies in it.
fn shown(path: &Path, directory: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
