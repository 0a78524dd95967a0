//! What is looked at beyond this machine: the endpoint, the model, an answer of it, and the
//! forms of answer that it knows.
//!
//! A check that needs one which failed is left out.

use std::time::{Duration, Instant};

use pe_model::{
    AnswerFormat, ChatMessage, LlmClient, ModelAnswer, ModelError, ModelErrorKind, ModelRequest,
    Purpose, nearest,
};
use serde_json::{Value, json};

use super::{Check, Health};
use crate::settings::{ApiKey, LlmSettings, LlmTable, ResponseFormat, Settings};
use crate::words::{count, duration, quoted};

const ENDPOINT: &str = "endpoint";
const MODEL: &str = "model";
const ANSWER: &str = "answer";
const JSON: &str = "json";

/// Everything that is looked at here.
pub(super) const NAMES: [&str; 4] = [ENDPOINT, MODEL, ANSWER, JSON];

/// A model that thinks first needs some room before it says anything.
const LONGEST_ANSWER: u64 = 512;
/// How often a question is asked that failed in passing, or was to be asked otherwise.
const ATTEMPTS: u32 = 3;
/// How long is waited between them at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Everything there is to see of the endpoint that the settings name.
pub(super) async fn checks(settings: &Settings) -> Vec<Check> {
    match settings.llm.client() {
        Ok(client) => {
            let listed = client.models().await;
            examine(settings, &client, listed).await
        }
        Err(error) => vec![Check::fail(ENDPOINT, &error.message, for_error(settings, &error))],
    }
}

/// Judges what the endpoint lists, and asks the model a few words.
async fn examine(
    settings: &Settings,
    client: &dyn LlmClient,
    listed: Result<Vec<String>, ModelError>,
) -> Vec<Check> {
    let llm = &settings.llm;
    let (endpoint, models) = endpoint(settings, listed);
    let is_reached = endpoint.status != Health::Fail;
    let mut checks = vec![endpoint];
    if !is_reached {
        return checks;
    }
    let question = "Answer with the word ok and nothing else.";
    let begun = Instant::now();
    let answer = ask(client, question, AnswerFormat::Text).await;
    checks.push(model(llm, &models, &answer));
    match answer {
        Ok(answer) => {
            let tokens = match (answer.tokens.prompt, answer.tokens.completion) {
                (Some(sent), Some(received)) => format!("{sent} tokens sent, {received} received"),
                _ => "it does not count tokens".to_owned(),
            };
            let took = duration(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
            checks.push(if answer.tokens.completion.is_some() {
                Check::ok(ANSWER, format!("after {took}; {tokens}"))
            } else {
                let mend = "a budget of tokens or money cannot be held with this endpoint";
                Check::warn(ANSWER, format!("after {took}; {tokens}"), mend)
            });
            checks.push(json_mode(llm.table.response_format, client).await);
        }
        Err(error) => checks.push(Check::fail(ANSWER, &error.message, for_error(settings, &error))),
    }
    checks
}

/// Whether somebody is there, and the models that are listed; none where there is no list.
fn endpoint(
    settings: &Settings,
    listed: Result<Vec<String>, ModelError>,
) -> (Check, Option<Vec<String>>) {
    let LlmSettings { table, key, .. } = &settings.llm;
    let address = &table.base_url;
    let key = match key {
        ApiKey::None => "without a key".to_owned(),
        ApiKey::Set { variable, .. } => format!("with the key in `{variable}`"),
    };
    match listed {
        Ok(models) => {
            let found = format!("{address} lists {} {key}", count(models.len(), "model"));
            (Check::ok(ENDPOINT, found), Some(models))
        }
        Err(error) => match (error.kind, error.status) {
            (_, Some(404 | 405 | 501)) => {
                let found = format!("{address} answers {key}, and does not list its models");
                (Check::ok(ENDPOINT, found), None)
            }
            (ModelErrorKind::Malformed | ModelErrorKind::TooLarge, _) => {
                let mend = "PE_BASE_URL is the address of an OpenAI-compatible endpoint, which \
                            mostly ends in /v1";
                (Check::warn(ENDPOINT, &error.message, mend), None)
            }
            // A key may be good for questions and not for the list.
            (ModelErrorKind::Status, _) => {
                (Check::warn(ENDPOINT, &error.message, for_error(settings, &error)), None)
            }
            _ => (Check::fail(ENDPOINT, &error.message, for_error(settings, &error)), None),
        },
    }
}

/// Whether the model is one of those that are listed.
fn model(
    llm: &LlmSettings,
    listed: &Option<Vec<String>>,
    answer: &Result<ModelAnswer, ModelError>,
) -> Check {
    const SHOWN: usize = 8;
    let name = llm.table.model.as_str();
    let is_it = |listed: &String| listed == name || listed.strip_suffix(":latest") == Some(name);
    let models = match listed {
        Some(models) if models.iter().any(is_it) => {
            return Check::ok(MODEL, format!("`{name}` is listed"));
        }
        Some(models) => models.as_slice(),
        None => &[],
    };
    if let Ok(answer) = answer {
        let calls_itself = match answer.model.as_str() {
            "" => String::new(),
            other => format!(" and calls itself `{other}`"),
        };
        let found = match listed {
            Some(_) => format!("`{name}` is not listed, yet it answers{calls_itself}"),
            None => format!("`{name}` answers{calls_itself}"),
        };
        return Check::ok(MODEL, found);
    }
    if listed.is_none() {
        return Check::warn(MODEL, format!("nobody says whether `{name}` is known"), SET_MODEL);
    }
    let mut shown: Vec<&str> = models.iter().take(SHOWN).map(String::as_str).collect();
    if models.len() > SHOWN {
        shown.push("…");
    }
    let found = match models {
        [] => format!("`{name}` is not there, and neither is any other"),
        _ => format!("`{name}` is not among {}", shown.join(", ")),
    };
    let near = nearest(name, models.iter().map(String::as_str)).or(shown.first().copied());
    let mut mend = near.map_or_else(
        || SET_MODEL.to_owned(),
        |near| format!("`PE_MODEL={}` asks that one", quoted(near)),
    );
    if is_ollama(&llm.table) {
        mend = format!("`ollama pull {}`, or {mend}", quoted(name));
    }
    Check::fail(MODEL, found, mend)
}

const SET_MODEL: &str = "`PE_MODEL=NAME`, or `model` in `[llm]`, names another one";

/// Which forms of answer the endpoint knows: it is asked for each.
async fn json_mode(wanted: ResponseFormat, client: &dyn LlmClient) -> Check {
    const QUESTION: &str = "Answer with the JSON object {\"ok\": true} and nothing else.";
    let schema = json!({
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": false,
    });
    let by_schema = AnswerFormat::Schema { name: "probe".to_owned(), schema, described: false };
    let mut found = Vec::new();
    let mut works = Vec::new();
    for (name, format) in [
        ("json_schema", by_schema),
        ("json_object", AnswerFormat::Json),
        ("text", AnswerFormat::Text),
    ] {
        let held = match ask(client, QUESTION, format).await {
            Ok(answer) => holds(&answer, name == "json_schema"),
            Err(error) if error.kind == ModelErrorKind::FormatRefused => Err("is refused"),
            Err(_) => Err("fails"),
        };
        match held {
            Ok(()) => works.push(name),
            Err(problem) => found.push(format!("{name} {problem}")),
        }
    }
    let found = match works.as_slice() {
        [] => found.join(", "),
        works => [vec![format!("{} works", works.join(", "))], found].concat().join(", "),
    };
    let set = |format: &str| format!("`PE_LLM_RESPONSE_FORMAT={format}`");
    let wanted = match wanted {
        ResponseFormat::Auto => None,
        ResponseFormat::JsonSchema => Some("json_schema"),
        ResponseFormat::JsonObject => Some("json_object"),
        ResponseFormat::Text => Some("text"),
    };
    match (works.first(), wanted) {
        (None, _) => {
            let mend = "a larger model follows instructions better; `PE_MODEL=NAME` names one";
            Check::warn(JSON, found, mend)
        }
        (Some(best), Some(wanted)) if !works.contains(&wanted) => {
            let found = format!("{found}; `response_format` says {wanted}");
            Check::warn(JSON, found, format!("{} asks for what works", set(best)))
        }
        (Some(&"json_schema"), _) | (Some(_), Some(_)) => Check::ok(JSON, found),
        (Some(best), None) => {
            let mend = format!("{} asks for that at once, and saves a refused call", set(best));
            Check::warn(JSON, found, mend)
        }
    }
}

/// Whether an answer is what was asked for.
fn holds(answer: &ModelAnswer, by_schema: bool) -> Result<(), &'static str> {
    let text = answer.content.trim();
    let fenced = text.strip_prefix("```json").or(text.strip_prefix("```"));
    let text = fenced.and_then(|text| text.strip_suffix("```")).unwrap_or(text);
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object))
            if !by_schema || object.get("ok").is_some_and(Value::is_boolean) =>
        {
            Ok(())
        }
        Ok(_) => Err("is not kept to"),
        Err(_) if answer.finish.is_truncated() => Err("is cut off"),
        Err(_) => Err("gives no JSON"),
    }
}

/// One question, asked again at most twice.
async fn ask(
    client: &dyn LlmClient,
    question: &str,
    format: AnswerFormat,
) -> Result<ModelAnswer, ModelError> {
    let mut request = ModelRequest::new(Purpose::Probe, vec![ChatMessage::user(question)]);
    request.format = format;
    request.max_tokens = Some(LONGEST_ANSWER);
    let mut attempt = 1;
    loop {
        match client.ask(&request, None).await {
            Err(error)
                if attempt < ATTEMPTS
                    && error.is_retryable()
                    && error.kind == ModelErrorKind::Status =>
            {
                let pause = Duration::from_millis(error.retry_after_ms.unwrap_or(200));
                tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                attempt += 1;
            }
            ended => return ended,
        }
    }
}

/// What to do about an endpoint that gave no answer.
fn for_error(settings: &Settings, error: &ModelError) -> String {
    let LlmSettings { table, key, notes, hint } = &settings.llm;
    let origin = settings.origin_of("llm.base_url");
    match (error.kind, error.status, key) {
        (ModelErrorKind::Unreachable, ..) => {
            let mut mend = match is_ollama(table) {
                true => format!(
                    "`ollama serve` with `ollama pull {}` starts a model here; \
                     `PE_BASE_URL=https://HOST/v1 PE_MODEL=NAME` asks another",
                    quoted(&table.model)
                ),
                false => format!("start it, or change the address (it comes from: {origin})"),
            };
            if let Some(hint) = hint {
                mend = format!("{mend}; {hint}");
            }
            mend
        }
        (ModelErrorKind::Timeout, ..) => {
            "`PE_LLM_TIMEOUT_MS` and `PE_LLM_IDLE_TIMEOUT_MS` wait longer".to_owned()
        }
        (_, Some(401 | 403), ApiKey::None) => match notes.first() {
            Some(note) => note.clone(),
            None => "put the key of this endpoint into PE_API_KEY".to_owned(),
        },
        (_, Some(401 | 403), ApiKey::Set { variable, .. }) => {
            format!("put a key that holds here into `{variable}`")
        }
        (_, Some(404), _) => format!("{SET_MODEL}; an address mostly ends in /v1"),
        (_, Some(402 | 429), _) => "wait, or look at the limits of the account".to_owned(),
        (_, Some(300..=399), _) => {
            "put the address that it redirects to into PE_BASE_URL".to_owned()
        }
        (_, Some(500..), _) => "the endpoint is at fault; its log says more".to_owned(),
        _ => format!("is that the right address? it comes from: {origin}"),
    }
}

/// Whether the address is where Ollama listens.
fn is_ollama(table: &LlmTable) -> bool {
    ["http://localhost:11434", "http://127.0.0.1:11434", "http://[::1]:11434"]
        .iter()
        .any(|start| table.base_url.starts_with(start))
}

#[cfg(test)]
mod tests {
    use pe_model::ErrorClass;

    use super::*;
    use crate::settings::{Flags, Surroundings};

    #[test]
    fn a_list_that_is_refused_is_not_yet_the_end() {
        let surroundings = Surroundings::default();
        let settings = Settings::resolve(&surroundings, Flags::default()).expect("defaults");
        let check = |kind, status, expected| {
            let error = ModelError::new(kind, ErrorClass::Internal, "no");
            let (check, models) = endpoint(&settings, Err(ModelError { status, ..error }));
            assert_eq!((check.status, models), (expected, None), "{kind:?} {status:?}");
        };
        check(ModelErrorKind::Unreachable, None, Health::Fail);
        check(ModelErrorKind::Timeout, None, Health::Fail);
        check(ModelErrorKind::Status, Some(404), Health::Ok);
        check(ModelErrorKind::Status, Some(403), Health::Warn);
        check(ModelErrorKind::Malformed, None, Health::Warn);
    }
}
