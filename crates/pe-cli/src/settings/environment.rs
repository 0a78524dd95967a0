//! What `PE_*` sets, and the two variables of other programs that are honoured.
//!
//! A key of `[orchestrator]` is `PE_` and its name in capitals, one of `[llm]` `PE_LLM_` and its
//! name, except for `PE_BASE_URL` and `PE_MODEL`. An empty variable sets nothing.

use std::collections::BTreeMap;

use pe_model::nearest;
use serde_json::Value;

use super::key::{Section, warn_if_idle};
use super::origin::Origin;
use super::{Layer, Setting, api_key, llm, location};

/// What `PE_*` sets.
pub(super) fn own(variables: &BTreeMap<String, String>, warnings: &mut Vec<String>) -> Layer {
    let mut layer = Layer::default();
    for (variable, text) in variables {
        if !variable.starts_with("PE_") || [location::DATABASE, api_key::OWN].contains(&&**variable)
        {
            continue;
        }
        let known = |section: Section| {
            section.keys().iter().find(|key| name(section, key.name).as_ref() == Some(variable))
        };
        let Some((section, key)) =
            Section::ALL.into_iter().find_map(|section| Some((section, known(section)?)))
        else {
            // Other programs and later versions have variables of that kind too: only a slip
            // of the pen is worth a word.
            warnings.extend(
                near(variable)
                    .map(|near| format!("`{variable}` is ignored; did you mean `{near}`?")),
            );
            continue;
        };
        if text.is_empty() {
            continue;
        }
        warn_if_idle(key, variable, warnings);
        let as_text = || Value::from(text.as_str());
        let value = match key.text {
            Some(_) => as_text(),
            None => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
        };
        let origin = Origin::Variable(variable.clone());
        layer.values.push(Setting { section, key: key.name.to_owned(), value, origin });
    }
    layer
}

/// What `OPENAI_BASE_URL` sets. It belongs to other programs: what they may read and we may not
/// is no error.
pub(super) fn openai(variables: &BTreeMap<String, String>, warnings: &mut Vec<String>) -> Layer {
    let mut layer = Layer::default();
    let variable = api_key::OPENAI_ADDRESS;
    let Some(address) = variables.get(variable).filter(|address| !address.is_empty()) else {
        return layer;
    };
    match llm::check_address(address) {
        Ok(()) => layer.values.push(Setting {
            section: Section::Llm,
            key: "base_url".to_owned(),
            value: Value::from(address.as_str()),
            origin: Origin::Variable(variable.to_owned()),
        }),
        Err(problem) => {
            warnings.push(format!("`{variable}` in the environment is ignored: {problem}"));
        }
    }
    layer
}

/// The variable of a key; none where there is no variable, because `PE_API_KEY` does instead.
fn name(section: Section, key: &str) -> Option<String> {
    let key = match (section, key) {
        (_, "api_key_env") => return None,
        (Section::Orchestrator, key) | (_, key @ ("base_url" | "model")) => key.to_owned(),
        (Section::Llm, key) => format!("llm_{key}"),
    };
    Some(format!("PE_{}", key.to_ascii_uppercase()))
}

/// The variable that a misspelt one probably means.
fn near(variable: &str) -> Option<String> {
    let names =
        |section: Section| section.keys().iter().filter_map(move |key| name(section, key.name));
    let known: Vec<String> = Section::ALL.into_iter().flat_map(names).collect();
    let known = known.iter().map(String::as_str).chain([api_key::OWN]);
    let near = nearest(&variable[3..], known.map(|name| &name[3..]))?;
    Some(format!("PE_{near}"))
}
