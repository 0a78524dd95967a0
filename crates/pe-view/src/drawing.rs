//! What a diagram shows, before any syntax: nodes, edges and how they are emphasised.
//!
//! Shared by Mermaid, DOT and SVG, so that all show the same picture of a plan.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pe_model::{PlanStep, StepId, StepStatus, StepType};

use crate::label;
use crate::view::{EdgeKind, PlanView, fallback_target, places};

/// How a node looks. Mermaid takes the name for a class, DOT takes the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    pub(crate) fill: &'static str,
    pub(crate) stroke: &'static str,
    pub(crate) text: &'static str,
    pub(crate) width: u8,
    pub(crate) dashed: bool,
}

const fn look(
    name: &'static str,
    [fill, stroke, text]: [&'static str; 3],
    width: u8,
    dashed: bool,
) -> Look {
    Look { name, fill, stroke, text, width, dashed }
}

/// Dark text on light fills of its own, so that a node reads on a light and a dark page.
/// Colours are GitHub's Primer scale.
pub(crate) const LOOKS: [Look; 10] = [
    look("pending", ["#f6f8fa", "#6e7781", "#24292f"], 1, false),
    look("ready", ["#ddf4ff", "#54aeff", "#0a3069"], 1, false),
    look("running", ["#b6e3ff", "#0969da", "#0a3069"], 3, false),
    look("waiting", ["#fbefff", "#8250df", "#3e1f79"], 2, false),
    look("in_doubt", ["#ffeff7", "#bf3989", "#611347"], 2, true),
    look("completed", ["#dafbe1", "#1a7f37", "#044f1e"], 1, false),
    look("failed", ["#ffcecb", "#cf222e", "#660018"], 2, false),
    look("recovered", ["#fff1b8", "#bf8700", "#4d2d00"], 2, false),
    look("skipped", ["#eaeef2", "#8c959f", "#57606a"], 1, true),
    look("missing", ["#ffebe9", "#cf222e", "#a40e26"], 2, true),
];

/// The colour of the edge over which a failure was recovered.
pub(crate) const RECOVERY: &str = "#bf8700";

/// One end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// A step, by its place in the plan.
    Step(usize),
    /// An id that no step has, by its place in [`Drawing::missing`].
    Missing(usize),
}

impl Node {
    /// The step's place, if there is such a step.
    pub(crate) fn step(self) -> Option<usize> {
        match self {
            Self::Step(place) => Some(place),
            Self::Missing(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) from: Node,
    pub(crate) to: usize,
    pub(crate) kind: EdgeKind,
    /// Whether the fallback at its end really stood in for the step at its start.
    pub(crate) recovered: bool,
    /// Whether the critical path takes it.
    pub(crate) critical: bool,
}

/// A plan as nodes and lines.
pub(crate) struct Drawing<'a> {
    pub(crate) steps: &'a [PlanStep],
    /// Ids that steps name and no step has, in the order in which they are named.
    pub(crate) missing: Vec<StepId>,
    pub(crate) lines: Vec<Line>,
    statuses: Vec<StepStatus>,
    executed: bool,
    /// Whether each step is on the critical path.
    critical: Vec<bool>,
    /// The step after each one on the critical path.
    next: HashMap<usize, usize>,
}

impl<'a> Drawing<'a> {
    pub(crate) fn new(view: &PlanView<'a>) -> Self {
        let path = view.critical_places().unwrap_or_default();
        let mut critical = vec![false; view.plan.steps.len()];
        for &place in &path {
            critical[place] = true;
        }
        let mut drawing = Self {
            steps: &view.plan.steps,
            missing: Vec::new(),
            lines: Vec::new(),
            statuses: view.statuses(),
            executed: view.is_executed(),
            critical,
            next: path.windows(2).map(|pair| (pair[0], pair[1])).collect(),
        };
        drawing.draw_lines(view);
        drawing
    }

    fn draw_lines(&mut self, view: &PlanView<'a>) {
        let places = places(view.plan);
        let mut missing = HashMap::new();
        let mut seen = HashMap::new();
        for (to, step) in self.steps.iter().enumerate() {
            if let Some(target) = fallback_target(step) {
                let from = self.node(&places, &mut missing, target);
                self.draw(&mut seen, from, to, EdgeKind::Fallback);
            }
            for id in &step.dependencies {
                let from = self.node(&places, &mut missing, id);
                // Given edges replace declared ones; what dangles is in no list of edges.
                if view.edges.is_none() || matches!(from, Node::Missing(_)) {
                    self.draw(&mut seen, from, to, EdgeKind::Success);
                }
            }
        }
        let count = self.steps.len();
        for (to, id) in view.missing.iter().filter(|(to, _)| *to < count) {
            let from = self.node(&places, &mut missing, id);
            if matches!(from, Node::Missing(_)) {
                self.draw(&mut seen, from, *to, EdgeKind::Success);
            }
        }
        for edge in view.edges.iter().flatten() {
            if edge.from < count && edge.to < count {
                self.draw(&mut seen, Node::Step(edge.from), edge.to, edge.kind);
            }
        }
    }

    fn node(
        &mut self,
        places: &HashMap<&StepId, usize>,
        missing: &mut HashMap<StepId, usize>,
        id: &StepId,
    ) -> Node {
        if let Some(place) = places.get(id) {
            return Node::Step(*place);
        }
        Node::Missing(*missing.entry(id.clone()).or_insert_with(|| {
            self.missing.push(id.clone());
            self.missing.len() - 1
        }))
    }

    /// Two steps are joined by one line: a fallback's says more than its ordering edge, and
    /// needing a step more than waiting for it.
    fn draw(
        &mut self,
        seen: &mut HashMap<(Node, usize), usize>,
        from: Node,
        to: usize,
        kind: EdgeKind,
    ) {
        match seen.entry((from, to)) {
            Entry::Vacant(entry) => {
                entry.insert(self.lines.len());
                let recovered = kind == EdgeKind::Fallback && self.recovers(from, to);
                let next = from.step().and_then(|from| self.next.get(&from));
                let critical = next == Some(&to);
                self.lines.push(Line { from, to, kind, recovered, critical });
            }
            Entry::Occupied(entry) => {
                let line = &mut self.lines[*entry.get()];
                if line.kind == EdgeKind::Ordering {
                    line.kind = kind;
                }
            }
        }
    }

    fn recovers(&self, from: Node, to: usize) -> bool {
        match from {
            Node::Step(from) => {
                let target = &self.steps[from];
                target.is_recovered()
                    && target.recovered_by.as_ref() == Some(&self.steps[to].step_id)
            }
            Node::Missing(_) => false,
        }
    }

    /// What the step at `index` says, line by line, not yet escaped.
    pub(crate) fn words(&self, index: usize) -> Vec<String> {
        label::node(&self.steps[index], self.executed.then(|| self.statuses[index]))
    }

    /// What a missing step's node says.
    pub(crate) fn missing_words(&self, index: usize) -> Vec<String> {
        let id = label::shorten(self.missing[index].as_str(), 40);
        vec![if id.is_empty() { "(no id)".to_owned() } else { id }, "missing".to_owned()]
    }

    /// The name of the step's [`Look`].
    pub(crate) fn look(&self, index: usize) -> &'static str {
        let step = &self.steps[index];
        if step.is_recovered() { "recovered" } else { self.statuses[index].as_str() }
    }

    /// Where the step stands.
    pub(crate) fn status(&self, index: usize) -> StepStatus {
        self.statuses[index]
    }

    /// Whether the step is on the critical path.
    pub(crate) fn is_critical(&self, index: usize) -> bool {
        self.critical[index]
    }

    /// How the step behaves, which its shape shows.
    pub(crate) fn shape(&self, index: usize) -> StepType {
        self.steps[index].step_type
    }
}

#[cfg(test)]
mod tests {
    use pe_model::Plan;

    use super::*;
    use crate::view::ViewEdge;

    fn check(plan: &Plan, edges: Option<Vec<ViewEdge>>, expected: &[(Node, usize, EdgeKind)]) {
        let drawing = Drawing::new(&PlanView { edges, ..PlanView::new(plan) });
        let lines: Vec<_> =
            drawing.lines.iter().map(|line| (line.from, line.to, line.kind)).collect();
        assert_eq!(lines, expected);
    }

    fn plan() -> Plan {
        let mut a = PlanStep::new("a", "echo");
        a.dependencies = vec!["c".into(), "gone".into(), "c".into()];
        let mut b = PlanStep::new("b", "echo");
        b.step_type = StepType::Fallback;
        b.fallback_for = Some("a".into());
        b.dependencies = vec!["gone".into()];
        Plan { steps: vec![a, b, PlanStep::new("c", "echo")], ..Plan::default() }
    }

    #[test]
    fn declared_edges_are_drawn_once_and_dangling_ids_have_a_node() {
        use Node::{Missing, Step};
        check(
            &plan(),
            None,
            &[
                (Step(2), 0, EdgeKind::Success),
                (Missing(0), 0, EdgeKind::Success),
                (Step(0), 1, EdgeKind::Fallback),
                (Missing(0), 1, EdgeKind::Success),
            ],
        );
    }

    #[test]
    fn given_edges_replace_declared_ones_and_the_stronger_kind_wins() {
        use Node::{Missing, Step};
        let edge = |from, to, kind| ViewEdge { from, to, kind };
        check(
            &plan(),
            Some(vec![
                edge(0, 1, EdgeKind::Ordering),
                edge(1, 2, EdgeKind::Ordering),
                edge(1, 2, EdgeKind::Success),
                edge(1, 2, EdgeKind::Ordering),
                edge(9, 2, EdgeKind::Success),
            ]),
            &[
                (Missing(0), 0, EdgeKind::Success),
                (Step(0), 1, EdgeKind::Fallback),
                (Missing(0), 1, EdgeKind::Success),
                (Step(1), 2, EdgeKind::Success),
            ],
        );
    }

    #[test]
    fn every_status_has_a_look() {
        for status in [
            StepStatus::Pending,
            StepStatus::Ready,
            StepStatus::Running,
            StepStatus::Waiting,
            StepStatus::InDoubt,
            StepStatus::Completed,
            StepStatus::Failed,
            StepStatus::Skipped,
        ] {
            assert!(LOOKS.iter().any(|look| look.name == status.as_str()), "{status}");
        }
    }
}
