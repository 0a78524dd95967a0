//! Lanes, parts and crossings.

use proptest::prelude::*;

use super::*;
use crate::svg::graph::{Link, Size};
use crate::svg::layers::layers;
use crate::view::EdgeKind;

const STYLE: Style =
    Style { kind: EdgeKind::Success, recovered: false, critical: false, backward: false };

fn graph(nodes: usize, links: &[(usize, usize)]) -> Graph {
    let layers = layers(nodes, links);
    let links = links.iter().zip(&layers.backward).map(|(&(from, to), &backward)| Link {
        from,
        to,
        style: Style { backward, ..STYLE },
        weight: 1,
        spine: false,
    });
    let size = Size { width: 100.0, height: 40.0 };
    Graph { sizes: vec![size; nodes], links: links.collect(), layer: layers.of }
}

/// Counts every pair, the slow way.
fn crossings(order: &Order) -> usize {
    let mut crossings = 0;
    for row in &order.layers {
        let links: Vec<(usize, usize)> = row
            .iter()
            .flat_map(|&node| order.below[node].iter().map(move |&lower| (node, lower)))
            .map(|(upper, lower)| (order.place[upper], order.place[lower]))
            .collect();
        for a in &links {
            crossings += links.iter().filter(|b| a.0 < b.0 && a.1 > b.1).count();
        }
    }
    crossings
}

#[test]
fn a_long_link_has_a_place_in_every_layer_between() {
    let order = order(&graph(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]));
    assert_eq!(order.layers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 1]);
    assert_eq!(order.ways[3].len(), 4);
    assert!(order.ways[3][1..3].iter().all(|&node| node >= order.boxes));
}

#[test]
fn links_of_one_box_share_their_lane() {
    // 0 leads to the ends of two chains of different length.
    let links = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 3), (0, 4)];
    let order = order(&graph(5, &links));
    assert_eq!(order.ways[4][1..3], order.ways[5][1..3]);
    assert_eq!(order.above.len(), 5 + 3, "three places of one lane");
}

#[test]
fn a_crossing_that_need_not_be_is_gone() {
    let graph = graph(4, &[(0, 3), (1, 2)]);
    assert_eq!(order(&graph).crossings(), 0);
}

#[test]
fn sweeps_take_away_what_the_first_walk_leaves() {
    // The walk meets 2 before 3, so that 1 → 2 crosses 0 → 3.
    let graph = graph(4, &[(0, 2), (0, 3), (1, 2)]);
    assert_eq!((Order::new(&graph).crossings(), order(&graph).crossings()), (1, 0));
}

proptest! {
    #[test]
    fn sweeps_never_add_crossings_and_keep_every_node(
        links in prop::collection::vec((0..20_usize, 0..20_usize), 0..50)
    ) {
        let graph = graph(20, &links);
        let before = Order::new(&graph);
        let after = order(&graph);
        prop_assert_eq!(before.crossings(), crossings(&before));
        prop_assert_eq!(after.crossings(), crossings(&after));
        prop_assert!(after.crossings() <= before.crossings());
        for (mut a, mut b) in before.layers.into_iter().zip(after.layers.clone()) {
            a.sort_unstable();
            b.sort_unstable();
            prop_assert_eq!(a, b);
        }
        for row in &after.layers {
            let parts: Vec<usize> = row.iter().map(|&node| after.part[node]).collect();
            prop_assert!(parts.is_sorted(), "{:?}", parts);
        }
    }
}
