//! The order of the nodes within their layers.
//!
//! A link over several layers goes through a *lane*: a place of its own in each layer between,
//! so that it passes between boxes. Links of one style that leave the same box share a lane
//! for as long as they go the same way. A fixed number of sweeps over the layers then sorts
//! each by the mean or the median of its neighbours' places, and the order with the fewest
//! crossings is kept. Ties stay as they were, which in the end is the order of the plan.
//!
//! Invariant: the nodes of one connected part stand beside each other in every layer.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Style};

mod crossings;

/// Down and up again this often; every other time with medians.
const SWEEPS: usize = 10;

/// Layers in order, with lanes.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Nodes below this number are boxes, the others are places of lanes.
    pub(super) boxes: usize,
    pub(super) layers: Vec<Vec<usize>>,
    /// The neighbours of each node one layer up.
    pub(super) above: Vec<Vec<usize>>,
    /// The neighbours of each node one layer down.
    pub(super) below: Vec<Vec<usize>>,
    /// The place of each node in its layer.
    pub(super) place: Vec<usize>,
    /// The nodes that each link goes through from its upper to its lower end; none if it
    /// joins a box with itself.
    pub(super) ways: Vec<Vec<usize>>,
    /// The pairs of nodes, upper one first, between which a link is to be straight.
    pub(super) spine: HashSet<(usize, usize)>,
    /// The connected part that each node belongs to.
    part: Vec<usize>,
}

/// Finds an order with few crossings.
pub(super) fn order(graph: &Graph) -> Order {
    let mut order = Order::new(graph);
    order.reduce();
    order
}

impl Order {
    /// Lanes made, layers in the order in which a walk through the plan finds their nodes.
    fn new(graph: &Graph) -> Self {
        let boxes = graph.layer.len();
        let mut order = Self {
            boxes,
            layers: vec![Vec::new(); graph.depth()],
            above: vec![Vec::new(); boxes],
            below: vec![Vec::new(); boxes],
            place: Vec::new(),
            ways: Vec::with_capacity(graph.links.len()),
            spine: HashSet::new(),
            part: Vec::new(),
        };
        let mut layer = graph.layer.clone();
        let mut lanes: HashMap<(usize, Style), Vec<usize>> = HashMap::new();
        for link in &graph.links {
            let way = if link.from == link.to {
                Vec::new()
            } else {
                let back = graph.layer[link.from] > graph.layer[link.to];
                let (upper, lower) = if back { (link.to, link.from) } else { (link.from, link.to) };
                let lane = lanes.entry((upper, link.style)).or_default();
                order.way(&mut layer, lane, upper, lower)
            };
            if link.spine {
                order.spine.extend(way.windows(2).map(|pair| (pair[0], pair[1])));
            }
            order.ways.push(way);
        }
        order.find_parts();
        order.walk(&layer);
        order
    }

    /// Extends a lane as far as the link needs it, and joins the link's ends with it.
    fn way(
        &mut self,
        layer: &mut Vec<usize>,
        lane: &mut Vec<usize>,
        upper: usize,
        lower: usize,
    ) -> Vec<usize> {
        let between = layer[lower] - layer[upper] - 1;
        while lane.len() < between {
            let node = layer.len();
            layer.push(layer[upper] + lane.len() + 1);
            self.above.push(Vec::new());
            self.below.push(Vec::new());
            self.join(lane.last().copied().unwrap_or(upper), node);
            lane.push(node);
        }
        let mut way = Vec::with_capacity(between + 2);
        way.push(upper);
        way.extend(&lane[..between]);
        self.join(way[between], lower);
        way.push(lower);
        way
    }

    fn join(&mut self, upper: usize, lower: usize) {
        self.below[upper].push(lower);
        self.above[lower].push(upper);
    }

    /// Numbers the connected parts in the order of their first boxes.
    fn find_parts(&mut self) {
        self.part = vec![usize::MAX; self.above.len()];
        let mut parts = 0;
        for start in 0..self.boxes {
            if self.part[start] != usize::MAX {
                continue;
            }
            self.part[start] = parts;
            let mut rest = vec![start];
            while let Some(node) = rest.pop() {
                for &next in self.above[node].iter().chain(&self.below[node]) {
                    if self.part[next] == usize::MAX {
                        self.part[next] = parts;
                        rest.push(next);
                    }
                }
            }
            parts += 1;
        }
    }

    fn walk(&mut self, layer: &[usize]) {
        let mut seen = vec![false; layer.len()];
        let tops = (0..self.boxes).filter(|&node| self.above[node].is_empty());
        for start in tops {
            let mut rest = vec![start];
            while let Some(node) = rest.pop() {
                if !std::mem::replace(&mut seen[node], true) {
                    self.layers[layer[node]].push(node);
                    rest.extend(self.below[node].iter().rev());
                }
            }
        }
        for row in &mut self.layers {
            row.sort_by_key(|&node| self.part[node]);
        }
        self.place = vec![0; layer.len()];
        for row in 0..self.layers.len() {
            self.number(row);
        }
    }

    fn number(&mut self, row: usize) {
        for (place, &node) in self.layers[row].iter().enumerate() {
            self.place[node] = place;
        }
    }

    fn reduce(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..2 * SWEEPS {
            if best.0 == 0 {
                break;
            }
            let (down, median) = (sweep % 2 == 0, sweep / 2 % 2 == 1);
            for step in 0..self.layers.len() {
                let row = if down { step } else { self.layers.len() - 1 - step };
                self.sort(row, down, median);
            }
            self.swap_neighbours();
            let count = self.crossings();
            if count < best.0 {
                best = (count, self.layers.clone());
            }
        }
        self.layers = best.1;
        for row in 0..self.layers.len() {
            self.number(row);
        }
    }

    /// Sorts a layer by where its neighbours are; nodes without any keep their places.
    fn sort(&mut self, row: usize, down: bool, median: bool) {
        let neighbours = if down { &self.above } else { &self.below };
        let mut nodes = std::mem::take(&mut self.layers[row]);
        for run in nodes.chunk_by_mut(|&a, &b| self.part[a] == self.part[b]) {
            let slots: Vec<usize> =
                (0..run.len()).filter(|&slot| !neighbours[run[slot]].is_empty()).collect();
            let mut keyed: Vec<(f64, usize)> = slots
                .iter()
                .map(|&slot| (self.middle(&neighbours[run[slot]], median), run[slot]))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (slot, (_, node)) in slots.into_iter().zip(keyed) {
                run[slot] = node;
            }
        }
        self.layers[row] = nodes;
        self.number(row);
    }

    fn middle(&self, neighbours: &[usize], median: bool) -> f64 {
        let mut places: Vec<usize> = neighbours.iter().map(|&node| self.place[node]).collect();
        let count = places.len();
        if median {
            places.sort_unstable();
            return (places[(count - 1) / 2] + places[count / 2]) as f64 / 2.0;
        }
        places.iter().sum::<usize>() as f64 / count as f64
    }
}

#[cfg(test)]
mod tests;
