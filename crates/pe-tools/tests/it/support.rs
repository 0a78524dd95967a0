//! A directory, the tools in it and calls of them, each output checked against its schema.

use std::path::Path;
use std::sync::Arc;

use pe_model::{ErrorClass, RunId, StepId, ToolCall, ToolError, ToolSet};
use pe_tools::{HttpPolicy, ToolConfig, builtin};
use serde_json::Value;
use tempfile::TempDir;

/// The bound on outputs that calls have unless a test says otherwise.
pub(crate) const LIMIT: usize = 1 << 20;

/// The built-in tools in a fresh directory.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) tools: ToolSet,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_hosts(&[])
    }

    pub(crate) fn with_hosts(hosts: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = ToolConfig::new(dir.path());
        config.http = HttpPolicy { hosts: hosts.iter().map(|host| (*host).to_owned()).collect() };
        let tools = builtin(&config).unwrap();
        Self { dir, tools }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with its directories.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn link(&self, to: impl AsRef<Path>, path: &str) -> &Self {
        std::os::unix::fs::symlink(to, self.path().join(path)).unwrap();
        self
    }

    pub(crate) async fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.try_call_within(tool, arguments, LIMIT).await
    }

    /// Calls a tool; an output has to keep the bound and fit the tool's output schema.
    pub(crate) async fn try_call_within(
        &self,
        tool: &str,
        arguments: Value,
        limit: usize,
    ) -> Result<Value, ToolError> {
        let tool = self.tools.get(tool).unwrap();
        let output = tool.call(call(arguments, limit)).await?;
        let schema = &tool.spec().output;
        if let Err(error) = jsonschema::draft202012::new(schema).unwrap().validate(&output) {
            panic!("{}: output {output} does not fit: {error}", tool.spec().name);
        }
        let bytes = serde_json::to_string(&output).unwrap().len();
        assert!(bytes <= limit, "{}: {bytes} bytes, limit {limit}", tool.spec().name);
        Ok(output)
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.try_call(tool, arguments).await.unwrap()
    }

    pub(crate) async fn call_within(&self, tool: &str, arguments: Value, limit: usize) -> Value {
        self.try_call_within(tool, arguments, limit).await.unwrap()
    }

    /// The error of a call that has to fail with `class`.
    pub(crate) async fn fail(&self, tool: &str, arguments: Value, class: ErrorClass) -> ToolError {
        let shown = arguments.to_string();
        match self.try_call(tool, arguments).await {
            Ok(output) => panic!("{tool} {shown} gave {output}, expected {class}"),
            Err(error) => {
                assert_eq!(error.class, class, "{tool} {shown}: {error}");
                error
            }
        }
    }
}

pub(crate) fn call(arguments: Value, max_output_bytes: usize) -> ToolCall {
    ToolCall {
        run_id: RunId::new("run"),
        step_id: StepId::new("step"),
        attempt: 1,
        idempotency_key: "run/step/0/0".into(),
        arguments: Arc::new(arguments.as_object().unwrap().clone()),
        max_output_bytes,
    }
}

/// Asserts that a message has each part.
#[track_caller]
pub(crate) fn says(error: &ToolError, parts: &[&str]) {
    for part in parts {
        assert!(error.message.contains(part), "no `{part}` in `{}`", error.message);
    }
}
