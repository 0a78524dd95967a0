//! A comparison for people: one line a change, then both scores and why.

use std::collections::HashSet;

use pe_model::StepId;
use serde_json::Value;

use crate::diff::{BetterPlan, Change, DiffEdge, PlanDiff};
use crate::label::{duration, fold, shorten};
use crate::score::ScorePart;
use crate::view::EdgeKind;

/// The longest value in a review, in characters.
const MAX_VALUE: usize = 60;
/// So many steps of a path are named.
const MAX_NAMED: usize = 12;

/// Renders a comparison as a compact review, with the plans' names.
///
/// `-` is only in the first plan, `+` only in the second, `~` is in both and differs.
/// Every change is one line, whatever the texts hold.
pub fn diff_text(diff: &PlanDiff, name1: &str, name2: &str) -> String {
    let (name1, name2) = (fold(name1), fold(name2));
    let mut out = format!("--- {name1}\n+++ {name2}\n\n");
    push_changes(&mut out, diff);
    push_timing(&mut out, diff, [&name1, &name2]);
    push_score(&mut out, &name1, diff.score1, &diff.score1_parts);
    push_score(&mut out, &name2, diff.score2, &diff.score2_parts);
    let gap = (diff.score1 - diff.score2).abs();
    out += &match diff.better_plan {
        BetterPlan::Plan1 => format!("Better: {name1}, by {gap:.2} points\n"),
        BetterPlan::Plan2 => format!("Better: {name2}, by {gap:.2} points\n"),
        BetterPlan::Tie => "Better: neither, the scores are equal\n".to_owned(),
    };
    out
}

fn push_changes(out: &mut String, diff: &PlanDiff) {
    for change in &diff.plan_changes {
        *out += &format!("~ {}\n", one_line(change));
    }
    for id in &diff.removed_steps {
        *out += &format!("- {}\n", name(id));
    }
    for id in &diff.added_steps {
        *out += &format!("+ {}\n", name(id));
    }
    for step in &diff.modified_steps {
        for change in &step.changes {
            *out += &format!("~ {}  {}\n", name(&step.step_id), one_line(change));
        }
    }
    if !diff.order_same {
        *out += "~ the order of the steps\n";
    }
    for moved in &diff.moved_edges {
        let (before, after) = (names(&moved.before, ", "), names(&moved.after, ", "));
        let kind = meaning(moved.kind);
        *out += &format!("~ {}  after {before} → after {after}{kind}\n", name(&moved.step_id));
    }
    let moved: HashSet<_> = diff.moved_edges.iter().map(|of| (&of.step_id, of.kind)).collect();
    let is_told = |edge: &&DiffEdge| !moved.contains(&(&edge.to, edge.kind));
    for edge in diff.removed_edges.iter().filter(is_told) {
        *out += &format!("- {}\n", arrow(edge));
    }
    for edge in diff.added_edges.iter().filter(is_told) {
        *out += &format!("+ {}\n", arrow(edge));
    }
    let edges = diff.added_edges.len() + diff.removed_edges.len();
    *out += if diff.is_same() && edges == 0 { "No differences.\n\n" } else { "\n" };
}

/// How long both plans take, where that was worked out.
fn push_timing(out: &mut String, diff: &PlanDiff, names_of: [&str; 2]) {
    let Some(workers) = diff.workers else { return };
    let known = |ms: Option<u64>| ms.map_or("unknown".to_owned(), duration);
    let noun = if workers == 1 { "worker" } else { "workers" };
    let (makespan1, makespan2) = (known(diff.makespan1_ms), known(diff.makespan2_ms));
    *out += &format!("Makespan: {makespan1} → {makespan2} ({workers} {noun})\n");
    let (path1, path2) = (known(diff.critical_path1_ms), known(diff.critical_path2_ms));
    *out += &format!("Critical path: {path1} → {path2}\n");
    for (file, path) in names_of.iter().zip([&diff.critical_path1, &diff.critical_path2]) {
        let path = match path {
            Some(path) => names(path, " → "),
            None => "cannot run as it is".to_owned(),
        };
        *out += &format!("  {file}: {path}\n");
    }
    out.push('\n');
}

fn names(ids: &[StepId], between: &str) -> String {
    let mut names: Vec<String> = ids.iter().take(MAX_NAMED).map(name).collect();
    if ids.len() > MAX_NAMED {
        names.push(format!("… ({} more)", ids.len() - MAX_NAMED));
    }
    names.join(between)
}

fn push_score(out: &mut String, name: &str, score: f64, parts: &[ScorePart]) {
    *out += &format!("{name}: {score:.2} of 100\n");
    for ScorePart { name, points, max, why } in parts {
        *out += &format!("  {name:<9} {points:>5.2} of {max:<2.0}  {why}\n");
    }
    out.push('\n');
}

fn name(id: &StepId) -> String {
    match fold(id.as_str()) {
        id if id.is_empty() => "(no id)".to_owned(),
        id => id,
    }
}

fn arrow(edge: &DiffEdge) -> String {
    format!("{} → {}{}", name(&edge.from), name(&edge.to), meaning(edge.kind))
}

fn meaning(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Success => "",
        EdgeKind::Ordering => " (order only)",
        EdgeKind::Fallback => " (on failure)",
    }
}

fn one_line(change: &Change) -> String {
    let [before, after] = [&change.before, &change.after].map(|value| match value {
        None => "(none)".to_owned(),
        Some(value) => fold(&value_text(value)),
    });
    let (before, after) = excerpts(&before, &after);
    format!("{}: {before} → {after}", fold(&change.field))
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    }
}

/// Long values are cut to where they begin to differ.
fn excerpts(before: &str, after: &str) -> (String, String) {
    if before.chars().count().max(after.chars().count()) <= MAX_VALUE {
        return (before.to_owned(), after.to_owned());
    }
    let same = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let skip = if same > MAX_VALUE / 2 { same - MAX_VALUE / 4 } else { 0 };
    let cut = |text: &str| {
        let rest: String = text.chars().skip(skip).collect();
        format!("{}{}", if skip > 0 { "…" } else { "" }, shorten(&rest, MAX_VALUE))
    };
    (cut(before), cut(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<Value>, after: Option<Value>, expected: &str) {
        let change = Change { field: "parameters/x".to_owned(), before, after };
        assert_eq!(one_line(&change), format!("parameters/x: {expected}"));
    }

    #[test]
    fn values_are_shown_as_json_on_one_line() {
        check(Some(1.into()), None, "1 → (none)");
        check(Some(Value::Null), Some("a\nb".into()), r#"null → "a\nb""#);
        check(Some(vec!["a", "b"].into()), Some(vec!["a"].into()), r#"["a", "b"] → ["a"]"#);
        check(Some("\u{202e}x\u{2028}".into()), None, "\"x \" → (none)");
    }

    #[test]
    fn long_values_are_cut_to_where_they_differ() {
        let (a, b) = ("word ".repeat(40) + "one", "word ".repeat(40) + "two");
        check(Some(a.into()), Some(b.into()), "…word word word one\" → …word word word two\"");
        let long = "y".repeat(100);
        check(Some("x".into()), Some(long.into()), &format!("\"x\" → \"{}…", "y".repeat(58)));
    }
}
