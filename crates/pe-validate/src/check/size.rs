//! How many steps there are, and when there are too many to look at any of them.

use pe_model::{MAX_STEPS, Plan};

use super::Checker;
use crate::finding::{Harm, Severity};
use crate::{Code, Limits, ValidationReport};

/// A plan with more steps than the limit is still checked as a whole up to this size, so that it
/// is mended in one go. Beyond it nobody mends it, and looking at it only costs time.
const MOST_LOOKED_AT: usize = 2_000;

/// So many steps of a file are read; one more, and the plan is refused for that alone.
pub(super) fn most_read(limits: &Limits) -> usize {
    // Where too many steps are only warned about, the plan may be executed: it is read as a whole.
    let is_error = Code::TooManySteps.harm().severity(limits.strictness) == Severity::Error;
    let most = limits.max_steps.filter(|_| is_error);
    most.map_or(MAX_STEPS, |most| most.max(MOST_LOOKED_AT))
}

/// The report on a plan that has far too many steps.
pub(super) fn refusal(count: usize, limits: &Limits) -> Option<ValidationReport> {
    let bound = limits.max_steps.map(|_| most_read(limits));
    bound.filter(|&bound| count > bound).map(|_| {
        let mut checker = Checker::new(limits.strictness);
        checker.far_too_many(Some(count), limits);
        checker.into_report(None)
    })
}

impl Checker {
    pub(super) fn size(&mut self, plan: &Plan, limits: &Limits) {
        let count = plan.steps.len();
        if count == 0 {
            let message = "the plan has no steps".to_owned();
            let suggestion = match &self.wrapper {
                Some(name) => {
                    format!("the steps stand under `{name}`: write its fields at the top")
                }
                None => "add at least one step under `steps`".to_owned(),
            };
            self.add(Code::NoSteps, None, "/steps".to_owned(), message).suggestion =
                Some(suggestion);
        }
        if let Some(most) = limits.max_steps.filter(|&most| count > most) {
            self.too_many(format!("the plan has {count} steps, more than {most}"));
        }
    }

    /// Nothing else is found in such a plan; without a count, one step too many was read.
    pub(super) fn far_too_many(&mut self, count: Option<usize>, limits: &Limits) {
        let count = match count {
            Some(count) => count.to_string(),
            None => format!("more than {}", most_read(limits)),
        };
        let most = limits.max_steps.unwrap_or(MAX_STEPS);
        self.too_many(format!(
            "the plan has {count} steps, at most {most} are allowed; nothing else was checked"
        ));
        // What nobody looked at is never run.
        self.with_harm(Harm::Impossible);
    }

    fn too_many(&mut self, message: String) {
        self.add(Code::TooManySteps, None, "/steps".to_owned(), message).suggestion =
            Some("split the plan, or raise `max_plan_steps`".to_owned());
    }
}
