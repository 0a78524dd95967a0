//! What an endpoint says that it does not like.
//!
//! The status says how bad it is, never the words. The words only choose between ways of
//! asking that are all fine with us: another form of answer, a field left out. An error that
//! names the field that it is about (`param`) is believed before its words are looked at.

use serde_json::Value;

use super::request::Field;

/// The longest error that is looked into, in bytes.
pub(super) const MOST_BYTES: usize = 8 * 1024;
/// How much of an error is shown, in characters.
const SHOWN: usize = 400;

/// An error body, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Complaint {
    /// The words, on one line.
    pub(super) words: String,
    param: String,
    code: String,
    /// The status that the body itself names, as gateways do in a body of status 200.
    pub(super) status: Option<u16>,
}

/// What the complaint is about, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The form of the answer.
    Format,
    /// A field that can be sent otherwise.
    Field(Field),
    /// The model's name.
    Model,
    /// Something else.
    Other,
}

/// What was in the request that is complained about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) format: bool,
    pub(super) stream_options: bool,
    pub(super) temperature: bool,
    pub(super) max_tokens: Option<u64>,
}

impl Complaint {
    /// Reads an error body, whatever it is: OpenAI's object, another one, a page, a text.
    pub(super) fn read(body: &[u8]) -> Self {
        let body = &body[..body.len().min(MOST_BYTES)];
        let text = String::from_utf8_lossy(body);
        let Ok(value) = serde_json::from_str::<Value>(text.trim()) else {
            return Self { words: shown(&page_title(&text)), ..Self::default() };
        };
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(&value);
        let at = |name: &str| match error.get(name).or_else(|| value.get(name)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let words = match error {
            Value::String(text) => text.clone(),
            _ => ["message", "detail", "error", "msg"]
                .iter()
                .map(|name| at(name))
                .find(|words| !words.is_empty())
                .unwrap_or_else(|| error.to_string()),
        };
        let code = at("code");
        let status = [&code, &at("status")].iter().find_map(|text| text.parse().ok());
        let status = status.filter(|status| (400..600).contains(status));
        Self { words: shown(&words), param: at("param"), code, status }
    }

    /// What it is about. Only what was sent can be at fault.
    pub(super) fn about(&self, sent: &Sent) -> About {
        let param = self.param.to_ascii_lowercase();
        let words = self.words.to_ascii_lowercase();
        let place = if param.is_empty() { &words } else { &param };
        let names = |candidates: &[&str]| candidates.iter().any(|name| place.contains(name));
        if sent.stream_options && names(&["stream_options", "include_usage"]) {
            return About::Field(Field::StreamOptions);
        }
        if let Some(count) = sent.max_tokens
            && names(&["max_tokens", "max_completion_tokens"])
        {
            // The newer name is offered in the words; otherwise the number is too great.
            let renamed = words.contains("max_completion_tokens") && !param.contains("completion");
            let field = if renamed { Field::MaxTokens } else { Field::TokenCount(count) };
            return About::Field(field);
        }
        if sent.temperature && names(&["temperature"]) {
            return About::Field(Field::Temperature);
        }
        let format = [
            "response_format",
            "response format",
            "json_schema",
            "json schema",
            "json_object",
            "json mode",
            "structured output",
            "grammar",
        ];
        if sent.format && names(&format) {
            return About::Format;
        }
        let model = self.code.contains("model_not_found")
            || param == "model"
            || (param.is_empty() && words.contains("model"));
        if model { About::Model } else { About::Other }
    }
}

/// The words on one line, without control characters, at most so long as is shown.
pub(super) fn shown(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = String::new();
    for word in clean.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Of an HTML page its title, of anything else all.
fn page_title(text: &str) -> String {
    let trimmed = text.trim_start();
    if !trimmed.starts_with('<') {
        return text.to_owned();
    }
    let lower = trimmed.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|begin| {
        let begin = begin + "<title>".len();
        let end = begin + lower[begin..].find("</title>")?;
        Some(trimmed[begin..end].trim())
    });
    match title {
        Some(title) => format!("an HTML page titled `{title}`"),
        None => "an HTML page".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sent =
        Sent { format: true, stream_options: true, temperature: true, max_tokens: Some(900) };

    fn words(body: &str) -> String {
        Complaint::read(body.as_bytes()).words
    }

    fn about(body: &str) -> About {
        Complaint::read(body.as_bytes()).about(&ALL)
    }

    #[test]
    fn every_shape_of_error_is_read() {
        assert_eq!(words(r#"{"error":{"message":"a\n b"}}"#), "a b");
        assert_eq!(words(r#"{"error":"a"}"#), "a");
        assert_eq!(words(r#"{"detail":"a"}"#), "a");
        assert_eq!(words(r#"{"object":"error","message":"a","code":400}"#), "a");
        let list = r#"{"detail":[{"loc":["body","stream_options"],"msg":"x"}]}"#;
        assert!(words(list).contains("stream_options"));
        let page = "<html><head><TITLE>502 Bad\u{7}</TITLE></head>";
        assert_eq!(words(page), "an HTML page titled `502 Bad `");
        assert_eq!(words("<p>x"), "an HTML page");
        assert_eq!(words("over\u{1b}[31mload"), "over [31mload");
        assert_eq!(words(&"x".repeat(9_000)).chars().count(), SHOWN + 1);
        assert_eq!(words(""), "");
        assert_eq!(words(r#"{"error":null}"#), r#"{"error":null}"#);
        let gateway = Complaint::read(br#"{"error":{"message":"a","code":429}}"#);
        assert_eq!(gateway.status, Some(429));
    }

    #[test]
    fn the_named_field_is_believed_before_the_words() {
        let named = r#"{"error":{"message":"about json_schema","param":"messages"}}"#;
        assert_eq!(about(named), About::Other);
        let format = r#"{"error":{"message":"invalid","param":"response_format"}}"#;
        assert_eq!(about(format), About::Format);
        let words = r#"{"error":{"message":"This model does not support json_schema"}}"#;
        assert_eq!(about(words), About::Format);
        let sent = Sent { format: false, ..ALL };
        assert_eq!(Complaint::read(words.as_bytes()).about(&sent), About::Model);
    }

    #[test]
    fn fields_with_another_way() {
        let field = |body: &str| match about(body) {
            About::Field(field) => field,
            other => panic!("{other:?} of {body}"),
        };
        let options = r#"{"detail":[{"loc":["body","stream_options"],"msg":"extra"}]}"#;
        assert_eq!(field(options), Field::StreamOptions);
        let renamed = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use
            'max_completion_tokens' instead.","param":"max_tokens"}}"#;
        assert_eq!(field(renamed), Field::MaxTokens);
        let great = r#"{"error":{"message":"max_tokens is too large","param":"max_tokens"}}"#;
        assert_eq!(field(great), Field::TokenCount(900));
        let temperature = r#"{"error":{"message":"unsupported","param":"temperature"}}"#;
        assert_eq!(field(temperature), Field::Temperature);
    }
}
