//! The board: what is derived from a run's state so that decisions are quick.
//!
//! Counters of unsettled dependencies, who is queued for a slot, who holds or awaits which
//! resource, and when something is due.

use std::cmp::{Ordering, Reverse};

use pe_model::{IterationPhase, OrchestratorConfig, RunState, StepError, StepStatus};
use pe_validate::{ValidPlan, ValidStep};

use super::{BinaryHeap, HashMap, Millis, VecDeque};
use crate::CallRules;

/// Where a step stands in the scheduler's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Dependencies are missing, or its turn as a fallback has not come.
    Blocked,
    /// Has started, or is about to: has iterations to run or running.
    Active,
    /// Waits for a person.
    Waiting,
    /// Has ended, but the step that it stands in for has not settled.
    Ended,
    /// Has settled: dependents know.
    Settled,
}

/// How a settled dependency looks to a trigger rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Failed,
    Skipped,
    /// A fallback that was not needed is left out.
    LeftOut,
}

/// What a step has seen of its dependencies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) unsettled: u32,
    pub(super) done: u32,
    pub(super) failed: u32,
    pub(super) skipped: u32,
}

/// A step that wants a slot: the longest remaining path first, then plan order.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Queued {
    rank: f64,
    place: Reverse<usize>,
}

impl Eq for Queued {}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The attempt is out of time.
    Deadline,
    /// The delay before the next attempt is over.
    Retry,
}

/// Something that is due: an attempt's deadline or a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    pub(super) at: Millis,
    pub(super) due: Due,
    pub(super) place: usize,
    pub(super) iteration: u32,
    pub(super) attempt: u32,
    pub(super) generation: u32,
}

impl Timer {
    fn is_alive(&self, state: &RunState) -> bool {
        let Some(step) = state.steps().get(self.place) else { return false };
        let Some(iteration) = step.iterations.get(self.iteration as usize) else { return false };
        let ended =
            matches!(step.status, StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped);
        let pending = match self.due {
            Due::Deadline => matches!(iteration.phase, IterationPhase::Running { .. }),
            Due::Retry => matches!(iteration.phase, IterationPhase::Backoff { .. }),
        };
        pending
            && !ended
            && iteration.attempts == self.attempt
            && step.generation == self.generation
    }
}

#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) stage: Vec<Stage>,
    pub(super) tally: Vec<Tally>,
    /// Ordering edges that are still open, for steps and then barriers.
    pub(super) ordering: Vec<u32>,
    /// Whether a fallback's turn has come.
    pub(super) called: Vec<bool>,
    /// Iterations of a step with an attempt under way.
    pub(super) running_in: Vec<u32>,
    /// Iterations of a step that completed.
    pub(super) completed_in: Vec<u32>,
    /// Whether an iteration failed for good or is in doubt: no other one starts.
    pub(super) broken: Vec<bool>,
    /// Why a broken step could not begin its next iteration.
    pub(super) obstacles: HashMap<usize, StepError>,
    /// Failed for good, and nothing stands in.
    pub(super) lost: Vec<bool>,
    /// Whether the first unrecovered failure has ended the run.
    pub(super) failing_fast: bool,
    /// Iterations that are due again, by step.
    pub(super) due: HashMap<usize, VecDeque<u32>>,
    pub(super) running: usize,
    pub(super) unsettled: usize,
    pub(super) waiting: usize,
    rank: Vec<f64>,
    queue: BinaryHeap<Queued>,
    queued: Vec<bool>,
    timers: BinaryHeap<Reverse<Timer>>,
    /// The attempt that holds a resource, and the steps that wait for it.
    held: HashMap<String, (usize, u32)>,
    parked: HashMap<String, BinaryHeap<Queued>>,
    /// Queued steps that were parked, with what they waited for.
    woken: HashMap<usize, String>,
}

/// How long one attempt of a step may take: as the step says, else its tool, else the
/// configuration.
pub(super) fn timeout_of(
    step: &ValidStep,
    rules: &dyn CallRules,
    config: &OrchestratorConfig,
) -> Millis {
    step.timeout_ms.or_else(|| rules.timeout_ms(&step.tool)).unwrap_or(config.step_timeout_ms)
}

impl Board {
    /// The board before any consequence is drawn: counters full, ended steps unsettled.
    pub(super) fn new(plan: &ValidPlan, state: &RunState, rules: &dyn CallRules) -> Self {
        let graph = plan.graph();
        let (steps, nodes) = (plan.steps().len(), graph.step_count() + graph.barrier_count());
        let rank = if state.config.enable_parallel {
            graph.remaining_path(&state.weights)
        } else {
            vec![0.0; steps]
        };
        let mut board = Self {
            stage: vec![Stage::Blocked; steps],
            tally: (0..steps)
                .map(|step| Tally {
                    unsettled: graph.triggers(step).len() as u32,
                    ..Tally::default()
                })
                .collect(),
            ordering: (0..nodes).map(|node| graph.ordering_waits(node)).collect(),
            called: vec![false; steps],
            running_in: vec![0; steps],
            completed_in: vec![0; steps],
            broken: vec![false; steps],
            lost: vec![false; steps],
            unsettled: steps,
            rank,
            queued: vec![false; steps],
            ..Self::default()
        };
        for (place, step) in state.steps().iter().enumerate() {
            let begun = !step.iterations.is_empty() || step.loop_count.is_some() || step.approved;
            match step.status {
                StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped => {
                    board.stage[place] = Stage::Ended;
                }
                StepStatus::Waiting => {
                    board.stage[place] = Stage::Waiting;
                    board.waiting += 1;
                }
                _ if begun => board.stage[place] = Stage::Active,
                _ => {}
            }
            for (number, iteration) in step.iterations.iter().enumerate() {
                match iteration.phase {
                    IterationPhase::Running { since_ms } => {
                        board.running += 1;
                        board.running_in[place] += 1;
                        let timeout = timeout_of(&plan.steps()[place], rules, &state.config);
                        board.set_timer(Timer {
                            at: since_ms.saturating_add(timeout),
                            due: Due::Deadline,
                            place,
                            iteration: number as u32,
                            attempt: iteration.attempts,
                            generation: step.generation,
                        });
                    }
                    IterationPhase::Backoff { until_ms, .. } => {
                        board.set_timer(Timer {
                            at: until_ms,
                            due: Due::Retry,
                            place,
                            iteration: number as u32,
                            attempt: iteration.attempts,
                            generation: step.generation,
                        });
                    }
                    IterationPhase::Again => {
                        board.due.entry(place).or_default().push_back(number as u32);
                    }
                    IterationPhase::Completed { .. } => board.completed_in[place] += 1,
                    IterationPhase::Failed { .. } | IterationPhase::InDoubt { .. } => {
                        board.broken[place] = true;
                    }
                }
            }
        }
        board
    }

    /// Puts a step in the queue for a slot; it is there at most once.
    pub(super) fn enqueue(&mut self, place: usize) {
        if !std::mem::replace(&mut self.queued[place], true) {
            let queued = self.queued_entry(place);
            self.queue.push(queued);
        }
    }

    fn queued_entry(&self, place: usize) -> Queued {
        Queued { rank: self.rank[place], place: Reverse(place) }
    }

    /// Takes the first step of the queue.
    pub(super) fn dequeue(&mut self) -> Option<usize> {
        let place = self.queue.pop()?.place.0;
        self.queued[place] = false;
        Some(place)
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether anything is due some time; true of dead timers only until they are dropped.
    pub(super) fn has_timers(&self) -> bool {
        !self.timers.is_empty()
    }

    pub(super) fn set_timer(&mut self, timer: Timer) {
        self.timers.push(Reverse(timer));
    }

    /// Takes a timer that is due at `now`, past ones included.
    pub(super) fn due_timer(&mut self, now: Millis) -> Option<Timer> {
        let Reverse(first) = *self.timers.peek()?;
        if first.at > now {
            return None;
        }
        self.timers.pop();
        Some(first)
    }

    /// When the first timer goes off.
    pub(super) fn next_timer(&self) -> Option<Millis> {
        self.timers.peek().map(|Reverse(first)| first.at)
    }

    /// Drops timers at the front whose attempt or retry is no more, so that nobody wakes
    /// up for them.
    pub(super) fn drop_dead_timers(&mut self, state: &RunState) {
        while let Some(Reverse(first)) = self.timers.peek()
            && !first.is_alive(state)
        {
            self.timers.pop();
        }
    }

    /// Takes a resource for an attempt; when another holds it, the step is parked.
    pub(super) fn acquire(&mut self, resource: &str, place: usize, iteration: u32) -> bool {
        self.woken.remove(&place);
        if self.held.contains_key(resource) {
            let queued = self.queued_entry(place);
            self.parked.entry(resource.to_owned()).or_default().push(queued);
            return false;
        }
        self.held.insert(resource.to_owned(), (place, iteration));
        true
    }

    /// Gives back whatever an attempt holds, and wakes one who waits for it.
    pub(super) fn release(&mut self, place: usize, iteration: u32) {
        let resource = self.held.iter().find(|(_, holder)| **holder == (place, iteration));
        let Some(resource) = resource.map(|(resource, _)| resource.clone()) else { return };
        self.held.remove(&resource);
        self.wake(resource);
    }

    /// A step had its turn and took nothing: whoever waits behind it for the same resource
    /// is woken in its place.
    pub(super) fn pass_on(&mut self, place: usize) {
        if let Some(resource) = self.woken.remove(&place)
            && !self.held.contains_key(&resource)
        {
            self.wake(resource);
        }
    }

    fn wake(&mut self, resource: String) {
        if let Some(next) = self.parked.get_mut(&resource).and_then(BinaryHeap::pop) {
            self.enqueue(next.place.0);
            self.woken.insert(next.place.0, resource);
        }
    }
}
