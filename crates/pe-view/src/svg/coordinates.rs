//! Where each node stands across its layer.
//!
//! After Brandes and Köpf, *Fast and Simple Horizontal Coordinate Assignment* (2001): each
//! node is aligned with a median neighbour, four times, from each corner of the picture; each
//! time the aligned columns are packed together, and the result is the mean of the middle two.
//! Lanes are straight wherever they do not cross each other, and a box stands in the middle
//! of what it is linked with. Linear in nodes and links, but for sorting.

use std::collections::HashSet;

use super::order::Order;

/// Between two boxes of a layer, in pixels.
const BETWEEN_BOXES: f64 = 28.0;
/// Between a box and a lane.
const BESIDE_BOX: f64 = 18.0;
/// Between two lanes.
const BETWEEN_LANES: f64 = 12.0;

/// How much of the width of a picture may be taken away, if its packed columns are narrower
/// and it stays as broad as [`BROAD`].
const SQUEEZE: f64 = 0.4;
/// What fits on a page, in pixels; balance matters more than width below this.
const BROAD: f64 = 1_000.0;
/// A gap down the whole picture that is worth closing, in pixels.
const GAP: f64 = 24.0;
/// Gaps are closed in pictures of at most this many nodes, as each is tried with all others.
const MOVED: usize = 4_000;

/// The middle of each node, given how wide the boxes are across the layers; the least edge of
/// all boxes is at 0.
pub(super) fn coordinates(order: &Order, breadths: &[f64]) -> Vec<f64> {
    let count = order.above.len();
    if count == 0 {
        return Vec::new();
    }
    let crossed = crossed(order);
    let half = |node: usize| breadths.get(node).map_or(0.0, |breadth| breadth / 2.0);
    let mut found: Vec<(Vec<f64>, bool)> = Vec::with_capacity(4);
    for upwards in [false, true] {
        for mirrored in [false, true] {
            let corner = Corner::new(order, upwards, mirrored);
            let roots = corner.align(&crossed);
            let mut at = corner.pack(&roots, true, |a, b| separation(order, breadths, a, b));
            if mirrored {
                at.iter_mut().for_each(|at| *at = -*at);
            }
            found.push((at, mirrored));
        }
    }
    let extent = |at: &[f64]| {
        let least = (0..count).map(|node| at[node] - half(node)).fold(f64::MAX, f64::min);
        let most = (0..count).map(|node| at[node] + half(node)).fold(f64::MIN, f64::max);
        (least, most)
    };
    let extents: Vec<(f64, f64)> = found.iter().map(|(at, _)| extent(at)).collect();
    let narrowest = extents
        .iter()
        .copied()
        .fold(extents[0], |best, next| if next.1 - next.0 < best.1 - best.0 { next } else { best });
    let mut at = vec![0.0; count];
    for (node, at) in at.iter_mut().enumerate() {
        let mut four = [0.0; 4];
        for ((slot, (found, mirrored)), own) in four.iter_mut().zip(&found).zip(&extents) {
            let shift = if *mirrored { narrowest.1 - own.1 } else { narrowest.0 - own.0 };
            *slot = found[node] + shift;
        }
        four.sort_by(f64::total_cmp);
        *at = (four[1] + four[2]) / 2.0;
    }
    squeeze(order, breadths, &mut at);
    close_gaps(order, breadths, &mut at);
    let (least, _) = extent(&at);
    at.iter_mut().for_each(|at| *at -= least);
    at
}

/// Takes up to [`SQUEEZE`] of the width away from the edges of the picture inwards.
///
/// Of two arrangements that keep the distances, the lesser place of each node is one as well,
/// and so is the greater. So every node is kept between where it stands with all columns
/// packed to the left, and where it stands with all packed to the right of a smaller picture.
fn squeeze(order: &Order, breadths: &[f64], at: &mut [f64]) {
    let root = columns(order, at);
    let apart = |a, b| separation(order, breadths, a, b);
    let half = |node: usize| breadths.get(node).map_or(0.0, |breadth| breadth / 2.0);
    let extent = |at: &[f64]| {
        let nodes = || at.iter().enumerate();
        let least = nodes().map(|(node, at)| at - half(node)).fold(f64::MAX, f64::min);
        (least, nodes().map(|(node, at)| at + half(node)).fold(f64::MIN, f64::max))
    };
    let mut left = Corner::new(order, false, false).pack(&root, false, apart);
    let mut right = Corner::new(order, false, true).pack(&root, false, apart);
    right.iter_mut().for_each(|at| *at = -*at);
    let ((start, end), (left_start, left_end)) = (extent(at), extent(&left));
    let least = ((end - start) * (1.0 - SQUEEZE)).max(BROAD.min(end - start));
    let width = (left_end - left_start).max(least);
    let (_, right_end) = extent(&right);
    let aside = (end - start - width) / 2.0;
    for node in 0..at.len() {
        left[node] -= left_start;
        right[node] += width - right_end;
        at[node] = (at[node] - start - aside).max(left[node]).min(right[node]);
    }
}

/// For each node the first node of those that are linked straight with it.
fn columns(order: &Order, at: &[f64]) -> Vec<usize> {
    let mut root: Vec<usize> = (0..at.len()).collect();
    for row in &order.layers {
        for &node in row {
            let straight = |&&up: &&usize| (at[up] - at[node]).abs() < 0.01;
            if let Some(&up) = order.above[node].iter().find(straight) {
                root[node] = root[up];
            }
        }
    }
    root
}

/// Moves everything to the right of a line down the whole picture to the left, where that
/// line has room beside it in every layer: means of four leave such gaps.
fn close_gaps(order: &Order, breadths: &[f64], at: &mut [f64]) {
    if at.len() > MOVED {
        return;
    }
    let mut sorted: Vec<usize> = (0..at.len()).collect();
    sorted.sort_by(|&a, &b| at[a].total_cmp(&at[b]));
    for split in 1..sorted.len() {
        let line = at[sorted[split - 1]];
        if at[sorted[split]] - line < GAP {
            continue;
        }
        let pairs = order.layers.iter().filter_map(|row| {
            let right = row.partition_point(|&node| at[node] <= line);
            Some((*row.get(right.checked_sub(1)?)?, *row.get(right)?))
        });
        let room = pairs
            .map(|(left, right)| at[right] - at[left] - separation(order, breadths, left, right))
            .fold(f64::MAX, f64::min);
        if room < f64::MAX && room > GAP {
            at.iter_mut().filter(|at| **at > line).for_each(|at| *at -= room);
        }
    }
}

/// How far apart the middles of two neighbours have to be.
pub(super) fn separation(order: &Order, breadths: &[f64], a: usize, b: usize) -> f64 {
    let half = |node: usize| breadths.get(node).map_or(0.0, |breadth| breadth / 2.0);
    let gap = match [a, b].iter().filter(|&&node| node < order.boxes).count() {
        2 => BETWEEN_BOXES,
        1 => BESIDE_BOX,
        _ => BETWEEN_LANES,
    };
    half(a) + gap + half(b)
}

/// The links, upper end first, that cross a lane between two of its places: the lane is
/// straight, they are not.
fn crossed(order: &Order) -> HashSet<(usize, usize)> {
    let mut crossed = HashSet::new();
    let is_lane = |node: usize| node >= order.boxes;
    for rows in order.layers.windows(2) {
        let (upper, lower) = (&rows[0], &rows[1]);
        let (mut left, mut done) = (0, 0);
        for (place, &node) in lower.iter().enumerate() {
            let inner = order.above[node].iter().copied().find(|&up| is_lane(up) && is_lane(node));
            if inner.is_none() && place + 1 < lower.len() {
                continue;
            }
            let right = inner.map_or(upper.len() - 1, |up| order.place[up]);
            for &end in &lower[done..=place] {
                for &start in &order.above[end] {
                    let at = order.place[start];
                    if (at < left || at > right) && !(is_lane(start) && is_lane(end)) {
                        crossed.insert((start, end));
                    }
                }
            }
            (left, done) = (right, place + 1);
        }
    }
    cross_spine(order, &mut crossed);
    crossed
}

/// What crosses a spine gives way to it, lanes as well.
fn cross_spine(order: &Order, crossed: &mut HashSet<(usize, usize)>) {
    for row in &order.layers {
        let links = || row.iter().flat_map(|&up| order.below[up].iter().map(move |&low| (up, low)));
        let places = |(up, low): (usize, usize)| (order.place[up], order.place[low]);
        for spine in links().filter(|link| order.spine.contains(link)) {
            crossed.remove(&spine);
            let (a, b) = places(spine);
            crossed.extend(links().filter(|&link| {
                let (c, d) = places(link);
                (c < a && d > b) || (c > a && d < b)
            }));
        }
    }
}

/// The layers as seen from one corner of the picture.
struct Corner<'a> {
    order: &'a Order,
    upwards: bool,
    mirrored: bool,
    layers: Vec<Vec<usize>>,
}

impl<'a> Corner<'a> {
    fn new(order: &'a Order, upwards: bool, mirrored: bool) -> Self {
        let mut layers = order.layers.clone();
        if upwards {
            layers.reverse();
        }
        if mirrored {
            layers.iter_mut().for_each(|row| row.reverse());
        }
        Self { order, upwards, mirrored, layers }
    }

    fn place(&self, node: usize, width: usize) -> usize {
        let place = self.order.place[node];
        if self.mirrored { width - 1 - place } else { place }
    }

    /// For each node the first node of the column that it is aligned with.
    fn align(&self, crossed: &HashSet<(usize, usize)>) -> Vec<usize> {
        let count = self.order.above.len();
        let mut root: Vec<usize> = (0..count).collect();
        let mut taken = vec![false; count];
        // What a spine leads on from is kept for it.
        let mut kept = vec![false; count];
        for &(upper, lower) in &self.order.spine {
            kept[if self.upwards { lower } else { upper }] = true;
        }
        for rows in self.layers.windows(2) {
            let width = rows[0].len();
            let mut free = 0;
            for &node in &rows[1] {
                let neighbours = if self.upwards { &self.order.below } else { &self.order.above };
                let mut near: Vec<(usize, usize)> = neighbours[node]
                    .iter()
                    .map(|&other| (self.place(other, width), other))
                    .collect();
                near.sort_unstable();
                near.dedup();
                if near.is_empty() {
                    continue;
                }
                let link = |other| if self.upwards { (node, other) } else { (other, node) };
                if let Some(spine) =
                    near.iter().copied().find(|near| self.order.spine.contains(&link(near.1)))
                {
                    near = vec![spine];
                }
                for middle in [(near.len() - 1) / 2, near.len() / 2] {
                    let (place, other) = near[middle];
                    let aligned = root[node] != node;
                    let other_is_free =
                        !taken[other] && (!kept[other] || self.order.spine.contains(&link(other)));
                    if !aligned && other_is_free && place >= free && !crossed.contains(&link(other))
                    {
                        root[node] = root[other];
                        taken[other] = true;
                        free = place + 1;
                    }
                }
            }
        }
        root
    }

    /// Packs the columns to the left, then, if wanted, those with room to the right of them
    /// back to the right.
    fn pack(
        &self,
        root: &[usize],
        back: bool,
        separation: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let count = root.len();
        let mut after: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        let mut waiting = vec![0_usize; count];
        for row in &self.layers {
            for pair in row.windows(2) {
                let (left, right) = (root[pair[0]], root[pair[1]]);
                after[left].push((right, separation(pair[0], pair[1])));
                waiting[right] += 1;
            }
        }
        let mut at = vec![0.0_f64; count];
        let mut sorted: Vec<usize> =
            (0..count).filter(|&node| root[node] == node && waiting[node] == 0).collect();
        let mut next = 0;
        while let Some(&node) = sorted.get(next) {
            next += 1;
            for &(right, apart) in &after[node] {
                at[right] = at[right].max(at[node] + apart);
                waiting[right] -= 1;
                if waiting[right] == 0 {
                    sorted.push(right);
                }
            }
        }
        for &node in sorted.iter().rev().filter(|_| back) {
            let room = after[node].iter().map(|&(right, apart)| at[right] - apart);
            let limit = room.fold(f64::MAX, f64::min);
            if limit < f64::MAX {
                at[node] = at[node].max(limit);
            }
        }
        (0..count).map(|node| at[root[node]]).collect()
    }
}
