//! What changed from one plan to another, and which is the better one.
//!
//! Definitions are compared; what a run left in a plan is not. Two steps are the same step
//! if they have the same id (with duplicate ids: the same id for the same time).

use std::collections::{HashMap, HashSet};

use pe_model::{Plan, PlanStep, StepId};
use serde::Serialize;
use serde_json::Value;

use crate::drawing::{Drawing, Node};
use crate::score::{ScorePart, parts, total};
use crate::view::{EdgeKind, PlanView};

mod fields;

/// What changed from plan 1 to plan 2, and how good each of them is.
///
/// Serialises to the JSON of `pe diff --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanDiff {
    /// Whether both have the same goal.
    pub goal_same: bool,
    /// Steps of plan 2 minus steps of plan 1: positive where plan 2 is longer.
    pub steps_count_diff: i64,
    /// Ids of steps that only plan 2 has, in its order.
    pub added_steps: Vec<StepId>,
    /// Ids of steps that only plan 1 has, in its order.
    pub removed_steps: Vec<StepId>,
    /// Steps that both have and that differ, in plan 1's order.
    pub modified_steps: Vec<ModifiedStep>,
    /// How good plan 1 is (0.0..=100.0); the sum of its parts.
    pub score1: f64,
    /// How good plan 2 is (0.0..=100.0); the sum of its parts.
    pub score2: f64,
    /// The plan with the higher score.
    pub better_plan: BetterPlan,
    /// What plan 1's score is made of.
    pub score1_parts: Vec<ScorePart>,
    /// What plan 2's score is made of.
    pub score2_parts: Vec<ScorePart>,
    /// Whether the steps that both have stand in the same order, which breaks ties.
    pub order_same: bool,
    /// Changes of the goal, the context and the metadata of the plan itself.
    pub plan_changes: Vec<Change>,
    /// Edges that only plan 2 has.
    pub added_edges: Vec<DiffEdge>,
    /// Edges that only plan 1 has.
    pub removed_edges: Vec<DiffEdge>,
}

impl PlanDiff {
    /// Whether nothing was changed, so that both plans run alike.
    pub fn is_same(&self) -> bool {
        self.order_same
            && self.plan_changes.is_empty()
            && self.added_steps.is_empty()
            && self.removed_steps.is_empty()
            && self.modified_steps.is_empty()
    }
}

/// Which of two plans has the higher score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BetterPlan {
    /// The first.
    Plan1,
    /// The second.
    Plan2,
    /// Neither: their scores are equal.
    Tie,
}

/// A step that both plans have and that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModifiedStep {
    /// The step.
    pub step_id: StepId,
    /// What differs, in the order in which fields are written; never empty.
    pub changes: Vec<Change>,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The field, written as a JSON pointer without its first slash: `tool`,
    /// `parameters/url`, `retry/max_retries`. `dependencies/order` says that the same
    /// dependencies are listed in another way.
    pub field: String,
    /// The value in plan 1; `None` (JSON `null`) where there is none.
    pub before: Option<Value>,
    /// The value in plan 2; `None` (JSON `null`) where there is none.
    pub after: Option<Value>,
}

/// An edge between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct DiffEdge {
    /// The step that comes first.
    pub from: StepId,
    /// The step that waits for it.
    pub to: StepId,
    /// What the edge means.
    pub kind: EdgeKind,
}

/// Compares two plans by what their steps declare.
///
/// Edges that only expressions imply are not seen; [`diff_views`] takes them.
pub fn diff(a: &Plan, b: &Plan) -> PlanDiff {
    diff_views(&PlanView::new(a), &PlanView::new(b))
}

/// Compares two plans, each with the edges that its validation found.
pub fn diff_views(a: &PlanView<'_>, b: &PlanView<'_>) -> PlanDiff {
    let matched = Matched::new(&a.plan.steps, &b.plan.steps);
    let (drawing1, drawing2) = (Drawing::new(a), Drawing::new(b));
    let (edges1, edges2) = (edges(&drawing1), edges(&drawing2));
    let (score1_parts, score2_parts) = (parts(a.plan, &drawing1), parts(b.plan, &drawing2));
    let (score1, score2) = (total(&score1_parts), total(&score2_parts));
    PlanDiff {
        goal_same: a.plan.goal == b.plan.goal,
        steps_count_diff: b.plan.steps.len() as i64 - a.plan.steps.len() as i64,
        added_steps: matched.added,
        removed_steps: matched.removed,
        modified_steps: matched
            .pairs
            .iter()
            .filter_map(|&(i, j)| {
                let changes = fields::of_step(&a.plan.steps[i], &b.plan.steps[j]);
                let step_id = a.plan.steps[i].step_id.clone();
                (!changes.is_empty()).then_some(ModifiedStep { step_id, changes })
            })
            .collect(),
        score1,
        score2,
        // Scores are rounded alike, so that equal ones are equal to the last bit.
        better_plan: match score1.total_cmp(&score2) {
            std::cmp::Ordering::Greater => BetterPlan::Plan1,
            std::cmp::Ordering::Less => BetterPlan::Plan2,
            std::cmp::Ordering::Equal => BetterPlan::Tie,
        },
        score1_parts,
        score2_parts,
        order_same: matched.pairs.is_sorted_by_key(|pair| pair.1),
        plan_changes: fields::of_plan(a.plan, b.plan),
        added_edges: without(&edges2, &edges1),
        removed_edges: without(&edges1, &edges2),
    }
}

/// Which step of one plan is which of the other.
struct Matched {
    /// Places in plan 1 and plan 2, in plan 1's order.
    pairs: Vec<(usize, usize)>,
    added: Vec<StepId>,
    removed: Vec<StepId>,
}

impl Matched {
    fn new(a: &[PlanStep], b: &[PlanStep]) -> Self {
        let mut left: HashMap<(&StepId, usize), usize> =
            numbered(b).enumerate().map(|(place, key)| (key, place)).collect();
        let mut matched = Self { pairs: Vec::new(), added: Vec::new(), removed: Vec::new() };
        for (place, key) in numbered(a).enumerate() {
            match left.remove(&key) {
                Some(other) => matched.pairs.push((place, other)),
                None => matched.removed.push(key.0.clone()),
            }
        }
        let mut added: Vec<usize> = left.into_values().collect();
        added.sort_unstable();
        matched.added = added.into_iter().map(|place| b[place].step_id.clone()).collect();
        matched
    }
}

/// Each step's id, and how many steps before it have the same.
fn numbered(steps: &[PlanStep]) -> impl Iterator<Item = (&StepId, usize)> {
    let mut seen = HashMap::new();
    steps.iter().map(move |step| {
        let count = seen.entry(&step.step_id).or_insert(0);
        *count += 1;
        (&step.step_id, *count)
    })
}

fn edges(drawing: &Drawing<'_>) -> Vec<DiffEdge> {
    let lines = drawing.lines.iter();
    lines
        .map(|line| DiffEdge {
            from: match line.from {
                Node::Step(place) => drawing.steps[place].step_id.clone(),
                Node::Missing(place) => drawing.missing[place].clone(),
            },
            to: drawing.steps[line.to].step_id.clone(),
            kind: line.kind,
        })
        .collect()
}

fn without(edges: &[DiffEdge], others: &[DiffEdge]) -> Vec<DiffEdge> {
    let mut known: HashSet<&DiffEdge> = others.iter().collect();
    edges.iter().filter(|edge| known.insert(edge)).cloned().collect()
}

#[cfg(test)]
mod tests;
