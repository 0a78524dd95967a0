//! Who waits for whom: the graph of a plan, acyclic by construction.
//!
//! Nodes are the steps in plan order, then two kinds of helper nodes. A *settled* node
//! stands between a step that has fallbacks and whoever waits for it: it follows the step
//! and all its fallbacks, so that a fallback which waits for a dependent of its own target
//! is a cycle and not a deadlock. A *barrier* stands for an interval of the plan, so that
//! many readers of `results` as a whole cost n log n edges and not n².

use daggy::Dag;
use daggy::petgraph::graph::NodeIndex;
use daggy::petgraph::visit::EdgeRef;

mod barrier;
mod build;
mod cycle;
mod needs;
mod reach;
mod readers;

use needs::Lists;

pub(crate) use build::build;
pub(crate) use cycle::Circles;
pub(crate) use needs::{AllNeeds, Needs, NoGraph};
pub(crate) use reach::Reach;

/// Why one node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// A dependency, judged by the trigger rule.
    Trigger,
    /// Waits until the other has settled, however.
    Ordering,
    /// From a step to its fallback.
    Fallback,
    /// From a step or fallback to the node that stands for both having settled.
    Settling,
}

/// What a node of the graph stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Step,
    Settled,
    Barrier,
}

/// One outgoing edge as execution sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The waiting node: a step's place, or `steps + b` for barrier `b`.
    pub to: u32,
    /// Whether the trigger rule looks at it.
    pub is_trigger: bool,
}

/// The graph of a valid plan.
#[derive(Debug, Clone)]
pub struct StepGraph {
    /// Acyclic, which is checked here: `daggy` would check it with a recursive search.
    dag: Dag<Node, EdgeKind>,
    order: Vec<NodeIndex>,
    steps: usize,
    barriers: usize,
    /// Outgoing links of steps, then of barriers: `links[starts[n]..starts[n + 1]]`.
    links: Vec<Link>,
    starts: Vec<u32>,
    /// Ordering edges into each step, then into each barrier.
    ordering_waits: Vec<u32>,
    triggers: Lists,
    /// Empty when no step has any.
    fallbacks: Vec<Vec<u32>>,
    is_fallback: Vec<bool>,
    reads_whole: Vec<bool>,
}

impl StepGraph {
    /// How many steps there are.
    pub fn step_count(&self) -> usize {
        self.steps
    }

    /// How many barriers there are; their nodes follow the steps'.
    pub fn barrier_count(&self) -> usize {
        self.barriers
    }

    /// Who waits for a step or barrier.
    pub fn links(&self, node: usize) -> &[Link] {
        &self.links[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many nodes a step or barrier waits for besides its trigger dependencies.
    pub fn ordering_waits(&self, node: usize) -> u32 {
        self.ordering_waits[node]
    }

    /// The places of the steps that a step's trigger rule looks at, ascending.
    pub fn triggers(&self, step: usize) -> &[u32] {
        self.triggers.of(step)
    }

    /// The steps, each after all that it waits for.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|node| node.index()).filter(|&node| node < self.steps)
    }

    /// Whether a step's trigger rule looks at another one.
    pub(crate) fn is_trigger(&self, step: usize, on: usize) -> bool {
        self.triggers.of(step).binary_search(&(on as u32)).is_ok()
    }

    /// The places of the fallbacks of a step, in plan order.
    pub fn fallbacks(&self, step: usize) -> &[u32] {
        self.fallbacks.get(step).map_or(&[], Vec::as_slice)
    }

    /// For every step the weight of the heaviest path that starts with it, itself included;
    /// fallbacks further on are left out, as they usually do not run.
    pub fn remaining_path(&self, weights: &[f64]) -> Vec<f64> {
        let mut remaining = self.heaviest_from(weights);
        remaining.truncate(self.steps);
        for (step, remaining) in remaining.iter_mut().enumerate() {
            if self.is_fallback(step) {
                *remaining += weights.get(step).copied().unwrap_or(0.0);
            }
        }
        remaining
    }

    /// A heaviest path, as places in the plan, and its weight. Fallbacks are left out; ties
    /// go to the step that is listed first.
    pub fn critical_path(&self, weights: &[f64]) -> (Vec<usize>, f64) {
        let remaining = self.heaviest_from(weights);
        let heaviest = |nodes: &mut dyn Iterator<Item = usize>| {
            nodes.fold(None, |best: Option<usize>, node| match best {
                Some(best) if remaining[best] >= remaining[node] => Some(best),
                _ => Some(node),
            })
        };
        let mut path = Vec::new();
        let mut at = heaviest(&mut (0..self.steps).filter(|&step| !self.is_fallback(step)));
        let total = at.map_or(0.0, |node| remaining[node]);
        while let Some(node) = at {
            if node < self.steps && !self.is_fallback(node) {
                path.push(node);
            }
            let mut next: Vec<usize> = self.heavy_children(node).collect();
            next.sort_unstable();
            at = heaviest(&mut next.into_iter()).filter(|&node| remaining[node] > 0.0);
        }
        (path, total)
    }

    /// The most steps on one path.
    pub fn depth(&self) -> usize {
        let mut depth = vec![0_usize; self.dag.node_count()];
        let mut deepest = 0;
        for &node in self.order.iter().rev() {
            let below = self.dag.graph().neighbors(node).map(|child| depth[child.index()]).max();
            let own = usize::from(self.dag[node] == Node::Step);
            depth[node.index()] = below.unwrap_or(0) + own;
            deepest = deepest.max(depth[node.index()]);
        }
        deepest
    }

    /// Whether a step stands in for another one.
    pub fn is_fallback(&self, step: usize) -> bool {
        self.is_fallback[step]
    }

    /// Whether a step reads `results` or `steps` as a whole, so that it matters to it which
    /// steps there are at all.
    pub fn reads_whole(&self, step: usize) -> bool {
        self.reads_whole[step]
    }

    /// The edges between steps for drawing, barriers left out: `(from, to, kind)` by place.
    pub fn step_edges(&self) -> Vec<(usize, usize, EdgeKind)> {
        let mut edges = Vec::new();
        for step in 0..self.steps {
            let triggers = self.triggers(step).iter();
            edges.extend(triggers.map(|&from| (from as usize, step, EdgeKind::Trigger)));
        }
        for step in 0..self.steps {
            for &fallback in self.fallbacks(step) {
                edges.push((step, fallback as usize, EdgeKind::Fallback));
            }
            for link in self.links(step) {
                if !link.is_trigger && (link.to as usize) < self.steps {
                    edges.push((step, link.to as usize, EdgeKind::Ordering));
                }
            }
        }
        edges.sort_by_key(|&(from, to, _)| (to, from));
        edges
    }

    fn heavy_children(&self, node: usize) -> impl Iterator<Item = usize> {
        self.dag
            .graph()
            .edges(NodeIndex::new(node))
            .filter(|edge| *edge.weight() != EdgeKind::Fallback)
            .map(|edge| edge.target().index())
    }

    /// For every node the weight of the heaviest path from it on, fallbacks weighing nothing.
    fn heaviest_from(&self, weights: &[f64]) -> Vec<f64> {
        let mut remaining = vec![0.0_f64; self.dag.node_count()];
        for &node in self.order.iter().rev() {
            let node = node.index();
            let below = self.heavy_children(node).map(|child| remaining[child]).fold(0.0, f64::max);
            let counts = node < self.steps && !self.is_fallback[node];
            let own = weights.get(node).copied().filter(|_| counts);
            remaining[node] = below + own.unwrap_or(0.0);
        }
        remaining
    }
}
