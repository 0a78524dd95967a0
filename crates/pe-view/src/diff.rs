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
    /// Steps that wait for other steps than before: where a step lost edges of a kind and
    /// gained others. Those edges are in `added_edges` and `removed_edges` as well.
    pub moved_edges: Vec<MovedEdges>,
    /// How many steps may run at a time where the plans' times were worked out.
    pub workers: Option<usize>,
    /// How long plan 1 takes with so many workers; none where that is not known.
    pub makespan1_ms: Option<u64>,
    /// How long plan 2 takes with so many workers; none where that is not known.
    pub makespan2_ms: Option<u64>,
    /// The steps of a longest path of plan 1, in order; none where they are not known.
    pub critical_path1: Option<Vec<StepId>>,
    /// The steps of a longest path of plan 2, in order; none where they are not known.
    pub critical_path2: Option<Vec<StepId>>,
    /// How long plan 1 takes however many workers there are; none where that is not known.
    pub critical_path1_ms: Option<u64>,
    /// How long plan 2 takes however many workers there are; none where that is not known.
    pub critical_path2_ms: Option<u64>,
}

/// How long a plan takes, as a simulation of it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanTiming {
    /// From the first start to the last end, in milliseconds.
    pub makespan_ms: u64,
    /// The steps of a longest path, in order.
    pub critical_path: Vec<StepId>,
    /// How long that path takes, in milliseconds.
    pub critical_path_ms: u64,
}

/// A step that waits for other steps than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedEdges {
    /// The step that waits.
    pub step_id: StepId,
    /// What the edges mean.
    pub kind: EdgeKind,
    /// The steps that it waits for only in plan 1; never empty.
    pub before: Vec<StepId>,
    /// The steps that it waits for only in plan 2; never empty.
    pub after: Vec<StepId>,
}

impl PlanDiff {
    /// The same with how long the plans take with so many workers; none for a plan that
    /// cannot run.
    pub fn with_timing(
        self,
        workers: usize,
        plan1: Option<PlanTiming>,
        plan2: Option<PlanTiming>,
    ) -> Self {
        let makespan = |timing: &Option<PlanTiming>| timing.as_ref().map(|of| of.makespan_ms);
        let length = |timing: &Option<PlanTiming>| timing.as_ref().map(|of| of.critical_path_ms);
        Self {
            workers: Some(workers),
            makespan1_ms: makespan(&plan1),
            makespan2_ms: makespan(&plan2),
            critical_path1_ms: length(&plan1),
            critical_path2_ms: length(&plan2),
            critical_path1: plan1.map(|timing| timing.critical_path),
            critical_path2: plan2.map(|timing| timing.critical_path),
            ..self
        }
    }

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
    let (score1_parts, score2_parts) = (parts(a, &drawing1), parts(b, &drawing2));
    let (score1, score2) = (total(&score1_parts), total(&score2_parts));
    let (added_edges, removed_edges) = (without(&edges2, &edges1), without(&edges1, &edges2));
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
        moved_edges: moved(&removed_edges, &added_edges),
        added_edges,
        removed_edges,
        workers: None,
        makespan1_ms: None,
        makespan2_ms: None,
        critical_path1: None,
        critical_path2: None,
        critical_path1_ms: None,
        critical_path2_ms: None,
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

/// Steps that lost edges of a kind and gained others, in the order of the lost ones.
fn moved(removed: &[DiffEdge], added: &[DiffEdge]) -> Vec<MovedEdges> {
    let mut gained: HashMap<(&StepId, EdgeKind), Vec<StepId>> = HashMap::new();
    for edge in added {
        gained.entry((&edge.to, edge.kind)).or_default().push(edge.from.clone());
    }
    let mut places = HashMap::new();
    let mut moved: Vec<MovedEdges> = Vec::new();
    for edge in removed {
        let key = (&edge.to, edge.kind);
        if let Some(after) = gained.remove(&key) {
            places.insert(key, moved.len());
            let (step_id, kind) = (edge.to.clone(), edge.kind);
            moved.push(MovedEdges { step_id, kind, before: Vec::new(), after });
        }
        if let Some(&place) = places.get(&key) {
            moved[place].before.push(edge.from.clone());
        }
    }
    moved
}

#[cfg(test)]
mod tests;
