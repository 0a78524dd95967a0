//! The validation report: every finding, and the summaries that programs ask for.

use std::fmt::Write as _;

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

    /// One line a finding, for people: `file:line:column: error[PE013] …`.
    pub fn render(&self, file: &str) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Hint => "hint",
            };
            let place = match (finding.line, finding.column) {
                (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
                _ => file.to_owned(),
            };
            // Invariant: writing to a string cannot fail.
            let _ = write!(text, "{place}: {severity}[{}]: {}", finding.code, finding.message);
            if let Some(suggestion) = &finding.suggestion {
                let _ = write!(text, "; {suggestion}");
            }
            text.push('\n');
        }
        text
    }
}
