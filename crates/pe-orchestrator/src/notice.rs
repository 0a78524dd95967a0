//! What the loop says while it plans, adapts and answers.
//!
//! What steps do is told by the events of the run; this is the rest.

use pe_llm::PlanProgress;
use pe_model::{Plan, PlanStep};
use pe_validate::{Severity, ValidationReport};
use serde::Serialize;

/// Something that the loop did or found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The model is asked for a plan.
    Planning {
        /// Counts the askings, from 1.
        round: u32,
    },
    /// The model did not answer, and is asked again after a while.
    Waiting {
        /// What went wrong.
        problem: String,
        /// How long is waited, in milliseconds.
        wait_ms: u64,
    },
    /// The model writes: more of its text.
    Writing {
        /// The text.
        text: String,
    },
    /// A step of the plan is there, while the rest is still being written.
    StepDrafted {
        /// The step.
        step: Box<PlanStep>,
    },
    /// What was written so far is void.
    DraftDropped,
    /// What the model wrote is no plan that could be executed; it is asked again, if it may be.
    PlanRefused {
        /// Counts the askings, from 1.
        round: u32,
        /// What is wrong, a line each.
        problems: Vec<String>,
    },
    /// The tools did not fit the model's window; what was left out of their descriptions.
    CatalogCut {
        /// How.
        how: String,
    },
    /// All of these answers were given to a process before this one, which made no plan of them
    /// either; the model is asked anew.
    AllOnRecord,
    /// The plan holds.
    Planned {
        /// The plan.
        plan: Box<Plan>,
        /// How often the model was asked.
        rounds: u32,
    },
    /// There is no plan: the goal is worked on call by call.
    FellBack {
        /// Why there is no plan.
        reason: String,
    },
    /// The model is asked for the next call.
    Turn {
        /// Counts the turns, from 1.
        turn: u32,
    },
    /// The model is asked to change the plan.
    Adapting {
        /// Why.
        reason: String,
        /// How far the run has gone astray (0.0..=1.0).
        deviation: f64,
    },
    /// A changed plan is being put in force.
    Adapted {
        /// Why, in the model's words.
        reason: String,
        /// The plan.
        plan: Box<Plan>,
    },
    /// The plan stays as it is.
    NotAdapted {
        /// Why.
        reason: String,
    },
    /// The model is asked for the final answer.
    Answering,
    /// The model wrote no answer; the results are given as they are.
    NotAnswered {
        /// Why.
        reason: String,
    },
}

impl Notice {
    /// What there is to say about the progress of planning.
    pub(crate) fn of(progress: &PlanProgress<'_>) -> Self {
        match progress {
            PlanProgress::Asking { round } => Self::Planning { round: round + 1 },
            PlanProgress::Note(how) => Self::CatalogCut { how: (*how).to_owned() },
            PlanProgress::Text(text) => Self::Writing { text: (*text).to_owned() },
            PlanProgress::Step(step) => Self::StepDrafted { step: Box::new((*step).clone()) },
            PlanProgress::Restart => Self::DraftDropped,
            PlanProgress::Findings { round, report } => Self::refused(round + 1, report),
            PlanProgress::Unreadable { round, error } => {
                Self::PlanRefused { round: round + 1, problems: vec![error.to_string()] }
            }
        }
    }

    /// The notice about a plan that does not hold.
    fn refused(round: u32, report: &ValidationReport) -> Self {
        let errors = report.findings.iter().filter(|found| found.severity == Severity::Error);
        let problems = errors.map(|found| format!("{} {}", found.code, found.message)).collect();
        Self::PlanRefused { round, problems }
    }
}

/// Sees what the loop does. Must not block.
pub trait LoopObserver: Send + Sync {
    /// Takes one notice.
    fn notice(&self, notice: &Notice);
}

impl<F: Fn(&Notice) + Send + Sync> LoopObserver for F {
    fn notice(&self, notice: &Notice) {
        self(notice);
    }
}
