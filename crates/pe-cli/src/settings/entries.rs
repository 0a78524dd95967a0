//! Every setting in force with where it comes from, as `pe config show` prints them.

use serde_json::{Value, json};

use super::key::Section;
use super::{Allow, ApiKey, Origin, Settings};

/// One setting in force.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its table; none for what no file can set.
    pub(crate) section: Option<&'static str>,
    /// Its key in the table.
    pub(crate) key: &'static str,
    /// Its value; null where it has none.
    pub(crate) value: Value,
    /// Who set it; several where lists were joined.
    pub(crate) origins: Vec<Origin>,
}

impl Entry {
    /// Its name: table and key.
    pub(crate) fn name(&self) -> String {
        match self.section {
            Some(section) => format!("{section}.{}", self.key),
            None => self.key.to_owned(),
        }
    }

    /// Who set it, in words.
    pub(crate) fn origin(&self) -> String {
        let origins: Vec<String> = self.origins.iter().map(Origin::to_string).collect();
        origins.join(", ")
    }
}

impl Settings {
    /// Every setting in force, table by table; what has no effect is not in force. The key of the endpoint is not among them, only
    /// the variable that it was taken from.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for section in Section::ALL {
            let values = match section {
                Section::Orchestrator => json!(self.orchestrator),
                Section::Llm => json!(self.llm.table),
            };
            let keys = section.keys().iter().filter(|key| key.has_effect);
            entries.extend(
                keys.map(|key| self.entry(section.name(), key.name, values[key.name].clone())),
            );
        }
        entries.push(self.api_key());
        entries.extend(self.prompts.iter().map(|file| Entry {
            section: Some("prompts"),
            key: file.name,
            value: json!(file.path),
            origins: vec![file.origin.clone()],
        }));
        let rule = |allow: &Allow| match allow.effect {
            Some(effect) => json!({"rule": allow.rule, "effect": effect}),
            None => json!(allow.rule),
        };
        let rules: Vec<Value> = self.allow.iter().map(rule).collect();
        entries.push(self.entry("policy", "allow", json!(rules)));
        entries.push(self.entry("http", "hosts", json!(self.hosts)));
        entries.push(self.entry("command", "pass_env", json!(self.pass_env)));
        let database = self.entry("", "database", json!(self.database));
        entries.push(Entry { section: None, ..database });
        entries
    }

    fn entry(&self, section: &'static str, key: &'static str, value: Value) -> Entry {
        let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        let origins = self.origins.get(&name).cloned();
        let origins = origins.unwrap_or_else(|| vec![Origin::Default]);
        Entry { section: Some(section), key, value, origins }
    }

    fn api_key(&self) -> Entry {
        let (value, origin) = match &self.llm.key {
            ApiKey::None => (Value::Null, Origin::Default),
            ApiKey::Set { variable, .. } => {
                (Value::from(format!("set (from {variable})")), Origin::Variable(variable.clone()))
            }
        };
        Entry { section: None, key: "api_key", value, origins: vec![origin] }
    }
}
