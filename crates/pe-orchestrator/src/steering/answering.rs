//! The final answer, written by the model once everything has settled.

use pe_llm::AnswerTask;
use pe_model::{ModelErrorKind, PlanStatus, StepStatus};

use super::{Over, Steering};
use crate::{Notice, Trouble};

/// The most of the results that the model is shown, in bytes.
const RESULTS: usize = 16 * 1024;

impl Steering {
    /// Has the answer written; without one, the results are given as they are. A budget that does
    /// not allow it stops the run, so that it can be written yet.
    pub(super) async fn answer(&self) -> Result<(), Over> {
        if !self.supervision.answer || !self.model.is_there() || self.came_to().answer.is_some() {
            return Ok(());
        }
        let Some(state) = self.state(Clone::clone) else { return Ok(()) };
        let lost = |at: &pe_model::StepState| at.status == StepStatus::Failed && !at.is_done();
        if state.status != PlanStatus::Running || state.steps().iter().any(lost) {
            return Ok(());
        }
        self.say(Notice::Answering);
        let task = AnswerTask {
            goal: &state.plan.goal,
            plan: &state.plan,
            state: &state,
            max_bytes: RESULTS,
            context_tokens: self.context_tokens,
        };
        match self.planner.answer(&task).await {
            Ok(answer) => self.came_to().answer = Some(answer),
            Err(error) if error.kind == ModelErrorKind::Budget => {
                return Err(self.give_up(error).await);
            }
            Err(error) => {
                self.say(Notice::NotAnswered { reason: error.to_string() });
                self.note(Trouble::NotAnswered(error));
            }
        }
        Ok(())
    }
}
