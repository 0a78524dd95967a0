//! What expressions see of a run: views over its state, so that reading one output copies
//! nothing; only `goal` and a loop's list of iterations are built when they are read.

use std::borrow::Cow;

use pe_expr::{Binding, Entries, Scope};
use pe_model::{Plan, RunState, StepState};
use serde_json::Value;

/// Variables that only some places know.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Locals<'a> {
    /// The element of `loop_over`.
    pub(crate) item: Option<&'a Value>,
    /// The iteration, from 0.
    pub(crate) iteration: Option<u32>,
    /// The output that is being judged.
    pub(crate) result: Option<&'a Value>,
}

/// The variables of one evaluation.
pub(crate) struct RunScope<'a> {
    pub(crate) state: &'a RunState,
    pub(crate) locals: Locals<'a>,
}

impl Scope for RunScope<'_> {
    fn variable(&self, name: &str) -> Option<Binding<'_>> {
        match name {
            "results" => Some(Binding::Map(Box::new(Results { state: self.state }))),
            "steps" => Some(Binding::Map(Box::new(Steps { state: self.state }))),
            "context" => Some(Binding::Map(Box::new(Context { plan: &self.state.plan }))),
            "goal" => Some(Value::String(self.state.plan.goal.clone()).into()),
            "item" => self.locals.item.map(Binding::from),
            "index" => self.locals.iteration.map(|number| Value::from(number).into()),
            "iteration" => self.locals.iteration.map(|number| Value::from(number + 1).into()),
            "result" => self.locals.result.map(Binding::from),
            _ => None,
        }
    }
}

/// `results`: outputs of completed and recovered steps.
struct Results<'a> {
    state: &'a RunState,
}

impl<'a> Entries<'a> for Results<'a> {
    fn len(&self) -> usize {
        self.state.done_count()
    }

    fn get(&self, key: &str) -> Option<Binding<'a>> {
        let step = self.state.step(key).filter(|step| step.is_done())?;
        Some(Binding::from(step.output.as_deref()?))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let steps = self.state.plan.steps.iter().zip(self.state.steps());
        Box::new(steps.filter(|(_, state)| state.is_done()).map(|(step, _)| step.step_id.as_str()))
    }
}

/// `steps`: the state of every step.
struct Steps<'a> {
    state: &'a RunState,
}

impl<'a> Entries<'a> for Steps<'a> {
    fn len(&self) -> usize {
        self.state.steps().len()
    }

    fn get(&self, key: &str) -> Option<Binding<'a>> {
        self.state.step(key).map(|step| Binding::Map(Box::new(Step { step })))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.state.plan.steps.iter().map(|step| step.step_id.as_str()))
    }
}

/// `steps.x`.
struct Step<'a> {
    step: &'a StepState,
}

const STEP_KEYS: [&str; 6] =
    ["status", "output", "error", "attempts", "execution_time_ms", "iterations"];

impl<'a> Entries<'a> for Step<'a> {
    fn len(&self) -> usize {
        STEP_KEYS.len()
    }

    fn get(&self, key: &str) -> Option<Binding<'a>> {
        let step = self.step;
        Some(match key {
            "status" => Value::from(step.status.as_str()).into(),
            "output" => match step.output.as_deref() {
                Some(output) => Binding::from(output),
                None => Value::Null.into(),
            },
            "error" => {
                let message = step.error.as_ref().map(|error| error.message.clone());
                Value::from(message).into()
            }
            "attempts" => Value::from(step.attempts()).into(),
            "execution_time_ms" => Value::from(step.execution_time_ms).into(),
            "iterations" => {
                step.iteration_outputs().map(|output| (**output).clone()).collect::<Value>().into()
            }
            _ => return None,
        })
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(STEP_KEYS.into_iter())
    }
}

/// `context`.
struct Context<'a> {
    plan: &'a Plan,
}

impl<'a> Entries<'a> for Context<'a> {
    fn len(&self) -> usize {
        self.plan.context.len()
    }

    fn get(&self, key: &str) -> Option<Binding<'a>> {
        self.plan.context.get(key).map(|value| Binding::Value(Cow::Borrowed(value)))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.plan.context.keys().map(String::as_str))
    }
}
