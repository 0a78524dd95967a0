//! The wire form of one step: its definition and, in an executed plan, its state.

use std::fmt;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{JsonMap, RetryPolicy, StepId};

/// How a step behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = in_any_letter_case)]
pub enum StepType {
    /// Runs when it is ready.
    #[default]
    Normal,
    /// Runs when its condition holds, else is skipped.
    Conditional,
    /// Runs several times.
    Loop,
    /// As normal; its author asserts that it is safe beside any other step.
    Parallel,
    /// Runs only if another step fails for good.
    Fallback,
}

impl StepType {
    /// All types, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::Conditional, Self::Loop, Self::Parallel, Self::Fallback];

    /// The type's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Conditional => "conditional",
            Self::Loop => "loop",
            Self::Parallel => "parallel",
            Self::Fallback => "fallback",
        }
    }
}

/// Lets the schema take what the reader takes; an editor offers the names as they are written.
fn in_any_letter_case(schema: &mut Schema) {
    let names = StepType::ALL.map(|kind| {
        let letters = kind.as_str().chars();
        letters
            .map(|letter| format!("[{}{letter}]", letter.to_ascii_uppercase()))
            .collect::<String>()
    });
    let names = format!("^\\s*({})\\s*$", names.join("|"));
    let (Some(description), Some(named)) = (schema.remove("description"), schema.remove("oneOf"))
    else {
        return;
    };
    *schema = json_schema!({
        "description": description,
        "anyOf": [{ "oneOf": named }, { "type": "string", "pattern": names }],
    });
}

impl<'de> Deserialize<'de> for StepType {
    /// Any letter case is accepted.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let lower = text.trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|kind| kind.as_str() == lower).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "unknown step type `{text}`, expected one of normal, conditional, loop, parallel, fallback"
            ))
        })
    }
}

impl fmt::Display for StepType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a step may start, judged over its settled dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// Every dependency completed.
    #[default]
    AllSuccess,
    /// Every dependency settled, however.
    AllDone,
    /// Every dependency settled and none failed.
    NoneFailed,
    /// At least one dependency completed, as soon as it has.
    OneSuccess,
}

impl TriggerRule {
    /// The rule's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllSuccess => "all_success",
            Self::AllDone => "all_done",
            Self::NoneFailed => "none_failed",
            Self::OneSuccess => "one_success",
        }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not started.
    #[default]
    Pending,
    /// Could start now; derived, never recorded.
    Ready,
    /// Has an attempt under way, or waits for its next one.
    Running,
    /// Waits for a person's consent.
    Waiting,
    /// Its effect may or may not have happened; a person decides.
    InDoubt,
    /// Done.
    Completed,
    /// Failed for good (`recovered_by` says whether another step stands in).
    Failed,
    /// Will not run.
    Skipped,
}

impl StepStatus {
    /// The status's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::InDoubt => "in_doubt",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a step was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A dependency failed and the trigger rule can no longer be met.
    UpstreamFailed,
    /// A dependency was skipped and the trigger rule can no longer be met.
    UpstreamSkipped,
    /// Its condition is false.
    ConditionFalse,
    /// A fallback whose target did not need it.
    NotNeeded,
    /// Another step failed and the run is told to stop at the first failure.
    FailFast,
}

impl SkipReason {
    /// The reason's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamSkipped => "upstream_skipped",
            Self::ConditionFalse => "condition_false",
            Self::NotNeeded => "not_needed",
            Self::FailFast => "fail_fast",
        }
    }
}

/// What a step that ran left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepResult {
    /// Whether the step completed.
    pub success: bool,
    /// Its output; null when it failed.
    #[serde(default)]
    pub data: Value,
    /// The error's message when it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// One step as it is written in a plan file.
///
/// Fields up to `metadata` are the definition; those from `status` on are state, written
/// in an executed plan and ignored in a plan that is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlanStep {
    /// Unique within the plan.
    #[schemars(length(min = 1))]
    pub step_id: StepId,
    /// How the step behaves; any letter case is accepted.
    pub step_type: StepType,
    /// What the step does, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The tool that is called.
    pub tool: String,
    /// The tool's arguments; strings may hold `{{ expressions }}`.
    pub parameters: JsonMap,
    /// Steps that come first, beside those that expressions read.
    pub dependencies: Vec<StepId>,
    /// Relative effort, 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    pub complexity: i64,
    /// For `conditional`: an expression that must be true.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "expression")]
    #[schemars(with = "Option<Condition>")]
    pub condition: Option<String>,
    /// For `loop`: how often, or the cap of `loop_until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub loop_count: Option<i64>,
    /// For `loop`: an expression that gives a list; one iteration an element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_over: Option<String>,
    /// For `loop`: an expression checked after each iteration; true ends the loop.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "expression")]
    #[schemars(with = "Option<Condition>")]
    pub loop_until: Option<String>,
    /// With `loop_over`: how many iterations may run at a time (default 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub loop_parallelism: Option<i64>,
    /// For `fallback`: the step that this one stands in for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<StepId>,
    /// When the step may start (default `all_success`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_rule: Option<TriggerRule>,
    /// Bounds one attempt, in milliseconds (default: `step_timeout_ms`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub timeout_ms: Option<u64>,
    /// How failed attempts are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// A post-condition over `result`; false makes the attempt a validation failure.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "expression")]
    #[schemars(with = "Option<Condition>")]
    pub expect: Option<String>,
    /// Whether a person must approve the step before it starts.
    #[serde(skip_serializing_if = "is_false")]
    pub approval: bool,
    /// Who is to do it, for people and other programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Anything else; kept, never interpreted, but for `duration_ms` (known duration).
    #[serde(skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,

    /// State: where the step stands.
    pub status: StepStatus,
    /// State: why it was skipped, is waiting or did not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// State: the step whose output stands in for this failed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered_by: Option<StepId>,
    /// State: what the step left behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<StepResult>>,
    /// State: the error's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// State: from the first attempt's start to the end, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_time_ms: Option<u64>,
    /// State: attempts made, over all iterations.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
}

/// What a condition may be written as: the schema's view of it.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum Condition {
    /// An expression.
    Expression(String),
    /// Always, or never.
    Constant(bool),
}

impl PlanStep {
    /// The names of all fields, in the order in which they are written.
    pub const FIELDS: [&'static str; 27] = [
        "step_id",
        "step_type",
        "action",
        "tool",
        "parameters",
        "dependencies",
        "complexity",
        "condition",
        "loop_count",
        "loop_over",
        "loop_until",
        "loop_parallelism",
        "fallback_for",
        "trigger_rule",
        "timeout_ms",
        "retry",
        "expect",
        "approval",
        "agent",
        "metadata",
        "status",
        "reason",
        "recovered_by",
        "result",
        "error",
        "execution_time_ms",
        "attempts",
    ];

    /// A pending normal step of complexity 1 without dependencies.
    pub fn new(step_id: impl Into<StepId>, tool: impl Into<String>) -> Self {
        Self { step_id: step_id.into(), tool: tool.into(), ..Self::default() }
    }

    /// Whether the step ended well: completed, skipped, or failed and recovered.
    pub fn is_settled_well(&self) -> bool {
        matches!(self.status, StepStatus::Completed | StepStatus::Skipped) || self.is_recovered()
    }

    /// Whether the step failed and another one stands in for it.
    pub fn is_recovered(&self) -> bool {
        self.status == StepStatus::Failed && self.recovered_by.is_some()
    }

    /// The definition alone: state fields back at their defaults.
    pub fn definition(&self) -> Self {
        Self {
            status: StepStatus::Pending,
            reason: None,
            recovered_by: None,
            result: None,
            error: None,
            execution_time_ms: None,
            attempts: 0,
            ..self.clone()
        }
    }

    /// Whether another definition of the step would do the same: every field but those that
    /// only people and schedules read (`action`, `complexity`, `metadata`) is equal. State is
    /// not looked at.
    pub fn does_the_same(&self, other: &Self) -> bool {
        let essence = |step: &Self| Self {
            action: String::new(),
            complexity: 1,
            metadata: JsonMap::new(),
            ..step.definition()
        };
        self == other || essence(self) == essence(other)
    }
}

impl Default for PlanStep {
    fn default() -> Self {
        Self {
            step_id: StepId::new(""),
            step_type: StepType::Normal,
            action: String::new(),
            tool: String::new(),
            parameters: JsonMap::new(),
            dependencies: Vec::new(),
            complexity: 1,
            condition: None,
            loop_count: None,
            loop_over: None,
            loop_until: None,
            loop_parallelism: None,
            fallback_for: None,
            trigger_rule: None,
            timeout_ms: None,
            retry: None,
            expect: None,
            approval: false,
            agent: None,
            metadata: JsonMap::new(),
            status: StepStatus::Pending,
            reason: None,
            recovered_by: None,
            result: None,
            error: None,
            execution_time_ms: None,
            attempts: 0,
        }
    }
}

/// An expression is a string; a bare boolean, which YAML makes of `true`, is one as well.
fn expression<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(value)) => Ok(Some(value.to_string())),
        Some(other) => Err(serde::de::Error::custom(format!(
            "expected an expression (a string), found `{other}`"
        ))),
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}
