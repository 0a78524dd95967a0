//! Steering: what the loop decides about one run that is being driven.
//!
//! The driver executes; the loop gives it plans. While the model writes, the plan grows; when
//! it does not hold, the run may go on call by call; when steps fail or the run goes astray, a
//! patch is asked for; when everything has settled, the answer is written and the run
//! concludes. Everything that is decided is recorded by the run before it takes effect, so
//! that another process can go on from wherever this one ends.

use std::sync::{Arc, Mutex, PoisonError};

use pe_exec::{ControlError, Controller, Revision};
use pe_llm::{FailedPlan, Planner, Prompts};
use pe_model::{
    Catalog, JsonMap, ModelError, ModelErrorKind, OrchestratorConfig, PlanStage, RevisionCause,
    RunState, StopCause,
};
use pe_validate::{Limits, ValidPlan};
use serde_json::{Value, json};

use crate::models::RunModel;
use crate::relay::Relay;
use crate::{LoopObserver, Notice, Proposal, Reviewer, Trouble, Verdict};

mod adapting;
mod answering;
mod planning;
mod sequential;

/// What of the loop a run takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Supervision {
    /// Whether the model may change the plan when the run fails or goes astray.
    pub adapt: bool,
    /// Whether the model writes the final answer.
    pub answer: bool,
}

impl Supervision {
    /// The key of a run's origin under which it is kept.
    const KEY: &str = "supervision";

    /// Kept in a run's origin, so that whoever goes on with the run does the same.
    pub(crate) fn recorded_in(self, mut origin: JsonMap, is_reviewed: bool) -> JsonMap {
        if self != Self::default() {
            let Self { adapt, answer } = self;
            let kept = json!({"adapt": adapt, "answer": answer, "review": is_reviewed});
            origin.insert(Self::KEY.to_owned(), kept);
        }
        origin
    }

    /// Whether a person reads what the model plans in a run, as was said when it began.
    pub(crate) fn is_reviewed(origin: &JsonMap) -> bool {
        let said = origin.get(Self::KEY).and_then(|kept| kept.get("review")?.as_bool());
        said.unwrap_or_default()
    }

    /// What was said when a run began.
    pub fn of(state: &RunState) -> Self {
        Self::read_from(&state.origin)
    }

    fn read_from(origin: &JsonMap) -> Self {
        let said = |what: &str| origin.get(Self::KEY)?.get(what)?.as_bool();
        Self {
            adapt: said("adapt").unwrap_or_default(),
            answer: said("answer").unwrap_or_default(),
        }
    }
}

/// One run in the hands of the loop.
pub(crate) struct Steering {
    pub(crate) goal: String,
    pub(crate) context: JsonMap,
    pub(crate) catalog: Catalog,
    /// Those of a plan that a model wrote.
    pub(crate) limits: Limits,
    pub(crate) config: OrchestratorConfig,
    pub(crate) supervision: Supervision,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) model: Arc<RunModel>,
    pub(crate) planner: Planner,
    pub(crate) prompts: Arc<Prompts>,
    pub(crate) controller: Controller,
    pub(crate) relay: Arc<Relay>,
    pub(crate) reviewer: Option<Arc<dyn Reviewer>>,
    pub(crate) observer: Option<Arc<dyn LoopObserver>>,
    /// Plans that were replaced because they had failed.
    pub(crate) failed_plans: Mutex<Vec<FailedPlan>>,
    pub(crate) came_to: Mutex<CameTo>,
}

/// What the loop came to, beside what the run records.
#[derive(Debug, Default)]
pub(crate) struct CameTo {
    /// The answer that the model wrote.
    pub(crate) answer: Option<String>,
    /// What kept the loop from going on.
    pub(crate) trouble: Option<Trouble>,
    /// Turns of the sequential loop.
    pub(crate) turns: u32,
}

/// The run takes no more from the loop: it has ended, or is about to.
#[derive(Debug)]
pub(crate) struct Over;

impl Steering {
    /// Steers the run to its end. It may end before, and then nobody waits for this.
    pub(crate) async fn steer(&self) {
        // What is to be said was noted; the run itself says the rest.
        let _ = self.work().await;
    }

    async fn work(&self) -> Result<(), Over> {
        let mut pulse = self.relay.pulse();
        let stage = loop {
            if let Some(stage) = self.relay.with_state(|state| state.stage) {
                break stage;
            }
            pulse.changed().await.map_err(|_| Over)?;
        };
        match stage {
            PlanStage::Draft => self.plan().await?,
            PlanStage::Growing => self.go_call_by_call().await?,
            PlanStage::Complete => {}
        }
        self.accompany().await
    }

    /// Goes along with the execution of a plan that is complete.
    async fn accompany(&self) -> Result<(), Over> {
        let mut pulse = self.relay.pulse();
        let mut watch = adapting::Watch::default();
        loop {
            let is_idle = pulse.borrow_and_update().is_idle;
            if is_idle {
                if !self.adapt_after_failure(&mut watch).await? {
                    self.answer().await?;
                    let concluded = self.controller.conclude().await;
                    return self.or_over(concluded).await;
                }
            } else {
                self.adapt_midway(&mut watch).await?;
            }
            pulse.changed().await.map_err(|_| Over)?;
        }
    }

    /// Waits until nothing runs or will run by itself.
    async fn until_idle(&self) -> Result<(), Over> {
        let mut pulse = self.relay.pulse();
        let idle = pulse.wait_for(|pulse| pulse.is_idle).await;
        idle.map(drop).map_err(|_| Over)
    }

    /// A run that refuses what it is told would wait for the loop for ever: it is stopped.
    async fn or_over(&self, told: Result<(), ControlError>) -> Result<(), Over> {
        match told {
            Ok(()) => Ok(()),
            Err(ControlError::Ended) => Err(Over),
            Err(refused) => Err(self.stop(StopCause::Interrupted, Trouble::Refused(refused)).await),
        }
    }

    /// Puts a plan in force; a refusal is what the caller makes of it.
    async fn put_in_force(
        &self,
        plan: ValidPlan,
        cause: RevisionCause,
        reason: &str,
        patch: Value,
        stage: PlanStage,
    ) -> Result<(), ControlError> {
        let reason = reason.to_owned();
        let revision = Revision { plan, weights: Vec::new(), cause, reason, patch, stage };
        self.controller.revise(revision).await
    }

    /// Has a plan reviewed until it is accepted; none when it is refused.
    async fn reviewed(&self, plan: ValidPlan, reason: &str) -> Option<ValidPlan> {
        let Some(reviewer) = &self.reviewer else { return Some(plan) };
        let before =
            self.state(|state| (!state.plan.steps.is_empty()).then(|| (*state.plan).clone()));
        let mut valid = plan;
        let mut proposal = Proposal {
            plan: valid.plan().definition(),
            before: before.flatten(),
            reason: reason.to_owned(),
            findings: None,
        };
        loop {
            match reviewer.review(proposal.clone()).await {
                Verdict::Accept if proposal.findings.is_none() => return Some(valid),
                // A plan that does not hold cannot be accepted.
                Verdict::Accept => {}
                Verdict::Edited(edited) => {
                    // A person's own words are held to what makes execution possible and sound,
                    // not to the size that a model is allowed.
                    let limits = Limits {
                        max_steps: None,
                        max_depth: None,
                        max_retries: None,
                        ..self.limits.clone()
                    };
                    let checked = pe_validate::check((*edited).clone(), &self.catalog, &limits);
                    proposal.plan = *edited;
                    proposal.findings = match checked.plan {
                        Some(plan) => {
                            valid = plan;
                            None
                        }
                        None => Some(checked.report),
                    };
                }
                Verdict::Reject => return None,
            }
        }
    }

    /// Stops the run, resumable, because the model gave no answer or a budget is spent.
    async fn give_up(&self, error: ModelError) -> Over {
        let cause = match error.kind {
            ModelErrorKind::Budget => StopCause::Budget,
            _ => StopCause::NoModel,
        };
        self.stop(cause, Trouble::Model(error)).await
    }

    async fn stop(&self, cause: StopCause, trouble: Trouble) -> Over {
        self.note(trouble);
        // A run that has ended needs no stop.
        let _ = self.controller.stop_for(cause).await;
        Over
    }

    fn note(&self, trouble: Trouble) {
        self.came_to().trouble = Some(trouble);
    }

    fn came_to(&self) -> std::sync::MutexGuard<'_, CameTo> {
        self.came_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, notice: Notice) {
        if let Some(observer) = &self.observer {
            observer.notice(&notice);
        }
    }

    fn state<T>(&self, look: impl FnOnce(&RunState) -> T) -> Option<T> {
        self.relay.with_state(look)
    }
}
