//! What is laid out: boxes of known size and the links between them, nothing of plans.

use pe_model::StepType;

use crate::view::EdgeKind;

/// Which way a picture grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Layers are rows.
    Down,
    /// Layers are columns.
    Right,
}

/// The size of a box in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How a link is drawn. Links of one look that leave the same box share their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Style {
    pub(super) kind: EdgeKind,
    pub(super) recovered: bool,
    pub(super) critical: bool,
    /// Whether it leads back up and so closes a circle. Set by the layout.
    pub(super) backward: bool,
}

/// An arrow from one box to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) style: Style,
    /// How many edges of the plan it stands for.
    pub(super) weight: usize,
    /// Whether it is to be straight before all others. No two of these cross.
    pub(super) spine: bool,
}

/// Boxes and links, with the layer of each box.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    pub(super) sizes: Vec<Size>,
    /// The layer of each box, from 0.
    pub(super) layer: Vec<usize>,
    /// No link joins two boxes of one layer, but for those that join a box with itself.
    pub(super) links: Vec<Link>,
}

impl Graph {
    /// How many layers there are.
    pub(super) fn depth(&self) -> usize {
        self.layer.iter().max().map_or(0, |last| last + 1)
    }
}

/// The outline of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outline {
    /// A step, by its type.
    Step(StepType),
    /// An id that no step has.
    Missing,
    /// Many steps.
    Group,
}
