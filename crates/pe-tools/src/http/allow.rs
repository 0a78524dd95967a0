//! The allowed hosts, parsed, and the check of a URL against them.
//!
//! Both sides go through the URL parser, so that an address has one spelling: `0x7f.1`,
//! `127.1` and `127.0.0.1` are the same host, and an upper-case or Unicode name its ASCII form.

use pe_model::{ErrorClass, ToolError};
use reqwest::Url;

/// An entry of the allowed hosts that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` in `[http] hosts` is not a host; expected `host`, `host:port` or `*.domain`")]
pub struct HostError {
    /// The entry as it was configured.
    pub entry: String,
}

/// The hosts that requests may reach.
#[derive(Debug)]
pub(super) struct AllowList {
    rules: Vec<Rule>,
}

#[derive(Debug, PartialEq)]
struct Rule {
    host: String,
    /// Whether the rule is for the hosts below `host` instead of for `host`.
    below: bool,
    port: Option<u16>,
}

impl AllowList {
    pub(super) fn new(entries: &[String]) -> Result<Self, HostError> {
        let rules: Result<_, _> = entries
            .iter()
            .map(|entry| rule(entry).ok_or_else(|| HostError { entry: entry.clone() }))
            .collect();
        Ok(Self { rules: rules? })
    }

    /// Refuses a URL whose host is not allowed.
    pub(super) fn check(&self, url: &Url) -> Result<(), ToolError> {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let port = url.port_or_known_default();
        let allowed = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && self.rules.iter().any(|rule| rule.allows(host, port));
        if allowed {
            return Ok(());
        }
        let known = match self.rules.len() {
            0 => "no host is allowed".to_owned(),
            _ => "it is not an allowed host".to_owned(),
        };
        let at = port.map(|port| format!("{host}:{port}")).unwrap_or_else(|| host.to_owned());
        Err(ToolError::new(
            ErrorClass::Permission,
            format!(
                "`http_request` may not reach `{at}`: {known}; hosts are allowed by `[http] hosts` in the configuration"
            ),
        ))
    }
}

impl Rule {
    fn allows(&self, host: &str, port: Option<u16>) -> bool {
        let host_fits = if self.below {
            host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        host_fits && (self.port.is_none() || self.port == port)
    }
}

fn rule(entry: &str) -> Option<Rule> {
    let (below, rest) = match entry.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, entry),
    };
    let colons = rest.matches(':').count();
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if colons == 1 || host.ends_with(']') => {
            (host.to_owned(), Some(port.parse().ok()?))
        }
        // An IPv6 address without brackets.
        Some(_) if !rest.starts_with('[') => (format!("[{rest}]"), None),
        _ => (rest.to_owned(), None),
    };
    if host.is_empty() || host.contains(['/', '?', '#', '@', '*', '\\', '%']) {
        return None;
    }
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let is_ip = host.starts_with('[') || url.host_str()?.parse::<std::net::IpAddr>().is_ok();
    if below && is_ip {
        return None;
    }
    Some(Rule { host: url.host_str()?.trim_end_matches('.').to_owned(), below, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[&str], url: &str, allowed: bool) {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        let list = AllowList::new(&entries).expect("entries are hosts");
        let found = list.check(&Url::parse(url).expect("a URL"));
        assert_eq!(found.is_ok(), allowed, "{entries:?} {url}: {found:?}");
    }

    #[test]
    fn hosts_match_whole_on_any_port_and_with_a_port_on_that_one() {
        check(&["api.example.org"], "https://API.example.org./x", true);
        check(&["api.example.org"], "http://api.example.org:8080/", true);
        check(&["api.example.org"], "https://xapi.example.org/", false);
        check(&["api.example.org"], "https://api.example.org.evil.net/", false);
        check(&["api.example.org:8080"], "http://api.example.org:8080/", true);
        check(&["api.example.org:8080"], "http://api.example.org/", false);
        check(&["api.example.org:443"], "https://api.example.org/", true);
        check(&[], "https://api.example.org/", false);
    }

    #[test]
    fn a_wildcard_matches_below_its_domain_only() {
        check(&["*.example.org"], "https://a.b.example.org/", true);
        check(&["*.example.org"], "https://example.org/", false);
        check(&["*.example.org"], "https://badexample.org/", false);
        check(&["*.example.org:81"], "http://a.example.org/", false);
    }

    #[test]
    fn addresses_have_one_spelling() {
        check(&["127.0.0.1"], "http://0x7f.1/", true);
        check(&["127.1:80"], "http://127.0.0.1/", true);
        check(&["::1"], "http://[0:0::1]:9/", true);
        check(&["[::1]:9"], "http://[::1]:9/", true);
        check(&["[::1]:9"], "http://[::1]:10/", false);
        check(&["localhost"], "http://127.0.0.1/", false);
        check(&["10.0.0.1"], "http://10.0.0.1@evil.net/", false);
        check(&["evil.net"], "http://user@evil.net/", false);
    }

    #[test]
    fn what_is_not_a_host_is_named() {
        for entry in ["", "*", "*.", "*.127.0.0.1", "http://a.b", "a.b/c", "a:b", "a b", "a:99999"]
        {
            let found = AllowList::new(&[entry.to_owned()]).map(|_| ());
            assert_eq!(found, Err(HostError { entry: entry.to_owned() }), "{entry}");
        }
    }
}
