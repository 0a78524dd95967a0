//! A goal becomes an answer: the model plans, a step fails, the model changes the plan, the run
//! goes on, the model answers. The model is a script of three lines, and a model all the same:
//! whatever implements `LlmClient` can take its place.
//!
//! `cargo run -p pe-orchestrator --example goal`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use pe_model::{
    BoxFuture, Delta, DeltaSink, Effect, ErrorClass, LlmClient, ModelAnswer, ModelError, ModelName,
    ModelRequest, Purpose, ToolError,
};
use pe_orchestrator::{Notice, Picture, PlanExecuteOrchestrator, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;

/// A model that knows what it will be asked.
struct Script;

impl LlmClient for Script {
    fn name(&self) -> ModelName {
        ModelName { model: "script".to_owned(), endpoint: "this process".to_owned() }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let text = match request.purpose {
                Purpose::Plan => {
                    r#"{"steps":[
                        {"id":"bern","tool":"weather","args":{"city":"Bern"}},
                        {"id":"rome","tool":"weather","args":{"city":"Rom"}},
                        {"id":"diff","tool":"subtract",
                         "args":{"from":"{{rome.degrees}}","what":"{{bern.degrees}}"}}]}"#
                }
                Purpose::Adapt => {
                    r#"{"reason":"the city is called Rome","modifications":[
                        {"type":"modify","id":"rome","fields":{"args":{"city":"Rome"}}}]}"#
                }
                _ => "It is 9 degrees warmer in Rome.",
            };
            // Where somebody listens, a client passes on the text as it comes.
            if let Some(sink) = sink {
                sink(Delta::Text(text));
            }
            Ok(ModelAnswer::text(text))
        })
    }
}

#[derive(Deserialize, JsonSchema)]
struct Place {
    city: String,
}

#[derive(Deserialize, JsonSchema)]
struct Difference {
    from: f64,
    what: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let weather = tool_fn("weather", "The weather.", Effect::Read, |place: Place| async move {
        match place.city.as_str() {
            "Bern" => Ok(serde_json::json!({"degrees": 12})),
            "Rome" => Ok(serde_json::json!({"degrees": 21})),
            city => Err(ToolError::new(ErrorClass::NotFound, format!("no city `{city}`"))),
        }
    });
    let subtract = tool_fn("subtract", "Subtracts.", Effect::Pure, |args: Difference| async move {
        Ok(args.from - args.what)
    });
    let orchestrator = PlanExecuteOrchestrator::builder()
        .client(Arc::new(Script))
        .tool(weather)
        .tool(subtract)
        .loop_observer(Arc::new(|notice: &Notice| match notice {
            Notice::Planned { plan, rounds } => {
                println!("planned {} steps, asked {rounds} time(s)", plan.steps.len());
            }
            Notice::Adapting { reason, deviation } => {
                println!("adapting, deviation {deviation:.2}: {reason}");
            }
            Notice::Adapted { reason, .. } => println!("adapted: {reason}"),
            _ => {}
        }))
        .build();

    let goal = "How much warmer is it in Rome than in Bern?";
    let outcome = orchestrator.execute_with_tools(goal, Some(3)).await?;
    let report = &outcome.report;
    println!("\n{}", orchestrator.visualize_plan(&outcome.state.executed_plan(), Picture::Text));
    println!("answer: {}", report.final_response);
    println!(
        "{} executions of the plan, {} calls of tools, {} of the model",
        report.iterations,
        report.tool_calls_made,
        report.usage.llm_calls.unwrap_or_default()
    );
    if report.success { Ok(()) } else { Err("the goal was not reached".into()) }
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    main()
}
