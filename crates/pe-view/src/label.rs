//! The words on a step: one-line texts, glyphs, durations and what a node says.
//!
//! Text from plans is hostile until it has been through [`fold`]; each output form then
//! escapes what its own syntax could trip over.

use pe_model::{PlanStep, StepStatus, StepType};

/// The longest id in a diagram, in characters.
const MAX_ID: usize = 40;
/// The longest action, tool or expression in a diagram, in characters.
const MAX_TEXT: usize = 48;

/// The glyph that stands for a status in text and diagrams.
///
/// The design fixes `○ → ▶ ✓ ✗ ⊘`; `⏸` (waits for consent) and `?` (in doubt) are ours.
pub fn glyph(status: StepStatus) -> char {
    match status {
        StepStatus::Pending => '○',
        StepStatus::Ready => '→',
        StepStatus::Running => '▶',
        StepStatus::Waiting => '⏸',
        StepStatus::InDoubt => '?',
        StepStatus::Completed => '✓',
        StepStatus::Failed => '✗',
        StepStatus::Skipped => '⊘',
    }
}

/// One line without surprises: runs of white space and control characters become one
/// blank, and characters that reorder or hide text are left out.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = true;
        } else if !is_invisible(c) {
            if gap && !folded.is_empty() {
                folded.push(' ');
            }
            gap = false;
            folded.push(c);
        }
    }
    folded
}

/// Bidirectional controls, zero-width spaces, noncharacters. Joiners stay: emoji and
/// several scripts need them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// [`fold`], cut to `max` characters, the last of which then is `…`.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let folded = fold(text);
    match folded.char_indices().nth(max) {
        None => folded,
        Some(_) => {
            let kept: String = folded.chars().take(max.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// Milliseconds as people read them: `950 ms`, `1.2 s`, `2 m 05 s`, `1 h 01 m`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// The action, or the tool's name where nobody said what the step does.
pub(crate) fn action(step: &PlanStep) -> String {
    [fold(&step.action), fold(&step.tool)]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| "no action".to_owned())
}

/// The tool's name, or that there is none.
pub(crate) fn tool(step: &PlanStep) -> String {
    let tool = fold(&step.tool);
    if tool.is_empty() { "no tool".to_owned() } else { tool }
}

/// What a diagram's node says, line by line, not yet escaped.
///
/// `status` is `None` in a plan of which nothing has been executed.
pub(crate) fn node(step: &PlanStep, status: Option<StepStatus>) -> Vec<String> {
    let id = match shorten(step.step_id.as_str(), MAX_ID) {
        id if id.is_empty() => "(no id)".to_owned(),
        id => id,
    };
    let mut lines = vec![match status {
        Some(status) => format!("{} {id}", glyph(status)),
        None => id,
    }];
    let action = shorten(&step.action, MAX_TEXT);
    if !action.is_empty() {
        lines.push(action);
    }
    let mut facts = shorten(&tool(step), MAX_TEXT);
    if status.is_some() {
        if let Some(ms) = step.execution_time_ms {
            facts += &format!(" · {}", duration(ms));
        }
        if step.attempts > 1 {
            facts += &format!(" · {} attempts", step.attempts);
        }
    }
    lines.push(facts);
    lines.extend(behaviour(step));
    if step.approval {
        lines.push("needs approval".to_owned());
    }
    lines.extend(status.and_then(|status| outcome(step, status)));
    lines
}

/// How a conditional step or a loop behaves.
fn behaviour(step: &PlanStep) -> Option<String> {
    match step.step_type {
        StepType::Conditional => {
            Some(format!("if {}", shorten(step.condition.as_deref()?, MAX_TEXT)))
        }
        StepType::Loop => match (&step.loop_over, &step.loop_until, step.loop_count) {
            (Some(list), ..) => Some(format!("for each of {}", shorten(list, MAX_TEXT))),
            (None, Some(until), Some(cap)) => {
                Some(format!("until {}, at most {cap} times", shorten(until, MAX_TEXT)))
            }
            (None, Some(until), None) => Some(format!("until {}", shorten(until, MAX_TEXT))),
            (None, None, Some(count)) => Some(format!("{count} times")),
            (None, None, None) => None,
        },
        StepType::Normal | StepType::Parallel | StepType::Fallback => None,
    }
}

/// What became of a step that did not simply complete.
fn outcome(step: &PlanStep, status: StepStatus) -> Option<String> {
    match (status, &step.recovered_by, &step.reason) {
        (StepStatus::Failed, Some(by), _) => {
            Some(format!("recovered by {}", shorten(by.as_str(), MAX_ID)))
        }
        (StepStatus::Failed | StepStatus::InDoubt, None, _) => {
            step.error.as_ref().map(|error| shorten(error, MAX_TEXT))
        }
        (StepStatus::Waiting, _, Some(reason)) => {
            Some(format!("waits for {}", shorten(reason, MAX_TEXT)))
        }
        (StepStatus::Skipped, _, Some(reason)) => {
            // The program's own reasons are single words: `condition_false`.
            let own = !reason.contains(' ');
            Some(shorten(&if own { reason.replace('_', " ") } else { reason.clone() }, MAX_TEXT))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_to_one_line_without_surprises() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("  two\r\n\tlines\n", "two lines"),
            ("a\u{1b}[31mred\0", "a [31mred"),
            ("line\u{2028}paragraph\u{85}next", "line paragraph next"),
            ("user\u{202e}txt.exe\u{200b}\u{ffff}", "usertxt.exe"),
            ("👩\u{200d}💻 日本", "👩\u{200d}💻 日本"),
            ("\n", ""),
        ] {
            assert_eq!(fold(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_at_characters() {
        assert_eq!(shorten("日本語日本語", 6), "日本語日本語");
        assert_eq!(shorten("日本語日本語", 4), "日本語…");
        assert_eq!(shorten("a b c", 3), "a…");
        assert_eq!(shorten("ab", 0), "…");
    }

    #[test]
    fn durations_read_well_at_every_size() {
        let texts = [0, 999, 1_000, 1_290, 59_999, 60_000, 125_000, 3_660_000].map(duration);
        assert_eq!(
            texts,
            ["0 ms", "999 ms", "1.0 s", "1.2 s", "59.9 s", "1 m 00 s", "2 m 05 s", "1 h 01 m"]
        );
    }

    #[test]
    fn a_node_says_how_the_step_behaves_and_what_became_of_it() {
        let mut step = PlanStep::new("poll", "http_get");
        step.step_type = StepType::Loop;
        step.loop_until = Some("result.done".to_owned());
        step.loop_count = Some(5);
        step.approval = true;
        step.execution_time_ms = Some(1_500);
        step.attempts = 3;
        assert_eq!(
            node(&step, None),
            ["poll", "http_get", "until result.done, at most 5 times", "needs approval"],
            "nothing executed, no state"
        );
        step.recovered_by = Some("spare".into());
        assert_eq!(
            node(&step, Some(StepStatus::Failed)),
            [
                "✗ poll",
                "http_get · 1.5 s · 3 attempts",
                "until result.done, at most 5 times",
                "needs approval",
                "recovered by spare"
            ]
        );
    }

    #[test]
    fn a_failed_or_waiting_node_says_why() {
        let mut step = PlanStep::new("a", "t");
        step.error = Some("no such file".to_owned());
        let failed = node(&step, Some(StepStatus::Failed));
        assert_eq!(failed.last().map(String::as_str), Some("no such file"));
        step.reason = Some("approval".to_owned());
        let waiting = node(&step, Some(StepStatus::Waiting));
        assert_eq!(waiting.last().map(String::as_str), Some("waits for approval"));
    }

    #[test]
    fn a_skipped_node_says_why() {
        let mut step = PlanStep::new("", "");
        step.reason = Some("condition_false".to_owned());
        assert_eq!(
            node(&step, Some(StepStatus::Skipped)),
            ["⊘ (no id)", "no tool", "condition false"]
        );
    }
}
