//! Fields: those that the type needs, those that belong to another type, and ranges.

use pe_model::{PlanStep, StepType};

use super::Checker;
use crate::finding::Harm;
use crate::{Code, Limits};

const MOST_ITERATIONS: i64 = 10_000;

impl Checker {
    pub(super) fn fields(&mut self, place: usize, step: &PlanStep, limits: &Limits) {
        self.needed(place, step);
        self.foreign(place, step);
        self.ranges(place, step);
        self.retries(place, step, limits);
    }

    fn retries(&mut self, place: usize, step: &PlanStep, limits: &Limits) {
        let asked = step.retry.as_ref().map_or(0, |retry| retry.max_retries);
        if let Some(most) = limits.max_retries.filter(|&most| asked > most) {
            let id = &step.step_id;
            let message = format!("step `{id}` asks for {asked} retries, more than {most}");
            self.at_step(Code::TooManyRetries, (place, id), "retry/max_retries", message)
                .suggestion = Some(format!("ask for at most {most}"));
        }
    }

    fn needed(&mut self, place: usize, step: &PlanStep) {
        let id = &step.step_id;
        if step.step_type == StepType::Conditional && is_blank(&step.condition) {
            let message = format!("conditional step `{id}` has no `condition`");
            self.at_step(Code::MissingField, (place, id), "condition", message).suggestion =
                Some("add one, or make the step `normal`".to_owned());
        }
        if step.step_type == StepType::Loop {
            let (over, until) = (step.loop_over.is_some(), step.loop_until.is_some());
            let problem = match (step.loop_count.is_some(), over, until) {
                (false, false, false) => Some("has nothing that drives it"),
                (_, true, true) => Some("has both `loop_over` and `loop_until`"),
                (false, false, true) => Some("has `loop_until` without `loop_count` as its cap"),
                _ => None,
            };
            if let Some(problem) = problem {
                let message = format!("loop `{id}` {problem}");
                self.at_step(Code::MissingField, (place, id), "", message).suggestion = Some(
                    "give it `loop_count`, `loop_over`, or `loop_until` with `loop_count`"
                        .to_owned(),
                );
            }
        }
    }

    fn foreign(&mut self, place: usize, step: &PlanStep) {
        let (id, kind) = (&step.step_id, step.step_type);
        let mut found = |code, field: &str, belongs: &str| {
            let message =
                format!("step `{id}` is {kind}, but `{field}` belongs to {belongs} and is ignored");
            self.at_step(code, (place, id), field, message).suggestion =
                Some(format!("change `step_type`, or remove `{field}`"));
        };
        if kind != StepType::Conditional && step.condition.is_some() {
            found(Code::ForeignField, "condition", "conditional steps");
        }
        if kind != StepType::Fallback && step.fallback_for.is_some() {
            found(Code::ForeignField, "fallback_for", "fallback steps");
        }
        if kind != StepType::Loop {
            if step.loop_over.is_some() {
                found(Code::ForeignField, "loop_over", "loops");
            }
            if step.loop_until.is_some() {
                found(Code::ForeignField, "loop_until", "loops");
            }
            if step.loop_count.is_some() {
                found(Code::IdleField, "loop_count", "loops");
            }
        } else if step.loop_over.is_some() && step.loop_count.is_some() {
            found(Code::IdleField, "loop_count", "loops without `loop_over`");
        }
        if step.loop_over.is_none() && step.loop_parallelism.is_some() {
            found(Code::IdleField, "loop_parallelism", "loops with `loop_over`");
        }
    }

    fn ranges(&mut self, place: usize, step: &PlanStep) {
        let id = &step.step_id;
        let mut outside = |field: &str, found: String, allowed: String, harm| {
            let message = format!("`{field}` of step `{id}` is {found}; allowed is {allowed}");
            self.at_step(Code::OutOfRange, (place, id), field, message);
            self.with_harm(harm);
        };
        let mut range = |field: &str, found: Option<i64>, low: i64, high: i64, harm| {
            if let Some(found) = found.filter(|found| !(low..=high).contains(found)) {
                outside(field, found.to_string(), format!("{low} to {high}"), harm);
            }
        };
        // A plan can run with any complexity and any jitter, only not as well as it might.
        range("complexity", Some(step.complexity), 1, 5, Harm::Unsound);
        range("loop_count", step.loop_count, 1, MOST_ITERATIONS, Harm::Impossible);
        range("loop_parallelism", step.loop_parallelism, 1, MOST_ITERATIONS, Harm::Impossible);
        if step.timeout_ms == Some(0) {
            outside("timeout_ms", "0".to_owned(), "at least 1".to_owned(), Harm::Impossible);
        }
        if let Some(retry) = &step.retry
            && !(0.0..=1.0).contains(&retry.jitter)
        {
            let found = retry.jitter.to_string();
            outside("retry/jitter", found, "0.0 to 1.0".to_owned(), Harm::Unsound);
        }
    }
}

pub(super) fn is_blank(text: &Option<String>) -> bool {
    text.as_ref().is_none_or(|text| text.trim().is_empty())
}
