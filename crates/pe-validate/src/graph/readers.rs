//! Those who read `results` or `steps` as a whole, and what they wait for.
//!
//! Each waits for every step listed before it that is not its descendant, readers taken in
//! plan order. Descendants listed before a reader exist only where the plan is out of order
//! or has fallbacks, so the search goes only where an edge leads back in the file.

use std::ops::Range;

use daggy::petgraph::Graph;
use daggy::petgraph::graph::NodeIndex;

use super::barrier::Barriers;
use super::needs::{AllNeeds, NoGraph};
use super::{EdgeKind, Node};

/// The most node visits that finding the descendants of whole readers may take.
const WORK: usize = 100_000_000;
/// The most intervals of descendants that are kept, over all readers.
const RANGES: usize = 1_000_000;

/// The edges into readers: `(from, reader)`, where `from` is a step or a barrier.
pub(super) fn read_edges(
    graph: &Graph<Node, EdgeKind>,
    order: &[NodeIndex],
    needs: &AllNeeds,
    settled: &[usize],
    barriers: &mut Barriers,
) -> Result<Vec<(usize, usize)>, NoGraph> {
    let mut edges = Vec::new();
    if !needs.reads_whole.contains(&true) {
        return Ok(edges);
    }
    let mut descent = Descent::new(graph, order, settled);
    let whole = needs.reads_whole.iter().enumerate().filter(|(_, whole)| **whole);
    for (reader, _) in whole {
        let (triggers, ordering) = (needs.triggers.of(reader), needs.ordering.of(reader));
        let descendants = descent.before(reader)?;
        let mut start = 0;
        for end in descendants.iter().chain([&(reader..reader)]) {
            let declared = |node: &usize| {
                let step = *node as u32;
                triggers.binary_search(&step).is_ok() || ordering.binary_search(&step).is_ok()
            };
            let nodes = barriers.cover(start..end.start).into_iter();
            edges.extend(nodes.filter(|node| !declared(node)).map(|node| (node, reader)));
            start = end.end;
        }
        descent.readers.push((reader, descendants));
    }
    Ok(edges)
}

/// Finds descendants, counting the ordering edges that earlier readers have got.
///
/// Those edges are never stored: a step has one to every reader after it that it does not
/// itself descend from.
struct Descent<'g> {
    graph: &'g Graph<Node, EdgeKind>,
    /// The step that others wait for by waiting for a node, if any do.
    attached: Vec<Option<usize>>,
    /// The earliest step attached at or below each node, readers' edges left out.
    lowest: Vec<usize>,
    /// The readers so far, with their descendants before them.
    readers: Vec<(usize, Vec<Range<usize>>)>,
    /// The reader whose search came by last.
    seen: Vec<usize>,
    work: usize,
    ranges: usize,
}

impl<'g> Descent<'g> {
    fn new(graph: &'g Graph<Node, EdgeKind>, order: &[NodeIndex], settled: &[usize]) -> Self {
        let mut attached = vec![None; graph.node_count()];
        for (step, &node) in settled.iter().enumerate() {
            attached[node] = Some(step);
        }
        let mut lowest = vec![usize::MAX; graph.node_count()];
        for &node in order.iter().rev() {
            let below = graph.neighbors(node).map(|next| lowest[next.index()]).min();
            let own = attached[node.index()].unwrap_or(usize::MAX);
            lowest[node.index()] = own.min(below.unwrap_or(usize::MAX));
        }
        let seen = vec![usize::MAX; graph.node_count()];
        Self { graph, attached, lowest, readers: Vec::new(), seen, work: WORK, ranges: RANGES }
    }

    /// The descendants of a reader that are listed before it, ascending.
    ///
    /// A node below which no step before the reader is attached cannot lead to one over
    /// readers' edges either: they lead forward, and only to readers before this one.
    fn before(&mut self, reader: usize) -> Result<Vec<Range<usize>>, NoGraph> {
        let mut found = Vec::new();
        // Earlier readers from number `low` on that were not reached yet.
        let (mut unreached, mut low) = (Vec::new(), self.readers.len());
        let mut stack = Vec::new();
        if self.lowest[reader] < reader {
            stack.push(reader);
        }
        while let Some(node) = stack.pop() {
            let mut next: Vec<usize> =
                self.graph.neighbors(NodeIndex::new(node)).map(NodeIndex::index).collect();
            if let Some(step) = self.attached[node].filter(|&step| step < reader) {
                found.push(step);
                let after = self.readers.partition_point(|(other, _)| *other <= step);
                if after < low {
                    unreached.extend(after..low);
                    low = after;
                }
                spend(&mut self.work, unreached.len())?;
                unreached.retain(|&number| {
                    let (other, descendants) = &self.readers[number];
                    let reached = *other > step && !contains(descendants, step);
                    if reached {
                        next.push(*other);
                    }
                    !reached
                });
            }
            spend(&mut self.work, next.len())?;
            for node in next {
                if self.lowest[node] < reader && self.seen[node] != reader {
                    self.seen[node] = reader;
                    stack.push(node);
                }
            }
        }
        found.sort_unstable();
        let ranges = ranges(&found);
        spend(&mut self.ranges, ranges.len())?;
        Ok(ranges)
    }
}

fn spend(left: &mut usize, visits: usize) -> Result<(), NoGraph> {
    *left = left.checked_sub(visits).ok_or(NoGraph::TooTangled)?;
    Ok(())
}

/// Ascending numbers as ascending intervals that do not touch.
fn ranges(numbers: &[usize]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

fn contains(ranges: &[Range<usize>], number: usize) -> bool {
    let after = ranges.partition_point(|range| range.end <= number);
    ranges.get(after).is_some_and(|range| range.start <= number)
}
