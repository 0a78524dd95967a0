//! Effect classes: how often a call may be made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What making a call again would do, from harmless to irreversible.
///
/// The order is by strictness: `max` of two classes is the stricter one.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Depends on its arguments only and changes nothing.
    Pure,
    /// Reads the world and changes nothing.
    Read,
    /// Changes the world; making the call twice is the same as making it once.
    Idempotent,
    /// Must happen at most once; never repeated after an unknown outcome. The default.
    #[default]
    Once,
}

impl Effect {
    /// Whether the call leaves the world as it was.
    pub fn is_safe(self) -> bool {
        matches!(self, Effect::Pure | Effect::Read)
    }
}
