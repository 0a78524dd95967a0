//! A tool made of a closure whose arguments are a Rust type.

use std::future::Future;
use std::sync::Arc;

use pe_model::{Effect, ErrorClass, Tool, ToolCall, ToolError, ToolSpec};
use pe_tools::FnTool;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A tool called `name` whose arguments are an `A`: the schema that plans are validated against,
/// and that the model is shown, is derived from the type.
///
/// ```
/// use pe_model::Effect;
/// use pe_orchestrator::tool_fn;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// The first summand.
///     a: i64,
///     /// The second summand.
///     b: i64,
/// }
///
/// let add = tool_fn("add", "Adds two whole numbers.", Effect::Pure, |args: Add| async move {
///     Ok(args.a + args.b)
/// });
/// assert_eq!(add.spec().required_parameters().collect::<Vec<_>>(), ["a", "b"]);
/// ```
pub fn tool_fn<A, F, Fut, R>(
    name: impl Into<String>,
    description: impl Into<String>,
    effect: Effect,
    function: F,
) -> Arc<dyn Tool>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    R: Serialize + Send + 'static,
{
    let mut parameters = schemars::schema_for!(A).to_value();
    if let Some(schema) = parameters.as_object_mut() {
        // The title is the type's name, which says nothing to a reader of the tool.
        schema.shift_remove("title");
        schema.shift_remove("$schema");
    }
    let spec = ToolSpec {
        name: name.into(),
        description: description.into(),
        parameters,
        effect,
        ..ToolSpec::default()
    };
    let function = Arc::new(function);
    Arc::new(FnTool::new(spec, move |call: ToolCall| {
        let function = Arc::clone(&function);
        async move {
            let arguments = Value::Object((*call.arguments).clone());
            let arguments: A = serde_json::from_value(arguments).map_err(|error| {
                ToolError::new(ErrorClass::Validation, format!("the arguments do not fit: {error}"))
            })?;
            let output = function(arguments).await?;
            serde_json::to_value(output).map_err(|error| {
                ToolError::new(ErrorClass::Internal, format!("the output is no JSON: {error}"))
            })
        }
    }))
}
