//! One configuration file: TOML to a layer, with every stranger among its keys named.

use anyhow::Context as _;
use pe_model::{Effect, OrchestratorConfig, nearest};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};

use super::location::{Found, Owner};
use super::{Allow, Layer, key};
use crate::failure::Failure;

/// A configuration file, as its schema describes it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ConfigFile {
    /// How plans are judged and executed.
    orchestrator: OrchestratorConfig,
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
    let mut layer = Layer::default();
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
                orchestrator(table, name, &mut layer, warnings)?;
            }
            "policy" | "http" | "command" if found.owner == Owner::Project => warnings.push(format!(
                "`[{section}]` in `{name}` is ignored: a project's file cannot widen what a run \
                 may do; pass `--config {name}` to trust it, or put it into your own configuration"
            )),
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
                nearest(stranger, ["orchestrator", "policy", "http", "command"])
                    .map(|near| format!("[{near}]")),
            )),
        }
    }
    Ok(layer)
}

fn orchestrator(
    table: Table,
    name: &str,
    layer: &mut Layer,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    for (setting, value) in table {
        let place = format!("orchestrator.{setting}");
        if key::find(&setting).is_none() {
            let near = key::near(&setting).map(str::to_owned);
            warnings.push(unknown(&place, name, near));
            continue;
        }
        key::warn_if_idle(&setting, &format!("{place}` in `{name}"), warnings);
        let value = serde_json::to_value(value).map_err(Failure::usage)?;
        layer.orchestrator.push((setting, value, format!("`{name}`: `{place}`")));
    }
    Ok(())
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
