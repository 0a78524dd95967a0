//! Random valid plans under random orders of completion, failures, answers and stops, held
//! against the design's words, evaluated naively.

use std::collections::HashMap;
use std::sync::Arc;

use pe_exec::{Answer, Input, Scheduler};
use pe_model::{
    Effect, ErrorClass, EventKind, IterationPhase, OrchestratorConfig, Outcome, Plan, PlanStatus,
    Reason, Resolution, RunState, SkipReason, StepStatus, StepType, StopCause, ToolError,
    TriggerRule,
};
use pe_testkit::naive::{Waits, fallbacks, waits};
use pe_testkit::{Ingredients, arbitrary_plan_with};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{ByHand, Rules, compile};

/// What the design says about a run's state, at any cost.
pub(crate) struct Naive {
    plan: Plan,
    waits: Vec<Waits>,
    fallbacks: Vec<Vec<usize>>,
}

impl Naive {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), waits: waits(plan), fallbacks: fallbacks(plan) }
    }

    fn target(&self, step: usize) -> Option<usize> {
        self.fallbacks.iter().position(|stand_ins| stand_ins.contains(&step))
    }

    /// The step has ended, and so have its fallbacks where it needs them.
    fn is_over(&self, state: &RunState, step: usize) -> bool {
        let at = state.step_at(step);
        match at.status {
            StepStatus::Completed | StepStatus::Skipped => true,
            StepStatus::Failed if at.is_recovered() => true,
            StepStatus::Failed => {
                self.fallbacks[step].iter().all(|&fallback| self.is_over(state, fallback))
            }
            _ => false,
        }
    }

    /// A failed fallback that nothing recovered settles with its target.
    pub(crate) fn is_settled(&self, state: &RunState, step: usize) -> bool {
        let lost =
            state.step_at(step).status == StepStatus::Failed && !state.step_at(step).is_done();
        self.is_over(state, step)
            && (!lost || self.target(step).is_none_or(|target| self.is_settled(state, target)))
    }

    /// Whether a step reads `results` or `steps` as a whole.
    pub(crate) fn reads_whole(&self, step: usize) -> bool {
        self.waits[step].reads_whole
    }

    /// The steps that one says it waits for.
    pub(crate) fn waits_for(&self, step: usize) -> impl Iterator<Item = usize> {
        self.waits[step].triggers.union(&self.waits[step].ordering).copied()
    }

    /// Whether the trigger rule lets a step start in this state.
    pub(crate) fn may_start(&self, state: &RunState, step: usize) -> bool {
        let left_out = |on: &&usize| {
            state.step_at(**on).reason == Some(Reason::Skipped(SkipReason::NotNeeded))
        };
        let on: Vec<usize> =
            self.waits[step].triggers.iter().filter(|on| !left_out(on)).copied().collect();
        let settled = on.iter().all(|&on| self.is_settled(state, on));
        let done = on.iter().filter(|&&on| state.step_at(on).is_done()).count();
        let failed = |on: &&usize| {
            state.step_at(**on).status == StepStatus::Failed && !state.step_at(**on).is_done()
        };
        let rule = match self.plan.steps[step].trigger_rule.unwrap_or_default() {
            TriggerRule::AllSuccess => done == on.len(),
            TriggerRule::AllDone => settled,
            TriggerRule::NoneFailed => settled && on.iter().filter(failed).count() == 0,
            TriggerRule::OneSuccess => done > 0 || on.is_empty(),
        };
        let ordered = self.waits[step].ordering.iter().all(|&on| self.is_settled(state, on));
        let called = self.target(step).is_none_or(|target| {
            let target = state.step_at(target);
            target.status == StepStatus::Failed && !target.is_done()
        });
        rule && ordered && called
    }
}

struct World {
    run: ByHand,
    naive: Naive,
    slots: usize,
    seen: usize,
}

impl World {
    /// The process dies, before or after the next batch was recorded, and another goes on.
    fn crash(&mut self, lose_batch: bool) {
        let state = self.run.scheduler.state().clone();
        let lost = self.run.running.first().filter(|_| lose_batch).map(|attempt| {
            Input::AttemptSucceeded { key: attempt.key.clone(), output: json!("lost").into() }
        });
        self.run.crash(lost);
        self.observe(state);
    }

    fn give(&mut self, input: Input) {
        let state = self.run.scheduler.state().clone();
        self.run.give(input);
        self.observe(state);
    }

    /// Looks at what was recorded since `state`.
    fn observe(&mut self, mut state: RunState) {
        for event in &self.run.events[self.seen..] {
            if let EventKind::AttemptStarted { key, .. } = &event.kind
                && key.iteration == 0
                && key.attempt == 1
            {
                let place = state.place(&key.step_id).unwrap();
                assert!(self.naive.may_start(&state, place), "{key:?} may not start yet");
            }
            if event.seq >= state.next_seq {
                state.apply(event).unwrap();
            }
        }
        self.seen = self.run.events.len();
        assert!(self.run.running.len() <= self.slots, "more attempts than slots");
        let exclusive = self.run.running.iter().filter(|attempt| {
            let place = state.place(&attempt.key.step_id).unwrap();
            attempt.tool == "fetch" && state.plan.steps[place].step_type != StepType::Parallel
        });
        assert!(exclusive.count() <= 1, "two calls hold one resource");
    }

    /// Replaces the live scheduler by one that is made from the journal.
    fn rebuild(&mut self) {
        let state = RunState::fold(&self.run.events).unwrap().unwrap();
        let plan = self.run.scheduler.plan().clone();
        let wake = self.run.scheduler.next_wake();
        self.run.scheduler = Scheduler::restore(plan, Arc::new(Rules), state);
        if self.run.scheduler.next_wake().is_some_and(|wake| wake <= self.run.now) {
            // A retry that is due and waits for a slot: the live one knows already.
            self.give(Input::Tick);
        }
        assert_eq!(
            self.run.scheduler.next_wake(),
            wake,
            "a rebuilt scheduler wakes up as the live one"
        );
    }

    /// One thing happens; `dice` says which.
    ///
    /// A calm world lets everything succeed, so that the run must come to its end.
    fn happen(&mut self, dice: [u8; 2], calm: bool) {
        let [what, which] = if calm { [4, 0] } else { dice };
        let which = usize::from(which);
        let waiting = |run: &ByHand, status: StepStatus| {
            let state = run.scheduler.state();
            let place = state.steps().iter().position(|step| step.status == status)?;
            Some(state.plan.steps[place].step_id.clone())
        };
        if !self.run.running.is_empty() && what < 200 {
            let attempt = self.run.running.remove(which % self.run.running.len());
            let key = attempt.key;
            let input = match what % 8 {
                0 => Err(ToolError::new(ErrorClass::Execution, "no")),
                1 => Err(ToolError::new(ErrorClass::Network, "gone").outcome_unknown()),
                2 => Err(ToolError::new(ErrorClass::RateLimit, "slowly").retry_after_ms(7)),
                _ => Ok(json!({"n": which, "text": "{{ results }}"})),
            };
            self.run.now += 1;
            return self.give(match input {
                Ok(output) => Input::AttemptSucceeded { key, output: output.into() },
                Err(error) => Input::AttemptFailed { key, error },
            });
        }
        if let Some(step_id) = waiting(&self.run, StepStatus::Waiting).filter(|_| what % 2 == 0) {
            return self.give(match what % 4 {
                0 => Input::Answer(Answer::Approve { step_id, generation: 0 }),
                _ => Input::Answer(Answer::Reject { step_id, generation: 0 }),
            });
        }
        if let Some(step_id) = waiting(&self.run, StepStatus::InDoubt).filter(|_| what % 3 != 0) {
            let resolution = match which % 3 {
                0 => Resolution::Done { output: json!(1).into() },
                1 => Resolution::Failed,
                _ => Resolution::Retry,
            };
            let step = self.run.scheduler.state().step(&step_id).unwrap();
            let doubtful =
                |it: &pe_model::IterationState| matches!(it.phase, IterationPhase::InDoubt { .. });
            let iteration = step.iterations.iter().position(doubtful).unwrap() as u32;
            let attempt = step.iterations[iteration as usize].attempts;
            let generation = 0;
            return self.give(Input::Answer(Answer::Resolve {
                step_id,
                generation,
                iteration,
                attempt,
                resolution,
            }));
        }
        match self.run.scheduler.next_wake() {
            Some(wake) => {
                self.run.now = wake.max(self.run.now);
                self.give(Input::Tick);
            }
            None => self.give(Input::Pause),
        }
    }
}

/// How a run is disturbed from outside.
struct Disturbance {
    /// The rounds, modulo 25, in which it is asked to stop; it is resumed then.
    stop_at: Option<usize>,
    /// After how many rounds its process dies, again and again.
    crash_every: Option<usize>,
    /// Whether people decide while no process runs it.
    decides: bool,
}

fn check(plan: Plan, dice: &[[u8; 2]], slots: usize, fail_fast: bool, disturbance: Disturbance) {
    let Disturbance { stop_at, crash_every, decides } = disturbance;
    let config = OrchestratorConfig {
        max_parallel_steps: slots,
        fail_fast,
        plan_timeout_ms: 0,
        ..OrchestratorConfig::default()
    };
    let naive = Naive::new(&plan);
    let run = ByHand::begin(compile(plan), config);
    let mut world = World { seen: run.events.len(), run, naive, slots };
    let mut round = 0;
    while world.run.status() == PlanStatus::Running || is_paused(&world.run, round) {
        assert!(round < 5_000, "the run must end");
        let [what, which] = dice[round % dice.len()];
        if world.run.status() == PlanStatus::Cancelled {
            world.crash(false);
        } else if decides && round % 7 == 5 && round < 300 && what % 3 == 0 {
            let state = world.run.scheduler.state().clone();
            world.run.decide(which);
            world.observe(state);
            if !matches!(world.run.status(), PlanStatus::Completed | PlanStatus::Failed) {
                world.crash(false);
            }
        } else if stop_at.is_some_and(|at| round % 25 == at && round < 300)
            && world.run.status() == PlanStatus::Running
        {
            world.give(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(3) });
        } else if crash_every.is_some_and(|every| round % every == every - 1) && round < 200 {
            world.crash(round % 2 == 0);
        } else {
            world.happen(dice[round % dice.len()], round > 300);
            let stopping = world.run.scheduler.state().stopping.is_some();
            if round % 3 == 0 && !stopping && world.run.status() == PlanStatus::Running {
                world.rebuild();
            }
        }
        round += 1;
    }
    check_end(&world.run);
}

/// A run that pauses for a person goes on for a while: somebody answers.
fn is_paused(run: &ByHand, round: usize) -> bool {
    matches!(run.status(), PlanStatus::Waiting | PlanStatus::InDoubt | PlanStatus::Cancelled)
        && round < 400
}

/// No call is made again that has completed, and none that must happen once while nobody knows
/// what became of it.
pub(crate) fn check_effects(run: &ByHand) {
    /// What is known about a call so far.
    #[derive(PartialEq)]
    enum Call {
        Open,
        UnderWay,
        Done,
    }
    let mut calls: HashMap<(String, u32), Call> = HashMap::new();
    for event in &run.events {
        match &event.kind {
            EventKind::AttemptStarted { key, effect, .. } => {
                let call = calls.entry((key.step_id.to_string(), key.iteration));
                let before = std::mem::replace(call.or_insert(Call::Open), Call::UnderWay);
                assert!(before != Call::Done, "{key:?} runs again");
                let unknown = before == Call::UnderWay && *effect == Effect::Once;
                assert!(!unknown, "{key:?} might happen twice");
            }
            EventKind::AttemptSucceeded { key, .. } => {
                calls.insert((key.step_id.to_string(), key.iteration), Call::Done);
            }
            EventKind::AttemptFailed { key, outcome: Outcome::Known, .. } => {
                calls.insert((key.step_id.to_string(), key.iteration), Call::Open);
            }
            EventKind::StepResolved { step_id, iteration, resolution, .. } => {
                let call = match resolution {
                    Resolution::Retry => Call::Open,
                    Resolution::Done { .. } | Resolution::Failed => Call::Done,
                };
                calls.insert((step_id.to_string(), *iteration), call);
            }
            _ => {}
        }
    }
}

pub(crate) fn check_end(run: &ByHand) {
    let state = run.scheduler.state();
    let mut ends: HashMap<String, u32> = HashMap::new();
    for event in &run.events {
        if let EventKind::StepCompleted { step_id, .. }
        | EventKind::StepFailed { step_id, .. }
        | EventKind::StepSkipped { step_id, .. } = &event.kind
        {
            *ends.entry(step_id.to_string()).or_default() += 1;
        }
    }
    assert!(ends.values().all(|count| *count == 1), "a step ended twice: {ends:?}");
    check_effects(run);
    let lost =
        state.steps().iter().any(|step| step.status == StepStatus::Failed && !step.is_done());
    let open: Vec<StepStatus> = state
        .steps()
        .iter()
        .map(|step| step.status)
        .filter(|status| {
            !matches!(status, StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped)
        })
        .collect();
    match state.status {
        PlanStatus::Completed => assert!(open.is_empty() && !lost),
        PlanStatus::Failed => assert!(open.is_empty() && lost, "{open:?}"),
        PlanStatus::Cancelled => assert!(!open.is_empty() && run.running.is_empty()),
        PlanStatus::Waiting => assert!(open.contains(&StepStatus::Waiting)),
        PlanStatus::InDoubt => assert!(open.contains(&StepStatus::InDoubt)),
        PlanStatus::Created | PlanStatus::Running => panic!("not an end"),
    }
    for step in state.steps().iter().filter(|step| step.status == StepStatus::Pending) {
        assert!(step.reason.is_some(), "a step that did not start says why");
    }
}

fn cases() -> u32 {
    if std::env::var_os("PE_TEST_LONG").is_some() { 100_000 } else { 3_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn runs_end_respect_dependencies_and_bounds_and_can_be_rebuilt_at_any_time(
        plan in arbitrary_plan_with(Ingredients { approvals: true, ..Ingredients::default() }),
        dice in prop::collection::vec(any::<[u8; 2]>(), 1..60),
        slots in 1_usize..5,
        fail_fast in prop::bool::weighted(0.2),
        stop_at in prop::option::weighted(0.3, 0_usize..25),
        crash_every in prop::option::weighted(0.4, 1_usize..12),
        decides in any::<bool>(),
    ) {
        let disturbance = Disturbance { stop_at, crash_every, decides };
        check(plan, &dice, slots, fail_fast, disturbance);
    }
}
