//! What a tool says besides its output: how long it may take, and that a budget forbids a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pe_exec::{Control, Driver, Finished, MemoryJournal};
use pe_model::{
    BoxFuture, Effect, ErrorClass, Journal, OrchestratorConfig, PlanStatus, RunId, StepStatus,
    StopCause, Tool, ToolCall, ToolError, ToolSet, ToolSpec,
};
use pe_testkit::{plan, step, valid};
use serde_json::{Value, json};

/// Naps for 200 ms; refuses the first `refusals` calls as beyond a budget.
struct Slow {
    spec: ToolSpec,
    refusals: usize,
    calls: AtomicUsize,
}

impl Slow {
    fn new(timeout_ms: Option<u64>, refusals: usize) -> Arc<Self> {
        let effect = Effect::Once;
        let spec = ToolSpec { name: "slow".into(), effect, timeout_ms, ..ToolSpec::default() };
        Arc::new(Self { spec, refusals, calls: AtomicUsize::new(0) })
    }
}

impl Tool for Slow {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, _: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if call < self.refusals {
                return Err(ToolError::new(ErrorClass::Cancelled, "it would cost too much"));
            }
            Ok(json!("done"))
        })
    }
}

fn driver(tool: Arc<Slow>, journal: Arc<MemoryJournal>) -> Driver {
    let tools: ToolSet = [tool as Arc<dyn Tool>].into_iter().collect();
    let config = OrchestratorConfig { step_timeout_ms: 50, ..OrchestratorConfig::default() };
    Driver::new(tools).config(config).journal(journal as Arc<dyn Journal>)
}

async fn run(tool: Arc<Slow>, journal: &Arc<MemoryJournal>) -> Finished {
    let plan = valid(&plan([step("a").tool("slow"), step("b").tool("slow").after(["a"])]));
    driver(tool, Arc::clone(journal)).run(plan, Control::none()).await.unwrap()
}

fn status(finished: &Finished, step: &str) -> StepStatus {
    finished.state.step(step).unwrap().status
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_waits_for_somebody_says_how_long() {
    let journal = Arc::new(MemoryJournal::new());
    let finished = run(Slow::new(Some(1_000), 0), &journal).await;
    assert_eq!(finished.state.status, PlanStatus::Completed);
    let finished = run(Slow::new(Some(100), 0), &journal).await;
    assert_eq!(status(&finished, "a"), StepStatus::InDoubt, "its own bound holds as well");
    let finished = run(Slow::new(None, 0), &journal).await;
    assert_eq!(status(&finished, "a"), StepStatus::InDoubt);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_budget_forbids_stops_the_run_and_is_made_when_it_goes_on() {
    let journal = Arc::new(MemoryJournal::new());
    let tool = Slow::new(Some(1_000), 1);
    let finished = run(Arc::clone(&tool), &journal).await;
    assert_eq!(finished.state.status, PlanStatus::Cancelled);
    assert_eq!(finished.state.stopping, Some(StopCause::Budget));
    assert_eq!(status(&finished, "a"), StepStatus::Pending, "no doubt: nothing happened");
    assert_eq!(tool.calls.load(Ordering::Relaxed), 1, "nothing else was begun");
    let run_id: RunId = finished.state.run_id.clone();
    let finished =
        driver(tool, Arc::clone(&journal)).resume(&run_id, None, Control::none()).await.unwrap();
    assert_eq!(finished.state.status, PlanStatus::Completed);
}
