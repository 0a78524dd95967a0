//! What could be better about a plan that can run: calls made twice, failures that take much
//! down, results that nobody reads, and waiting that nothing needs.
//!
//! Judged on the graph and on what the catalog says of each tool, so only where both are
//! there. Where a tool is not known, it is taken to do what makes the plan right.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use pe_model::{Effect, JsonMap, Plan, PlanStep, StepType, ToolSpec, TriggerRule};

use super::{Checker, Facts};
use crate::Code;
use crate::graph::{Needs, Reach, StepGraph};

mod risk;
mod waiting;

/// Larger plans are not looked at: nobody reads them, and what is noted for it takes room.
pub(super) const MOST_STEPS: usize = 100_000;
/// At most so many findings of one kind are listed.
const MOST: usize = 100;
/// The most edges that are looked at for one kind of finding.
const WORK: usize = 1_000_000;

/// The steps that each step's expressions read, in whatever way.
pub(super) struct Reads {
    places: Vec<u32>,
    ends: Vec<u32>,
}

impl Reads {
    pub(super) fn new(steps: usize) -> Self {
        Self { places: Vec::new(), ends: Vec::with_capacity(steps) }
    }

    /// Notes the reads of the next step; its first `declared` triggers are no reads.
    pub(super) fn push(&mut self, need: &Needs, declared: usize) {
        self.places.extend_from_slice(&need.triggers[declared..]);
        self.places.extend_from_slice(&need.ordering);
        self.ends.push(self.places.len() as u32);
    }

    fn of(&self, step: usize) -> &[u32] {
        let start = step.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start as usize..self.ends[step] as usize]
    }
}

/// A plan that is being looked at, with everything that is known of it.
pub(super) struct Whole<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts<'a>,
    pub(super) graph: &'a StepGraph,
    pub(super) reads: &'a Reads,
    /// Each step's tool, where the catalog has it.
    pub(super) specs: &'a [Option<&'a ToolSpec>],
}

impl Whole<'_> {
    fn step(&self, place: usize) -> &PlanStep {
        &self.plan.steps[place]
    }

    /// Whether the call is known to leave the world as it was.
    fn is_safe(&self, place: usize) -> bool {
        self.specs[place].is_some_and(|spec| spec.effect.is_safe())
    }

    /// Whether the step is there for its time or its verdict, more than for its result.
    fn is_gate(&self, place: usize) -> bool {
        let step = self.step(place);
        step.expect.is_some()
            || step.approval
            || step.loop_until.is_some()
            || step.step_type == StepType::Conditional
            || step.tool == "sleep"
            || self.specs[place]
                .is_some_and(|spec| spec.consent || spec.output.get("const").is_some())
    }

    /// Whether the step stands in for another one, or another one for it.
    fn has_stand_in(&self, place: usize) -> bool {
        self.graph.is_fallback(place) || !self.graph.fallbacks(place).is_empty()
    }

    /// Whether the step runs only after all that it waits for has succeeded.
    fn needs_all(&self, place: usize) -> bool {
        self.step(place).trigger_rule.unwrap_or_default() == TriggerRule::AllSuccess
            && !self.has_stand_in(place)
    }
}

impl Checker {
    /// Looks at a plan whose graph is sound.
    pub(super) fn quality(&mut self, whole: &Whole<'_>) {
        self.repeated_calls(whole);
        self.risky_steps(whole);
        self.needless_waiting(whole);
    }

    /// Adds findings of one kind, at most [`MOST`], and says when there are more.
    fn listed<T>(
        &mut self,
        code: Code,
        found: impl IntoIterator<Item = T>,
        mut add: impl FnMut(&mut Self, T),
    ) {
        for (number, one) in found.into_iter().enumerate() {
            if number == MOST {
                let message = format!("there are more findings of {code} than are listed");
                self.add(Code::More, None, "/steps".to_owned(), message).suggestion =
                    Some("mend those that are listed first".to_owned());
                return;
            }
            add(self, one);
        }
    }

    fn repeated_calls(&mut self, whole: &Whole<'_>) {
        let steps = whole.plan.steps.len();
        // The latest step of each call, by the call's hash.
        let mut latest: HashMap<u64, usize> = HashMap::with_capacity(steps);
        let mut repeated = Vec::new();
        let mut reach = None;
        for place in 0..steps {
            let Some(call) = Call::of(whole, place) else { continue };
            let Some(before) = latest.insert(call.hash(), place) else { continue };
            if Call::of(whole, before).as_ref() != Some(&call) {
                continue;
            }
            let is_pure = whole.specs[place].is_some_and(|spec| spec.effect == Effect::Pure);
            // Reading again later, or doing it again, may be what is wanted.
            let reach = reach.get_or_insert_with(|| Reach::new(whole.graph, WORK));
            let mut apart = |one, other| reach.waits(one, other).is_some_and(|waits: bool| !waits);
            if is_pure || (apart(before, place) && apart(place, before)) {
                repeated.push((before, place));
            }
        }
        self.listed(Code::DuplicateCall, repeated, |checker, (before, place)| {
            let (first, step) = (&whole.step(before).step_id, whole.step(place));
            let id = &step.step_id;
            let message = format!(
                "step `{id}` makes the same call of tool `{}` as step `{first}`",
                step.tool
            );
            checker.at_step(Code::DuplicateCall, (place, id), "tool", message).suggestion =
                Some(format!("remove one of the two, and read `results.{first}`"));
        });
    }
}

/// What makes two steps the same call.
#[derive(PartialEq, Eq, Hash)]
struct Call<'p> {
    tool: &'p str,
    parameters: &'p JsonMap,
    condition: Option<&'p str>,
    agent: Option<&'p str>,
    /// Says what is done, where there are no parameters to say it.
    action: Option<&'p str>,
    trigger_rule: Option<TriggerRule>,
    /// What it waits for, unless the call gives the same at any time.
    after: Option<&'p [u32]>,
}

impl<'p> Call<'p> {
    fn of(whole: &'p Whole<'_>, place: usize) -> Option<Self> {
        let step: &'p PlanStep = &whole.plan.steps[place];
        let spec = whole.specs[place]?;
        // Waiting for as long as somebody else is no repetition; nor is a loop, or a second try.
        let is_single =
            matches!(step.step_type, StepType::Normal | StepType::Parallel | StepType::Conditional);
        let says_nothing = step.parameters.is_empty() && spec.parameters.is_null();
        let may_change = whole.graph.reads_whole(place) || step.step_id.as_str().trim().is_empty();
        if !is_single || says_nothing || may_change || step.tool == "sleep" || step.approval {
            return None;
        }
        Some(Self {
            tool: &step.tool,
            parameters: &step.parameters,
            condition: step.condition.as_deref(),
            agent: step.agent.as_deref(),
            action: step.parameters.is_empty().then_some(step.action.as_str()),
            trigger_rule: step.trigger_rule.filter(|rule| *rule != TriggerRule::AllSuccess),
            after: (spec.effect != Effect::Pure).then_some(whole.graph.triggers(place)),
        })
    }
}

impl Call<'_> {
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }
}

/// Ids for a message: the first few, and how many more.
fn list(ids: impl ExactSizeIterator<Item = impl std::fmt::Display>) -> String {
    const SHOWN: usize = 8;
    let count = ids.len();
    let mut shown: Vec<String> = ids.take(SHOWN).map(|id| format!("`{id}`")).collect();
    if count > SHOWN {
        shown.push(format!("{} more", count - SHOWN));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
