//! Valid plans drawn by chance, with everything that plans may hold.
//!
//! A plan is drawn as plain numbers, which shrink well, and assembled from them step by
//! step. A step that would close a circle becomes a plain one.

use pe_model::{Backoff, Plan, PlanStep, RetryPolicy, TriggerRule};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::naive::settled_before;
use crate::{StepBuilder, plan, step};

/// What drawn plans may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredients {
    /// The most steps; at least one is always drawn.
    pub max_steps: usize,
    /// Conditional steps, over `results`, `steps`, `goal` and literals.
    pub conditions: bool,
    /// Loops in all three forms.
    pub loops: bool,
    /// Fallbacks, several for one step and fallbacks of fallbacks included.
    pub fallbacks: bool,
    /// Trigger rules other than the default.
    pub trigger_rules: bool,
    /// Parameters that read other steps' outputs and states.
    pub references: bool,
    /// Readers of `results` or `steps` as a whole.
    pub whole_readers: bool,
    /// Retry policies, with delays of at most 20 ms.
    pub retries: bool,
    /// Steps that a person must approve.
    pub approvals: bool,
    /// Steps listed before others that they wait for.
    pub out_of_order: bool,
}

impl Default for Ingredients {
    /// Up to 12 steps with everything but approvals.
    fn default() -> Self {
        Self {
            max_steps: 12,
            conditions: true,
            loops: true,
            fallbacks: true,
            trigger_rules: true,
            references: true,
            whole_readers: true,
            retries: true,
            approvals: false,
            out_of_order: true,
        }
    }
}

/// Valid plans with everything but approvals.
///
/// Step ids are `s0`, `s1`, …; tools are `echo`, `fetch` and `work`; durations are stated.
/// Each plan is valid against [`catalog_of`](crate::catalog_of) under default limits.
pub fn arbitrary_plan() -> impl Strategy<Value = Plan> {
    arbitrary_plan_with(Ingredients::default())
}

/// Valid plans of some ingredients.
pub fn arbitrary_plan_with(ingredients: Ingredients) -> impl Strategy<Value = Plan> {
    let steps = vec(draw(), 1..=ingredients.max_steps.max(1));
    steps.prop_map(move |draws| assemble(&draws, &ingredients))
}

/// One step as numbers; each is taken modulo what there is to choose from.
#[derive(Debug, Clone)]
struct Draw {
    kind: u8,
    form: u8,
    dependencies: Vec<u8>,
    reads: Vec<(u8, u8)>,
    trigger: u8,
    retry: Option<(u32, u8)>,
    flags: (bool, bool, bool),
    complexity: i64,
    duration: u64,
    position: u8,
}

fn draw() -> impl Strategy<Value = Draw> {
    (
        0..20_u8,
        any::<u8>(),
        vec(any::<u8>(), 0..3),
        vec((any::<u8>(), 0..8_u8), 0..2),
        0..12_u8,
        proptest::option::weighted(0.2, (0..3_u32, any::<u8>())),
        (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
        1..=5_i64,
        0..50_u64,
        any::<u8>(),
    )
        .prop_map(
            |(
                kind,
                form,
                dependencies,
                reads,
                trigger,
                retry,
                flags,
                complexity,
                duration,
                position,
            )| Draw {
                kind,
                form,
                dependencies,
                reads,
                trigger,
                retry,
                flags,
                complexity,
                duration,
                position,
            },
        )
}

fn assemble(draws: &[Draw], ingredients: &Ingredients) -> Plan {
    let mut drawn = plan(Vec::<PlanStep>::new());
    for (number, draw) in draws.iter().enumerate() {
        drawn.steps.push(written(number, draw, ingredients).into());
        if settled_before(&drawn).is_none() {
            drawn.steps[number] = step(format!("s{number}")).lasts_ms(draw.duration).into();
        }
    }
    if ingredients.out_of_order && draws.iter().any(|draw| draw.flags.2) {
        let mut shuffled = drawn.clone();
        let mut keyed: Vec<(u8, PlanStep)> =
            draws.iter().map(|draw| draw.position).zip(shuffled.steps).collect();
        keyed.sort_by_key(|(position, _)| *position);
        shuffled.steps = keyed.into_iter().map(|(_, step)| step).collect();
        // Fallbacks of one step are tried in plan order: another order may close a circle.
        if settled_before(&shuffled).is_some() {
            return shuffled;
        }
    }
    drawn
}

/// Step number `number`, which waits only for steps before it.
fn written(number: usize, draw: &Draw, ingredients: &Ingredients) -> StepBuilder {
    let earlier = |choice: u8| format!("s{}", usize::from(choice) % number.max(1));
    let tools = ["echo", "fetch", "work"];
    let mut step = step(format!("s{number}"))
        .tool(tools[usize::from(draw.form) % tools.len()])
        .parameter("value", json!({"number": number, "list": [draw.form, "text"]}))
        .complexity(draw.complexity)
        .lasts_ms(draw.duration);
    if number > 0 {
        let mut dependencies: Vec<String> =
            draw.dependencies.iter().map(|&choice| earlier(choice)).collect();
        dependencies.sort();
        dependencies.dedup();
        step = step.after(dependencies);
    }
    if ingredients.references && number > 0 {
        for (nth, &(choice, form)) in draw.reads.iter().enumerate() {
            step = step.parameter(format!("read_{nth}"), reading(&earlier(choice), form));
        }
    }
    if ingredients.whole_readers && draw.flags.0 {
        step = step.parameter("whole", whole(draw.form));
    }
    if ingredients.trigger_rules {
        step = match draw.trigger {
            0 => step.trigger(TriggerRule::AllDone),
            1 => step.trigger(TriggerRule::NoneFailed),
            2 => step.trigger(TriggerRule::OneSuccess),
            3 => step.trigger(TriggerRule::AllSuccess),
            _ => step,
        };
    }
    if let Some((max_retries, backoff)) = draw.retry.filter(|_| ingredients.retries) {
        let backoff =
            [Backoff::Exponential, Backoff::Linear, Backoff::Constant][usize::from(backoff) % 3];
        let delays = RetryPolicy {
            base_delay_ms: 5,
            max_delay_ms: 20,
            jitter: 0.0,
            ..RetryPolicy::default()
        };
        step = step.retry(RetryPolicy { max_retries, backoff, ..delays });
    }
    if ingredients.approvals && draw.flags.1 {
        step = step.approval();
    }
    match draw.kind {
        0..=2 if ingredients.conditions => step.when(condition(draw.form, number, &earlier)),
        3..=5 if ingredients.loops => looped(step, draw.form),
        6..=9 if ingredients.fallbacks && number > 0 => step.instead_of(earlier(draw.form)),
        10 => step.parallel(),
        _ => step,
    }
}

/// A parameter that reads a step, in all the ways in which that makes an edge.
fn reading(step: &str, form: u8) -> String {
    match form {
        0 => format!("{{{{ results.{step} }}}}"),
        1 => format!("text with {{{{ results[\"{step}\"] }}}} inside"),
        2 => format!("{{{{ steps.{step}.status }}}}"),
        3 => format!("{{{{ exists(results.{step}) }}}}"),
        4 => format!("{{{{ default(results.{step}, null) }}}}"),
        5 => format!("{{{{ default(steps.{step}.output, results.{step}) }}}}"),
        6 => "{{ goal }} and {{ context }}".to_owned(),
        _ => format!("{{{{ [results.{step}, {{'a': steps.{step}.attempts}}] }}}}"),
    }
}

fn whole(form: u8) -> &'static str {
    ["{{ len(results) }}", "{{ keys(steps) }}", "all: {{ results }}"][usize::from(form) % 3]
}

fn condition(form: u8, number: usize, earlier: &impl Fn(u8) -> String) -> String {
    let read = earlier(form / 8);
    match (form % 8, number) {
        (0, _) => "True".to_owned(),
        (1, _) => "goal == 'something else'".to_owned(),
        (2, _) => "len(goal) > 0 && not exists(context.missing)".to_owned(),
        (_, 0) => "true".to_owned(),
        (3, _) => format!("exists(results.{read})"),
        (4, _) => format!("steps.{read}.status in ['completed', 'failed']"),
        (5, _) => format!("default(results.{read}, null) != null"),
        _ => format!("str(results.{read}) != ''"),
    }
}

fn looped(step: StepBuilder, form: u8) -> StepBuilder {
    match form % 5 {
        0 => step.times(1 + i64::from(form % 3)),
        1 => step.over("[]"),
        2 => step.over("[1, 'two', {'three': 3}]").parameter("item", "{{ item }} {{ index }}"),
        3 => step.over("[1, 2, 3, 4]").with(|step| step.loop_parallelism = Some(2)),
        _ => step.until("iteration >= 2 or result == null", 3),
    }
}
