//! Whether the steps have an order, and how long the critical path is.
//!
//! Kahn's algorithm: linear, without recursion, so that a chain of any length is fine.

use crate::drawing::Drawing;
use crate::view::fallback_target;

/// What the edges of a plan say.
pub(super) struct Order {
    /// Steps on the longest path, fallbacks not counted.
    pub(super) critical_path: usize,
    /// Places of steps in or behind a cycle, in plan order.
    pub(super) stuck: Vec<usize>,
    /// Places of steps that name a step that does not exist, in plan order.
    pub(super) dangling: Vec<usize>,
}

impl Order {
    pub(super) fn of(drawing: &Drawing<'_>) -> Self {
        let count = drawing.steps.len();
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut waits = vec![0_usize; count];
        let mut dangling = Vec::new();
        for line in &drawing.lines {
            match line.from.step() {
                Some(from) => {
                    after[from].push(line.to);
                    waits[line.to] += 1;
                }
                None => dangling.push(line.to),
            }
        }
        dangling.sort_unstable();
        dangling.dedup();
        let mut length: Vec<usize> =
            drawing.steps.iter().map(|step| usize::from(fallback_target(step).is_none())).collect();
        let own = length.clone();
        let mut open: Vec<usize> = (0..count).filter(|&index| waits[index] == 0).collect();
        while let Some(from) = open.pop() {
            for &to in &after[from] {
                length[to] = length[to].max(length[from] + own[to]);
                waits[to] -= 1;
                if waits[to] == 0 {
                    open.push(to);
                }
            }
        }
        Self {
            critical_path: length.into_iter().max().unwrap_or(0),
            stuck: (0..count).filter(|&index| waits[index] > 0).collect(),
            dangling,
        }
    }
}
