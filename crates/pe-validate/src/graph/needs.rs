//! What goes into a graph, and what comes out where none can be made.

use super::Circles;

/// What one step waits for, by place in the plan; every place exists and is not its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// Steps that the trigger rule looks at.
    pub(crate) triggers: Vec<u32>,
    /// Steps that must have settled, however.
    pub(crate) ordering: Vec<u32>,
    /// Whether an expression reads `results` or `steps` as a whole.
    pub(crate) reads_whole: bool,
    /// The step that this one stands in for.
    pub(crate) fallback_for: Option<u32>,
}

/// Why there is no graph.
pub(crate) enum NoGraph {
    /// Steps wait for each other.
    Circles(Circles),
    /// Too many readers of all results in a plan whose steps are far out of order.
    TooTangled,
}
