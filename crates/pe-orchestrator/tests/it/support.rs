//! Tools that keep a log, and orchestrators made of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pe_model::{
    BoxFuture, Effect, ErrorClass, LlmClient, OrchestratorConfig, Purpose, RetryPolicy, Tool,
    ToolCall, ToolError, ToolSpec,
};
use pe_orchestrator::{
    Builder, LoopObserver, Notice, Outcome, PlanExecuteOrchestrator, Proposal, Reviewer, Verdict,
};
use pe_testkit::{Scripted, ScriptedClient};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What the tools of one test did, in order.
#[derive(Clone, Default)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<(String, u64)>>>,
    begin: Arc<Mutex<Option<Instant>>>,
}

impl Log {
    /// The steps that were called, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.entries.lock().unwrap().iter().map(|(step, _)| step.clone()).collect()
    }

    /// When a step was called first, in milliseconds since the log was begun.
    pub(crate) fn at(&self, step: &str) -> Option<u64> {
        let entries = self.entries.lock().unwrap();
        entries.iter().find(|(id, _)| id == step).map(|(_, at)| *at)
    }

    /// How often a step was called.
    pub(crate) fn times(&self, step: &str) -> usize {
        self.steps().iter().filter(|id| *id == step).count()
    }

    /// Time counts from here.
    pub(crate) fn begin(&self) {
        *self.begin.lock().unwrap() = Some(Instant::now());
    }

    fn note(&self, step: &str) {
        let begin = *self.begin.lock().unwrap().get_or_insert_with(Instant::now);
        let at = begin.elapsed().as_millis() as u64;
        self.entries.lock().unwrap().push((step.to_owned(), at));
    }
}

struct Logged {
    spec: ToolSpec,
    log: Log,
    fails: bool,
}

impl Tool for Logged {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            self.log.note(call.step_id.as_str());
            let ms = call.arguments.get("ms").and_then(Value::as_u64).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            if self.fails {
                return Err(ToolError::new(ErrorClass::Execution, "it does not work"));
            }
            Ok(call.arguments.get("value").cloned().unwrap_or(Value::Null))
        })
    }
}

/// `read` (effect read), `write` (once), `ask` (once, with consent) give back `value` after `ms`;
/// `broken` (read) fails.
pub(crate) fn tools(log: &Log) -> Vec<Arc<dyn Tool>> {
    let parameters = json!({
        "type": "object",
        "properties": {"value": {}, "ms": {"type": "integer", "minimum": 0}},
        "required": ["value"],
        "additionalProperties": false
    });
    let make = |name: &str, effect, consent, fails| -> Arc<dyn Tool> {
        let spec = ToolSpec {
            name: name.to_owned(),
            description: format!("The tool {name}."),
            parameters: parameters.clone(),
            effect,
            consent,
            ..ToolSpec::default()
        };
        Arc::new(Logged { spec, log: log.clone(), fails })
    };
    vec![
        make("read", Effect::Read, false, false),
        make("write", Effect::Once, false, false),
        make("ask", Effect::Once, true, false),
        make("broken", Effect::Read, false, true),
    ]
}

/// What the loop said.
#[derive(Clone, Default)]
pub(crate) struct Notices(Arc<Mutex<Vec<Notice>>>);

impl Notices {
    pub(crate) fn all(&self) -> Vec<Notice> {
        self.0.lock().unwrap().clone()
    }

    /// How many notices there are of which this holds.
    pub(crate) fn count(&self, test: impl Fn(&Notice) -> bool) -> usize {
        self.all().iter().filter(|notice| test(notice)).count()
    }
}

impl LoopObserver for Notices {
    fn notice(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

/// One orchestrator and everything that a test looks at.
pub(crate) struct Scene {
    pub(crate) log: Log,
    pub(crate) notices: Notices,
    pub(crate) model: Arc<ScriptedClient>,
}

impl Scene {
    /// A model that says this, in this order.
    pub(crate) fn new<S: Into<Scripted>>(script: impl IntoIterator<Item = S>) -> Self {
        let model = Arc::new(ScriptedClient::new(script));
        Self { log: Log::default(), notices: Notices::default(), model }
    }

    pub(crate) fn builder(&self) -> Builder {
        let builder = PlanExecuteOrchestrator::builder()
            .client(Arc::clone(&self.model) as Arc<dyn LlmClient>)
            .retry(RetryPolicy { max_retries: 0, ..RetryPolicy::default() })
            .loop_observer(Arc::new(self.notices.clone()))
            .config(config());
        tools(&self.log).into_iter().fold(builder, Builder::tool)
    }

    /// Works on a goal, with what the loop does by itself.
    pub(crate) async fn run(&self, builder: Builder) -> Outcome {
        builder.build().execute_with_tools("find it out", None).await.unwrap()
    }

    /// What the model was asked for, in order.
    pub(crate) fn purposes(&self) -> Vec<Purpose> {
        self.model.requests().iter().map(|request| request.purpose).collect()
    }
}

/// The default, with steps that are not waited for when they fail.
pub(crate) fn config() -> OrchestratorConfig {
    OrchestratorConfig { max_parallel_steps: 8, ..OrchestratorConfig::default() }
}

/// A plan as a model writes it.
pub(crate) fn plan(steps: Value) -> Scripted {
    Scripted::text(json!({ "steps": steps }).to_string())
}

/// A patch as a model writes it.
pub(crate) fn patch(modifications: Value) -> Scripted {
    let patch = json!({"reason": "it has to be otherwise", "modifications": modifications});
    Scripted::text(patch.to_string())
}

/// A step's status, as its report says it.
pub(crate) fn status(outcome: &Outcome, step: &str) -> String {
    let steps = &outcome.report.steps;
    let found = steps.iter().find(|found| found.step_id.as_str() == step);
    found.map_or_else(|| "gone".to_owned(), |step| step.status.to_string())
}

/// A reviewer who accepts nothing.
pub(crate) struct Refuses;
impl Reviewer for Refuses {
    fn review(&self, _: Proposal) -> BoxFuture<'_, Verdict> {
        Box::pin(std::future::ready(Verdict::Reject))
    }
}
