//! A plan step by step: a box for each, a link for each edge.

use std::collections::HashMap;

use super::card::Card;
use super::graph::{Graph, Link, Style};
use super::groups::count;
use super::layers::{Layers, layers};
use crate::drawing::{Drawing, Line, Node};
use crate::view::EdgeKind;

/// How many ids that no step has are drawn; the others are one box.
const MISSING: usize = 24;
/// With more edges than this for each box, those that others imply are left out.
const DENSE: usize = 4;

/// What is laid out and painted.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// One for each box of the graph.
    pub(super) cards: Vec<Card>,
    pub(super) graph: Graph,
    /// What the picture leaves out or merges, in sentences.
    pub(super) notes: Vec<String>,
}

/// The picture in which every step has a box.
pub(super) fn scene(drawing: &Drawing<'_>) -> Scene {
    let steps = drawing.steps.len();
    let mut cards: Vec<Card> = (0..steps).map(|index| Card::step(drawing, index)).collect();
    let missing = drawing.missing.len();
    let shown = if missing > MISSING { MISSING - 1 } else { missing };
    cards.extend((0..shown).map(|index| Card::missing(drawing, index)));
    if shown < missing {
        let mut card = Card::missing(drawing, shown);
        let more = [format!("{} more ids", missing - shown), "missing".to_owned()];
        card = Card { title: more.join(" "), ..Card::new(card.outline, card.look, &more) };
        cards.push(card);
    }
    let node = |node: Node| match node {
        Node::Step(place) => place,
        Node::Missing(place) => steps + place.min(shown),
    };
    let mut links: Vec<Link> = Vec::with_capacity(drawing.lines.len());
    let mut known = HashMap::new();
    for line in &drawing.lines {
        let (from, to) = (node(line.from), line.to);
        known.entry((from, to)).or_insert_with(|| {
            links.push(Link { from, to, style: style(line), weight: 1, spine: line.critical });
        });
    }
    let ends: Vec<(usize, usize)> = links.iter().map(|link| (link.from, link.to)).collect();
    let Layers { of: mut layer, backward } = layers(cards.len(), &ends);
    for (link, backward) in links.iter_mut().zip(backward) {
        link.style.backward = backward || link.from == link.to;
        link.spine &= !backward;
    }
    let mut notes = Vec::new();
    if links.len() > DENSE * cards.len() {
        let before = links.len();
        leave_out_implied(&mut links, &layer);
        match before - links.len() {
            0 => {}
            1 => notes.push("1 edge that others imply is not drawn".to_owned()),
            number => {
                notes.push(format!("{} edges that others imply are not drawn", count(number)));
            }
        }
    }
    lower_missing(&mut layer, &links, steps);
    spread_loners(&mut layer, &links);
    let sizes = cards.iter().map(|card| card.size).collect();
    Scene { cards, graph: Graph { sizes, layer, links }, notes }
}

/// How an edge is drawn, whichever way it runs.
pub(super) fn style(line: &Line) -> Style {
    Style { kind: line.kind, recovered: line.recovered, critical: line.critical, backward: false }
}

/// Takes away plain edges between steps that a longer way joins as well.
fn leave_out_implied(links: &mut Vec<Link>, layer: &[usize]) {
    let words = layer.len().div_ceil(64);
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); layer.len()];
    for link in links.iter().filter(|link| !link.style.backward && link.from != link.to) {
        after[link.from].push(link.to);
    }
    let mut nodes: Vec<usize> = (0..layer.len()).collect();
    nodes.sort_by_key(|&node| std::cmp::Reverse(layer[node]));
    // For each node everything that is reached from it, itself left out.
    let mut reach = vec![vec![0_u64; words]; layer.len()];
    let mut implied = vec![vec![0_u64; words]; layer.len()];
    for node in nodes {
        let (mut all, mut further) = (vec![0_u64; words], vec![0_u64; words]);
        for &next in &after[node] {
            all[next / 64] |= 1 << (next % 64);
            for (further, reached) in further.iter_mut().zip(&reach[next]) {
                *further |= reached;
            }
        }
        all.iter_mut().zip(&further).for_each(|(all, further)| *all |= further);
        (reach[node], implied[node]) = (all, further);
    }
    links.retain(|link| {
        let plain = link.style.kind != EdgeKind::Fallback
            && !link.style.critical
            && !link.style.backward
            && link.from != link.to;
        !plain || implied[link.from][link.to / 64] >> (link.to % 64) & 1 == 0
    });
}

/// Ids that no step has stand right above the first step that names them.
fn lower_missing(layer: &mut [usize], links: &[Link], steps: usize) {
    let mut lowest = vec![usize::MAX; layer.len()];
    for link in links.iter().filter(|link| link.from >= steps) {
        lowest[link.from] = lowest[link.from].min(layer[link.to]);
    }
    for node in steps..layer.len() {
        if lowest[node] != usize::MAX {
            layer[node] = lowest[node].saturating_sub(1);
        }
    }
}

/// Steps that nothing is linked with stand in rows of their own beside the others, as many
/// rows as make a block that is about as high as it is wide.
fn spread_loners(layer: &mut [usize], links: &[Link]) {
    let mut linked = vec![false; layer.len()];
    for link in links.iter().filter(|link| link.from != link.to) {
        (linked[link.from], linked[link.to]) = (true, true);
    }
    let loners: Vec<usize> = (0..layer.len()).filter(|&node| !linked[node]).collect();
    // Boxes are about twice as wide as they are high, with the room around them.
    let columns = ((loners.len() as f64 / 2.0).sqrt().ceil() as usize).max(4);
    for (place, node) in loners.into_iter().enumerate() {
        layer[node] = place / columns;
    }
}
