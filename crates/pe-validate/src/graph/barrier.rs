//! Barriers: nodes that stand for "every step of this interval has settled".
//!
//! The intervals are those of a segment tree over the plan, made when first needed, so that
//! a reader of any set of k intervals gets at most k · 2 log n edges.

use std::collections::HashMap;
use std::ops::Range;

/// The barriers made so far, and the edges between them.
pub(super) struct Barriers {
    steps: usize,
    first: usize,
    made: HashMap<(usize, usize), usize>,
    /// `(from, to)`: a step or barrier node, and the barrier that waits for it.
    pub(super) edges: Vec<(usize, usize)>,
}

impl Barriers {
    /// No barriers yet; the first one gets node number `first`.
    pub(super) fn new(steps: usize, first: usize) -> Self {
        Self { steps, first, made: HashMap::new(), edges: Vec::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.made.len()
    }

    /// Nodes that together stand for the steps of `range`: steps and barriers.
    pub(super) fn cover(&mut self, range: Range<usize>) -> Vec<usize> {
        let mut nodes = Vec::new();
        if !range.is_empty() {
            self.cover_within(0, self.steps.next_power_of_two(), &range, &mut nodes);
        }
        nodes
    }

    /// Recursion depth is log2 of the number of steps.
    fn cover_within(
        &mut self,
        low: usize,
        high: usize,
        range: &Range<usize>,
        nodes: &mut Vec<usize>,
    ) {
        if high <= range.start || range.end <= low || low >= self.steps {
            return;
        }
        if range.start <= low && high.min(self.steps) <= range.end {
            let node = self.node(low, high);
            nodes.push(node);
            return;
        }
        let middle = low.midpoint(high);
        self.cover_within(low, middle, range, nodes);
        self.cover_within(middle, high, range, nodes);
    }

    /// The node of an interval that the tree has; one step is its own barrier.
    fn node(&mut self, low: usize, high: usize) -> usize {
        if high - low == 1 || low + 1 == self.steps {
            return low;
        }
        if let Some(&node) = self.made.get(&(low, high)) {
            return node;
        }
        let node = self.first + self.made.len();
        self.made.insert((low, high), node);
        let middle = low.midpoint(high);
        let left = self.node(low, middle);
        self.edges.push((left, node));
        if middle < self.steps {
            let right = self.node(middle, high);
            self.edges.push((right, node));
        }
        node
    }
}
