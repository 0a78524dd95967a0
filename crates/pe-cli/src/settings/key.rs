//! The keys of `[orchestrator]` and `[llm]`: what each accepts, which a project's file may set,
//! and which have an effect yet.

use pe_model::{OrchestratorConfig, nearest};
use serde_json::{Map, Value};

use super::llm::{LlmTable, check_address, check_model, check_variable};

/// A table whose keys are laid over each other one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// How plans are made, judged and executed.
    Orchestrator,
    /// Which model is asked, and how.
    Llm,
}

/// What a text has to be beyond a text; says what is wrong.
type TextRule = fn(&str) -> Result<(), String>;

/// One key.
pub(super) struct Key {
    /// Its name in a file.
    pub(super) name: &'static str,
    /// What it accepts, for messages.
    expected: &'static str,
    /// The numbers that it accepts.
    range: (f64, f64),
    /// What its text has to be; a variable's text is then taken as it is, and not as JSON.
    pub(super) text: Option<TextRule>,
    /// Whether it changes anything in this version.
    pub(super) has_effect: bool,
    /// Whether a project's file, which may be a stranger's, may set it.
    pub(super) is_for_projects: bool,
}

const fn key(name: &'static str, expected: &'static str) -> Key {
    Key {
        name,
        expected,
        range: (f64::NEG_INFINITY, f64::INFINITY),
        text: None,
        has_effect: true,
        is_for_projects: true,
    }
}

impl Key {
    const fn at_least(self, least: f64) -> Self {
        self.within(least, f64::INFINITY)
    }

    const fn within(self, least: f64, most: f64) -> Self {
        Self { range: (least, most), ..self }
    }

    const fn text(self, rule: TextRule) -> Self {
        Self { text: Some(rule), ..self }
    }

    const fn without_effect(self) -> Self {
        Self { has_effect: false, ..self }
    }

    const fn not_for_projects(self) -> Self {
        Self { is_for_projects: false, ..self }
    }
}

const COUNT: &str = "a whole number";
const POSITIVE: &str = "a whole number of at least 1";
const SWITCH: &str = "true or false";
/// A day in milliseconds: whoever waits longer does not wait for an answer.
const DAY: f64 = 86_400_000.0;
const WITHIN_A_DAY: &str = "milliseconds as a whole number from 1 to 86400000";

/// Every key of `[orchestrator]`, in the order of [`OrchestratorConfig`].
const ORCHESTRATOR: [Key; 17] = [
    key("max_plan_steps", COUNT),
    key("max_plan_depth", COUNT),
    key("plan_validation_strictness", "one of lenient, moderate, strict"),
    key("adaptation_sensitivity", "a number from 0.0 to 1.0").within(0.0, 1.0),
    key("enable_parallel", SWITCH),
    key("max_parallel_steps", POSITIVE).at_least(1.0),
    key("enable_plan_learning", SWITCH).without_effect(),
    key("fallback_to_sequential", SWITCH),
    key("plan_timeout_ms", "milliseconds as a whole number (0: no bound)"),
    key("step_timeout_ms", "milliseconds as a whole number of at least 1").at_least(1.0),
    key("max_iterations", COUNT),
    key("max_repair_rounds", COUNT),
    key("fail_fast", SWITCH),
    key("durability", "one of full, normal, off"),
    key("max_output_bytes", "bytes as a whole number of at least 1").at_least(1.0),
    key("budget", "a budget (a table with any of llm_calls, tokens, tool_calls, cost_usd)"),
    key("streaming", "one of off, show, execute"),
];

/// Every key of `[llm]`, in the order of [`LlmTable`].
///
/// A project's file sets none that says where goals, results and the key go (behind a gateway
/// the model's name decides that as well) or what a call is taken to cost.
const LLM: [Key; 12] = [
    key("base_url", "an http or https address such as \"http://localhost:11434/v1\"")
        .text(check_address)
        .not_for_projects(),
    key("model", "the name of a model").text(check_model).not_for_projects(),
    key("api_key_env", "the name of an environment variable")
        .text(check_variable)
        .not_for_projects(),
    key("timeout_ms", WITHIN_A_DAY).within(1.0, DAY),
    key("idle_timeout_ms", WITHIN_A_DAY).within(1.0, DAY),
    key("max_answer_bytes", "bytes as a whole number from 1024 to 67108864")
        .within(1024.0, 67_108_864.0),
    key("max_retries", "a whole number from 0 to 20").within(0.0, 20.0),
    key("context_tokens", "tokens as a whole number from 1024 to 100000000")
        .within(1024.0, 100_000_000.0),
    key("temperature", "a number from 0.0 to 2.0").within(0.0, 2.0),
    key("stream", SWITCH),
    key("response_format", "one of auto, json_schema, json_object, text"),
    key(
        "prices",
        "a table with prompt and completion, each US dollars for a million tokens \
         (0 to 1000000)",
    )
    .not_for_projects(),
];

impl Section {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::Orchestrator, Self::Llm];

    /// The table's name in a file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Llm => "llm",
        }
    }

    /// Its keys.
    pub(super) fn keys(self) -> &'static [Key] {
        match self {
            Self::Orchestrator => &ORCHESTRATOR,
            Self::Llm => &LLM,
        }
    }

    /// The key called `name`.
    pub(super) fn find(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    /// The key that a misspelt `name` probably means.
    pub(super) fn near(self, name: &str) -> Option<&'static str> {
        nearest(name, self.keys().iter().map(|key| key.name))
    }

    /// Whether `value` is one that the key accepts; says what it accepts otherwise.
    pub(super) fn check(self, name: &str, value: &Value) -> Result<(), String> {
        let Some(key) = self.find(name) else {
            return Err(format!("there is no key `{name}`"));
        };
        let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
        let fits = match self {
            Self::Orchestrator => serde_json::from_value::<OrchestratorConfig>(alone).is_ok(),
            Self::Llm => serde_json::from_value::<LlmTable>(alone).is_ok_and(|table| table.holds()),
        };
        let (least, most) = key.range;
        if !fits || value.as_f64().is_some_and(|number| !(least..=most).contains(&number)) {
            let found = key.text.map_or_else(|| value.to_string(), |_| kind(value).to_owned());
            return Err(format!("expected {}, found {found}", key.expected));
        }
        match (key.text, value.as_str()) {
            (Some(rule), Some(text)) => rule(text),
            _ => Ok(()),
        }
    }
}

/// What a value is, where the value itself had better not be repeated: it may be a secret.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// Warns about a key that this version knows and does nothing with.
pub(super) fn warn_if_idle(key: &Key, place: &str, warnings: &mut Vec<String>) {
    if !key.has_effect {
        warnings.push(format!("`{place}` has no effect in this version"));
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn check(section: Section, defaults: &impl Serialize) {
        let Ok(Value::Object(all)) = serde_json::to_value(defaults) else {
            panic!("not an object");
        };
        let known: Vec<&str> = section.keys().iter().map(|key| key.name).collect();
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), known);
        for (name, value) in &all {
            assert_eq!(section.check(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn every_key_of_the_configuration_is_here() {
        check(Section::Orchestrator, &OrchestratorConfig::default());
        check(Section::Llm, &LlmTable::default());
    }
}
