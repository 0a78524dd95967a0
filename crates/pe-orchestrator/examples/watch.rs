//! A run as it happens: the events of its steps and the notices of the loop, with the time. The
//! plan is executed while the model still writes it: `a` begins as soon as its own text is there.
//!
//! `cargo run -p pe-orchestrator --example watch`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pe_exec::Observer;
use pe_model::{
    BoxFuture, Delta, DeltaSink, Effect, Event, EventKind, LlmClient, ModelAnswer, ModelError,
    ModelName, ModelRequest, OrchestratorConfig, Purpose, Streaming,
};
use pe_orchestrator::{Notice, PlanExecuteOrchestrator, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::sleep;

const PLAN: &str = r#"{"steps":[{"id":"a","tool":"fetch","args":{"page":"one"}},
{"id":"b","tool":"fetch","args":{"page":"two"}},
{"id":"c","tool":"join","args":{"first":"{{a}}","second":"{{b}}"}}]}"#;

/// A model that writes four letters every 20 ms.
struct Slow;

impl LlmClient for Slow {
    fn name(&self) -> ModelName {
        ModelName { model: "slow".to_owned(), endpoint: "this process".to_owned() }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        mut sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let text = if request.purpose == Purpose::Plan { PLAN } else { "All of it is there." };
            for piece in text.as_bytes().chunks(4) {
                sleep(Duration::from_millis(20)).await;
                if let Some(sink) = &mut sink {
                    sink(Delta::Text(&String::from_utf8_lossy(piece)));
                }
            }
            Ok(ModelAnswer::text(text))
        })
    }
}

#[derive(Deserialize, JsonSchema)]
struct Page {
    page: String,
}

#[derive(Deserialize, JsonSchema)]
struct Pair {
    first: String,
    second: String,
}

/// Writes lines with the time; keeps them for whoever wants to look.
#[derive(Clone)]
struct Lines(Instant, Arc<Mutex<Vec<String>>>);

impl Lines {
    fn write(&self, line: String) {
        println!("{:>5} ms  {line}", self.0.elapsed().as_millis());
        self.1.lock().unwrap_or_else(|poison| poison.into_inner()).push(line);
    }
}

impl Observer for Lines {
    fn observe(&self, events: &[Event]) {
        for event in events {
            match &event.kind {
                EventKind::AttemptStarted { key, .. } => {
                    self.write(format!("{} starts", key.step_id))
                }
                EventKind::StepCompleted { step_id, .. } => {
                    self.write(format!("{step_id} is done"))
                }
                EventKind::RunFinished { status } => self.write(format!("the run is {status}")),
                _ => {}
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let lines = Lines(Instant::now(), Arc::default());
    let says = lines.clone();
    let fetch = tool_fn("fetch", "Fetches a page.", Effect::Read, |args: Page| async move {
        sleep(Duration::from_millis(300)).await;
        Ok(format!("page {}", args.page))
    });
    let join = tool_fn("join", "Joins two texts.", Effect::Pure, |args: Pair| async move {
        Ok(format!("{} and {}", args.first, args.second))
    });
    let config = OrchestratorConfig { streaming: Streaming::Execute, ..Default::default() };
    let orchestrator = PlanExecuteOrchestrator::builder()
        .client(Arc::new(Slow))
        .tool(fetch)
        .tool(join)
        .config(config)
        .observer(Arc::new(lines.clone()))
        .loop_observer(Arc::new(move |notice: &Notice| match notice {
            Notice::Planning { .. } => says.write("the model is asked for a plan".to_owned()),
            Notice::StepDrafted { step } => says.write(format!("{} is written", step.step_id)),
            Notice::Planned { .. } => says.write("the plan is whole, and holds".to_owned()),
            Notice::Answering => says.write("the model is asked for the answer".to_owned()),
            _ => {}
        }))
        .build();
    let outcome = orchestrator.execute_with_tools("Fetch two pages", None).await?;
    println!("\nanswer: {}", outcome.report.final_response);
    let lines = lines.1.lock().map_err(|_| "a line was not written")?;
    let at = |what: &str| lines.iter().position(|line| line == what);
    match (at("a starts"), at("c is written")) {
        (Some(started), Some(written)) if started < written => Ok(()),
        _ => Err("nothing began before the plan was whole".into()),
    }
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    main()
}
