//! Random plans that are written while they run: in pieces, at any moment, through failures,
//! crashes, rebuilt schedulers and suspensions.
//!
//! What calls return is fixed beforehand by step, iteration and attempt, so that the end of a
//! run that was streamed can be held against the end of the same plan given whole.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pe_exec::{Answer, Input, Scheduler};
use pe_model::{
    Catalog, Effect, ErrorClass, EventKind, IterationPhase, OrchestratorConfig, Plan, PlanStage,
    PlanStatus, Reason, Resolution, RunState, SkipReason, StepId, StepStatus, StopCause, ToolError,
    ToolSpec, TriggerRule,
};
use pe_testkit::{Ingredients, arbitrary_plan_with};
use pe_validate::{Limits, ValidPlan};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::properties::{Naive, check_effects, check_end};
use crate::support::{ByHand, Rules, compile, extension};

/// What the nth outcome of an iteration is.
fn outcome(seed: u64, step: &StepId, iteration: u32, nth: u32) -> Result<Value, ToolError> {
    let mut hasher = DefaultHasher::new();
    (seed, step.as_str(), iteration, nth).hash(&mut hasher);
    match hasher.finish() % 8 {
        0 | 1 => Err(ToolError::new(ErrorClass::Execution, "no")),
        2 => Err(ToolError::new(ErrorClass::RateLimit, "slowly").retry_after_ms(7)),
        3 => Ok(Value::Null),
        _ => Ok(json!({"step": step, "iteration": iteration})),
    }
}

/// The first steps of a plan, if they are a plan.
fn prefix(plan: &Plan, steps: usize) -> Option<ValidPlan> {
    let part = Plan { steps: plan.steps[..steps].to_vec(), ..plan.clone() };
    if steps == 0 {
        return Some(compile(part));
    }
    let tools = part.steps.iter();
    let catalog: Catalog =
        tools.map(|step| ToolSpec { name: step.tool.clone(), ..ToolSpec::default() }).collect();
    pe_validate::check(part, &catalog, &Limits::default()).plan
}

/// A run, whoever writes its plan, and the tools.
struct World<'a> {
    run: ByHand,
    whole: &'a Plan,
    seed: u64,
    /// Outcomes given so far, by step and iteration.
    given: HashMap<(StepId, u32), u32>,
    seen: usize,
    suspended: bool,
}

impl<'a> World<'a> {
    fn new(run: ByHand, whole: &'a Plan, seed: u64) -> Self {
        let seen = run.events.len();
        Self { run, whole, seed, given: HashMap::new(), seen, suspended: false }
    }

    fn state(&self) -> &RunState {
        self.run.scheduler.state()
    }

    fn give(&mut self, input: Input) {
        let before = self.state().clone();
        self.run.give(input);
        self.observe(before);
    }

    /// Holds what was recorded since `state` against what may happen at that stage.
    fn observe(&mut self, mut state: RunState) {
        for event in &self.run.events[self.seen..] {
            let is_draft = state.stage == PlanStage::Draft;
            match &event.kind {
                EventKind::AttemptStarted { key, effect, .. } => {
                    let place = state.place(&key.step_id).unwrap();
                    let naive = Naive::new(&state.plan);
                    let begins = state.step_at(place).iterations.is_empty();
                    assert!(!begins || naive.may_start(&state, place), "{key:?} is too early");
                    assert!(
                        !begins || !self.suspended,
                        "{key:?} begins while the run is suspended"
                    );
                    let waits = state.plan.steps[place].approval || naive.reads_whole(place);
                    assert!(
                        !is_draft || (matches!(effect, Effect::Pure | Effect::Read) && !waits),
                        "{key:?} starts in a draft"
                    );
                }
                EventKind::StepSkipped { step_id, reason, .. } => assert!(
                    !is_draft
                        || !matches!(reason, SkipReason::UpstreamFailed | SkipReason::FailFast),
                    "a failure has consequences for {step_id} in a draft"
                ),
                EventKind::StepWaiting { step_id, .. } => {
                    assert!(!is_draft, "{step_id} is asked about in a draft");
                }
                EventKind::RunFinished { status } => assert!(
                    state.stage.is_complete()
                        || !matches!(status, PlanStatus::Completed | PlanStatus::Failed)
                ),
                _ => {}
            }
            state.apply(event).unwrap();
        }
        assert_eq!(state, *self.state());
        self.seen = self.run.events.len();
    }

    /// Some more steps are written; `last` is the stage when there are no more.
    fn write_on(&mut self, more: usize, last: PlanStage) {
        let written = self.state().plan.steps.len();
        let steps = (written + more).min(self.whole.steps.len());
        let stage = if steps == self.whole.steps.len() { last } else { PlanStage::Draft };
        if let Some(plan) = prefix(self.whole, steps) {
            let running = self.run.running.len();
            self.give(extension(plan, stage));
            assert!(self.run.refused.is_empty(), "{:?}", self.run.refused);
            assert!(self.run.running.len() >= running, "nothing that runs is touched");
        } else {
            self.write_on(more + 1, last);
        }
    }

    /// One more step is appended while what is there runs as if it were whole; false when it
    /// comes too late.
    fn grow(&mut self, more: usize) -> bool {
        let before = self.state().clone();
        let written = before.plan.steps.len();
        let steps = (written + 1 + more % 2).min(self.whole.steps.len());
        let Some(plan) = prefix(self.whole, steps) else { return false };
        let naive = Naive::new(&before.plan);
        let begun = |place: usize| {
            let step = before.step_at(place);
            step.status != StepStatus::Pending || !step.iterations.is_empty()
        };
        // Whoever waits for a settled failure that an appended step makes good has not begun. One
        // that has not settled has decided nothing: who has begun did so for another reason.
        let targets = self.whole.steps[written..steps].iter();
        let targets: Vec<usize> = targets
            .filter_map(|step| before.place(step.fallback_for.as_ref()?))
            .filter(|&place| {
                let target = before.step_at(place);
                let failed = target.status == StepStatus::Failed && !target.is_done();
                failed && !target.rejected && naive.is_settled(&before, place)
            })
            .collect();
        let told = (0..written).any(|place| {
            let fails = |on: &usize| targets.contains(on);
            begun(place) && naive.waits_for(place).any(|on| fails(&on))
        });
        self.give(extension(plan, PlanStage::Growing));
        let refused = std::mem::take(&mut self.run.refused);
        assert!(!told || !refused.is_empty(), "what follows from a failure was decided by it");
        assert!(targets.len() + refused.len() > 0 || self.state().revisions > before.revisions);
        refused.is_empty()
    }

    /// Whether the run stands as its journal tells it: that it is suspended or has a time to stop
    /// at belongs to the process.
    fn may_rebuild(&self) -> bool {
        !self.suspended && self.state().stopping.is_none() && !self.state().is_finished()
    }

    /// Replaces the live scheduler by one that is made from the journal.
    fn rebuild(&mut self) {
        let wake = self.run.scheduler.next_wake();
        let plan = self.run.scheduler.plan().clone();
        self.run.scheduler = Scheduler::restore(plan, Arc::new(Rules), self.state().clone());
        if self.run.scheduler.next_wake().is_some_and(|wake| wake <= self.run.now) {
            self.give(Input::Tick);
        }
        assert_eq!(self.run.scheduler.next_wake(), wake);
    }

    fn crash(&mut self) {
        let before = self.state().clone();
        self.suspended = false;
        self.run.crash(None);
        self.observe(before);
    }

    fn deliver(&mut self, which: usize) {
        let attempt = self.run.running.remove(which % self.run.running.len());
        let key = attempt.key;
        let nth = self.given.entry((key.step_id.clone(), key.iteration)).or_default();
        let outcome = outcome(self.seed, &key.step_id, key.iteration, *nth);
        *nth += 1;
        self.run.now += 1;
        self.give(match outcome {
            Ok(output) => Input::AttemptSucceeded { key, output: output.into() },
            Err(error) => Input::AttemptFailed { key, error },
        });
    }

    /// A person says yes: to a call, or to another attempt.
    fn answer(&mut self) -> bool {
        let state = self.state();
        let answer = state.plan.steps.iter().zip(state.steps()).find_map(|(step, at)| {
            let (step_id, generation) = (step.step_id.clone(), at.generation);
            if at.status == StepStatus::Waiting {
                return Some(Answer::Approve { step_id, generation });
            }
            let in_doubt =
                |it: &pe_model::IterationState| matches!(it.phase, IterationPhase::InDoubt { .. });
            let iteration = at.iterations.iter().position(in_doubt)?;
            let attempt = at.iterations[iteration].attempts;
            let (iteration, resolution) = (iteration as u32, Resolution::Retry);
            Some(Answer::Resolve { step_id, generation, iteration, attempt, resolution })
        });
        answer.map(|answer| self.give(Input::Answer(answer))).is_some()
    }

    /// Something that moves the run on; false when there is nothing.
    fn move_on(&mut self, which: usize) -> bool {
        if !self.run.running.is_empty() {
            self.deliver(which);
            return true;
        }
        if let Some(wake) = self.run.scheduler.next_wake() {
            self.run.now = wake.max(self.run.now);
            self.give(Input::Tick);
            return true;
        }
        self.answer()
    }

    fn happen(&mut self, [what, which]: [u8; 2]) {
        let which = usize::from(which);
        match what % 16 {
            0..=2 if !self.state().stage.is_complete() => {
                let last = if what < 128 { PlanStage::Complete } else { PlanStage::Draft };
                self.write_on(1 + which % 3, last);
            }
            3 => self.crash(),
            4 if self.may_rebuild() => self.rebuild(),
            5 => match std::mem::replace(&mut self.suspended, false) {
                true => self.give(Input::GoOn),
                false => {
                    self.give(Input::Suspend);
                    self.suspended = true;
                }
            },
            _ => {
                self.move_on(which);
            }
        }
    }

    /// The rest of the plan is written, and everything comes to its end.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.suspended, false) {
            self.give(Input::GoOn);
        }
        let mut round = 0;
        while !self.state().is_finished() {
            assert!(round < 5_000, "the run must end");
            round += 1;
            if !self.state().stage.is_complete() {
                self.write_on(1, PlanStage::Complete);
            } else if !self.move_on(round) {
                panic!("the run stands still: {:#?}", self.state().steps());
            }
        }
    }
}

/// How a step ended, without what depends on chance: times, attempts, and which of several
/// iterations failed first.
#[derive(Debug, PartialEq)]
struct End {
    status: StepStatus,
    reason: Option<Reason>,
    recovered_by: Option<StepId>,
    output: Option<Value>,
}

fn ends(state: &RunState) -> Vec<End> {
    let end = |step: &pe_model::StepState| End {
        status: step.status,
        reason: step.reason,
        recovered_by: step.recovered_by.clone(),
        output: step.output.as_deref().cloned(),
    };
    state.steps().iter().map(end).collect()
}

fn config(slots: usize, fail_fast: bool) -> OrchestratorConfig {
    OrchestratorConfig {
        max_parallel_steps: slots,
        fail_fast,
        plan_timeout_ms: 0,
        ..OrchestratorConfig::default()
    }
}

/// A plan whose end does not depend on who is quicker: `one_success` looks at what has completed
/// when the first one has.
fn without_races(mut plan: Plan) -> Plan {
    for step in &mut plan.steps {
        if step.trigger_rule == Some(TriggerRule::OneSuccess) {
            step.trigger_rule = Some(TriggerRule::AllDone);
        }
    }
    plan
}

fn ingredients() -> Ingredients {
    Ingredients { approvals: true, out_of_order: false, ..Ingredients::default() }
}

fn cases() -> u32 {
    if std::env::var_os("PE_TEST_LONG").is_some() { 50_000 } else { 1_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_plan_that_was_written_while_it_ran_ends_as_the_same_plan_given_whole(
        plan in arbitrary_plan_with(ingredients()).prop_map(without_races),
        dice in prop::collection::vec(any::<[u8; 2]>(), 1..80),
        first in 0_usize..4,
        slots in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let given = ByHand::begin(compile(plan.clone()), config(slots, false));
        let mut undisturbed = World::new(given, &plan, seed);
        undisturbed.finish();

        let first = prefix(&plan, first.min(plan.steps.len())).unwrap_or_else(|| {
            ValidPlan::without_steps(plan.goal.clone(), plan.context.clone())
        });
        let begun = ByHand::begin_at(PlanStage::Draft, first, config(slots, false));
        let mut streamed = World::new(begun, &plan, seed);
        for dice in dice {
            if streamed.state().is_finished() {
                break;
            }
            streamed.happen(dice);
        }
        streamed.finish();
        check_effects(&streamed.run);
        check_end(&streamed.run);
        prop_assert_eq!(ends(streamed.state()), ends(undisturbed.state()));
        prop_assert_eq!(streamed.run.status(), undisturbed.run.status());
    }

    #[test]
    fn a_draft_or_growing_run_keeps_its_rules_through_stops_and_repairs(
        plan in arbitrary_plan_with(ingredients()),
        dice in prop::collection::vec(any::<[u8; 2]>(), 1..80),
        slots in 1_usize..5,
        seed in any::<u64>(),
        fail_fast in any::<bool>(),
    ) {
        let empty = ValidPlan::without_steps(plan.goal.clone(), plan.context.clone());
        let begun = ByHand::begin_at(PlanStage::Draft, empty, config(slots, fail_fast));
        let mut world = World::new(begun, &plan, seed);
        let mut stuck = false;
        for dice in dice {
            if matches!(world.run.status(), PlanStatus::Completed | PlanStatus::Failed) {
                break;
            }
            match dice {
                _ if world.state().is_finished() => world.crash(),
                [255, _] => world.give(Input::Cancel {
                    cause: StopCause::NoModel,
                    grace_ms: Some(u64::from(dice[1] % 2) * 5),
                }),
                [254, _] => world.give(Input::Pause),
                // What is there is whole for now, and runs as such.
                [245..=253, _] if !world.state().stage.is_complete() => {
                    let plan = world.run.scheduler.plan().clone();
                    world.give(extension(plan, PlanStage::Growing));
                }
                _ if world.state().stage != PlanStage::Growing => world.happen(dice),
                [what, which] if what % 4 == 0 && !stuck => stuck = !world.grow(which.into()),
                [_, which] => {
                    world.move_on(which.into());
                }
            }
        }
        if world.state().is_finished()
            && !matches!(world.run.status(), PlanStatus::Completed | PlanStatus::Failed)
        {
            world.crash();
        }
        if world.state().stage == PlanStage::Growing {
            let plan = world.run.scheduler.plan().clone();
            world.give(extension(plan, PlanStage::Complete));
        }
        world.finish();
        check_effects(&world.run);
        check_end(&world.run);
    }

    #[test]
    fn a_supervised_run_that_is_told_to_end_ends_as_one_that_nobody_supervises(
        plan in arbitrary_plan_with(Ingredients { out_of_order: true, ..ingredients() }),
        dice in prop::collection::vec(any::<u8>(), 1..40),
        slots in 1_usize..5,
        seed in any::<u64>(),
        fail_fast in any::<bool>(),
    ) {
        let config = config(slots, fail_fast);
        let mut free = World::new(ByHand::begin(compile(plan.clone()), config.clone()), &plan, seed);
        let mut watched =
            World::new(ByHand::begin_supervised(compile(plan.clone()), config), &plan, seed);
        let mut rounds = dice.iter().cycle().take(5_000);
        while !free.state().is_finished() {
            let which = usize::from(*rounds.next().expect("the run must end"));
            prop_assert!(!watched.run.scheduler.is_idle());
            prop_assert!(free.move_on(which) && watched.move_on(which));
        }
        prop_assert!(watched.run.scheduler.is_idle() && !watched.state().is_finished());
        watched.give(Input::Tick);
        watched.give(Input::Conclude);
        prop_assert_eq!(&watched.run.events, &free.run.events);
    }
}
