//! Which layer each node is in: the longest path that leads to it.
//!
//! Linear in nodes and links, without recursion. Circles are broken where a walk through the
//! plan, from its first steps on and in its order, meets a step that it is still inside of;
//! those links run backwards. Links from a node to itself are of no matter here.

/// The layer of each node and the links that run backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layers {
    /// From 0; the end of a link is further on than its start, or before it if it is backward.
    pub(super) of: Vec<usize>,
    /// Whether each link closes a circle.
    pub(super) backward: Vec<bool>,
}

/// Puts `nodes` nodes with these links, `(from, to)`, into layers.
pub(super) fn layers(nodes: usize, links: &[(usize, usize)]) -> Layers {
    let backward = circles(nodes, links);
    let forward: Vec<(usize, usize)> = links
        .iter()
        .zip(&backward)
        .map(|(&(from, to), &back)| if back { (to, from) } else { (from, to) })
        .collect();
    let outgoing = Outgoing::new(nodes, &forward);
    let mut waiting = incoming(nodes, &forward);
    let mut of = vec![0_usize; nodes];
    let mut ready: Vec<usize> = (0..nodes).filter(|&node| waiting[node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &link in outgoing.of(node) {
            let to = forward[link].1;
            of[to] = of[to].max(of[node] + 1);
            waiting[to] -= 1;
            if waiting[to] == 0 {
                ready.push(to);
            }
        }
    }
    Layers { of, backward }
}

/// Which links lead from a step to one that the walk is still inside of.
fn circles(nodes: usize, links: &[(usize, usize)]) -> Vec<bool> {
    let outgoing = Outgoing::new(nodes, links);
    let first = incoming(nodes, links);
    let mut backward = vec![false; links.len()];
    let (mut seen, mut inside) = (vec![false; nodes], vec![false; nodes]);
    let sources = (0..nodes).filter(|&node| first[node] == 0);
    for start in sources.chain(0..nodes) {
        if seen[start] {
            continue;
        }
        (seen[start], inside[start]) = (true, true);
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let Some(&link) = outgoing.of(*node).get(*next) else {
                inside[*node] = false;
                way.pop();
                continue;
            };
            *next += 1;
            let to = links[link].1;
            if to == *node {
                continue;
            }
            backward[link] = inside[to];
            if !seen[to] {
                (seen[to], inside[to]) = (true, true);
                way.push((to, 0));
            }
        }
    }
    backward
}

fn incoming(nodes: usize, links: &[(usize, usize)]) -> Vec<usize> {
    let mut count = vec![0; nodes];
    for &(_, to) in links.iter().filter(|(from, to)| from != to) {
        count[to] += 1;
    }
    count
}

/// The links that leave each node, in their order, but for those to itself.
struct Outgoing {
    starts: Vec<usize>,
    links: Vec<usize>,
}

impl Outgoing {
    fn new(nodes: usize, links: &[(usize, usize)]) -> Self {
        let leaving = || links.iter().enumerate().filter(|(_, (from, to))| from != to);
        let mut starts = vec![0; nodes + 1];
        for (_, (from, _)) in leaving() {
            starts[from + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut sorted = vec![0; starts[nodes]];
        for (link, (from, _)) in leaving() {
            sorted[free[*from]] = link;
            free[*from] += 1;
        }
        Self { starts, links: sorted }
    }

    fn of(&self, node: usize) -> &[usize] {
        &self.links[self.starts[node]..self.starts[node + 1]]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(nodes: usize, links: &[(usize, usize)], of: &[usize], backward: &[usize]) {
        let layers = layers(nodes, links);
        assert_eq!(layers.of, of, "{links:?}");
        let found: Vec<usize> = (0..links.len()).filter(|&link| layers.backward[link]).collect();
        assert_eq!(found, backward, "{links:?}");
    }

    #[test]
    fn a_node_is_below_the_longest_path_to_it() {
        check(4, &[(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)], &[0, 1, 2, 3], &[]);
        check(3, &[(2, 1), (1, 0)], &[2, 1, 0], &[]);
        check(2, &[], &[0, 0], &[]);
    }

    #[test]
    fn a_circle_is_broken_where_the_plan_comes_back() {
        check(3, &[(0, 1), (1, 2), (2, 0)], &[0, 1, 2], &[2]);
        check(2, &[(1, 0), (0, 1), (0, 0)], &[0, 1], &[0]);
        // The walk enters the circle of 0 and 1 from 2.
        check(3, &[(0, 1), (1, 0), (2, 1)], &[2, 1, 0], &[0]);
    }

    proptest! {
        #[test]
        fn links_lead_on_and_backward_ones_back(
            links in prop::collection::vec((0..12_usize, 0..12_usize), 0..40)
        ) {
            let layers = layers(12, &links);
            for (&(from, to), &backward) in links.iter().zip(&layers.backward) {
                if from != to {
                    prop_assert_eq!(layers.of[from] > layers.of[to], backward);
                    prop_assert!(layers.of[from] != layers.of[to]);
                }
            }
        }
    }
}
