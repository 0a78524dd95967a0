//! Which hosts HTTP requests may reach: the configuration, as an operator writes it.

use serde::{Deserialize, Serialize};

/// Where `http_request` may connect to. The default is nowhere.
///
/// In a configuration file it is the table `[http]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpPolicy {
    /// Each entry is a host (`api.example.org`, `127.0.0.1`, `[::1]`) on any port, a host with
    /// a port (`localhost:8080`), or `*.example.org` for all hosts below `example.org`, but
    /// not that host itself.
    pub hosts: Vec<String>,
}
