//! The keys of `[orchestrator]`: what each accepts, and which have an effect yet.

use pe_model::{OrchestratorConfig, nearest};
use serde_json::{Map, Value};

/// One key.
pub(super) struct Key {
    /// Its name in a file.
    pub(super) name: &'static str,
    /// What it accepts, for messages.
    expected: &'static str,
    /// The least number that it accepts.
    least: u64,
    /// Whether it changes anything in this version.
    has_effect: bool,
}

const fn key(name: &'static str, expected: &'static str) -> Key {
    Key { name, expected, least: 0, has_effect: true }
}

impl Key {
    const fn at_least(self, least: u64) -> Self {
        Self { least, ..self }
    }

    const fn without_effect(self) -> Self {
        Self { has_effect: false, ..self }
    }
}

const COUNT: &str = "a whole number";
const POSITIVE: &str = "a whole number of at least 1";
const SWITCH: &str = "true or false";

/// Every key, in the order of [`OrchestratorConfig`].
const KEYS: [Key; 17] = [
    key("max_plan_steps", COUNT),
    key("max_plan_depth", COUNT),
    key("plan_validation_strictness", "one of lenient, moderate, strict"),
    key("adaptation_sensitivity", "a number from 0.0 to 1.0").without_effect(),
    key("enable_parallel", SWITCH),
    key("max_parallel_steps", POSITIVE).at_least(1),
    key("enable_plan_learning", SWITCH).without_effect(),
    key("fallback_to_sequential", SWITCH).without_effect(),
    key("plan_timeout_ms", "milliseconds as a whole number (0: no bound)"),
    key("step_timeout_ms", "milliseconds as a whole number of at least 1").at_least(1),
    key("max_iterations", COUNT).without_effect(),
    key("max_repair_rounds", COUNT).without_effect(),
    key("fail_fast", SWITCH),
    key("durability", "one of full, normal, off"),
    key("max_output_bytes", "bytes as a whole number of at least 1").at_least(1),
    key("budget", "a budget (a table with any of llm_calls, tokens, tool_calls, cost_usd)"),
    key("streaming", "one of off, show, execute").without_effect(),
];

/// The key called `name`.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key that a misspelt `name` probably means.
pub(super) fn near(name: &str) -> Option<&'static str> {
    nearest(name, KEYS.iter().map(|key| key.name))
}

/// Warns about a key that this version knows and does nothing with.
pub(super) fn warn_if_idle(name: &str, place: &str, warnings: &mut Vec<String>) {
    if find(name).is_some_and(|key| !key.has_effect) {
        warnings.push(format!("`{place}` has no effect in this version"));
    }
}

/// Whether `value` is one that the key accepts; says what it accepts otherwise.
pub(super) fn check(name: &str, value: &Value) -> Result<(), String> {
    let Some(key) = find(name) else {
        return Err(format!("there is no key `{name}`"));
    };
    let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
    let fits = serde_json::from_value::<OrchestratorConfig>(alone).is_ok_and(|config| {
        value.as_u64().is_none_or(|number| number >= key.least)
            && (0.0..=1.0).contains(&config.adaptation_sensitivity)
    });
    if fits { Ok(()) } else { Err(format!("expected {}, found {value}", key.expected)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_configuration_is_here() {
        let Ok(Value::Object(all)) = serde_json::to_value(OrchestratorConfig::default()) else {
            panic!("not an object");
        };
        let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), known);
        for (name, value) in &all {
            assert_eq!(check(name, value), Ok(()));
        }
    }
}
