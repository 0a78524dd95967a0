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
/// At most so many edges are looked at, over all searches.
const WORK: usize = 5_000_000;

/// Finds the circles; linear when there is none.
pub(super) fn circles(graph: &Graph<Node, EdgeKind>) -> Circles {
    let mut found = Circles { circles: Vec::new(), cut: false };
    let mut seen = HashSet::new();
    let mut work = WORK;
    let mut component_of = vec![usize::MAX; graph.node_count()];
    let mut knots = kosaraju_scc(graph);
    knots.retain(|members| members.len() > 1);
    for (number, members) in knots.iter().enumerate() {
        for node in members {
            component_of[node.index()] = number;
        }
    }
    let mut members: Vec<NodeIndex> =
        knots.into_iter().flatten().filter(|&node| graph[node] == Node::Step).collect();
    members.sort_unstable();
    let mut search = Search { came_from: vec![None; graph.node_count()], touched: Vec::new() };
    for member in members {
        if found.circles.len() >= MOST || work == 0 {
            found.cut = true;
            break;
        }
        let Some(circle) = search.shortest(graph, &component_of, member, &mut work) else {
            found.cut = true;
            break;
        };
        let circle = canonical(circle.into_iter().filter(|&n| graph[n] == Node::Step));
        if seen.insert(circle.clone()) {
            found.circles.push(circle);
        }
    }
    found
}

struct Search {
    came_from: Vec<Option<NodeIndex>>,
    touched: Vec<NodeIndex>,
}

impl Search {
    /// Breadth first from `start` back to it, inside its component; `None` when out of work.
    fn shortest(
        &mut self,
        graph: &Graph<Node, EdgeKind>,
        component_of: &[usize],
        start: NodeIndex,
        work: &mut usize,
    ) -> Option<Vec<NodeIndex>> {
        for node in self.touched.drain(..) {
            self.came_from[node.index()] = None;
        }
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in graph.neighbors(node) {
                *work = work.checked_sub(1)?;
                if component_of[next.index()] != component_of[start.index()]
                    || self.came_from[next.index()].is_some()
                {
                    continue;
                }
                self.came_from[next.index()] = Some(node);
                self.touched.push(next);
                if next == start {
                    return Some(self.path_back(start));
                }
                queue.push_back(next);
            }
        }
        None
    }

    fn path_back(&self, start: NodeIndex) -> Vec<NodeIndex> {
        let mut path = vec![start];
        let mut at = self.came_from[start.index()];
        while let Some(node) = at.filter(|&node| node != start) {
            path.push(node);
            at = self.came_from[node.index()];
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
