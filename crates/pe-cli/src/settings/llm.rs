//! `[llm]`: which model is asked, where, with which key, and how long it is waited for.
//!
//! [`LlmTable`] is the form of the files; [`LlmSettings`] the checked one, with the key found
//! in the environment. Files and flags name the variable that holds the key, never the key.

use pe_llm::{OpenAi, OpenAiConfig};
use pe_model::ModelError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::api_key::{ApiKey, Chosen};

/// Which model is asked, and how. Times are milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct LlmTable {
    /// The address of an endpoint that speaks OpenAI's chat completions, without user, query
    /// and fragment.
    pub(crate) base_url: String,
    /// The model.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) model: String,
    /// The environment variable that holds the key; `PE_API_KEY` wins over it.
    #[schemars(regex(pattern = "^[A-Z_][A-Z0-9_]{0,127}$"))]
    pub(crate) api_key_env: Option<String>,
    /// Bounds one exchange with the endpoint.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(crate) timeout_ms: u64,
    /// How long nothing may come while an answer is awaited or read.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(crate) idle_timeout_ms: u64,
    /// The longest answer that is read.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub(crate) max_answer_bytes: usize,
    /// How often a call that failed in passing is made again.
    #[schemars(range(max = 20))]
    pub(crate) max_retries: u32,
    /// The model's window, prompt and answer together; taken to be 8192 where not given.
    #[schemars(range(min = 1024, max = 100_000_000))]
    pub(crate) context_tokens: Option<u64>,
    /// How much chance there is in answers; the endpoint's default where not given.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub(crate) temperature: Option<f64>,
    /// Whether answers are read while they are written.
    pub(crate) stream: bool,
    /// The strictest form of answer that is asked for.
    pub(crate) response_format: ResponseFormat,
    /// What the model costs; unknown where not given, and then no money is counted.
    pub(crate) prices: Option<Prices>,
}

/// The strictest form of answer that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseFormat {
    /// A JSON Schema, and where the endpoint refuses it what it does not refuse.
    #[default]
    Auto,
    /// A JSON Schema.
    JsonSchema,
    /// Some JSON.
    JsonObject,
    /// Any text.
    Text,
}

/// What a model costs, in US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    /// Tokens sent.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub(crate) prompt: f64,
    /// Tokens received.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub(crate) completion: f64,
}

/// Which model is asked, and how: the checked form of [`LlmTable`].
#[derive(Debug, Clone)]
pub(crate) struct LlmSettings {
    /// What was set, and defaults for the rest; the address without a slash at its end.
    pub(crate) table: LlmTable,
    /// The key that goes with every call to the address, and to no other.
    pub(crate) key: ApiKey,
    /// What a person should know before a call is made: a key that is not sent, or sent in the
    /// clear.
    pub(crate) notes: Vec<String>,
    /// What may help where no model answers.
    pub(crate) hint: Option<String>,
}

impl Default for LlmTable {
    fn default() -> Self {
        Self {
            base_url: "http://localhost:11434/v1".to_owned(),
            model: "llama3.2".to_owned(),
            api_key_env: None,
            timeout_ms: 120_000,
            idle_timeout_ms: 30_000,
            max_answer_bytes: 4 * 1024 * 1024,
            max_retries: 3,
            context_tokens: None,
            temperature: None,
            stream: true,
            response_format: ResponseFormat::Auto,
            prices: None,
        }
    }
}

impl LlmTable {
    /// Whether what the types do not say holds too.
    pub(super) fn holds(&self) -> bool {
        let price = |dollars: f64| (0.0..=1_000_000.0).contains(&dollars);
        self.prices.is_none_or(|prices| price(prices.prompt) && price(prices.completion))
    }
}

impl LlmSettings {
    /// The table with the key that may be sent to its address.
    pub(super) fn new(mut table: LlmTable, chosen: Chosen) -> Self {
        let Chosen { key, mut notes, hint } = chosen;
        table.base_url.truncate(table.base_url.trim_end_matches('/').len());
        if let (ApiKey::Set { variable, .. }, Ok(url)) = (&key, Url::parse(&table.base_url))
            && url.scheme() == "http"
            && !is_this_machine(&url)
        {
            notes.push(format!(
                "the key in `{variable}` goes to {} unencrypted; an https address keeps it secret",
                table.base_url
            ));
        }
        Self { table, key, notes, hint }
    }

    /// The client for the endpoint: one exchange a call, with the key that belongs there.
    ///
    /// # Errors
    /// When it cannot be made; nothing is sent.
    pub(crate) fn client(&self) -> Result<OpenAi, ModelError> {
        let table = &self.table;
        OpenAi::new(OpenAiConfig {
            api_key: match &self.key {
                ApiKey::None => None,
                ApiKey::Set { secret, .. } => Some(secret.clone()),
            },
            total_timeout_ms: table.timeout_ms,
            idle_timeout_ms: table.idle_timeout_ms,
            max_answer_bytes: table.max_answer_bytes,
            streaming: table.stream,
            ..OpenAiConfig::new(&table.base_url, &table.model)
        })
    }
}

/// The address of an endpoint.
pub(super) fn check_address(text: &str) -> Result<(), String> {
    const EXPECTED: &str = "expected an http or https address such as \
                            \"http://localhost:11434/v1\"";
    let url = Url::parse(text)
        .map_err(|error| format!("{EXPECTED}, found one that cannot be read ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{EXPECTED}, found one that begins with `{}:`", url.scheme()));
    }
    // What is left out of these messages may be a secret.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without user name and password; put the key into an \
                    environment variable and name that with `api_key_env`"
            .to_owned());
    }
    if url.fragment().is_some() || url.query_pairs().any(|(name, _)| name != "api-version") {
        return Err("expected an address without `#`, and with nothing after a `?` but an \
                    `api-version`; a key goes into an environment variable"
            .to_owned());
    }
    Ok(())
}

/// The name of a model.
pub(super) fn check_model(text: &str) -> Result<(), String> {
    let length = text.len();
    if text.trim().is_empty() || length > 256 || text.chars().any(char::is_control) {
        return Err("expected the name of a model in at most 256 bytes, without control \
                    characters"
            .to_owned());
    }
    Ok(())
}

/// The name of a variable. Only capitals, so that a key that was put here by mistake is noticed;
/// it is not repeated.
pub(super) fn check_variable(text: &str) -> Result<(), String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if starts_well && text.len() <= 128 && text.chars().all(is_name) {
        return Ok(());
    }
    Err("expected the name of an environment variable (capitals, digits and `_`, such as \
         MY_API_KEY), found a text that is none; a key itself does not belong into a file"
        .to_owned())
}

/// Whether what is sent there stays on this machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
