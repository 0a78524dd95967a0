//! How good a plan is, in points that explain themselves.
//!
//! `docs/comparison.md` gives the reasons and a worked example. The formula is a judgement
//! on the plan's text alone: it knows no tools, no durations and no history.
//!
//! Invariant: a sound plan has at least 60 points, an unsound one at most 55. Points are
//! never negative, and rounded to hundredths before they are added up.

use std::collections::{HashMap, HashSet};

use pe_model::{Plan, PlanStep, StepId, StepType};
use serde::Serialize;

use crate::drawing::Drawing;
use crate::label::{fold, shorten};
use crate::view::{EdgeKind, PlanView, fallback_target};

mod graph;

/// What soundness alone is worth.
const SOUND: f64 = 60.0;
/// The most that an unsound plan gets for the steps that are in order.
const UNSOUND: f64 = 15.0;
const SHAPE: f64 = 15.0;
const SAFETY: f64 = 15.0;
const GOAL: f64 = 2.0;
const ACTIONS: f64 = 8.0;

/// One part of a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScorePart {
    /// `soundness`, `shape`, `safety` or `clarity`.
    pub name: &'static str,
    /// The points it gives (0.0..=`max`).
    pub points: f64,
    /// The most it can give.
    pub max: f64,
    /// What the points were given for.
    pub why: String,
}

/// The parts of a plan's score, in the order of the documentation.
pub(crate) fn parts(view: &PlanView<'_>, drawing: &Drawing<'_>) -> Vec<ScorePart> {
    let plan = view.plan;
    if plan.steps.is_empty() {
        return [
            ("soundness", SOUND),
            ("shape", SHAPE),
            ("safety", SAFETY),
            ("clarity", GOAL + ACTIONS),
        ]
        .map(|(name, max)| part(name, 0.0, max, "there are no steps".to_owned()))
        .to_vec();
    }
    let order = graph::Order::of(drawing);
    vec![soundness(view, drawing, &order), shape(drawing, &order), safety(drawing), clarity(plan)]
}

/// The sum of the parts (0.0..=100.0).
pub(crate) fn total(parts: &[ScorePart]) -> f64 {
    hundredths(parts.iter().map(|part| part.points).sum())
}

fn part(name: &'static str, points: f64, max: f64, why: String) -> ScorePart {
    ScorePart { name, points: hundredths(points.clamp(0.0, max)), max, why }
}

fn hundredths(points: f64) -> f64 {
    (points * 100.0).round() / 100.0
}

/// `count` of `of` as a fraction; everything of nothing is everything.
fn share(count: usize, of: usize) -> f64 {
    if of == 0 { 1.0 } else { count as f64 / of as f64 }
}

fn soundness(view: &PlanView<'_>, drawing: &Drawing<'_>, order: &graph::Order) -> ScorePart {
    let (whole, faults) = faults(view, drawing, order);
    if whole.is_empty() && faults.is_empty() {
        let why = "ids are unique, every named step exists, no cycle";
        return part("soundness", SOUND, SOUND, why.to_owned());
    }
    let count = drawing.steps.len();
    let mut kinds: Vec<(&str, Vec<&StepId>)> = Vec::new();
    let mut faulty = vec![false; count];
    for (what, index) in faults {
        faulty[index] = true;
        let id = &drawing.steps[index].step_id;
        match kinds.iter_mut().find(|(kind, _)| *kind == what) {
            Some((_, ids)) => ids.push(id),
            None => kinds.push((what, vec![id])),
        }
    }
    let bad = faulty.iter().filter(|faulty| **faulty).count();
    let kinds = kinds.iter().map(|(what, ids)| format!("{what}: {}", listed(ids)));
    let whole = whole.into_iter().map(|what| format!("the plan: {what}"));
    let kinds: Vec<String> = whole.chain(kinds).collect();
    let why = format!("{bad} of {count} steps cannot run as written; {}", kinds.join("; "));
    part("soundness", UNSOUND * share(count - bad, count), SOUND, why)
}

/// What is wrong with the plan as a whole, and with steps: what and at which place, once each.
fn faults(
    view: &PlanView<'_>,
    drawing: &Drawing<'_>,
    order: &graph::Order,
) -> (Vec<&'static str>, Vec<(&'static str, usize)>) {
    let mut uses: HashMap<&StepId, usize> = HashMap::new();
    let mut faults = Vec::new();
    for (index, step) in drawing.steps.iter().enumerate() {
        let earlier = uses.entry(&step.step_id).or_default();
        *earlier += 1;
        if *earlier > 1 {
            faults.push(("repeated id", index));
        }
        if fold(step.step_id.as_str()).is_empty() {
            faults.push(("no id", index));
        }
        if is_incomplete(step) {
            faults.push(("lacks what its type needs", index));
        }
    }
    faults.extend(order.dangling.iter().map(|&index| ("names a missing step", index)));
    faults.extend(order.stuck.iter().map(|&index| ("in or behind a cycle", index)));
    let mut whole = Vec::new();
    for &(place, what) in &view.faults {
        match place.filter(|&place| place < drawing.steps.len()) {
            Some(place) => faults.push((what, place)),
            None => whole.push(what),
        }
    }
    let mut seen = HashSet::new();
    faults.retain(|fault| seen.insert(*fault));
    (whole, faults)
}

fn is_incomplete(step: &PlanStep) -> bool {
    match step.step_type {
        StepType::Conditional => step.condition.is_none(),
        StepType::Loop => {
            step.loop_count.is_none() && step.loop_over.is_none() && step.loop_until.is_none()
        }
        StepType::Fallback => step.fallback_for.is_none(),
        StepType::Normal | StepType::Parallel => false,
    }
}

fn shape(drawing: &Drawing<'_>, order: &graph::Order) -> ScorePart {
    if !order.stuck.is_empty() {
        return part("shape", 0.0, SHAPE, "steps in a cycle have no order".to_owned());
    }
    // Fallbacks run only after a failure: they are neither work nor length.
    let count = drawing.steps.iter().filter(|step| fallback_target(step).is_none()).count();
    let length = order.critical_path.min(count);
    let points = SHAPE * share(count - length, count.saturating_sub(1));
    let why = format!("{}, critical path {length}", counted(count, "step"));
    part("shape", if count <= 1 { SHAPE } else { points }, SHAPE, why)
}

fn safety(drawing: &Drawing<'_>) -> ScorePart {
    let steps = drawing.steps;
    let (mut needed, mut covered) = (vec![false; steps.len()], vec![false; steps.len()]);
    for line in &drawing.lines {
        if let Some(from) = line.from.step() {
            match line.kind {
                EdgeKind::Success => needed[from] = true,
                EdgeKind::Fallback => covered[from] = true,
                EdgeKind::Ordering => {}
            }
        }
    }
    let risky: Vec<usize> = (0..steps.len())
        .filter(|&index| needed[index] || steps[index].step_type == StepType::Loop)
        .collect();
    let open: Vec<&StepId> = risky
        .iter()
        .filter(|&&index| {
            is_unbounded(&steps[index]) || !(covered[index] || is_guarded(&steps[index]))
        })
        .map(|&index| &steps[index].step_id)
        .collect();
    let guarded = risky.len() - open.len();
    let why = match (risky.len(), open.is_empty()) {
        (0, _) => "no step takes others down".to_owned(),
        (count, true) => format!("{guarded} of {} guarded", counted(count, "risky step")),
        (count, false) => {
            format!("{guarded} of {} guarded; not: {}", counted(count, "risky step"), listed(&open))
        }
    };
    part("safety", SAFETY * share(guarded, risky.len()), SAFETY, why)
}

/// Whether the author thought of what happens when the step goes wrong.
fn is_guarded(step: &PlanStep) -> bool {
    step.retry.as_ref().is_some_and(|retry| retry.max_retries > 0)
        || step.expect.is_some()
        || step.approval
}

/// A loop that only its own results can end.
fn is_unbounded(step: &PlanStep) -> bool {
    step.step_type == StepType::Loop && step.loop_over.is_none() && step.loop_count.is_none()
}

fn clarity(plan: &Plan) -> ScorePart {
    let count = plan.steps.len();
    let said = plan.steps.iter().filter(|step| !fold(&step.action).is_empty()).count();
    let has_goal = !fold(&plan.goal).is_empty();
    let points = ACTIONS * share(said, count) + if has_goal { GOAL } else { 0.0 };
    let goal = if has_goal { "a goal" } else { "no goal" };
    let why = format!("{goal}, {said} of {} with an action", counted(count, "step"));
    part("clarity", points, GOAL + ACTIONS, why)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The first three ids, and how many more there are.
fn listed(ids: &[&StepId]) -> String {
    let named: Vec<String> =
        ids.iter().take(3).map(|id| format!("`{}`", shorten(id.as_str(), 40))).collect();
    match ids.len().saturating_sub(3) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests;
