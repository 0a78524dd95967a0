//! The tools that plans can call here.

use std::path::Path;

use pe_model::{Catalog, ToolSet};

use crate::failure::Failure;
use crate::loading::tool_config;
use crate::settings::Settings;

/// The built-in tools, and the catalog of them and of those that need a model or a person.
pub(crate) struct Tooling {
    /// The tools that this program calls itself.
    pub(crate) tools: ToolSet,
    /// What a plan may name.
    pub(crate) catalog: Catalog,
}

impl Tooling {
    /// The tools below `root`, the current directory where it is not given.
    ///
    /// # Errors
    /// A usage failure when the root cannot be opened or a host is none.
    pub(crate) fn new(settings: &Settings, root: Option<&Path>) -> Result<Self, Failure> {
        let tools = pe_tools::builtin(&tool_config(settings, root)).map_err(Failure::usage)?;
        let catalog = pe_orchestrator::catalog(&tools);
        Ok(Self { tools, catalog })
    }
}
