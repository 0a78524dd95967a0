//! The validation report: every finding, and the summaries that programs ask for.

use pe_model::StepId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Severity};

/// What a plan's validation found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ValidationReport {
    /// Whether there is no error.
    pub is_valid: bool,
    /// The messages of the errors, in the order of `findings`.
    pub errors: Vec<String>,
    /// The messages of the warnings, in the order of `findings`.
    pub warnings: Vec<String>,
    /// Tools that the catalog does not have, each once, in plan order.
    pub missing_tools: Vec<String>,
    /// Required parameters that are missing, as pairs of step id and parameter name, each once.
    pub missing_parameters: Vec<(StepId, String)>,
    /// The messages of the hints, in the order of `findings`.
    #[serde(default)]
    pub hints: Vec<String>,
    /// Circles of steps that wait for each other: each member comes before the next, and
    /// the last before the first; each circle begins with its earliest step in the plan.
    pub circular_dependencies: Vec<Vec<StepId>>,
    /// Everything: what concerns the plan as a whole first, then step by step.
    pub findings: Vec<Finding>,
}

impl ValidationReport {
    /// The findings of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// One line a finding, for people: `file:line:column: error[PE013]: …`.
    pub fn render(&self, file: &str) -> String {
        self.findings.iter().map(|finding| finding.render(file) + "\n").collect()
    }
}
