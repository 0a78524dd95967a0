//! From an order and coordinates to boxes and curves in pixels.
//!
//! Invariant: curves bend only in the gaps between layers, where no box is; within a layer a
//! link is a straight line on its lane. So no line can pass through a box.

use std::collections::HashSet;

use super::coordinates::{coordinates, separation};
use super::graph::{Direction, Graph, Link, Size, Style};
use super::order::{Order, order};
use crate::view::EdgeKind;

/// The least room between two layers.
const GAP: f64 = 46.0;
/// The least room between two columns where a link has words on it.
const GAP_WITH_WORDS: f64 = 92.0;
/// How much of the way that a link goes aside the gap grows by, and how much at most.
const SLOPE: (f64, f64) = (0.07, 90.0);
/// As wide as a page: pages scroll down, not sideways.
const PAGE: f64 = 1_200.0;
/// How far the way of a step to itself reaches out.
pub(super) const BULGE: f64 = 30.0;
/// A link is straight for this long before its arrow.
const RUN_IN: f64 = 10.0;
/// How far a backward link keeps from the middle of its boxes.
const BESIDE: f64 = 24.0;

/// A place in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A box in the picture, by its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A part of a way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Leg {
    Line(Point),
    /// A cubic curve: two control points and its end.
    Curve(Point, Point, Point),
}

/// The way of a link, or what of it is not on the way of a link before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// The place of the link in the graph.
    pub(super) link: usize,
    pub(super) start: Point,
    pub(super) legs: Vec<Leg>,
    /// Where the arrow's tip is and the direction it points to, in units.
    pub(super) arrow: Option<(Point, Point)>,
}

/// A picture without looks and words.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) direction: Direction,
    /// One for each box of the graph.
    pub(super) boxes: Vec<Rect>,
    pub(super) routes: Vec<Route>,
    pub(super) size: Size,
}

/// Lays out a graph.
pub(super) fn layout(graph: &Graph) -> Layout {
    let order = order(graph);
    let direction = direction(graph, &order);
    let breadths = breadths(graph, direction);
    let at = coordinates(&order, &breadths);
    let layers = extents(graph, &order, direction, &at);
    Drawn { graph, order: &order, direction, at, layers }.layout(&breadths)
}

/// Downwards, unless the picture is then wider than a page and narrower the other way.
fn direction(graph: &Graph, order: &Order) -> Direction {
    let down = breadths(graph, Direction::Down);
    let row = |row: &Vec<usize>| -> f64 {
        let first = row.first().map_or(0.0, |&node| down.get(node).copied().unwrap_or(0.0));
        row.windows(2).map(|pair| separation(order, &down, pair[0], pair[1])).sum::<f64>() + first
    };
    let downwards = order.layers.iter().map(row).fold(0.0, f64::max);
    let widest = |row: &Vec<usize>| {
        let boxes = row.iter().filter_map(|&node| graph.sizes.get(node));
        boxes.map(|size| size.width).fold(0.0, f64::max) + GAP
    };
    let sideways: f64 = order.layers.iter().map(widest).sum();
    if downwards > PAGE && sideways < downwards { Direction::Right } else { Direction::Down }
}

/// How much room each box needs across its layer.
fn breadths(graph: &Graph, direction: Direction) -> Vec<f64> {
    let mut breadths: Vec<f64> = graph
        .sizes
        .iter()
        .map(|size| match direction {
            Direction::Down => size.width,
            Direction::Right => size.height,
        })
        .collect();
    for link in graph.links.iter().filter(|link| link.from == link.to) {
        breadths[link.from] += 2.0 * BULGE;
    }
    breadths
}

/// Where each layer begins and ends.
fn extents(graph: &Graph, order: &Order, direction: Direction, at: &[f64]) -> Vec<(f64, f64)> {
    let mut aside = vec![0.0_f64; order.layers.len()];
    let mut words = vec![false; order.layers.len()];
    for (row, nodes) in order.layers.iter().enumerate() {
        for &node in nodes {
            for &lower in &order.below[node] {
                aside[row] = aside[row].max((at[node] - at[lower]).abs());
            }
        }
    }
    let between = |link: &&Link| has_words(link.style) && link.from != link.to;
    for link in graph.links.iter().filter(between) {
        let lower = graph.layer[link.to].max(1);
        words[if link.style.backward { lower } else { lower - 1 }] = true;
    }
    let mut start = 0.0;
    let mut layers = Vec::with_capacity(order.layers.len());
    for (row, nodes) in order.layers.iter().enumerate() {
        let sizes = nodes.iter().filter_map(|&node| graph.sizes.get(node));
        let depth = match direction {
            Direction::Down => sizes.map(|size| size.height).fold(0.0, f64::max),
            Direction::Right => sizes.map(|size| size.width).fold(0.0, f64::max),
        };
        layers.push((start, start + depth));
        let least = if words[row] && direction == Direction::Right { GAP_WITH_WORDS } else { GAP };
        start += depth + least + (SLOPE.0 * aside[row]).min(SLOPE.1);
    }
    layers
}

/// Whether a link says in words what it is.
pub(super) fn has_words(style: Style) -> bool {
    style.kind == EdgeKind::Fallback || style.backward
}

struct Drawn<'a> {
    graph: &'a Graph,
    order: &'a Order,
    direction: Direction,
    at: Vec<f64>,
    layers: Vec<(f64, f64)>,
}

impl Drawn<'_> {
    fn layout(self, breadths: &[f64]) -> Layout {
        let boxes: Vec<Rect> = (0..self.order.boxes).map(|node| self.rect(node)).collect();
        let mut routes = Vec::with_capacity(self.graph.links.len());
        let mut drawn = HashSet::new();
        // The heaviest first, so that what several share is as thick as the heaviest of them.
        let mut links: Vec<usize> = (0..self.graph.links.len()).collect();
        links.sort_by_key(|&link| std::cmp::Reverse(self.graph.links[link].weight));
        for link in links {
            let Link { from, to, style, .. } = self.graph.links[link];
            if from == to {
                routes.push(self.circle(link, from));
                continue;
            }
            let way = &self.order.ways[link];
            let new = |pair: &[usize]| !drawn.contains(&(pair[0], pair[1], style));
            let Some(first) = way.windows(2).position(new) else { continue };
            routes.push(self.route(link, &way[first..]));
            drawn.extend(way[first..].windows(2).map(|pair| (pair[0], pair[1], style)));
        }
        routes.sort_by_key(|route| route.link);
        let breadth = (0..self.at.len())
            .map(|node| self.at[node] + breadths.get(node).map_or(0.0, |breadth| breadth / 2.0))
            .fold(0.0, f64::max);
        let end = self.point(self.layers.last().map_or(0.0, |last| last.1), breadth);
        let size = Size { width: end.x, height: end.y };
        Layout { direction: self.direction, boxes, routes, size }
    }

    /// `along` is the way from layer to layer, `across` that within a layer.
    fn point(&self, along: f64, across: f64) -> Point {
        match self.direction {
            Direction::Down => Point { x: across, y: along },
            Direction::Right => Point { x: along, y: across },
        }
    }

    fn rect(&self, node: usize) -> Rect {
        let Size { width, height } = self.graph.sizes[node];
        let (start, end) = self.layers[self.graph.layer[node]];
        match self.direction {
            Direction::Down => Rect { x: self.at[node] - width / 2.0, y: start, width, height },
            // The boxes of a column are as wide as the widest.
            Direction::Right => {
                Rect { x: start, y: self.at[node] - height / 2.0, width: end - start, height }
            }
        }
    }

    /// Where a link enters and leaves a node on its way down.
    fn span(&self, node: usize, layer: usize) -> (f64, f64) {
        let (start, end) = self.layers[layer];
        match self.graph.sizes.get(node) {
            Some(size) if self.direction == Direction::Down => (start, start + size.height),
            _ => (start, end),
        }
    }

    fn route(&self, link: usize, way: &[usize]) -> Route {
        let Link { from, to, style, .. } = self.graph.links[link];
        let upper = if style.backward { to } else { from };
        // The layer in which this part of the way begins.
        let (upper_layer, lower_layer) = (
            self.graph.layer[from].min(self.graph.layer[to]),
            self.graph.layer[from].max(self.graph.layer[to]),
        );
        let first = lower_layer + 1 - way.len();
        let across = |node: usize| match self.graph.sizes.get(node) {
            Some(size) if style.backward => {
                let breadth = match self.direction {
                    Direction::Down => size.width,
                    Direction::Right => size.height,
                };
                self.at[node] + BESIDE.min(breadth / 4.0)
            }
            _ => self.at[node],
        };
        // A part that begins on a lane begins where that lane leaves its layer.
        let start = (self.span(way[0], first).1, across(way[0]));
        let mut path = Path::new(self, start);
        if style.backward && start.0 == self.span(upper, upper_layer).1 {
            path.line(self.layers[first].1 + RUN_IN);
        }
        for (step, &node) in way.iter().enumerate().skip(1) {
            let layer = first + step;
            path.line(self.layers[layer - 1].1);
            let (enters, leaves) = self.layers[layer];
            if node < self.order.boxes && !style.backward {
                path.bend(enters - RUN_IN, across(node));
                path.line(enters);
            } else {
                path.bend(enters, across(node));
            }
            if node >= self.order.boxes {
                path.line(leaves);
            }
        }
        let (start, legs, end) = path.finish();
        let back = self.point(-1.0, 0.0);
        let ahead = self.point(1.0, 0.0);
        let arrow = match style.backward {
            true if way[0] == upper && first == upper_layer => Some((start, back)),
            true => None,
            false => Some((end, ahead)),
        };
        Route { link, start, legs, arrow }
    }

    /// The way of a step to itself, at its side.
    fn circle(&self, link: usize, node: usize) -> Route {
        let rect = self.rect(node);
        let (start, end, breadth) = match self.direction {
            Direction::Down => (rect.y, rect.y + rect.height, rect.width),
            Direction::Right => (rect.x, rect.x + rect.width, rect.height),
        };
        let side = self.at[node] + breadth / 2.0;
        let middle = (start + end) / 2.0;
        let reach = ((end - start) / 4.0).min(14.0);
        let (from, to) = (self.point(middle + reach, side), self.point(middle - reach, side));
        let out = side + BULGE;
        let legs =
            vec![Leg::Curve(self.point(middle + reach, out), self.point(middle - reach, out), to)];
        Route { link, start: from, legs, arrow: Some((to, self.point(0.0, -1.0))) }
    }
}

/// A way that is being drawn, straight pieces joined.
struct Path<'a> {
    drawn: &'a Drawn<'a>,
    start: Point,
    legs: Vec<Leg>,
    along: f64,
    across: f64,
}

impl<'a> Path<'a> {
    fn new(drawn: &'a Drawn<'a>, (along, across): (f64, f64)) -> Self {
        Self { drawn, start: drawn.point(along, across), legs: Vec::new(), along, across }
    }

    fn line(&mut self, along: f64) {
        if along <= self.along {
            return;
        }
        let end = Leg::Line(self.drawn.point(along, self.across));
        match self.legs.last_mut() {
            Some(last @ Leg::Line(_)) => *last = end,
            _ => self.legs.push(end),
        }
        self.along = along;
    }

    fn bend(&mut self, along: f64, across: f64) {
        if (across - self.across).abs() < 0.05 {
            return self.line(along);
        }
        let middle = (self.along + along) / 2.0;
        let point = |along, across| self.drawn.point(along, across);
        self.legs.push(Leg::Curve(
            point(middle, self.across),
            point(middle, across),
            point(along, across),
        ));
        (self.along, self.across) = (along, across);
    }

    fn finish(self) -> (Point, Vec<Leg>, Point) {
        let end = self.drawn.point(self.along, self.across);
        (self.start, self.legs, end)
    }
}

#[cfg(test)]
mod tests;
