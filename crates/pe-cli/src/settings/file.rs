//! One configuration file: TOML to a layer, with every stranger among its keys named.

use std::path::Path;

use anyhow::Context as _;
use pe_model::{Effect, OrchestratorConfig, nearest};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};

use super::key::{Section, warn_if_idle};
use super::llm::LlmTable;
use super::location::{Found, Owner};
use super::origin::Origin;
use super::prompts::{self, PromptFile, PromptsTable};
use super::{Allow, Layer, Setting};
use crate::failure::Failure;

/// A configuration file, as its schema describes it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ConfigFile {
    /// How plans are judged and executed.
    orchestrator: OrchestratorConfig,
    /// Which model is asked, and how.
    llm: LlmTable,
    /// Files that stand in for the built-in prompts.
    prompts: PromptsTable,
    /// What may be done without asking.
    policy: PolicyTable,
    /// What `http_request` may reach.
    http: HttpTable,
    /// What programs started by `run_command` see.
    command: CommandTable,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct PolicyTable {
    /// Calls that need no consent.
    allow: Vec<AllowEntry>,
}

/// A tool name, or the first words of a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum AllowEntry {
    /// The rule.
    Rule(String),
    /// The rule, and the effect class of such calls.
    Stated {
        /// The rule.
        rule: String,
        /// The effect class that the operator states for such calls.
        effect: Option<Effect>,
    },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct HttpTable {
    /// Hosts that may be reached.
    hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct CommandTable {
    /// The environment variables that are passed on, instead of the default list; a `*` at the
    /// end stands for any rest.
    pass_env: Option<Vec<String>>,
}

/// Longer files than this are no configuration.
const LONGEST: u64 = 1024 * 1024;

/// Reads a file into a layer.
pub(super) fn read(found: &Found, warnings: &mut Vec<String>) -> Result<Layer, Failure> {
    let name = &found.name;
    let cannot = || format!("cannot read the configuration file `{name}`");
    let length = std::fs::metadata(&found.path).with_context(cannot).map_err(Failure::usage)?.len();
    if length > LONGEST {
        let message = format!("{}: {length} bytes, more than {LONGEST}", cannot());
        return Err(Failure::usage_message(message));
    }
    let text = std::fs::read_to_string(&found.path).with_context(cannot).map_err(Failure::usage)?;
    parse(&text, found, warnings)
}

fn parse(text: &str, found: &Found, warnings: &mut Vec<String>) -> Result<Layer, Failure> {
    let name = &found.name;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Failure::usage_message(format!("`{name}` line {line}: not TOML: {}", error.message()))
    })?;
    let is_project = found.owner == Owner::Project;
    let place = Origin::File { file: name.clone(), key: String::new() };
    let mut layer = Layer { is_project, place: Some(place), ..Layer::default() };
    for (section, value) in table {
        let wrong = |expected: &str| {
            Failure::usage_message(format!(
                "`{name}`: `{section}`: expected {expected}, found {}",
                value.type_str()
            ))
        };
        match section.as_str() {
            "orchestrator" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                keys(Section::Orchestrator, table, name, &mut layer, warnings)?;
            }
            "llm" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                refuse_literal_keys(&table, name)?;
                keys(Section::Llm, table, name, &mut layer, warnings)?;
            }
            "policy" | "http" | "command" | "prompts" if is_project => {
                let reason = match section.as_str() {
                    "prompts" => "cannot say what a model is told",
                    _ => "cannot widen what a run may do",
                };
                warnings.push(untrusted(&format!("[{section}]"), name, reason));
            }
            "prompts" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                strangers(&table, "prompts", &prompts::NAMES, name, warnings);
                layer.prompts = prompt_files(&table, found)?;
            }
            "policy" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                strangers(&table, "policy", &["allow"], name, warnings);
                let expected =
                    "a list of rules, each a text or `{ rule = \"..\", effect = \"..\" }`";
                let entries: PolicyTable = section_of(table, name, "policy.allow", expected)?;
                layer.allow = entries.allow.into_iter().map(|entry| allow(entry, name)).collect();
            }
            "http" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                strangers(&table, "http", &["hosts"], name, warnings);
                let hosts: HttpTable = section_of(table, name, "http.hosts", "a list of texts")?;
                layer.hosts = hosts.hosts;
            }
            "command" => {
                let Value::Table(table) = value else { return Err(wrong("a table")) };
                strangers(&table, "command", &["pass_env"], name, warnings);
                let command: CommandTable =
                    section_of(table, name, "command.pass_env", "a list of texts")?;
                layer.pass_env = command.pass_env;
            }
            stranger => warnings.push(unknown(
                &format!("[{stranger}]"),
                name,
                nearest(stranger, ["orchestrator", "llm", "prompts", "policy", "http", "command"])
                    .map(|near| format!("[{near}]")),
            )),
        }
    }
    Ok(layer)
}

/// Reads a table key by key.
fn keys(
    section: Section,
    table: Table,
    file: &str,
    layer: &mut Layer,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut not_taken = Vec::new();
    for (setting, value) in table {
        let place = format!("{}.{setting}", section.name());
        let Some(key) = section.find(&setting) else {
            let near = section.near(&setting).map(str::to_owned);
            warnings.push(unknown(&place, file, near));
            continue;
        };
        if layer.is_project && !key.is_for_projects {
            not_taken.push(place);
            continue;
        }
        warn_if_idle(key, &format!("{place}` in `{file}"), warnings);
        let origin = Origin::File { file: file.to_owned(), key: place };
        if let Some(number) = not_a_number(&value) {
            // JSON has no such numbers, and nothing in their place would look as if not set.
            let place = origin.in_words();
            return Err(Failure::usage_message(format!(
                "{place}: expected a number, found {number}"
            )));
        }
        let value = serde_json::to_value(value).map_err(Failure::usage)?;
        layer.values.push(Setting { section, key: setting, value, origin });
    }
    if !not_taken.is_empty() {
        let reason = "cannot say which model is asked where, as whom and for how much";
        warnings.push(untrusted(&not_taken.join("`, `"), file, reason));
    }
    Ok(())
}

/// The number that is none, where the value is or holds one directly.
fn not_a_number(value: &Value) -> Option<f64> {
    let number = |value: &Value| value.as_float().filter(|number| !number.is_finite());
    match value {
        Value::Table(table) => table.values().find_map(number),
        value => number(value),
    }
}

/// A key in a file is read by whoever reads the file, and gets into repositories and backups.
fn refuse_literal_keys(table: &Table, file: &str) -> Result<(), Failure> {
    const NAMES: [&str; 6] = ["apikey", "key", "token", "secret", "password", "authorization"];
    let is_one = |name: &&String| {
        let plain = name.replace(['_', '-'], "").to_ascii_lowercase();
        NAMES.contains(&plain.as_str())
    };
    let Some(name) = table.keys().find(is_one) else { return Ok(()) };
    Err(Failure::usage_message(format!(
        "`{file}`: `llm.{name}`: a key does not belong into a file; put it into an environment \
         variable and name that: `api_key_env = \"MY_API_KEY\"`"
    ))
    .hint("`PE_API_KEY` is taken without being named; a key that was in a file should be replaced"))
}

fn prompt_files(table: &Table, found: &Found) -> Result<Vec<PromptFile>, Failure> {
    let folder = found.path.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    for name in prompts::NAMES {
        let Some(value) = table.get(name) else { continue };
        let origin = Origin::File { file: found.name.clone(), key: format!("prompts.{name}") };
        let Some(path) = value.as_str().filter(|path| !path.is_empty()) else {
            let place = origin.in_words();
            let message = format!("{place}: expected the path of a file, found {value}");
            return Err(Failure::usage_message(message));
        };
        files.push(PromptFile { name, path: folder.join(path), origin });
    }
    Ok(files)
}

fn untrusted(place: &str, file: &str, reason: &str) -> String {
    format!(
        "`{place}` in `{file}` is ignored: a project's file {reason}; pass `--config {file}` to \
         trust it, or put it into your own configuration"
    )
}

/// Reads a whole table; its strangers were warned about.
fn section_of<T: serde::de::DeserializeOwned>(
    table: Table,
    name: &str,
    place: &str,
    expected: &str,
) -> Result<T, Failure> {
    let found = Value::Table(table.clone());
    Value::Table(table).try_into().map_err(|_| {
        let found = place.split('.').skip(1).fold(&found, |at, key| at.get(key).unwrap_or(at));
        Failure::usage_message(format!("`{name}`: `{place}`: expected {expected}, found {found}"))
    })
}

fn allow(entry: AllowEntry, name: &str) -> Allow {
    let (rule, effect) = match entry {
        AllowEntry::Rule(rule) => (rule, None),
        AllowEntry::Stated { rule, effect } => (rule, effect),
    };
    Allow { rule, effect, origin: format!("`{name}`: `policy.allow`") }
}

fn strangers(table: &Table, section: &str, known: &[&str], name: &str, warnings: &mut Vec<String>) {
    for stranger in table.keys().filter(|key| !known.contains(&key.as_str())) {
        let near = nearest(stranger, known.iter().copied()).map(str::to_owned);
        warnings.push(unknown(&format!("{section}.{stranger}"), name, near));
    }
}

fn unknown(place: &str, name: &str, near: Option<String>) -> String {
    let suggestion = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("`{name}`: there is no `{place}`; it is ignored{suggestion}")
}
