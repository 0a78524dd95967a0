//! What a person is shown of a plan that a model wrote, before anything of it is executed.
//!
//! Everything that decides what is done is shown: calls with their arguments, conditions, loops,
//! retries. Only data that is merely stored or sent is cut, in its middle, and only values that
//! stay as they are; both are said. What the model wrote stands on our lines, and where such a
//! line is longer than the screen its rest is marked, so that no text looks like a line of ours.

use std::fmt::Write as _;

use console::measure_text_width;
use pe_model::{PlanStep, ToolSet};
use pe_orchestrator::Proposal;
use pe_view::{Change, PlanDiff, PlanView, diff_views, text_with};
use serde_json::{Map, Value};

use crate::consent::{call, is_data, without_middle};
use crate::console::{Console, Tone};
use crate::drawn::Drawn;
use crate::words::{count, one_line, printable};

/// What the rest of a line begins with.
const REST: &str = "      │ ";
/// So many characters that are the same are shown around those that differ.
const ALIKE: usize = 40;

/// A plan to be reviewed; of a changed one, what changes.
pub(crate) fn shown(proposal: &Proposal, tools: &ToolSet, console: &Console) -> String {
    let Proposal { plan, before, reason, findings } = proposal;
    let after = Drawn::of("after".to_owned(), plan.clone());
    let after = after.view();
    let said = match before {
        None => picture(&after, tools),
        Some(before) => {
            let before = Drawn::of("before".to_owned(), before.clone());
            let before = before.view();
            let changes = changes(&diff_views(&before, &after), &before, &after, tools);
            format!("The model changes the plan: {}\n\n{changes}", one_line(reason))
        }
    };
    let said = wrapped(&said, console.width);
    match findings {
        None => format!("{said}\n{}", count(plan.steps.len(), "step")),
        Some(report) => {
            let found = printable(&report.render("plan")).into_owned();
            format!("{said}\n{}", console.paint(Tone::Bad, found.trim_end()))
        }
    }
}

/// The plan as `pe graph` draws it, and below each step what it does.
fn picture(view: &PlanView<'_>, tools: &ToolSet) -> String {
    let text = text_with(view, |place| {
        let lines = details(view, place, tools).into_iter();
        lines.map(|line| format!("      {line}")).collect()
    });
    // Nothing has been executed.
    let lines = text.lines().filter(|line| !line.starts_with("Progress: ")).collect::<Vec<_>>();
    format!("{}\n", printable(lines.join("\n").trim_end()))
}

/// What a step waits for and does not declare, which a picture has in the line of the step.
fn implied(view: &PlanView<'_>, place: usize) -> Option<String> {
    let step = view.plan.steps.get(place)?;
    let mut read: Vec<&str> = Vec::new();
    for edge in view.edges.iter().flatten().filter(|edge| edge.to == place) {
        let Some(from) = view.plan.steps.get(edge.from) else { continue };
        let is_said =
            step.dependencies.contains(&from.step_id) || read.contains(&from.step_id.as_str());
        if !is_said && step.fallback_for.as_ref() != Some(&from.step_id) {
            read.push(from.step_id.as_str());
        }
    }
    let ids: Vec<String> = read.iter().map(|id| one_line(id)).collect();
    (!ids.is_empty()).then(|| format!("after: {}", ids.join(", ")))
}

/// The call of a step, and every field that is not as it is by default, a line each.
fn details(view: &PlanView<'_>, place: usize, tools: &ToolSet) -> Vec<String> {
    let Some(step) = view.plan.steps.get(place) else { return Vec::new() };
    let mut lines = vec![format!("calls {}", call(&step.tool, &step.parameters, tools))];
    let (fields, defaults) = (written(step), written(&PlanStep::default()));
    // What stands in the line of the step and of the call; what people and schedules read.
    const SAID: [&str; 7] =
        ["step_id", "action", "tool", "parameters", "dependencies", "complexity", "metadata"];
    for name in PlanStep::FIELDS.iter().take_while(|name| **name != "status") {
        let Some(value) = fields.get(*name).filter(|value| defaults.get(*name) != Some(value))
        else {
            continue;
        };
        if !SAID.contains(name) {
            lines.push(format!("{name}: {}", json(value)));
        }
    }
    lines
}

fn written(step: &PlanStep) -> Map<String, Value> {
    match serde_json::to_value(step.definition()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// What becomes of the plan: `-` goes, `+` comes, `~` changes.
fn changes(
    diff: &PlanDiff,
    before: &PlanView<'_>,
    after: &PlanView<'_>,
    tools: &ToolSet,
) -> String {
    let mut text = String::new();
    let of_plan = diff.plan_changes.iter().filter(|change| !change.field.starts_with("metadata"));
    for change in of_plan {
        let _ = writeln!(text, "~ {}", changed(change));
    }
    for step in diff.removed_steps.iter().filter_map(|id| before.plan.step(id)) {
        let _ = writeln!(text, "- {}", headline(step));
    }
    for id in &diff.added_steps {
        let at = after.plan.steps.iter().position(|step| step.step_id == *id);
        let Some((place, step)) = at.and_then(|at| Some((at, after.plan.steps.get(at)?))) else {
            continue;
        };
        let _ = writeln!(text, "+ {}", headline(step));
        for line in implied(after, place).into_iter().chain(details(after, place, tools)) {
            let _ = writeln!(text, "      {line}");
        }
    }
    for step in &diff.modified_steps {
        let id = one_line(step.step_id.as_str());
        let headline = after.plan.step(&step.step_id).map_or_else(|| format!("[{id}]"), headline);
        let _ = writeln!(text, "~ {headline}");
        for change in step.changes.iter().filter(|change| !change.field.starts_with("metadata")) {
            let _ = writeln!(text, "      {}", changed(change));
        }
    }
    if !diff.order_same {
        text += "~ the order of the steps\n";
    }
    if text.is_empty() {
        text += "No differences.\n";
    }
    text
}

fn headline(step: &PlanStep) -> String {
    let [id, tool] = [step.step_id.as_str(), &step.tool].map(one_line);
    let action = one_line(&step.action);
    let action = if action.is_empty() { tool.clone() } else { action };
    let after: Vec<String> = step.dependencies.iter().map(|id| one_line(id.as_str())).collect();
    let after =
        if after.is_empty() { String::new() } else { format!(" (after: {})", after.join(", ")) };
    format!("[{id}] {action} ({tool}){after}")
}

/// Both values of a field; of long ones, what they share is left out.
fn changed(change: &Change) -> String {
    let is_text = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_string);
    let is_data = change.field.strip_prefix("parameters/").is_some_and(is_data)
        && is_text(&change.before)
        && is_text(&change.after);
    let [before, after] = [&change.before, &change.after].map(|value| match value {
        None => "(none)".to_owned(),
        Some(value) => json(value),
    });
    let (before, after) = apart(&before, &after);
    let cut = |text: String| match is_data {
        true => without_middle(&text).unwrap_or(text),
        false => text,
    };
    format!("{}: {} → {}", line(&change.field), cut(before), cut(after))
}

/// Two texts without most of what they begin and end with alike.
fn apart(before: &str, after: &str) -> (String, String) {
    let [one, other]: [Vec<char>; 2] = [before, after].map(|text| text.chars().collect());
    let shorter = one.len().min(other.len());
    let head = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let ends = one.iter().rev().zip(other.iter().rev());
    let tail = ends.take_while(|(a, b)| a == b).count().min(shorter - head);
    // What is no longer than the note about it stays.
    let left_out = |alike: usize| alike.saturating_sub(ALIKE).checked_sub(ALIKE).map(|n| n + ALIKE);
    let (head, tail) = (left_out(head), left_out(tail));
    let cut = |text: &[char]| {
        let middle = &text[head.unwrap_or(0)..text.len() - tail.unwrap_or(0)];
        let note = |chars: usize| format!("({chars} characters alike)");
        let mut cut = head.map(|chars| format!("{} …", note(chars))).unwrap_or_default();
        cut.extend(middle);
        cut += &tail.map(|chars| format!("… {}", note(chars))).unwrap_or_default();
        cut
    };
    (cut(&one), cut(&other))
}

/// A value as JSON on one line, every blank of it as it is.
fn json(value: &Value) -> String {
    line(&value.to_string())
}

fn line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// The lines, those that are longer than the screen broken, their rest marked.
fn wrapped(text: &str, width: usize) -> String {
    // The last column stays free: some terminals begin a new line by themselves.
    let width = width.saturating_sub(1).max(REST.len() + 8);
    let mut out = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for line in text.lines() {
        let mut column = 0;
        for c in line.chars() {
            let columns = measure_text_width(c.encode_utf8(&mut buffer));
            if column + columns > width {
                out.push('\n');
                out.push_str(REST);
                column = measure_text_width(REST);
            }
            out.push(c);
            column += columns;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;
