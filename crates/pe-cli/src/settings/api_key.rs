//! The key of an endpoint: from which variable it is taken, and where it may go.
//!
//! Invariant: **a key goes only to the origin (scheme, host, port) that it was meant for.** That
//! is the origin of the address that holds at the place where the key is named: a variable's,
//! with no regard to flags; a file's, with no regard to variables and flags. Where neither that
//! place nor one below it sets an address, the key goes to the one in force. `OPENAI_API_KEY`
//! belongs to `OPENAI_BASE_URL`, or to OpenAI itself.

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

use super::Setting;
use super::key::Section;
use super::origin::Origin;

/// Our own variable.
pub(super) const OWN: &str = "PE_API_KEY";
/// The variable that other programs use as well.
const OPENAI: &str = "OPENAI_API_KEY";
/// The address that goes with it.
pub(super) const OPENAI_ADDRESS: &str = "OPENAI_BASE_URL";
/// Whose key it is where no address goes with it.
const OPENAI_ITSELF: &str = "https://api.openai.com/v1";

/// The key that goes with calls.
#[derive(Debug, Clone)]
pub(crate) enum ApiKey {
    /// None; many local servers want none.
    None,
    /// This one.
    Set {
        /// The variable that it was taken from.
        variable: String,
        /// The key.
        secret: SecretString,
    },
}

/// The keys that may be sent, gathered from the lowest place to the highest.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// The address that holds where places that come later are left out.
    address: Option<String>,
    /// What `api_key_env` says.
    named: Option<Candidate>,
}

/// The key that is sent, and what is to be said about others.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) key: ApiKey,
    /// About keys that somebody meant to be sent.
    pub(super) notes: Vec<String>,
    /// About a key that may have been meant.
    pub(super) hint: Option<String>,
}

/// A key that is sent if it is set and meant for the address in force.
#[derive(Debug)]
struct Candidate {
    /// The variable that holds it.
    variable: String,
    /// The key of a file that names the variable; none where nobody had to.
    origin: Option<Origin>,
    /// The address that it is meant for; any where none goes with it.
    home: Option<String>,
}

impl Candidates {
    /// Takes note of what one place sets.
    pub(super) fn note(&mut self, values: &[Setting]) {
        let set = |key: &str| {
            values.iter().rev().find(|set| set.section == Section::Llm && set.key == key)
        };
        let text = |set: &Setting| set.value.as_str().map(str::to_owned);
        if let Some(set) = set("base_url") {
            let is_ours = match &set.origin {
                Origin::Variable(variable) => variable != OPENAI_ADDRESS,
                Origin::File { .. } => true,
                Origin::Default | Origin::Flag(_) => false,
            };
            if is_ours {
                self.address = text(set);
            }
        }
        if let Some(set) = set("api_key_env") {
            self.named = text(set).map(|variable| Candidate {
                variable,
                origin: Some(set.origin.clone()),
                home: self.address.clone(),
            });
        }
    }

    /// The first key that is set and meant for `address`.
    pub(super) fn choose(self, address: &str, environment: &BTreeMap<String, String>) -> Chosen {
        let is_unsaid = self.address.is_none();
        let own = Candidate { variable: OWN.to_owned(), origin: None, home: self.address };
        let set = |name: &str| environment.get(name).filter(|text| !text.is_empty()).cloned();
        let theirs = Candidate {
            variable: OPENAI.to_owned(),
            origin: None,
            home: Some(set(OPENAI_ADDRESS).unwrap_or_else(|| OPENAI_ITSELF.to_owned())),
        };
        let mut chosen = Chosen { key: ApiKey::None, notes: Vec::new(), hint: None };
        for candidate in [Some(own), self.named, Some(theirs)].into_iter().flatten() {
            let Candidate { variable, origin, home } = candidate;
            let text = environment.get(&variable).map_or("", |text| text.trim());
            let not_sent = format!("the key in `{variable}` is not sent");
            if text.is_empty() {
                chosen.notes.extend(origin.map(|origin| {
                    format!("{} names `{variable}`, which is not set", origin.in_words())
                }));
            } else if let Some(home) = home.filter(|home| !same_origin(home, address)) {
                if variable == OPENAI {
                    // Many have it set for other programs.
                    chosen.hint = is_unsaid.then(|| {
                        format!(
                            "{not_sent} to {address}; `{OPENAI_ADDRESS}={OPENAI_ITSELF}` with a \
                             model in `PE_MODEL` asks there"
                        )
                    });
                    continue;
                }
                chosen.notes.push(format!(
                    "{not_sent} to {address}: it is meant for {}; a key goes with the address that \
                     is set in the same place",
                    shown(&home)
                ));
            } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                chosen
                    .notes
                    .push(format!("{not_sent}: it holds blanks or characters that no key has"));
            } else {
                chosen.key = ApiKey::Set { variable, secret: SecretString::from(text) };
                break;
            }
        }
        chosen
    }
}

/// Whether both addresses are of one scheme, host and port.
fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => false,
    }
}

/// The origin of an address, without what else may be in it.
fn shown(address: &str) -> String {
    match Url::parse(address).map(|url| url.origin()) {
        Ok(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => "an address that cannot be read".to_owned(),
    }
}
