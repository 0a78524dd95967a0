//! What goes into a graph, and what comes out where none can be made.
//!
//! A step's needs are two short lists; those of all steps are kept in two long ones, as a
//! million steps with two lists each would take more room for the lists than for the plan.

use pe_model::StepId;

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
    /// Steps that references read and that there are not. No graph is made of them.
    pub(crate) missing: Vec<StepId>,
}

impl Needs {
    /// Sorts what is waited for, without repetitions, and with a trigger edge winning over an
    /// ordering edge.
    pub(crate) fn settle(&mut self) {
        let Self { triggers, ordering, .. } = self;
        triggers.sort_unstable();
        triggers.dedup();
        ordering.sort_unstable();
        ordering.dedup();
        ordering.retain(|step| triggers.binary_search(step).is_err());
    }
}

/// What all steps wait for.
#[derive(Debug, Default)]
pub(crate) struct AllNeeds {
    pub(super) triggers: Lists,
    /// What the trigger rule looks at is left out here.
    pub(super) ordering: Lists,
    pub(super) reads_whole: Vec<bool>,
    pub(super) fallback_for: Vec<Option<u32>>,
}

impl AllNeeds {
    /// Nothing yet, with room for so many steps.
    pub(crate) fn with_capacity(steps: usize) -> Self {
        let (mut triggers, mut ordering) = (Lists::default(), Lists::default());
        triggers.starts.reserve_exact(steps + 1);
        ordering.starts.reserve_exact(steps + 1);
        let reads_whole = Vec::with_capacity(steps);
        Self { triggers, ordering, reads_whole, fallback_for: Vec::with_capacity(steps) }
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.reads_whole.len()
    }

    /// Who is waited for, who waits, and whether the trigger rule looks at it; step by step.
    pub(super) fn waits(&self) -> impl Iterator<Item = (u32, usize, bool)> {
        (0..self.len()).flat_map(move |step| {
            let triggers = self.triggers.of(step).iter().map(move |&on| (on, step, true));
            triggers.chain(self.ordering.of(step).iter().map(move |&on| (on, step, false)))
        })
    }

    /// Settles the next step's needs, adds them, and leaves nothing in them.
    pub(crate) fn push(&mut self, need: &mut Needs) {
        need.settle();
        self.triggers.push(&mut need.triggers);
        self.ordering.push(&mut need.ordering);
        need.missing.clear();
        self.reads_whole.push(std::mem::take(&mut need.reads_whole));
        self.fallback_for.push(need.fallback_for.take());
    }
}

/// A list of numbers for each step, one after the other: `items[starts[n]..starts[n + 1]]`.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { starts: vec![0], items: Vec::new() }
    }
}

impl Lists {
    fn push(&mut self, items: &mut Vec<u32>) {
        self.items.append(items);
        self.starts.push(self.items.len() as u32);
    }

    /// The list of one step.
    pub(super) fn of(&self, step: usize) -> &[u32] {
        &self.items[self.starts[step] as usize..self.starts[step + 1] as usize]
    }
}

/// Why there is no graph.
pub(crate) enum NoGraph {
    /// Steps wait for each other.
    Circles(Circles),
    /// Too many readers of all results in a plan whose steps are far out of order.
    TooTangled,
}
