//! What a plan is held to beyond being possible.

use pe_model::{OrchestratorConfig, Strictness};

/// How strictly a plan is judged, and how large it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// How severe findings are.
    pub strictness: Strictness,
    /// The most steps; `None`: no limit beyond the file format's own.
    pub max_steps: Option<usize>,
    /// The most steps on one path; `None`: no limit.
    pub max_depth: Option<usize>,
    /// The most retries that one step may ask for; `None`: no limit.
    pub max_retries: Option<u32>,
}

/// The most retries that a model may ask for in one step.
const MODEL_RETRIES: u32 = 10;

impl Default for Limits {
    /// Moderate, without size limits: what holds for a plan file that a person wrote.
    fn default() -> Self {
        Self {
            strictness: Strictness::Moderate,
            max_steps: None,
            max_depth: None,
            max_retries: None,
        }
    }
}

impl Limits {
    /// All limits of the configuration: what holds for a plan that a model wrote.
    pub fn from_config(config: &OrchestratorConfig) -> Self {
        Self {
            strictness: config.plan_validation_strictness,
            max_steps: Some(config.max_plan_steps),
            max_depth: Some(config.max_plan_depth),
            max_retries: Some(MODEL_RETRIES),
        }
    }
}
