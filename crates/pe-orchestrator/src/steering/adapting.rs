//! Adaptation: a plan that failed or went astray is changed where it did.

use pe_llm::{AdaptError, AdaptTask, Adapted, FailedPlan, deviation, unrecovered_failures};
use pe_model::{ModelErrorKind, PlanStage, RevisionCause, StepStatus, StopCause};

use super::{Over, Steering};
use crate::{Notice, Trouble};

/// What the loop has seen of a run so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The deviation at which the model was asked last, so that it is not asked again for the
    /// same.
    asked_at: f64,
    /// The failures that led to the last adaptation.
    failures: Vec<String>,
    /// Set once an adaptation has failed: there is no other.
    is_given_up: bool,
}

impl Steering {
    /// Adapts a run in which everything has settled; says whether it goes on.
    pub(super) async fn adapt_after_failure(&self, watch: &mut Watch) -> Result<bool, Over> {
        let Some(failures) = self.state(unrecovered_failures) else { return Ok(false) };
        if failures.is_empty() || !self.may_adapt(watch) {
            return Ok(false);
        }
        let what = match failures.len() {
            1 => format!("a failure is left: {}", failures[0]),
            many => format!("{many} failures are left, the first: {}", failures[0]),
        };
        self.adapt(watch, what).await
    }

    /// Adapts a run that is under way and has gone astray.
    pub(super) async fn adapt_midway(&self, watch: &mut Watch) -> Result<(), Over> {
        if !self.may_adapt(watch) {
            return Ok(());
        }
        let seen = self.state(|state| {
            let waits = |status| matches!(status, StepStatus::Pending | StepStatus::Skipped);
            let is_left = state.steps().iter().any(|step| waits(step.status));
            (deviation(state).score, is_left && state.stopping.is_none())
        });
        let Some((score, is_left)) = seen else { return Ok(()) };
        let threshold = self.config.adaptation_sensitivity;
        if !is_left || score <= 0.0 || score < threshold || score <= watch.asked_at {
            return Ok(());
        }
        watch.asked_at = score;
        self.or_over(self.controller.suspend().await).await?;
        let what = format!("the run goes astray: deviation {score:.2} of {threshold:.2}");
        self.adapt(watch, what).await?;
        self.or_over(self.controller.go_on().await).await
    }

    fn may_adapt(&self, watch: &Watch) -> bool {
        let is_left = self
            .state(|state| {
                // Who works call by call has seen every failure, and has had its turns.
                state.adaptations.saturating_add(1) < self.config.max_iterations
                    && state.planner() != "sequential"
                    // What a person has refused is not to be got round.
                    && !state.steps().iter().any(|step| step.rejected)
            })
            .unwrap_or(false);
        self.supervision.adapt && !watch.is_given_up && is_left && self.model.is_there()
    }

    /// Asks for a patch and puts it in force; says whether it did.
    async fn adapt(&self, watch: &mut Watch, what: String) -> Result<bool, Over> {
        let Some((state, score)) = self.state(|state| (state.clone(), deviation(state).score))
        else {
            return Ok(false);
        };
        let failures = unrecovered_failures(&state);
        if !failures.is_empty() && failures == watch.failures {
            let reason = format!("the same failure came back: {}", failures[0]);
            return Ok(self.leave_as_it_is(watch, Trouble::NotAdapted(reason)));
        }
        self.say(Notice::Adapting { reason: what, deviation: score });
        let history = self.failed_plans().clone();
        let plan = state.executed_plan();
        let task = AdaptTask {
            goal: &plan.goal,
            plan: &plan,
            state: &state,
            catalog: &self.catalog,
            limits: &self.limits,
            history: &history,
            context_tokens: self.context_tokens,
        };
        let adapted = match self.planner.adapt(&task).await {
            Ok(adapted) => adapted,
            Err(AdaptError::Model(error)) if error.kind == ModelErrorKind::Budget => {
                return Err(self.stop(StopCause::Budget, Trouble::Model(error)).await);
            }
            Err(error) => return Ok(self.leave_as_it_is(watch, Trouble::Adaptation(error))),
        };
        let Adapted { plan, patch, reason, notes } = adapted;
        notes.into_iter().for_each(|how| self.say(Notice::CatalogCut { how }));
        let Some(plan) = self.reviewed(plan, &reason).await else {
            return Ok(self.leave_as_it_is(watch, Trouble::Rejected));
        };
        let written = Box::new(plan.plan().definition());
        let patch = serde_json::to_value(&patch).unwrap_or_default();
        let (cause, stage) = (RevisionCause::Adaptation, PlanStage::Complete);
        if let Err(error) = self.put_in_force(plan, cause, &reason, patch, stage).await {
            let chain = chain(&error);
            return Ok(self.leave_as_it_is(watch, Trouble::NotAdapted(chain)));
        }
        self.say(Notice::Adapted { reason, plan: written });
        self.failed_plans().push(FailedPlan::of(&state));
        self.came_to().answer = None;
        let asked_at = self.state(|state| deviation(state).score).unwrap_or_default();
        *watch = Watch { failures, asked_at, ..Watch::default() };
        Ok(true)
    }

    fn leave_as_it_is(&self, watch: &mut Watch, trouble: Trouble) -> bool {
        watch.is_given_up = true;
        self.say(Notice::NotAdapted { reason: trouble.to_string() });
        self.note(trouble);
        false
    }

    fn failed_plans(&self) -> std::sync::MutexGuard<'_, Vec<FailedPlan>> {
        self.failed_plans.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An error and its causes, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
