//! Review: a person reads a plan before anything of it is executed.

use pe_model::{BoxFuture, Plan};
use pe_validate::ValidationReport;

/// A plan to be reviewed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The plan.
    pub plan: Plan,
    /// The plan in force, which this one changes; none for the first.
    pub before: Option<Plan>,
    /// Why the plan changes; empty for the first.
    pub reason: String,
    /// What is wrong with the plan, when the person has edited it so that it does not hold.
    pub findings: Option<ValidationReport>,
}

/// What a person says of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Execute it.
    Accept,
    /// Execute this one instead, once it holds.
    Edited(Box<Plan>),
    /// Do not.
    Reject,
}

/// Reviews plans. Dropping the future withdraws the question.
pub trait Reviewer: Send + Sync {
    /// Asks about one plan.
    fn review(&self, proposal: Proposal) -> BoxFuture<'_, Verdict>;
}
