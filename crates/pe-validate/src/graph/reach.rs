//! Who comes before whom, asked about single pairs, within a bounded amount of work.

use daggy::petgraph::graph::NodeIndex;
use daggy::petgraph::visit::EdgeRef as _;

use super::{EdgeKind, StepGraph};

/// Answers whether one step waits for another.
pub(crate) struct Reach<'g> {
    graph: &'g StepGraph,
    /// The edges on the longest path to each node: whoever waits for another lies deeper.
    levels: Vec<u32>,
    /// The search that came by last, a node each.
    seen: Vec<u32>,
    search: u32,
    /// Edges that may still be looked at, over all questions.
    work: usize,
}

impl<'g> Reach<'g> {
    /// Linear in the plan; all questions together look at `work` edges at most.
    pub(crate) fn new(graph: &'g StepGraph, work: usize) -> Self {
        let mut levels = vec![0; graph.dag.node_count()];
        for &node in &graph.order {
            let below = levels[node.index()] + 1;
            for next in graph.dag.graph().neighbors(node) {
                levels[next.index()] = below.max(levels[next.index()]);
            }
        }
        Self { graph, seen: vec![0; levels.len()], levels, search: 0, work }
    }

    /// The edges on the longest path to a step.
    pub(crate) fn level(&self, step: usize) -> u32 {
        self.levels[step]
    }

    /// Whether `later` waits for `earlier`, over whatever edges; `None` when out of work.
    pub(crate) fn waits(&mut self, earlier: usize, later: usize) -> Option<bool> {
        let level = self.levels[later];
        let found = self.search(earlier, level, |_, _| true, |node| node == later)?;
        Some(found.is_some())
    }

    /// The first of some steps that was come to and can only succeed after `earlier` has,
    /// because the steps between them need one another; `None` when out of work.
    ///
    /// `needs` tells whether a step needs all that it waits for, `is_wanted` which ones are
    /// meant; none of those lies deeper than `level`.
    pub(crate) fn needing(
        &mut self,
        earlier: usize,
        level: u32,
        needs: impl Fn(usize) -> bool,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Option<Option<usize>> {
        let steps = self.graph.steps;
        let follows =
            |to: usize, kind: EdgeKind| kind == EdgeKind::Trigger && to < steps && needs(to);
        self.search(earlier, level, follows, is_wanted)
    }

    fn search(
        &mut self,
        from: usize,
        level: u32,
        follows: impl Fn(usize, EdgeKind) -> bool,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Option<Option<usize>> {
        if self.levels[from] >= level {
            return Some(None);
        }
        self.search += 1;
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            for edge in self.graph.dag.graph().edges(NodeIndex::new(node)) {
                self.work = self.work.checked_sub(1)?;
                let next = edge.target().index();
                if self.levels[next] > level || !follows(next, *edge.weight()) {
                    continue;
                }
                if is_wanted(next) {
                    return Some(Some(next));
                }
                if self.levels[next] < level && self.seen[next] != self.search {
                    self.seen[next] = self.search;
                    open.push(next);
                }
            }
        }
        Some(None)
    }
}
