//! Who comes before whom, asked about single pairs, within a bounded amount of work.

use daggy::petgraph::graph::NodeIndex;

use super::{EdgeKind, StepGraph};

/// Answers whether one step waits for another.
pub(crate) struct Reach<'g> {
    graph: &'g StepGraph,
    /// Each node's number in the topological order.
    ranks: Vec<u32>,
    /// The search that came by last, a node each.
    seen: Vec<u32>,
    search: u32,
    /// Edges that may still be looked at, over all questions.
    work: usize,
}

impl<'g> Reach<'g> {
    /// Linear in the plan; all questions together look at `work` edges at most.
    pub(crate) fn new(graph: &'g StepGraph, work: usize) -> Self {
        let mut ranks = vec![0; graph.dag.node_count()];
        for (rank, node) in graph.order.iter().enumerate() {
            ranks[node.index()] = rank as u32;
        }
        Self { graph, seen: vec![0; ranks.len()], ranks, search: 0, work }
    }

    /// A step's number in the topological order.
    pub(crate) fn rank(&self, step: usize) -> u32 {
        self.ranks[step]
    }

    /// Whether `later` waits for `earlier`, over whatever edges; `None` when out of work.
    pub(crate) fn waits(&mut self, earlier: usize, later: usize) -> Option<bool> {
        self.search(earlier, |_, _| true, later)
    }

    /// Whether `later` can only succeed after `earlier` has, because the steps between them
    /// need one another; `needs` tells whether a step needs all that it waits for.
    pub(crate) fn is_needed(
        &mut self,
        earlier: usize,
        later: usize,
        needs: impl Fn(usize) -> bool,
    ) -> Option<bool> {
        let steps = self.graph.steps;
        let follows =
            |to: usize, kind: EdgeKind| kind == EdgeKind::Trigger && to < steps && needs(to);
        self.search(earlier, follows, later)
    }

    fn search(
        &mut self,
        from: usize,
        follows: impl Fn(usize, EdgeKind) -> bool,
        to: usize,
    ) -> Option<bool> {
        let target = self.ranks[to];
        if self.ranks[from] >= target {
            return Some(from == to);
        }
        self.search += 1;
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            use daggy::petgraph::visit::EdgeRef as _;
            for edge in self.graph.dag.graph().edges(NodeIndex::new(node)) {
                self.work = self.work.checked_sub(1)?;
                let next = edge.target().index();
                if !follows(next, *edge.weight()) {
                    continue;
                }
                if next == to {
                    return Some(true);
                }
                if self.ranks[next] < target && self.seen[next] != self.search {
                    self.seen[next] = self.search;
                    open.push(next);
                }
            }
        }
        Some(false)
    }
}
