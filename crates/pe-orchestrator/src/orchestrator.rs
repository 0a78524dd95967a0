//! The facade: one object that plans, executes, adapts and answers.

use std::sync::{Arc, Mutex};

use pe_exec::{
    Approver, Control, Controller, Driver, Finished, NewRun, Observer, Policy, Recorded,
    fresh_run_id,
};
use pe_llm::{
    Adapted, FailedPlan, Meter, Metered, Patient, PlanTask, Planned, Planner, Prices, Prompts,
};
use pe_model::{
    Catalog, EventKind, Journal, JsonMap, LlmClient, ModelRequest, OrchestratorConfig, Plan,
    PlanStage, PlanStatus, RetryPolicy, RevisionCause, RunId, RunReport, RunState, ToolSet,
};
use pe_validate::{Limits, ValidPlan, ValidationReport, check, validate};
use pe_view::PlanDiff;
use tokio::task::JoinSet;

use crate::exchanges::Exchanges;
use crate::models::RunModel;
use crate::picture::{Picture, view_of};
use crate::relay::Relay;
use crate::steering::{CameTo, Steering};
use crate::tools::{LLM, Llm};
use crate::{
    Builder, LoopObserver, ModelLedger, Notice, OrchestratorError, Outcome, Reviewer, Supervision,
};

/// Plans a goal, executes the plan, adapts it where it fails, and answers.
///
/// Cheap to clone; one orchestrator can work on many goals at the same time. See the crate's
/// front page for an example, and [`PlanExecuteOrchestrator::builder`] for what can be set.
#[derive(Clone)]
pub struct PlanExecuteOrchestrator {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    /// All but `llm`, which belongs to a run.
    pub(crate) tools: ToolSet,
    pub(crate) catalog: Catalog,
    pub(crate) config: OrchestratorConfig,
    pub(crate) policy: Policy,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) ledger: Option<Arc<dyn ModelLedger>>,
    pub(crate) client: Option<Arc<dyn LlmClient>>,
    pub(crate) retry: RetryPolicy,
    /// Whether answers are asked for that fit a schema, and that are JSON.
    pub(crate) formats: (bool, bool),
    pub(crate) prices: Option<Prices>,
    pub(crate) prompts: Arc<Prompts>,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) approver: Option<Arc<dyn Approver>>,
    pub(crate) reviewer: Option<Arc<dyn Reviewer>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) loop_observer: Option<Arc<dyn LoopObserver>>,
}

/// What is to be worked on.
#[derive(Debug, Clone)]
pub enum Task {
    /// A goal: it is planned first.
    Goal {
        /// The goal, in a person's words.
        goal: String,
        /// What expressions read as `context`.
        context: JsonMap,
        /// Where the run comes from; recorded, never interpreted.
        origin: JsonMap,
        /// What the model does besides planning.
        supervision: Supervision,
    },
    /// A plan.
    Plan {
        /// The plan and what goes with it.
        run: Box<NewRun>,
        /// What the model does.
        supervision: Supervision,
    },
    /// A run that began before, perhaps in another process.
    Resume {
        /// The run.
        run_id: RunId,
        /// Takes the place of the recorded configuration.
        config: Option<OrchestratorConfig>,
        /// What the model does; without it, what was said when the run began.
        supervision: Option<Supervision>,
    },
}

impl PlanExecuteOrchestrator {
    /// An orchestrator to be set up.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What the model may call.
    pub fn catalog(&self) -> &Catalog {
        &self.parts.catalog
    }

    /// Has the model write a plan; nothing is executed and nothing recorded.
    ///
    /// # Errors
    /// [`OrchestratorError::NoModel`], or [`OrchestratorError::Planning`] with what was wrong.
    pub async fn generate_plan(&self, goal: &str) -> Result<Planned, OrchestratorError> {
        self.generate_plan_with(goal, &JsonMap::new()).await
    }

    /// As [`generate_plan`](Self::generate_plan), with values that the plan reads as `context`.
    ///
    /// # Errors
    /// As [`generate_plan`](Self::generate_plan).
    pub async fn generate_plan_with(
        &self,
        goal: &str,
        context: &JsonMap,
    ) -> Result<Planned, OrchestratorError> {
        let planner = self.planner("planning")?;
        let observer = self.parts.loop_observer.clone();
        let mut on = |progress: pe_llm::PlanProgress<'_>| {
            if let Some(observer) = &observer {
                observer.notice(&Notice::of(&progress));
            }
        };
        let limits = self.model_limits();
        Ok(planner.plan(&self.plan_task(goal, context, &limits), &mut on).await?)
    }

    /// What the model would be asked for a plan.
    pub fn plan_request(&self, goal: &str, context: &JsonMap) -> ModelRequest {
        let model = self.model(fresh_run_id(), &self.parts.config, None);
        let planner = Planner::new(model.client(), Arc::clone(&self.parts.prompts));
        planner.plan_request(&self.plan_task(goal, context, &self.model_limits()))
    }

    /// Judges a plan that a person wrote.
    pub fn validate_plan(&self, plan: &Plan) -> ValidationReport {
        validate(plan, &self.parts.catalog, &self.own_limits())
    }

    /// Executes a plan as it is: no model is called but by its steps.
    ///
    /// # Errors
    /// [`OrchestratorError::Invalid`] with the report, and nothing is executed; otherwise what
    /// kept the run from being recorded.
    pub async fn execute_plan(&self, plan: Plan) -> Result<Outcome, OrchestratorError> {
        let checked = check(plan, &self.parts.catalog, &self.own_limits());
        let Some(plan) = checked.plan else {
            return Err(OrchestratorError::Invalid(Box::new(checked.report)));
        };
        let run = Box::new(NewRun::from(plan));
        let (controller, control) = Control::new();
        let supervision = Supervision::default();
        self.work(Task::Plan { run, supervision }, controller, control).await
    }

    /// Asks the model for a patch of a plan whose execution failed or went astray. The plan of
    /// `state` is untouched, and nothing is executed.
    ///
    /// # Errors
    /// [`OrchestratorError::NoModel`], or [`OrchestratorError::Adaptation`].
    pub async fn adapt_plan(&self, state: &RunState) -> Result<Adapted, OrchestratorError> {
        let planner = self.planner("adapting a plan")?;
        let plan = state.executed_plan();
        let limits = self.model_limits();
        let task = pe_llm::AdaptTask {
            goal: &plan.goal,
            plan: &plan,
            state,
            catalog: &self.parts.catalog,
            limits: &limits,
            history: &[],
            context_tokens: self.parts.context_tokens,
        };
        Ok(planner.adapt(&task).await?)
    }

    /// Draws a plan, executed or not, with all of its edges.
    pub fn visualize_plan(&self, plan: &Plan, picture: Picture) -> String {
        picture.of(plan)
    }

    /// Says what differs between two plans, scores both, and says which is better.
    pub fn compare_plans(&self, first: &Plan, second: &Plan) -> PlanDiff {
        pe_view::diff_views(&view_of(first), &view_of(second))
    }

    /// Works on a goal until there is an answer: plan, execute, adapt, answer.
    ///
    /// `max_iterations` bounds executions of the plan, or turns of the sequential loop; without
    /// it the configuration does.
    ///
    /// # Errors
    /// An [`OrchestratorError`] when the run could not be recorded. A model that fails, a plan
    /// that does not hold and a run that fails are no errors but an [`Outcome`] without success.
    pub async fn execute_with_tools(
        &self,
        goal: &str,
        max_iterations: Option<u32>,
    ) -> Result<Outcome, OrchestratorError> {
        let (controller, control) = Control::new();
        let task = Task::Goal {
            goal: goal.to_owned(),
            context: JsonMap::new(),
            origin: JsonMap::new(),
            supervision: Supervision { adapt: true, answer: true },
        };
        let mut config = self.parts.config.clone();
        config.max_iterations = max_iterations.unwrap_or(config.max_iterations);
        self.work_with(task, config, controller, control).await
    }

    /// Works on a task. `controller` and `control` belong together; the caller may keep a clone
    /// of the controller, to stop the run or to answer for a person.
    ///
    /// Whoever drops the future ends the work as the death of the process would: calls under way
    /// are dropped, nothing more begins, and the run, which is on record, can be resumed. A run
    /// that is to end in order is stopped with its controller.
    ///
    /// It has to be polled inside of a tokio runtime with time enabled.
    ///
    /// # Errors
    /// As [`execute_with_tools`](Self::execute_with_tools).
    pub async fn work(
        &self,
        task: Task,
        controller: Controller,
        control: Control,
    ) -> Result<Outcome, OrchestratorError> {
        self.work_with(task, self.parts.config.clone(), controller, control).await
    }

    async fn work_with(
        &self,
        task: Task,
        config: OrchestratorConfig,
        controller: Controller,
        control: Control,
    ) -> Result<Outcome, OrchestratorError> {
        let parts = &*self.parts;
        let (start, supervision) = match task {
            Task::Goal { goal, context, mut origin, supervision } => {
                if parts.client.is_none() {
                    return Err(OrchestratorError::NoModel { attempted: "planning a goal" });
                }
                origin.insert("planner".to_owned(), "model".into());
                let mut run = NewRun::from(ValidPlan::without_steps(&goal, context));
                run.origin = supervision.recorded_in(origin, parts.reviewer.is_some());
                run.stage = PlanStage::Draft;
                (Start::Begin(Box::new(run)), Some(supervision))
            }
            Task::Plan { mut run, supervision } => {
                let origin = std::mem::take(&mut run.origin);
                run.origin = supervision.recorded_in(origin, parts.reviewer.is_some());
                (Start::Begin(run), Some(supervision))
            }
            Task::Resume { run_id, config, supervision } => {
                (Start::GoOn(run_id, config), supervision)
            }
        };
        self.drive(start, supervision, config, controller, control).await
    }

    async fn drive(
        &self,
        start: Start,
        supervision: Option<Supervision>,
        config: OrchestratorConfig,
        controller: Controller,
        control: Control,
    ) -> Result<Outcome, OrchestratorError> {
        let parts = &*self.parts;
        let relay = Arc::new(Relay::new(parts.observer.clone()));
        let (run_id, plan, stage, config, past, supervision) = match &start {
            Start::Begin(run) => {
                let run_id = run.run_id.clone().unwrap_or_else(fresh_run_id);
                let plan = Arc::clone(run.plan.plan());
                (run_id, plan, run.stage, config, Vec::new(), supervision.unwrap_or_default())
            }
            Start::GoOn(run_id, over) => {
                let recorded = Recorded::load(&*parts.journal, run_id).await?;
                let state = &recorded.state;
                if Supervision::is_reviewed(&state.origin) && parts.reviewer.is_none() {
                    return Err(OrchestratorError::NoReviewer { run_id: run_id.clone() });
                }
                let config = over.clone().unwrap_or_else(|| (*state.config).clone());
                let past = failed_plans(&*parts.journal, run_id).await?;
                let supervision = supervision.unwrap_or_else(|| Supervision::of(state));
                (run_id.clone(), Arc::clone(&state.plan), state.stage, config, past, supervision)
            }
        };
        let model = self.model(run_id.clone(), &config, parts.ledger.clone());
        if matches!(start, Start::GoOn(..)) {
            model.remember().await?;
        }
        // A plan that is whole, and that no model changes or answers for, needs nobody beside it.
        let is_steered = !stage.is_complete() || supervision != Supervision::default();
        let driver = self.driver(&model, &config, is_steered.then(|| Arc::clone(&relay)));
        let steering = Steering {
            goal: plan.goal.clone(),
            context: plan.context.clone(),
            catalog: parts.catalog.clone(),
            limits: Limits::from_config(&config),
            config: config.clone(),
            supervision,
            context_tokens: parts.context_tokens,
            planner: Planner::new(model.client(), Arc::clone(&parts.prompts)),
            prompts: Arc::clone(&parts.prompts),
            model: Arc::clone(&model),
            controller: controller.clone(),
            relay,
            reviewer: parts.reviewer.clone(),
            observer: parts.loop_observer.clone(),
            failed_plans: Mutex::new(past),
            came_to: Mutex::default(),
        };
        // On a task of its own, because whoever polls this may be slow; it is dropped with this.
        let mut run = JoinSet::new();
        run.spawn(async move {
            // Whoever drops the work has not left the run to itself.
            let _held = controller;
            match start {
                Start::Begin(run) => {
                    let run = NewRun { run_id: Some(run_id), supervised: is_steered, ..*run };
                    driver.run(run, control).await.map_err(Into::into)
                }
                Start::GoOn(run_id, _) if !is_steered => {
                    driver.resume(&run_id, Some(config), control).await
                }
                Start::GoOn(run_id, _) => {
                    driver.resume_supervised(&run_id, Some(config), control).await
                }
            }
        });
        let ended = tokio::select! {
            biased;
            ended = run.join_next() => ended,
            () = steering.steer(), if is_steered => run.join_next().await,
        };
        let ended = ended.expect("because one task was spawned");
        let finished = ended.map_err(|error| OrchestratorError::Lost(error.to_string()))??;
        let came_to = steering.came_to.into_inner().unwrap_or_else(|poison| poison.into_inner());
        Ok(outcome(finished, came_to, &model))
    }

    /// The model of one run, with its own account.
    fn model(
        &self,
        run_id: RunId,
        config: &OrchestratorConfig,
        ledger: Option<Arc<dyn ModelLedger>>,
    ) -> Arc<RunModel> {
        let parts = &*self.parts;
        let meter = Arc::new(Meter::new(config.budget.clone(), parts.prices));
        let client = parts.client.as_ref().map(|client| {
            let (schema, json) = parts.formats;
            let exchanges = Exchanges {
                inner: Arc::clone(client),
                run_id: run_id.clone(),
                ledger: ledger.clone(),
                has_prices: parts.prices.is_some(),
            };
            // What a budget refuses is no exchange.
            let metered = Metered::new(exchanges, Arc::clone(&meter));
            let mut patient =
                Patient::new(metered).policy(parts.retry.clone()).formats(schema, json);
            if let Some(observer) = parts.loop_observer.clone() {
                patient = patient.on_wait(Arc::new(move |error, wait_ms| {
                    let problem = error.message.clone();
                    observer.notice(&Notice::Waiting { problem, wait_ms });
                }));
            }
            Arc::new(patient) as Arc<dyn LlmClient>
        });
        Arc::new(RunModel::new(run_id, client, (meter, parts.prices), ledger))
    }

    fn driver(
        &self,
        model: &Arc<RunModel>,
        config: &OrchestratorConfig,
        relay: Option<Arc<Relay>>,
    ) -> Driver {
        let parts = &*self.parts;
        let mut tools = parts.tools.clone();
        if model.is_there() && tools.get(LLM).is_none() {
            tools.insert(Arc::new(Llm::new(Arc::clone(model))));
        }
        let mut driver = Driver::new(crate::checked::checked(&tools))
            .config(config.clone())
            .policy(parts.policy.clone())
            .journal(Arc::clone(&parts.journal));
        if let Some(relay) = relay {
            driver = driver.observer(relay);
        } else if let Some(observer) = &parts.observer {
            driver = driver.observer(Arc::clone(observer));
        }
        if let Some(approver) = &parts.approver {
            driver = driver.approver(Arc::clone(approver));
        }
        driver
    }

    fn planner(&self, attempted: &'static str) -> Result<Planner, OrchestratorError> {
        let model = self.model(fresh_run_id(), &self.parts.config, None);
        match model.is_there() {
            true => Ok(Planner::new(model.client(), Arc::clone(&self.parts.prompts))),
            false => Err(OrchestratorError::NoModel { attempted }),
        }
    }

    fn plan_task<'a>(
        &'a self,
        goal: &'a str,
        context: &'a JsonMap,
        limits: &'a Limits,
    ) -> PlanTask<'a> {
        PlanTask {
            goal,
            context,
            catalog: &self.parts.catalog,
            limits,
            examples: &[],
            max_repair_rounds: self.parts.config.max_repair_rounds,
            context_tokens: self.parts.context_tokens,
        }
    }

    /// Those of a plan that a model wrote.
    fn model_limits(&self) -> Limits {
        Limits::from_config(&self.parts.config)
    }

    /// Those of a plan that a person wrote.
    fn own_limits(&self) -> Limits {
        Limits { max_steps: None, max_depth: None, max_retries: None, ..self.model_limits() }
    }
}

enum Start {
    Begin(Box<NewRun>),
    GoOn(RunId, Option<OrchestratorConfig>),
}

/// The plans of a run that were replaced because they had failed.
async fn failed_plans(
    journal: &dyn Journal,
    run_id: &RunId,
) -> Result<Vec<FailedPlan>, OrchestratorError> {
    let mut failed = Vec::new();
    let mut state: Option<RunState> = None;
    for event in journal.load(run_id).await? {
        let Some(so_far) = &mut state else {
            state = RunState::begin(&event).ok();
            continue;
        };
        if let EventKind::PlanRevised { cause: RevisionCause::Adaptation, .. } = &event.kind {
            failed.push(FailedPlan::of(so_far));
        }
        // The journal was folded without a fault when the run was loaded.
        let _ = so_far.apply(&event);
    }
    Ok(failed)
}

fn outcome(finished: Finished, came_to: CameTo, model: &RunModel) -> Outcome {
    let Finished { state, answer } = finished;
    // A run that had ended before is answered as it was then.
    let before = || model.written_before().filter(|_| state.status == PlanStatus::Completed);
    let is_complete = state.status == PlanStatus::Completed;
    let answer = came_to.answer.filter(|_| is_complete).or_else(before).unwrap_or(answer);
    let mut report = RunReport::new(&state, answer, state.planner(), model.meter().usage());
    report.iterations = report.iterations.max(came_to.turns);
    Outcome { report, state, trouble: came_to.trouble }
}
