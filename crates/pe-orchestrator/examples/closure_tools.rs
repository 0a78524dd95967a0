//! Tools of your own: two closures, whose schemas are derived from their arguments, and a struct
//! that is a tool by its trait. A plan written by hand calls them; no model takes part.
//!
//! `cargo run -p pe-orchestrator --example closure_tools`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use pe_model::{BoxFuture, Effect, ErrorClass, Plan, Tool, ToolCall, ToolError, ToolSpec};
use pe_orchestrator::{PlanExecuteOrchestrator, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// The text to look at.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Ratio {
    of: f64,
    to: f64,
}

/// Looks prices up; it has something of its own, so it is a struct.
struct Prices {
    spec: ToolSpec,
    known: BTreeMap<&'static str, f64>,
}

impl Prices {
    fn new() -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"item": {"type": "string"}},
            "required": ["item"],
            "additionalProperties": false
        });
        let spec = ToolSpec {
            name: "price".to_owned(),
            description: "The price of an item.".to_owned(),
            parameters,
            effect: Effect::Read,
            ..ToolSpec::default()
        };
        Self { spec, known: BTreeMap::from([("tea", 3.5), ("cake", 4.25)]) }
    }
}

impl Tool for Prices {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let item = call.arguments["item"].as_str().unwrap_or_default();
            let price = self.known.get(item).copied().ok_or_else(|| {
                ToolError::new(ErrorClass::NotFound, format!("`{item}` is not for sale"))
            })?;
            Ok(price.into())
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let letters = tool_fn("letters", "Counts letters.", Effect::Pure, |args: Text| async move {
        Ok(args.text.chars().filter(|c| c.is_alphabetic()).count())
    });
    let ratio = tool_fn("ratio", "Divides.", Effect::Pure, |args: Ratio| async move {
        match args.to {
            0.0 => Err(ToolError::new(ErrorClass::Validation, "nothing can be divided by 0")),
            to => Ok(args.of / to),
        }
    });
    println!("what a plan may pass to `letters`:\n  {}\n", letters.spec().parameters);
    let orchestrator = PlanExecuteOrchestrator::builder()
        .tool(letters)
        .tool(ratio)
        .tool(Arc::new(Prices::new()))
        .build();

    let plan: Plan = serde_json::from_value(json!({
        "goal": "what a letter of cake costs",
        "steps": [
            {"step_id": "price", "tool": "price", "parameters": {"item": "{{ context.item }}"}},
            {"step_id": "length", "tool": "letters", "parameters": {"text": "{{ context.item }}"}},
            {"step_id": "each", "tool": "ratio",
             "parameters": {"of": "{{ results.price }}", "to": "{{ results.length }}"}}
        ],
        "context": {"item": "cake"}
    }))?;
    let outcome = orchestrator.execute_plan(plan.clone()).await?;
    for (step, result) in &outcome.report.results {
        println!("{step}: {result}");
    }
    println!("answer: {}\n", outcome.report.final_response);
    if outcome.report.results.get("each") != Some(&json!(1.0625)) {
        return Err("the plan did not work".into());
    }

    // What does not fit a schema is found before anything is called.
    let mut wrong = plan;
    wrong.steps[1].parameters.insert("text".to_owned(), json!(7));
    println!("{}", orchestrator.validate_plan(&wrong).render("wrong plan"));
    Ok(())
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    main()
}
