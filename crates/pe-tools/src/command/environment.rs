//! Which environment variables a command inherits.

use std::ffi::OsStr;

use serde::{Deserialize, Serialize};

/// What programs started by `run_command` may see of this program's environment.
///
/// In a configuration file it is the table `[command]`. Programs also see `PE_PROCESS_TAG`, by
/// which what they leave running is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandPolicy {
    /// The names that are passed on; a `*` at the end stands for any rest. The default holds
    /// what programs need to find their files and to build: no tokens, no agents, no proxies.
    pub pass_env: Vec<String>,
}

/// The names that are passed on unless configured otherwise.
const DEFAULT_PASS_ENV: [&str; 27] = [
    // Who and where.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TERM",
    "TZ",
    // Language.
    "LANG",
    "LANGUAGE",
    "LC_*",
    // Where programs keep their files.
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    // Tool chains, so that builds work.
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "VIRTUAL_ENV",
    "CC",
    "CXX",
    // Which certificates to trust.
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

impl Default for CommandPolicy {
    fn default() -> Self {
        Self { pass_env: DEFAULT_PASS_ENV.map(str::to_owned).to_vec() }
    }
}

impl CommandPolicy {
    /// Whether the variable `name` is passed on.
    pub fn passes(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str() else { return false };
        self.pass_env.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whole_or_by_their_start() {
        let policy = CommandPolicy::default();
        let passes = |name: &str| policy.passes(OsStr::new(name));
        assert!(passes("PATH") && passes("LC_ALL") && passes("CARGO_HOME"));
        assert!(!passes("PATHS") && !passes("LD_PRELOAD") && !passes("AWS_SECRET_ACCESS_KEY"));
        assert!(!passes("PE_API_KEY") && !passes("SSH_AUTH_SOCK") && !passes("LC"));
    }
}
