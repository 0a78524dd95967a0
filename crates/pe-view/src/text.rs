//! The text form: the design's, character by character.
//!
//! One line a step, whatever its texts hold. `(after: …)` lists the declared dependencies and,
//! where edges are given, whatever else the step waits for; the last line ends with a newline.
//! The form has no colour and no width.

use std::collections::{HashMap, HashSet};

use pe_model::StepId;

use crate::label::{action, duration, fold, glyph, tool};
use crate::view::{EdgeKind, PlanView, fallback_target};

/// How many steps of the critical path are named.
const NAMED: usize = 12;

/// Renders a plan as indented lines for people.
///
/// ```text
/// Plan: Research quantum computing
/// Status: created
/// Steps:
///   → [step_1] Search web (search)
///   ○ [step_2] Analyze results (analyze) (after: step_1)
///
/// Progress: 0.0%
/// ```
///
/// Of a view with edges, steps that only references wait for stand after the declared ones, and
/// a fallback ends with `(instead of: …)`. Where a step has no action, its tool's name stands there. A failed step that another
/// one stands in for keeps `✗` and ends with `(recovered by: …)`. A critical path of more than
/// one step is one more line: `Critical path: a → b (1.2 s)`.
pub fn text(view: &PlanView<'_>) -> String {
    text_with(view, |_| Vec::new())
}

/// The same with more lines below each step, given the step's place in the plan.
///
/// They are taken as they are, but for line ends and control characters, which become blanks.
pub fn text_with(view: &PlanView<'_>, mut below: impl FnMut(usize) -> Vec<String>) -> String {
    let plan = view.plan;
    let goal = match fold(&plan.goal) {
        goal if goal.is_empty() => "(no goal)".to_owned(),
        goal => goal,
    };
    let implied = implied(view);
    let mut out = format!("Plan: {goal}\nStatus: {}\nSteps:\n", plan.status);
    for (place, status) in view.statuses().into_iter().enumerate() {
        out += &format!("  {} ", glyph(status));
        push_step(&mut out, view, place, implied.get(&place).map_or(&[], Vec::as_slice));
        out.push('\n');
        for line in below(place) {
            out.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
            out.push('\n');
        }
    }
    out += &format!("\nProgress: {:.1}%\n", plan.progress());
    if let Some((path, time)) = critical_path(view) {
        let time = time.map_or_else(String::new, |time| format!(" ({time})"));
        out += &format!("Critical path: {path}{time}\n");
    }
    out
}

/// The steps of the critical path, the middle of a long one left out, and how long it takes.
pub(crate) fn critical_path(view: &PlanView<'_>) -> Option<(String, Option<String>)> {
    let places = view.critical_places()?;
    let id = |&place: &usize| match fold(view.plan.steps[place].step_id.as_str()) {
        id if id.is_empty() => "(no id)".to_owned(),
        id => id,
    };
    let names: Vec<String> = if places.len() <= NAMED {
        places.iter().map(id).collect()
    } else {
        let (first, last) = (&places[..NAMED / 2], &places[places.len() - NAMED / 2..]);
        let more = format!("… {} more …", places.len() - first.len() - last.len());
        first.iter().map(id).chain([more]).chain(last.iter().map(id)).collect()
    };
    Some((names.join(" → "), view.critical.as_ref()?.total_ms.map(duration)))
}

/// What each step waits for and does not declare, by its place.
fn implied<'v>(view: &'v PlanView<'_>) -> HashMap<usize, Vec<&'v StepId>> {
    let steps = &view.plan.steps;
    let edges = view.edges.iter().flatten().filter(|edge| edge.kind != EdgeKind::Fallback);
    let edges = edges.filter_map(|edge| Some((edge.to, &steps.get(edge.from)?.step_id)));
    let missing = view.missing.iter().map(|(to, id)| (*to, id));
    let mut found: HashMap<usize, Vec<&StepId>> = HashMap::new();
    let mut said: HashSet<(usize, &StepId)> = HashSet::new();
    for (to, id) in edges.chain(missing) {
        let Some(step) = steps.get(to) else { continue };
        // A fallback is not tried before the other one is over, which is said otherwise.
        if fallback_target(step) != Some(id) && said.insert((to, id)) {
            found.entry(to).or_default().push(id);
        }
    }
    for (place, ids) in &mut found {
        let declared: HashSet<&StepId> = steps[*place].dependencies.iter().collect();
        ids.retain(|id| !declared.contains(id));
    }
    found
}

fn push_step(out: &mut String, view: &PlanView<'_>, place: usize, implied: &[&StepId]) {
    let step = &view.plan.steps[place];
    *out += &format!("[{}] {} ({})", fold(step.step_id.as_str()), action(step), tool(step));
    let after: Vec<String> = step
        .dependencies
        .iter()
        .chain(implied.iter().copied())
        .map(|id| fold(id.as_str()))
        .collect();
    if !after.is_empty() {
        *out += &format!(" (after: {})", after.join(", "));
    }
    if let Some(target) = fallback_target(step).filter(|_| view.edges.is_some()) {
        *out += &format!(" (instead of: {})", fold(target.as_str()));
    }
    if let Some(by) = step.recovered_by.as_ref().filter(|_| step.is_recovered()) {
        *out += &format!(" (recovered by: {})", fold(by.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use pe_model::{Plan, PlanStatus, PlanStep, StepStatus, StepType};

    use super::*;
    use crate::view::ViewEdge;

    fn line(step: PlanStep) -> String {
        let plan = Plan { status: PlanStatus::Failed, steps: vec![step], ..Plan::default() };
        let text = text(&PlanView::new(&plan));
        assert_eq!(text.lines().count(), 6, "{text}");
        text.lines().nth(3).unwrap().to_owned()
    }

    #[test]
    fn s1_after_is_shown_only_with_dependencies() {
        let mut step = PlanStep { action: "Look".to_owned(), ..PlanStep::new("a", "search") };
        assert_eq!(line(step.clone()), "  ○ [a] Look (search)");
        step.dependencies = vec!["b".into()];
        assert_eq!(line(step.clone()), "  ○ [a] Look (search) (after: b)");
        step.dependencies.push("c".into());
        assert_eq!(line(step), "  ○ [a] Look (search) (after: b, c)");
    }

    #[test]
    fn edges_that_are_given_are_shown_behind_declared_ones() {
        let mut steps: Vec<PlanStep> = ["a", "b", "c"].map(|id| PlanStep::new(id, "t")).into();
        steps[1].step_type = StepType::Fallback;
        steps[1].fallback_for = Some("a".into());
        steps[2].dependencies = vec!["b".into()];
        let plan = Plan { steps, ..Plan::default() };
        let lines = |view: &PlanView<'_>| -> Vec<String> {
            text(view)
                .lines()
                .skip(3)
                .take(3)
                .map(|line| line.trim_start_matches([' ', '→', '○']).to_owned())
                .collect()
        };
        let declared = PlanView::new(&plan);
        assert_eq!(lines(&declared), ["[a] t (t)", "[b] t (t)", "[c] t (t) (after: b)"]);
        let edge = |from, kind| ViewEdge { from, to: 2, kind };
        let edges = vec![
            ViewEdge { from: 0, to: 1, kind: EdgeKind::Fallback },
            ViewEdge { from: 0, to: 1, kind: EdgeKind::Ordering },
            edge(0, EdgeKind::Success),
            edge(0, EdgeKind::Ordering),
            edge(1, EdgeKind::Success),
            edge(99, EdgeKind::Success),
        ];
        let view = declared.with_edges(edges).with_missing(vec![(2, "gone".into())]);
        let expected = ["[a] t (t)", "[b] t (t) (instead of: a)", "[c] t (t) (after: b, a, gone)"];
        assert_eq!(lines(&view), expected);
    }

    #[test]
    fn lines_below_a_step_are_lines_and_nothing_else() {
        let steps = vec![PlanStep::new("a", "t"), PlanStep::new("b", "t")];
        let plan = Plan { goal: "g".to_owned(), steps, ..Plan::default() };
        let text = text_with(&PlanView::new(&plan), |place| match place {
            0 => vec!["    x  y".to_owned(), "    a\n  ✓ [c]".to_owned()],
            _ => Vec::new(),
        });
        let lines: Vec<&str> = text.lines().skip(3).take(4).collect();
        assert_eq!(lines, ["  → [a] t (t)", "    x  y", "    a   ✓ [c]", "  → [b] t (t)"]);
    }

    #[test]
    fn a_blank_action_falls_back_to_the_tool() {
        assert_eq!(line(PlanStep::new("a", "search")), "  ○ [a] search (search)");
        assert_eq!(line(PlanStep::new("a", " ")), "  ○ [a] no action (no tool)");
    }

    #[test]
    fn a_recovered_step_names_its_stand_in() {
        let step = PlanStep {
            status: StepStatus::Failed,
            recovered_by: Some("spare".into()),
            ..PlanStep::new("a", "search")
        };
        assert_eq!(line(step.clone()), "  ✗ [a] search (search) (recovered by: spare)");
        let pending = PlanStep { status: StepStatus::Pending, ..step };
        assert_eq!(line(pending), "  ○ [a] search (search)");
    }

    #[test]
    fn hostile_text_keeps_the_form() {
        let step = PlanStep {
            action: "one\n  ✓ [fake] line (x)\r\u{1b}[2J".to_owned(),
            dependencies: vec!["b\nc".into()],
            ..PlanStep::new("a\n", "se\u{2028}arch")
        };
        assert_eq!(line(step), "  ○ [a] one ✓ [fake] line (x) [2J (se arch) (after: b c)");
        let plan = Plan { goal: "\n".to_owned(), ..Plan::default() };
        assert_eq!(
            text(&PlanView::new(&plan)),
            "Plan: (no goal)\nStatus: created\nSteps:\n\nProgress: 0.0%\n"
        );
    }
}
