//! All built-in tools at once.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use pe_model::{Tool, ToolSet};

use crate::command::{CommandPolicy, RunCommand};
use crate::files::{FileRoot, ListDirectory, ReadFile, SearchFiles, WriteFile};
use crate::http_policy::HttpPolicy;
use crate::pure::{Assert, Echo, QueryJson, Sleep};

/// What the built-in tools may reach.
#[derive(Debug, Clone)]
pub struct ToolConfig {
    /// The directory that file tools cannot leave and in which commands start.
    pub root: PathBuf,
    /// Which hosts `http_request` may reach; none by default.
    pub http: HttpPolicy,
    /// What `run_command` passes on to the programs that it starts.
    pub command: CommandPolicy,
}

impl ToolConfig {
    /// The default policies in `root`. The current directory is never looked up here: whoever
    /// wants it passes it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), http: HttpPolicy::default(), command: CommandPolicy::default() }
    }
}

/// Why the built-in tools cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolSetupError {
    /// The root cannot be opened as a directory.
    #[error("cannot open `{}` as the root of the tools", root.display())]
    Root {
        /// The root that was configured.
        root: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// An allowed host is not a host.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Host(#[from] crate::http::HostError),
}

/// All tools that this build has, in the order of the documentation.
///
/// The root is opened once, here: renaming it afterwards changes nothing. The environment is
/// read once, here, for `run_command`.
///
/// # Errors
/// [`ToolSetupError`] names the root that cannot be opened, or the host that is not one.
pub fn builtin(config: &ToolConfig) -> Result<ToolSet, ToolSetupError> {
    let root = FileRoot::open(&config.root)
        .map_err(|source| ToolSetupError::Root { root: config.root.clone(), source })?;
    #[cfg_attr(not(feature = "http"), expect(unused_mut, reason = "one tool fewer to add"))]
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(Echo::new()),
        Arc::new(Sleep::new()),
        Arc::new(Assert::new()),
        Arc::new(QueryJson::new()),
        Arc::new(ReadFile::new(root.clone())),
        Arc::new(WriteFile::new(root.clone())),
        Arc::new(ListDirectory::new(root.clone())),
        Arc::new(SearchFiles::new(root.clone())),
        Arc::new(RunCommand::new(root, &config.command, std::env::vars_os())),
    ];
    #[cfg(feature = "http")]
    tools.push(Arc::new(crate::http::HttpRequest::new(&config.http)?));
    Ok(tools.into_iter().collect())
}
