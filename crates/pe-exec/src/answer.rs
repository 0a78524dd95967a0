//! The answer of a run without a model: what the steps that nobody waits for returned.

use pe_model::RunState;
use pe_validate::ValidPlan;
use serde_json::Value;

/// Renders the output of each completed or recovered step that no other step depends on, in
/// plan order, a line each: strings as they are, other values as JSON. A fallback's output
/// stands at its target's place.
pub fn answer(plan: &ValidPlan, state: &RunState) -> String {
    let graph = plan.graph();
    let mut parts = Vec::new();
    for (place, step) in state.steps().iter().enumerate() {
        let is_last = graph.links(place).is_empty() && !graph.is_fallback(place);
        if let Some(output) = step.output.as_deref().filter(|_| is_last && step.is_done()) {
            parts.push(match output {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
        }
    }
    parts.join("\n")
}
