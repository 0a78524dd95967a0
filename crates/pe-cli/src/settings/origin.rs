//! Where the value of a setting comes from.

use std::fmt;

/// A place that sets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A configuration file.
    File {
        /// Its name for messages.
        file: String,
        /// The key, with its table: `llm.model`.
        key: String,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(&'static str),
}

impl Origin {
    /// The same place, for another key where it is a file.
    pub(super) fn with_key(&self, key: &str) -> Self {
        match self {
            Self::File { file, .. } => Self::File { file: file.clone(), key: key.to_owned() },
            other => other.clone(),
        }
    }

    /// The place in words, for errors.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Default => "the default".to_owned(),
            Self::File { file, key } => format!("`{file}`: `{key}`"),
            Self::Variable(variable) => format!("`{variable}` in the environment"),
            Self::Flag(flag) => format!("`{flag}` on the command line"),
        }
    }
}

/// The short form that `pe config show --origin` prints.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, key } => write!(f, "{file}: {key}"),
            Self::Variable(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}
