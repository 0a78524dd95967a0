//! The sequential loop: one call at a time, each a step of a plan that grows.

use std::sync::Arc;

use pe_exec::ControlError;
use pe_llm::{final_words, sequential_request};
use pe_model::{
    ErrorClass, ModelAnswer, ModelError, ModelErrorKind, Plan, PlanStage, RevisionCause,
    StepStatus, StopCause, Strictness,
};
use pe_validate::{Limits, ValidPlan, check};
use serde_json::Value;

use super::{Over, Steering};
use crate::transcript::{step_for, transcript, unrecovered};
use crate::{Notice, Trouble};

/// The key of a plan's metadata that says who planned it, where that is not who began the run.
const PLANNER: &str = "planner";

impl Steering {
    /// Leaves whatever there is of a plan and begins with an empty one.
    pub(super) async fn begin_call_by_call(&self) -> Result<(), Over> {
        let empty = ValidPlan::without_steps(&self.goal, self.context.clone());
        let reason = "there is no valid plan";
        let cause = RevisionCause::Extension;
        let stage = PlanStage::Growing;
        let begun = self.put_in_force(empty, cause, reason, Value::Null, stage).await;
        self.or_over(begun).await?;
        self.or_over(self.controller.go_on().await).await
    }

    /// Asks for call after call until the model answers.
    pub(super) async fn go_call_by_call(&self) -> Result<(), Over> {
        let client = self.model.client();
        loop {
            self.until_idle().await?;
            self.wait_for_people().await?;
            let Some((plan, transcript)) =
                self.state(|state| (Arc::clone(&state.plan), transcript(state)))
            else {
                return Err(Over);
            };
            let turn = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX).saturating_add(1);
            if turn > self.config.max_iterations.max(1) {
                let turns = turn - 1;
                return Err(self.stop(StopCause::Budget, Trouble::NoAnswer { turns }).await);
            }
            self.came_to().turns = turn;
            self.say(Notice::Turn { turn });
            let request = sequential_request(
                &self.prompts,
                &self.goal,
                &self.context,
                &self.catalog,
                &transcript,
                self.context_tokens,
            );
            let asked_before = self.model.fresh_calls();
            let answer = match client.ask(&request, None).await {
                Ok(answer) => answer,
                Err(error) => return Err(self.give_up(error).await),
            };
            let Some(call) = answer.tool_calls.first() else {
                let Ok(words) = final_words(&answer) else {
                    if self.model.fresh_calls() == asked_before {
                        // It was on record; a process before this one had failed just so.
                        continue;
                    }
                    return Err(self.give_up(no_answer(&answer)).await);
                };
                if self.state(|state| unrecovered(state).is_some()) == Some(true) {
                    self.note(Trouble::LastWords(words.clone()));
                }
                self.came_to().answer = Some(words);
                return self.grow_to((*plan).clone(), PlanStage::Complete).await;
            };
            let mut longer = (*plan).clone();
            let step =
                self.state(|state| step_for(call, &answer.content, plan.steps.len() + 1, state));
            longer.steps.extend(step);
            longer.metadata.insert(PLANNER.to_owned(), "sequential".into());
            self.grow_to(longer, PlanStage::Growing).await?;
        }
    }

    /// What a person has to decide is not for the model: the run pauses where nobody is there.
    async fn wait_for_people(&self) -> Result<(), Over> {
        let waits = |status| matches!(status, StepStatus::Waiting | StepStatus::InDoubt);
        let mut pulse = self.relay.pulse();
        while self.state(|state| state.steps().iter().any(|step| waits(step.status))) == Some(true)
        {
            match self.controller.pause().await {
                Ok(()) | Err(ControlError::Ended) => return Err(Over),
                // Somebody has just decided.
                Err(ControlError::Refused(_)) => {
                    pulse.changed().await.map_err(|_| Over)?;
                    self.until_idle().await?;
                }
            }
        }
        Ok(())
    }

    async fn grow_to(&self, plan: Plan, stage: PlanStage) -> Result<(), Over> {
        let valid = if plan.steps.is_empty() {
            ValidPlan::without_steps(&self.goal, self.context.clone())
        } else {
            // Whatever is wrong with a call fails that call, and the loop goes on.
            let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
            let checked = check(plan, &self.catalog, &limits);
            match checked.plan {
                Some(plan) => plan,
                None => {
                    let problem = Trouble::NoStep(checked.report.render("the call"));
                    return Err(self.stop(StopCause::Interrupted, problem).await);
                }
            }
        };
        let cause = RevisionCause::Extension;
        let reason = "the next call of the sequential loop";
        let grown = self.put_in_force(valid, cause, reason, Value::Null, stage).await;
        self.or_over(grown).await
    }
}

/// What keeps a text from being the answer to the goal.
fn no_answer(answer: &ModelAnswer) -> ModelError {
    let problem = match answer.finish.is_truncated() {
        true => "the model's answer was cut off, and a part is no answer; `pe resume` asks again",
        false => "the model asked for no call and answered nothing; `pe resume` asks again",
    };
    ModelError::new(ModelErrorKind::Malformed, ErrorClass::Validation, problem)
}
