//! How many links cross, and swapping two neighbours where that makes it fewer.

use super::Order;

/// Layers wider than this are not improved by swapping, which looks at each pair.
const WIDEST: usize = 400;

impl Order {
    /// How many pairs of links between neighbouring layers cross.
    pub(super) fn crossings(&self) -> usize {
        self.layers.windows(2).map(|pair| self.crossings_below(&pair[0], pair[1].len())).sum()
    }

    /// Counts for each link those that start before it and end after it.
    fn crossings_below(&self, row: &[usize], width: usize) -> usize {
        // A Fenwick tree over the places of the lower layer.
        let mut tree = vec![0_usize; width + 1];
        let (mut crossings, mut links) = (0, 0);
        for &node in row {
            let mut ends: Vec<usize> =
                self.below[node].iter().map(|&lower| self.place[lower]).collect();
            ends.sort_unstable();
            for &end in &ends {
                let (mut at, mut before) = (end + 1, 0);
                while at > 0 {
                    before += tree[at];
                    at &= at - 1;
                }
                crossings += links - before;
            }
            for end in ends {
                links += 1;
                let mut at = end + 1;
                while at <= width {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
        crossings
    }

    /// Goes through every layer once and swaps neighbours whose links then cross less.
    pub(super) fn swap_neighbours(&mut self) {
        for row in 0..self.layers.len() {
            if self.layers[row].len() > WIDEST {
                continue;
            }
            for place in 1..self.layers[row].len() {
                let (left, right) = (self.layers[row][place - 1], self.layers[row][place]);
                if self.part[left] != self.part[right] {
                    continue;
                }
                let gain = |sides: &[Vec<usize>]| {
                    let (kept, swapped) = self.pair(&sides[left], &sides[right]);
                    kept as isize - swapped as isize
                };
                if gain(&self.above) + gain(&self.below) > 0 {
                    self.layers[row].swap(place - 1, place);
                    (self.place[left], self.place[right]) = (place, place - 1);
                }
            }
        }
    }

    /// The crossings of two nodes' links as they stand, and with the nodes swapped.
    fn pair(&self, left: &[usize], right: &[usize]) -> (usize, usize) {
        let sorted = |nodes: &[usize]| {
            let mut places: Vec<usize> = nodes.iter().map(|&node| self.place[node]).collect();
            places.sort_unstable();
            places
        };
        let (left, right) = (sorted(left), sorted(right));
        let count = |a: &[usize], b: &[usize]| -> usize {
            a.iter().map(|place| b.partition_point(|other| other < place)).sum()
        };
        (count(&left, &right), count(&right, &left))
    }
}
