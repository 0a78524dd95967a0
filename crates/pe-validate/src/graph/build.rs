//! From what each step needs to the graph, or to the circles in it.

use daggy::Dag;
use daggy::petgraph::algo::toposort;
use daggy::petgraph::graph::{Graph, NodeIndex};
use daggy::petgraph::visit::EdgeRef;

use super::barrier::Barriers;
use super::cycle::circles;
use super::needs::{AllNeeds, NoGraph};
use super::readers::read_edges;
use super::{EdgeKind, Link, Node, StepGraph};

/// Builds the graph of a plan.
pub(crate) fn build(needs: AllNeeds) -> Result<StepGraph, NoGraph> {
    let steps = needs.len();
    // Most plans have none, and then there is no list of them either.
    let mut fallbacks = Vec::new();
    for (step, target) in needs.fallback_for.iter().enumerate() {
        if let Some(target) = target {
            fallbacks.resize(steps, Vec::new());
            fallbacks[*target as usize].push(step as u32);
        }
    }
    let Attached { kinds, over, settled } = attach(&needs, &fallbacks);
    let mut graph = Graph::with_capacity(kinds.len(), needs.waits().count());
    for &kind in &kinds {
        graph.add_node(kind);
    }
    let mut add = |from: usize, to: usize, kind| {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), kind);
    };
    for (on, step, is_trigger) in needs.waits() {
        let kind = if is_trigger { EdgeKind::Trigger } else { EdgeKind::Ordering };
        add(settled[on as usize], step, kind);
    }
    for (target, stand_ins) in fallbacks.iter().enumerate() {
        let mut before = None;
        for &fallback in stand_ins {
            let fallback = fallback as usize;
            add(target, fallback, EdgeKind::Fallback);
            add(over[fallback], over[target], EdgeKind::Settling);
            add(over[fallback], settled[fallback], EdgeKind::Settling);
            add(settled[target], settled[fallback], EdgeKind::Settling);
            // The next one is tried only when this one is over.
            if let Some(before) = before.replace(over[fallback]) {
                add(before, fallback, EdgeKind::Fallback);
            }
        }
        if over[target] != target {
            add(target, over[target], EdgeKind::Settling);
        }
    }
    let Ok(mut order) = toposort(&graph, None) else {
        return Err(NoGraph::Circles(circles(&graph)));
    };
    let mut barriers = Barriers::new(steps, kinds.len());
    let reader_edges = read_edges(&graph, &order, &needs, &settled, &mut barriers)?;
    let barrier_edges = barriers.edges.iter().chain(&reader_edges);
    if !reader_edges.is_empty() {
        for _ in 0..barriers.count() {
            graph.add_node(Node::Barrier);
        }
        let attach = |node: usize| if node < steps { settled[node] } else { node };
        for &(from, to) in barrier_edges.clone() {
            let (from, to) = (NodeIndex::new(attach(from)), NodeIndex::new(to));
            graph.add_edge(from, to, EdgeKind::Ordering);
        }
        order = toposort(&graph, None).map_err(|_| NoGraph::TooTangled)?;
    }

    let dag = to_dag(graph, &order);
    let first_barrier = kinds.len();
    let flat = |node: usize| if node < steps { node } else { node - first_barrier + steps };
    let mut links: Vec<(u32, Link)> = Vec::new();
    let link = |(on, step, is_trigger)| (on, Link { to: step as u32, is_trigger });
    links.extend(needs.waits().map(link));
    links.extend(
        barrier_edges.map(|&(from, to)| {
            (flat(from) as u32, Link { to: flat(to) as u32, is_trigger: false })
        }),
    );
    Ok(StepGraph::assemble(dag, order, needs, fallbacks, links, barriers.count()))
}

impl StepGraph {
    /// The graph of a plan without steps.
    pub(crate) fn empty() -> Self {
        Self::assemble(Dag::new(), Vec::new(), AllNeeds::default(), Vec::new(), Vec::new(), 0)
    }

    fn assemble(
        dag: Dag<Node, EdgeKind>,
        order: Vec<NodeIndex>,
        needs: AllNeeds,
        fallbacks: Vec<Vec<u32>>,
        mut links: Vec<(u32, Link)>,
        barriers: usize,
    ) -> Self {
        let (steps, nodes) = (needs.len(), needs.len() + barriers);
        // Nobody waits twice for the same, so there are no ties.
        links.sort_unstable_by_key(|(from, link)| (*from, link.to));
        let mut starts = vec![0_u32; nodes + 1];
        let mut ordering_waits = vec![0_u32; nodes];
        for (from, link) in &links {
            starts[*from as usize + 1] += 1;
            if !link.is_trigger {
                ordering_waits[link.to as usize] += 1;
            }
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Self {
            dag,
            order,
            steps,
            barriers,
            links: links.into_iter().map(|(_, link)| link).collect(),
            starts,
            ordering_waits,
            is_fallback: needs.fallback_for.iter().map(Option::is_some).collect(),
            reads_whole: needs.reads_whole,
            triggers: needs.triggers,
            fallbacks,
        }
    }
}

/// The nodes at which a step is over and at which it has settled.
struct Attached {
    kinds: Vec<Node>,
    /// The step and its own fallbacks have ended.
    over: Vec<usize>,
    /// Those who wait for the step may go on. A failed fallback may still count as recovered
    /// until its target has settled, so it settles after it.
    settled: Vec<usize>,
}

fn attach(needs: &AllNeeds, fallbacks: &[Vec<u32>]) -> Attached {
    let steps = needs.len();
    let mut kinds = vec![Node::Step; steps];
    let mut over: Vec<usize> = (0..steps).collect();
    let mut another = || {
        kinds.push(Node::Settled);
        kinds.len() - 1
    };
    for (step, stand_ins) in fallbacks.iter().enumerate() {
        if !stand_ins.is_empty() {
            over[step] = another();
        }
    }
    let mut settled = over.clone();
    for (step, target) in needs.fallback_for.iter().enumerate() {
        if target.is_some() {
            settled[step] = another();
        }
    }
    Attached { kinds, over, settled }
}

/// The same graph as a type that cannot have a cycle; of the two only one is kept at a time.
///
/// `Dag` looks for a cycle, recursively, whenever an edge could close one. In topological
/// order none can: where an edge ends, no edge begins yet.
fn to_dag(graph: Graph<Node, EdgeKind>, order: &[NodeIndex]) -> Dag<Node, EdgeKind> {
    let mut edges = Vec::with_capacity(graph.edge_count());
    for &node in order {
        edges.extend(graph.edges(node).map(|edge| (node, edge.target(), *edge.weight())));
    }
    let kinds: Vec<Node> = graph.node_weights().copied().collect();
    drop(graph);
    let mut dag = Dag::with_capacity(kinds.len(), edges.len());
    for kind in kinds {
        dag.add_node(kind);
    }
    dag.add_edges(edges).expect("because the edges come in topological order");
    dag
}
