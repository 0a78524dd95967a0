//! What the loop says, in words, one line each.

use pe_orchestrator::Notice;
use pe_view::glyph;

use crate::console::Tone;
use crate::words::{count, duration, fit, one_line};

/// Longer problems are cut.
const LONGEST: usize = 400;

/// The lines for a notice; none for what the events of the run say, or for text that is
/// shown by its steps.
pub(crate) fn told(notice: &Notice) -> Vec<(Tone, String)> {
    let line = |tone, text: String| vec![(tone, text)];
    match notice {
        Notice::Planning { round: 1 } => line(Tone::Faint, "the model is planning".to_owned()),
        Notice::Planning { round } => {
            line(Tone::Faint, format!("the model is asked again (round {round})"))
        }
        Notice::Waiting { problem, wait_ms } => line(
            Tone::Caution,
            format!("trying again in {}: {}", duration(*wait_ms), fit(&one_line(problem), LONGEST)),
        ),
        Notice::StepDrafted { step } => {
            let id = one_line(step.step_id.as_str());
            let action = one_line(&step.action);
            let gap = if action.is_empty() { "" } else { " " };
            let tool = one_line(&step.tool);
            let text = format!("{} [{id}]{gap}{action} ({tool})", glyph(step.status));
            line(Tone::Strong, text)
        }
        Notice::DraftDropped => line(Tone::Caution, "the answer begins anew".to_owned()),
        Notice::PlanRefused { problems, .. } => {
            let found = count(problems.len(), "problem");
            let mut lines = line(Tone::Caution, format!("its answer is no valid plan: {found}"));
            lines.extend(
                problems.iter().map(|problem| {
                    (Tone::Caution, format!("  {}", fit(&one_line(problem), LONGEST)))
                }),
            );
            lines
        }
        Notice::CatalogCut { how } => line(Tone::Caution, one_line(how)),
        // How many steps there are is said once they are in force.
        Notice::Planned { rounds: ..=1, .. } => Vec::new(),
        Notice::Planned { rounds, .. } => {
            line(Tone::Good, format!("the plan holds after {rounds} rounds"))
        }
        Notice::FellBack { reason } => line(Tone::Caution, fit(&one_line(reason), LONGEST).into()),
        Notice::Turn { turn } => {
            line(Tone::Faint, format!("the model is asked for the next call (turn {turn})"))
        }
        Notice::Adapting { reason, .. } => line(
            Tone::Caution,
            format!("the model is asked to change the plan: {}", fit(&one_line(reason), LONGEST)),
        ),
        Notice::AllOnRecord => line(
            Tone::Faint,
            "these answers were on record from before; the model is asked anew".to_owned(),
        ),
        // Why is said at the end, as it is of an answer that was not written.
        Notice::NotAdapted { .. } => line(Tone::Caution, "the plan stays as it is".to_owned()),
        Notice::Answering => line(Tone::Faint, "the model writes the answer".to_owned()),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_cannot_make_lines_of_its_own() {
        let notice = Notice::PlanRefused { round: 1, problems: vec!["a\n\u{1b}[2Jb".to_owned()] };
        let lines = told(&notice);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|(_, line)| !line.contains(['\n', '\u{1b}'])), "{lines:?}");
    }
}
