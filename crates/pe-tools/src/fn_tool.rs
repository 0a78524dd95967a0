//! A tool made out of a closure.

use std::fmt;
use std::future::Future;

use pe_model::{BoxFuture, Tool, ToolCall, ToolError, ToolSpec};
use serde_json::Value;

/// A [`Tool`] whose calls are those of an async closure.
///
/// The closure gets the whole [`ToolCall`] and checks its arguments itself; the effect class
/// is that of the spec, whatever the arguments.
///
/// ```
/// use pe_model::{Effect, Tool, ToolSpec};
/// use pe_tools::FnTool;
/// use serde_json::json;
///
/// let spec = ToolSpec { name: "attempts".into(), effect: Effect::Pure, ..ToolSpec::default() };
/// let tool = FnTool::new(spec, |call| async move { Ok(json!(call.attempt)) });
/// assert_eq!(tool.spec().name, "attempts");
/// ```
pub struct FnTool<F> {
    spec: ToolSpec,
    function: F,
}

impl<F, Fut> FnTool<F>
where
    F: Fn(ToolCall) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Value, ToolError>> + Send + 'static,
{
    /// A tool that says `spec` about itself and calls `function`.
    pub fn new(spec: ToolSpec, function: F) -> Self {
        Self { spec, function }
    }
}

impl<F, Fut> Tool for FnTool<F>
where
    F: Fn(ToolCall) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Value, ToolError>> + Send + 'static,
{
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin((self.function)(call))
    }
}

impl<F> fmt::Debug for FnTool<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
