//! The `[orchestrator]` configuration and its defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How severe findings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// An error is only what makes execution impossible.
    Lenient,
    /// Missing tools and parameters are errors as well; quality is a warning.
    #[default]
    Moderate,
    /// Every finding is an error.
    Strict,
}

/// What a journal's acknowledgement is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Survives a power cut.
    #[default]
    Full,
    /// Survives a crash of the process.
    Normal,
    /// Survives nothing.
    Off,
}

/// What happens while a model is still writing its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Streaming {
    /// Nothing.
    Off,
    /// Steps are shown as they arrive.
    #[default]
    Show,
    /// Safe steps start as they arrive.
    Execute,
}

/// Hard limits on what a run may spend; none where not given. A name that is no limit is
/// refused: a limit that was misspelt would not hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Calls to a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_calls: Option<u64>,
    /// Tokens, prompt and completion together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Attempts of tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Money, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// How plans are made, judged and executed. Times are milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OrchestratorConfig {
    /// The most steps a plan may have; for a plan file only when set explicitly.
    pub max_plan_steps: usize,
    /// The most steps on one path; for a plan file only when set explicitly.
    pub max_plan_depth: usize,
    /// How severe findings are.
    pub plan_validation_strictness: Strictness,
    /// The deviation score at which a run is adapted (0.0..=1.0).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub adaptation_sensitivity: f64,
    /// Whether steps may run at the same time at all.
    pub enable_parallel: bool,
    /// How many attempts may run at the same time.
    #[schemars(range(min = 1))]
    pub max_parallel_steps: usize,
    /// Whether successful plans are remembered.
    pub enable_plan_learning: bool,
    /// Whether a goal without a valid plan is worked on call by call.
    pub fallback_to_sequential: bool,
    /// Bounds one process's execution; 0: no bound.
    pub plan_timeout_ms: u64,
    /// Bounds one attempt of a step that does not say otherwise.
    #[schemars(range(min = 1))]
    pub step_timeout_ms: u64,
    /// Bounds executions, or model turns in the sequential loop.
    pub max_iterations: u32,
    /// How often an invalid plan goes back to the model.
    pub max_repair_rounds: u32,
    /// Whether the first unrecovered failure ends the run.
    pub fail_fast: bool,
    /// What an acknowledged event survives.
    pub durability: Durability,
    /// The longest output of one call.
    #[schemars(range(min = 1))]
    pub max_output_bytes: usize,
    /// Hard limits on what a run may spend.
    pub budget: Budget,
    /// What happens while a model is still writing its plan.
    pub streaming: Streaming,
}

impl Default for OrchestratorConfig {
    fn default() -> Self {
        Self {
            max_plan_steps: 20,
            max_plan_depth: 5,
            plan_validation_strictness: Strictness::Moderate,
            adaptation_sensitivity: 0.7,
            enable_parallel: true,
            max_parallel_steps: 3,
            enable_plan_learning: true,
            fallback_to_sequential: true,
            plan_timeout_ms: 300_000,
            step_timeout_ms: 30_000,
            max_iterations: 5,
            max_repair_rounds: 3,
            fail_fast: false,
            durability: Durability::Full,
            max_output_bytes: 1_048_576,
            budget: Budget::default(),
            streaming: Streaming::Show,
        }
    }
}

impl OrchestratorConfig {
    /// How many attempts may run at once: 1 when parallelism is off, never 0.
    pub fn slots(&self) -> usize {
        if self.enable_parallel { self.max_parallel_steps.max(1) } else { 1 }
    }
}
