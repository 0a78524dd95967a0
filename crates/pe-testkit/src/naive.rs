//! What a plan's edges mean, as the design words it, at any cost.
//!
//! Every step has two moments: it starts, and it has settled. Edges lead between moments.
//! Nothing here is shared with `pe-validate` but the parser of expressions. For plans of a
//! few dozen steps; references to steps that do not exist are passed over.

use std::collections::BTreeSet;

use pe_expr::{Expr, ParameterTemplate, References, Root};
use pe_model::{Plan, PlanStep, StepType};
use serde_json::Value;

/// What one step waits for, by place in the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    /// The steps that its trigger rule looks at.
    pub triggers: BTreeSet<usize>,
    /// The steps that must have settled, however, beside those; without those that it waits
    /// for because it reads everything.
    pub ordering: BTreeSet<usize>,
    /// Whether it reads `results` or `steps` as a whole.
    pub reads_whole: bool,
}

/// What each step says that it waits for.
pub fn waits(plan: &Plan) -> Vec<Waits> {
    let place = |id: &str| plan.steps.iter().position(|step| step.step_id.as_str() == id);
    let mut all = Vec::new();
    for (own, step) in plan.steps.iter().enumerate() {
        let mut waits = Waits::default();
        let (references, stands_in_for) = (references(step), targets(plan, own));
        let apart = |on: &usize| *on != own && !stands_in_for.contains(on);
        let declared = step.dependencies.iter().filter_map(|id| place(id.as_str()));
        waits.triggers.extend(declared.filter(apart));
        for reference in &references.steps {
            let Some(on) = place(&reference.step).filter(apart) else { continue };
            if reference.root == Root::Results && !reference.guarded {
                waits.triggers.insert(on);
            } else {
                waits.ordering.insert(on);
            }
        }
        waits.ordering = &waits.ordering - &waits.triggers;
        waits.reads_whole = !references.whole.is_empty();
        all.push(waits);
    }
    all
}

/// For each step the steps that must have settled before it starts; `None` when steps wait
/// for each other in a circle.
pub fn settled_before(plan: &Plan) -> Option<Vec<BTreeSet<usize>>> {
    let steps = plan.steps.len();
    let waits = waits(plan);
    let mut moments = Moments::new(steps);
    for (step, waits) in waits.iter().enumerate() {
        for &on in waits.triggers.union(&waits.ordering) {
            moments.edge(moments.settled(on), step);
        }
    }
    moments.stand_ins(&fallbacks(plan));
    if !moments.is_acyclic() {
        return None;
    }
    for reader in (0..steps).filter(|&step| waits[step].reads_whole) {
        let after = moments.reachable(reader);
        for settled in (steps..steps + reader).filter(|moment| !after.contains(moment)) {
            moments.edge(settled, reader);
        }
    }
    Some(moments.settled_before())
}

/// The fallbacks of each step, in plan order.
pub fn fallbacks(plan: &Plan) -> Vec<Vec<usize>> {
    let mut fallbacks = vec![Vec::new(); plan.steps.len()];
    for step in 0..plan.steps.len() {
        if let Some(target) = target(plan, step) {
            fallbacks[target].push(step);
        }
    }
    fallbacks
}

/// Two moments a step, and any number of others, with the edges between them.
#[derive(Debug, Clone)]
pub struct Moments {
    steps: usize,
    after: Vec<BTreeSet<usize>>,
}

impl Moments {
    /// The moments of so many steps: step `s` starts at moment `s`.
    pub fn new(steps: usize) -> Self {
        let mut moments = Self { steps, after: vec![BTreeSet::new(); 2 * steps] };
        for step in 0..steps {
            moments.edge(step, moments.settled(step));
        }
        moments
    }

    /// The moment when a step has settled.
    pub fn settled(&self, step: usize) -> usize {
        self.steps + step
    }

    /// The order in which fallbacks are tried and settle, given those of each step.
    ///
    /// A step is over when it and its fallbacks have ended. The next fallback is tried when
    /// the one before is over; a fallback settles after its target.
    pub fn stand_ins(&mut self, fallbacks: &[Vec<usize>]) {
        let over: Vec<usize> = (0..self.steps).map(|_| self.another()).collect();
        for (step, &over) in over.iter().enumerate() {
            self.edge(step, over);
            self.edge(over, self.settled(step));
        }
        for (target, fallbacks) in fallbacks.iter().enumerate() {
            for (number, &fallback) in fallbacks.iter().enumerate() {
                self.edge(target, fallback);
                self.edge(over[fallback], over[target]);
                self.edge(self.settled(target), self.settled(fallback));
                if number > 0 {
                    self.edge(over[fallbacks[number - 1]], fallback);
                }
            }
        }
    }

    /// One more moment.
    pub fn another(&mut self) -> usize {
        self.after.push(BTreeSet::new());
        self.after.len() - 1
    }

    /// `to` comes after `from`.
    pub fn edge(&mut self, from: usize, to: usize) {
        self.after[from].insert(to);
    }

    /// All moments after one, itself only if it comes after itself.
    pub fn reachable(&self, from: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(moment) = open.pop() {
            open.extend(self.after[moment].iter().filter(|&&next| reached.insert(next)));
        }
        reached
    }

    /// Whether no moment comes after itself.
    pub fn is_acyclic(&self) -> bool {
        (0..self.after.len()).all(|moment| !self.reachable(moment).contains(&moment))
    }

    /// For each step the steps that have settled before it starts.
    pub fn settled_before(&self) -> Vec<BTreeSet<usize>> {
        let mut before = vec![BTreeSet::new(); self.steps];
        for step in 0..self.steps {
            let after = self.reachable(self.settled(step));
            for later in after.range(..self.steps) {
                before[*later].insert(step);
            }
        }
        before
    }
}

/// The step that this one is a fallback for.
fn target(plan: &Plan, step: usize) -> Option<usize> {
    let own = &plan.steps[step];
    let target = own.fallback_for.as_ref().filter(|_| own.step_type == StepType::Fallback)?;
    plan.steps.iter().position(|other| other.step_id == *target).filter(|&at| at != step)
}

/// The step that this one is a fallback for, the one that that one is a fallback for, and so
/// on; and the fallbacks that are tried before each of them.
fn targets(plan: &Plan, step: usize) -> BTreeSet<usize> {
    let (mut targets, mut earlier) = (BTreeSet::new(), BTreeSet::new());
    let mut at = step;
    while let Some(next) = target(plan, at).filter(|&next| targets.insert(next)) {
        earlier.extend((0..at).filter(|&other| target(plan, other) == Some(next)));
        at = next;
    }
    &targets | &earlier
}

/// Everything that a step's expressions read; what does not parse reads nothing.
fn references(step: &PlanStep) -> References {
    let mut all = References::default();
    let expressions = [&step.condition, &step.expect, &step.loop_over, &step.loop_until];
    for text in expressions.into_iter().flatten() {
        if let Ok(expr) = Expr::parse(text) {
            all.extend(expr.references());
        }
    }
    if let Ok(template) = ParameterTemplate::parse(&Value::Object(step.parameters.clone())) {
        for (_, references) in template.references() {
            all.extend(references);
        }
    }
    all
}
