//! What was found about a plan, in words for the model and for an error.

use pe_validate::{Code, Finding, Severity, ValidationReport};

use crate::prompts::data::line;

/// The most findings that go back at a time; those that are listed first come first.
const MOST: usize = 12;
/// The longest finding, in bytes.
const LONGEST: usize = 400;

/// The errors of a report, a line each.
pub(crate) fn for_the_model(report: &ValidationReport, max_steps: Option<usize>) -> String {
    let errors: Vec<&Finding> = report.of(Severity::Error).collect();
    let mut lines: Vec<String> =
        errors.iter().take(MOST).map(|finding| one(finding, max_steps)).collect();
    if errors.len() > MOST {
        lines.push(format!("- and {} more of the kind", errors.len() - MOST));
    }
    lines.join("\n")
}

fn one(finding: &Finding, max_steps: Option<usize>) -> String {
    // Most messages name the step themselves.
    let named = |step: &pe_model::StepId| finding.message.contains(&format!("`{step}`"));
    let place = match &finding.step_id {
        Some(step) if !named(step) => format!(" in step {}", line(step.as_str(), 80)),
        _ => String::new(),
    };
    let mut text = format!("- {}{place}: {}", finding.code, finding.message);
    // A model cannot raise a limit.
    let suggestion = match (finding.code, max_steps) {
        (Code::TooManySteps, Some(most)) => {
            Some(format!("write at most {most}: leave out or join steps"))
        }
        (Code::TooDeep, _) => Some("let independent steps run side by side".to_owned()),
        _ => finding.suggestion.clone(),
    };
    if let Some(suggestion) = suggestion {
        text.push_str(&format!("; {suggestion}"));
    }
    line(&text, LONGEST)
}

/// `1 error`, `7 errors`.
pub(super) fn count(report: &ValidationReport) -> String {
    match report.of(Severity::Error).count() {
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    }
}

/// The first error.
pub(super) fn first(report: &ValidationReport) -> String {
    report.of(Severity::Error).next().map_or_else(String::new, |finding| {
        format!("{} {}", finding.code, line(&finding.message, LONGEST))
    })
}
