//! The address of an endpoint: checked once, shown without secrets.

use std::fmt;

use async_openai::config::Config;
use pe_model::{ErrorClass, ModelError, ModelErrorKind};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

/// Where to send requests, and as whom.
///
/// The library's own configuration reads the environment and would send a key that is found
/// there to any address; this one knows what it was given and nothing else.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// Without a slash at the end, query and fragment.
    base: String,
    query: Vec<(String, String)>,
    key: SecretString,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base", &self.base)
            .field("has_key", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Checks an address and a key.
    pub(super) fn new(base_url: &str, key: Option<&SecretString>) -> Result<Self, ModelError> {
        let url = base_url.trim();
        let refuse = |found: &str| setup(&without_secrets(url), found);
        let mut url = Url::parse(url).map_err(|error| {
            refuse(&format!("is no address ({error}); one looks like `http://localhost:11434/v1`"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(&format!(
                "has the scheme `{}`, expected http or https, as in `http://localhost:11434/v1`",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("contains a user name or password; set `PE_API_KEY` instead"));
        }
        let query = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        url.set_query(None);
        url.set_fragment(None);
        let base = url.as_str().trim_end_matches('/');
        // The whole address of the call is what the documentation of many endpoints shows.
        let base = base.strip_suffix("/chat/completions").unwrap_or(base).to_owned();
        let key = key.map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty());
        let authorization = key.map(|key| HeaderValue::from_str(&format!("Bearer {key}")));
        let mut authorization = authorization.transpose().map_err(|_| {
            let found = "cannot be asked with this key: it has characters that a header cannot \
                         have; check `PE_API_KEY`";
            setup(&base, found)
        })?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self { base, query, key: key.unwrap_or_default().into(), authorization })
    }

    /// The address that requests go to, as it is shown.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A text in which the key, where it is repeated, is not shown.
    pub(super) fn without_key(&self, text: &str) -> String {
        // What is shorter is no secret, and would be found in words that have nothing to do
        // with it.
        let key = Some(self.key.expose_secret()).filter(|key| key.len() >= 4);
        let values = self.query.iter().map(|(_, value)| value.as_str());
        let values = values.filter(|value| value.len() >= 8);
        let mut text = text.to_owned();
        for secret in values.chain(key) {
            text = text.replace(secret, "[secret]");
        }
        text
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.authorization.iter().map(|value| (AUTHORIZATION, value.clone())).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

/// An address without what may be secret: user name, password, query and fragment.
pub(super) fn without_secrets(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address: String = address[..end].chars().filter(|c| !c.is_control()).take(300).collect();
    let (scheme, rest) = match address.find("//") {
        Some(at) => address.split_at(at + 2),
        None => ("", address.as_str()),
    };
    let host = rest.find('/').unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}{}", &rest[at + 1..]),
        None => format!("{scheme}{rest}"),
    }
}

fn setup(address: &str, found: &str) -> ModelError {
    let message = format!("the model's address `{address}` (`PE_BASE_URL`) {found}");
    let error = ModelError::new(ModelErrorKind::Setup, ErrorClass::Validation, message);
    ModelError { attempts: 0, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Result<&str, &str>) {
        match (Endpoint::new(address, None), expected) {
            (Ok(endpoint), Ok(url)) => assert_eq!(endpoint.url("/x"), url, "{address}"),
            (Err(error), Err(part)) => {
                assert!(error.message.contains(part), "{}", error.message);
                assert!(!error.message.contains("hunter2"), "{}", error.message);
                assert_eq!(error.kind, ModelErrorKind::Setup);
            }
            (found, _) => panic!("{address}: {found:?}"),
        }
    }

    #[test]
    fn addresses_are_checked() {
        check("http://localhost:11434/v1", Ok("http://localhost:11434/v1/x"));
        check(" https://a.b/v1/ ", Ok("https://a.b/v1/x"));
        check("https://a.b", Ok("https://a.b/x"));
        check("https://a.b/v1/chat/completions", Ok("https://a.b/v1/x"));
        check("https://a.b/v1?api-version=1", Ok("https://a.b/v1/x"));
        check("localhost:11434", Err("has the scheme `localhost`"));
        check("file:///etc", Err("scheme `file`"));
        check("", Err("is no address"));
        check("http://me:hunter2@a.b/v1", Err("`http://a.b/v1` (`PE_BASE_URL`) contains a user"));
        check("//me:hunter2@a.b?k=hunter2", Err("is no address"));
        check("me:hunter2@a.b", Err("scheme `me`"));
    }

    #[test]
    fn a_key_is_a_header_and_nothing_else() {
        let key = SecretString::from("sk-hunter2-hunter2\n");
        let endpoint =
            Endpoint::new("http://a.b?sig=hunter2-sig", Some(&key)).expect("an endpoint");
        assert_eq!(endpoint.headers()[AUTHORIZATION], "Bearer sk-hunter2-hunter2");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        assert!(!format!("{:?}", endpoint.headers()).contains("hunter2"));
        let echo = "no: sk-hunter2-hunter2 at ?sig=hunter2-sig";
        assert_eq!(endpoint.without_key(echo), "no: [secret] at ?sig=[secret]");
        let bad = SecretString::from("hun\nter2");
        let error = Endpoint::new("http://a.b", Some(&bad)).expect_err("a bad key");
        assert!(error.message.contains("PE_API_KEY") && !error.message.contains("ter2"));
        assert!(Endpoint::new("http://a.b", None).expect("an endpoint").headers().is_empty());
    }
}
