//! Circles: a shortest one through each member of each strongly connected component.

use std::collections::{HashSet, VecDeque};

use daggy::petgraph::Graph;
use daggy::petgraph::algo::kosaraju_scc;
use daggy::petgraph::graph::NodeIndex;

use super::{EdgeKind, Node};

/// The circles of a graph.
pub(crate) struct Circles {
    /// Places of steps; each comes before the next and the last before the first; the
    /// earliest step of the plan stands first.
    pub(crate) circles: Vec<Vec<usize>>,
    /// Whether there may be more than are listed.
    pub(crate) cut: bool,
}

/// At most so many circles are listed.
const MOST: usize = 100;
/// At most so many edges are looked at, over all searches but the first: where there is a
/// circle, one is found.
const WORK: usize = 5_000_000;

/// Finds the circles; linear when there is none.
pub(super) fn circles(graph: &Graph<Node, EdgeKind>) -> Circles {
    circles_within(graph, WORK)
}

fn circles_within(graph: &Graph<Node, EdgeKind>, work: usize) -> Circles {
    let mut found = Circles { circles: Vec::new(), cut: false };
    let mut seen = HashSet::new();
    // One search is linear in the graph, so the first may take what it needs.
    let mut search = Search::new(graph, usize::MAX);
    let mut knots: Vec<Vec<NodeIndex>> = kosaraju_scc(graph);
    knots.retain(|nodes| nodes.len() > 1);
    let mut members: Vec<NodeIndex> = Vec::new();
    for (number, nodes) in knots.iter().enumerate() {
        for node in nodes {
            search.component_of[node.index()] = number;
        }
    }
    for nodes in &knots {
        let mut steps: Vec<NodeIndex> =
            nodes.iter().copied().filter(|&node| graph[node] == Node::Step).collect();
        steps.sort_unstable();
        // A component that is one circle and nothing else needs one search.
        if search.is_one_circle(nodes) {
            steps.truncate(1);
        }
        members.extend(steps);
    }
    members.sort_unstable();
    for member in members {
        let Some(circle) = search.shortest(member) else {
            found.cut = true;
            break;
        };
        if found.circles.is_empty() {
            let used = usize::MAX - search.work;
            search.work = work.saturating_sub(used);
        }
        let circle = canonical(circle.into_iter().filter(|&node| graph[node] == Node::Step));
        if !seen.insert(circle.clone()) {
            continue;
        }
        if found.circles.len() >= MOST {
            found.cut = true;
            break;
        }
        found.circles.push(circle);
    }
    found
}

struct Search<'g> {
    graph: &'g Graph<Node, EdgeKind>,
    component_of: Vec<usize>,
    /// Steps on the way to each node, and the node before it.
    reached: Vec<Option<(usize, NodeIndex)>>,
    touched: Vec<NodeIndex>,
    work: usize,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph<Node, EdgeKind>, work: usize) -> Self {
        let nodes = graph.node_count();
        Self {
            graph,
            component_of: vec![usize::MAX; nodes],
            reached: vec![None; nodes],
            touched: Vec::new(),
            work,
        }
    }

    fn inside(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let component = self.component_of[node.index()];
        self.graph.neighbors(node).filter(move |next| self.component_of[next.index()] == component)
    }

    fn is_one_circle(&self, nodes: &[NodeIndex]) -> bool {
        nodes.iter().all(|&node| {
            let mut inside = self.inside(node);
            let first = inside.next();
            inside.all(|other| Some(other) == first)
        })
    }

    /// The way from `start` back to it with the fewest steps; `None` when out of work.
    ///
    /// Nodes that are no steps cost nothing, so they are taken from the front of the queue.
    fn shortest(&mut self, start: NodeIndex) -> Option<Vec<NodeIndex>> {
        for node in self.touched.drain(..) {
            self.reached[node.index()] = None;
        }
        let mut queue = VecDeque::from([(0_usize, start)]);
        while let Some((steps, node)) = queue.pop_front() {
            // A node that was reached again by a shorter way waits in the queue twice.
            if node != start && self.reached[node.index()].is_some_and(|(best, _)| best < steps) {
                continue;
            }
            self.work = self.work.checked_sub(self.graph.neighbors(node).count())?;
            let next: Vec<NodeIndex> = self.inside(node).collect();
            for next in next {
                let cost = usize::from(self.graph[next] == Node::Step);
                let total = steps + cost;
                if self.reached[next.index()].is_some_and(|(best, _)| best <= total) {
                    continue;
                }
                self.reached[next.index()] = Some((total, node));
                self.touched.push(next);
                // Nodes come in the order of their steps: no way back is shorter.
                if next == start {
                    return Some(self.path_back(start));
                }
                match cost {
                    0 => queue.push_front((total, next)),
                    _ => queue.push_back((total, next)),
                }
            }
        }
        None
    }

    fn path_back(&self, start: NodeIndex) -> Vec<NodeIndex> {
        let before = |node: NodeIndex| self.reached[node.index()].map(|(_, before)| before);
        let mut path = vec![start];
        let mut at = before(start);
        while let Some(node) = at.filter(|&node| node != start) {
            path.push(node);
            at = before(node);
        }
        path.reverse();
        path
    }
}

/// Rotates a circle so that its earliest step stands first.
fn canonical(circle: impl Iterator<Item = NodeIndex>) -> Vec<usize> {
    let mut circle: Vec<usize> = circle.map(NodeIndex::index).collect();
    if let Some(first) = (0..circle.len()).min_by_key(|&at| circle[at]) {
        circle.rotate_left(first);
    }
    circle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_circle_is_found_however_little_may_be_done() {
        // Each node after the three before it, and the first after the last.
        const NODES: usize = 50;
        let mut graph = Graph::new();
        for _ in 0..NODES {
            graph.add_node(Node::Step);
        }
        let mut add = |from, to| {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), EdgeKind::Trigger);
        };
        (1..NODES).for_each(|to| (to.saturating_sub(3)..to).for_each(|from| add(from, to)));
        add(NODES - 1, 0);
        for work in [0, 1, 100] {
            let found = circles_within(&graph, work);
            assert_eq!((found.circles.len(), found.cut), (1, true), "{work}");
        }
        assert!(!circles_within(&graph, WORK).cut);
    }
}
