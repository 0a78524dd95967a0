//! A run that is stopped and gone on with, as by another process: it is in a database, its
//! finished step is not run again, and the plan is not asked of the model a second time.
//!
//! `cargo run -p pe-orchestrator --example resume`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pe_exec::Control;
use pe_model::{
    BoxFuture, DeltaSink, Effect, JsonMap, LlmClient, ModelAnswer, ModelError, ModelName,
    ModelRequest, Purpose,
};
use pe_orchestrator::{Picture, PlanExecuteOrchestrator, Supervision, Task, tool_fn};
use pe_store::SqliteStore;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::sleep;

/// A model that counts how often it is asked for a plan.
#[derive(Default)]
struct Counting(AtomicU32);

impl LlmClient for Counting {
    fn name(&self) -> ModelName {
        ModelName { model: "counting".to_owned(), endpoint: "this process".to_owned() }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        _: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            if request.purpose != Purpose::Plan {
                return Ok(ModelAnswer::text("Both parts are there."));
            }
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(ModelAnswer::text(
                r#"{"steps":[{"id":"first","tool":"work","args":{"ms":50}},
                    {"id":"second","tool":"work","args":{"ms":400},"after":["first"]}]}"#,
            ))
        })
    }
}

#[derive(Deserialize, JsonSchema)]
struct Work {
    /// How long it takes, in milliseconds.
    ms: u64,
}

/// What every process sets up.
fn orchestrator(
    database: &Path,
    model: &Arc<Counting>,
) -> Result<PlanExecuteOrchestrator, Box<dyn Error>> {
    let store = Arc::new(SqliteStore::open(database, Default::default())?);
    let work = tool_fn("work", "Takes its time.", Effect::Idempotent, |args: Work| async move {
        println!("  working for {} ms", args.ms);
        sleep(Duration::from_millis(args.ms)).await;
        Ok(args.ms)
    });
    let client = Arc::clone(model) as Arc<dyn LlmClient>;
    Ok(PlanExecuteOrchestrator::builder().client(client).tool(work).store(store).build())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("runs.db");
    let model = Arc::new(Counting::default());

    println!("the first process:");
    let goal = Task::Goal {
        goal: "Do both parts".to_owned(),
        context: JsonMap::new(),
        origin: JsonMap::new(),
        supervision: Supervision { adapt: true, answer: true },
    };
    let (controller, control) = Control::new();
    let first = orchestrator(&database, &model)?;
    let stop = async {
        sleep(Duration::from_millis(200)).await;
        controller.stop_now();
    };
    let (outcome, ()) = tokio::join!(first.work(goal, controller.clone(), control), stop);
    let stopped = outcome?.state;
    println!("{}", first.visualize_plan(&stopped.executed_plan(), Picture::Text));
    drop(first);

    println!("the next one:");
    let resume = Task::Resume { run_id: stopped.run_id, config: None, supervision: None };
    let (controller, control) = Control::new();
    let next = orchestrator(&database, &model)?;
    let outcome = next.work(resume, controller, control).await?;
    println!("{}", next.visualize_plan(&outcome.state.executed_plan(), Picture::Text));
    println!("answer: {}", outcome.report.final_response);
    let plans = model.0.load(Ordering::Relaxed);
    println!("the model was asked for a plan {plans} time(s)");
    if outcome.report.success && plans == 1 { Ok(()) } else { Err("it did not go on".into()) }
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    main()
}
