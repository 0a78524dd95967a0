//! From the goal to a plan in force.

use pe_llm::{PlanProgress, PlanTask, Planned, PlanningError};
use pe_model::{PlanStage, RevisionCause, StopCause, Streaming};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Over, Steering};
use crate::growth::{Arrival, grow};
use crate::{Notice, Trouble};

impl Steering {
    /// Has the plan written and puts it in force, or begins the sequential loop instead.
    pub(super) async fn plan(&self) -> Result<(), Over> {
        let asked_before = self.model.fresh_calls();
        let mut planned = self.have_it_written().await;
        let is_stale = |planned: &Result<_, PlanningError>| {
            matches!(planned, Err(PlanningError::Unreadable { .. } | PlanningError::Invalid { .. }))
        };
        if is_stale(&planned) && self.model.fresh_calls() == asked_before {
            // All of it was on record from a process before this one, which had failed just so.
            self.say(Notice::AllOnRecord);
            planned = self.have_it_written().await;
        }
        match planned {
            Ok(Planned { plan, rounds, .. }) => {
                let written = Box::new(plan.plan().definition());
                self.say(Notice::Planned { plan: written, rounds: rounds + 1 });
                let Some(plan) = self.reviewed(plan, "").await else {
                    return Err(self.stop(StopCause::Interrupted, Trouble::Rejected).await);
                };
                let cause = RevisionCause::Extension;
                let stage = PlanStage::Complete;
                let reason = "the plan is complete";
                let in_force = self.put_in_force(plan, cause, reason, Value::Null, stage).await;
                self.or_over(in_force).await?;
                self.or_over(self.controller.go_on().await).await
            }
            Err(PlanningError::Model(error)) => Err(self.give_up(error).await),
            // Calls one by one cannot be reviewed before anything runs.
            Err(error) if self.config.fallback_to_sequential && self.reviewer.is_none() => {
                self.say(Notice::FellBack { reason: error.to_string() });
                self.begin_call_by_call().await?;
                self.go_call_by_call().await
            }
            Err(error) => Err(self.stop(StopCause::NoModel, Trouble::Planning(error)).await),
        }
    }

    /// Asks for the plan; in the mode for it, what is written is executed as it comes.
    async fn have_it_written(&self) -> Result<Planned, PlanningError> {
        let is_grown = self.config.streaming == Streaming::Execute && self.reviewer.is_none();
        let task = PlanTask {
            goal: &self.goal,
            context: &self.context,
            catalog: &self.catalog,
            limits: &self.limits,
            examples: &[],
            max_repair_rounds: self.config.max_repair_rounds,
            context_tokens: self.context_tokens,
        };
        let (arrive, arrivals) = mpsc::unbounded_channel();
        let writing = async move {
            let mut on = |progress: PlanProgress<'_>| {
                let arrival = match &progress {
                    PlanProgress::Step(step) => Some(Arrival::Step(Box::new((*step).clone()))),
                    PlanProgress::Restart
                    | PlanProgress::Findings { .. }
                    | PlanProgress::Unreadable { .. } => Some(Arrival::Void),
                    _ => None,
                };
                if let Some(arrival) = arrival {
                    // Nobody may want it.
                    let _ = arrive.send(arrival);
                }
                self.tell(&progress);
            };
            self.planner.plan(&task, &mut on).await
        };
        if !is_grown {
            drop(arrivals);
            return writing.await;
        }
        let begun = self.state(|state| ((*state.plan).clone(), state.plan.steps.len()));
        let (draft, written) = begun.unwrap_or_default();
        let growing = grow(arrivals, draft, written, &self.catalog, &self.limits, &self.controller);
        let (planned, ()) = tokio::join!(writing, growing);
        planned
    }

    fn tell(&self, progress: &PlanProgress<'_>) {
        let is_shown = self.config.streaming != Streaming::Off;
        let is_detail = matches!(
            progress,
            PlanProgress::Text(_) | PlanProgress::Step(_) | PlanProgress::Restart
        );
        if is_shown || !is_detail {
            self.say(Notice::of(progress));
        }
    }
}
