//! Plans in a few words.

use pe_model::{Plan, PlanStep, RetryPolicy, StepId, StepType, TriggerRule};
use serde_json::Value;

/// A plan of these steps, whose goal is `test`.
pub fn plan(steps: impl IntoIterator<Item = impl Into<PlanStep>>) -> Plan {
    Plan {
        goal: "test".to_owned(),
        steps: steps.into_iter().map(Into::into).collect(),
        ..Plan::default()
    }
}

/// A normal step that calls the tool `echo` without parameters.
pub fn step(id: impl AsRef<str>) -> StepBuilder {
    StepBuilder { step: PlanStep::new(StepId::new(id), "echo") }
}

/// A step being written; `Into<PlanStep>` ends it.
#[derive(Debug, Clone)]
pub struct StepBuilder {
    step: PlanStep,
}

impl From<StepBuilder> for PlanStep {
    fn from(builder: StepBuilder) -> Self {
        builder.step
    }
}

impl StepBuilder {
    /// Calls this tool.
    pub fn tool(mut self, tool: impl Into<String>) -> Self {
        self.step.tool = tool.into();
        self
    }

    /// Depends on these steps, beside those named before.
    pub fn after<I: IntoIterator<Item: AsRef<str>>>(mut self, steps: I) -> Self {
        self.step.dependencies.extend(steps.into_iter().map(StepId::new));
        self
    }

    /// Gives a parameter; strings may hold templates.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.step.parameters.insert(name.into(), value.into());
        self
    }

    /// Reads a step's output through `results`.
    pub fn reads(self, step: impl AsRef<str>) -> Self {
        let step = step.as_ref();
        self.parameter(format!("of_{step}"), format!("{{{{ results[\"{step}\"] }}}}"))
    }

    /// Reads a step's status through `steps`: an ordering edge.
    pub fn looks_at(self, step: impl AsRef<str>) -> Self {
        let step = step.as_ref();
        self.parameter(format!("state_of_{step}"), format!("{{{{ steps[\"{step}\"].status }}}}"))
    }

    /// Reads `results` as a whole.
    pub fn reads_whole(self) -> Self {
        self.parameter("all", "{{ len(results) }}")
    }

    /// Becomes conditional.
    pub fn when(mut self, condition: impl Into<String>) -> Self {
        self.step.step_type = StepType::Conditional;
        self.step.condition = Some(condition.into());
        self
    }

    /// Becomes `parallel`.
    pub fn parallel(mut self) -> Self {
        self.step.step_type = StepType::Parallel;
        self
    }

    /// Becomes a fallback for this step.
    pub fn instead_of(mut self, target: impl AsRef<str>) -> Self {
        self.step.step_type = StepType::Fallback;
        self.step.fallback_for = Some(StepId::new(target));
        self
    }

    /// Becomes a loop that runs `count` times.
    pub fn times(mut self, count: i64) -> Self {
        self.step.step_type = StepType::Loop;
        self.step.loop_count = Some(count);
        self
    }

    /// Becomes a loop over the list that the expression gives.
    pub fn over(mut self, items: impl Into<String>) -> Self {
        self.step.step_type = StepType::Loop;
        self.step.loop_over = Some(items.into());
        self
    }

    /// Becomes a loop that ends once the expression is true, after `cap` iterations at most.
    pub fn until(self, condition: impl Into<String>, cap: i64) -> Self {
        let mut loops = self.times(cap);
        loops.step.loop_until = Some(condition.into());
        loops
    }

    /// Sets the post-condition.
    pub fn expect(mut self, condition: impl Into<String>) -> Self {
        self.step.expect = Some(condition.into());
        self
    }

    /// Sets the trigger rule.
    pub fn trigger(mut self, rule: TriggerRule) -> Self {
        self.step.trigger_rule = Some(rule);
        self
    }

    /// Sets the retry policy.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.step.retry = Some(policy);
        self
    }

    /// Bounds one attempt, in milliseconds.
    pub fn timeout_ms(mut self, timeout: u64) -> Self {
        self.step.timeout_ms = Some(timeout);
        self
    }

    /// Sets the complexity.
    pub fn complexity(mut self, points: i64) -> Self {
        self.step.complexity = points;
        self
    }

    /// States the duration, in milliseconds.
    pub fn lasts_ms(mut self, duration: u64) -> Self {
        self.step.metadata.insert("duration_ms".to_owned(), duration.into());
        self
    }

    /// Must be approved by a person.
    pub fn approval(mut self) -> Self {
        self.step.approval = true;
        self
    }

    /// Changes what there is no word for.
    pub fn with(mut self, change: impl FnOnce(&mut PlanStep)) -> Self {
        change(&mut self.step);
        self
    }
}
