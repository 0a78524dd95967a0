//! The keys under which models keep steps, goals and whole plans.

/// A key without letter case and word boundaries.
pub(crate) fn plain(key: &str) -> String {
    if key.len() > 40 {
        return String::new();
    }
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether steps are kept under this key.
pub(crate) fn is_steps_key(key: &str) -> bool {
    matches!(
        plain(key).as_str(),
        "steps"
            | "plan"
            | "tasks"
            | "tasknodes"
            | "nodes"
            | "actions"
            | "subtasks"
            | "workflow"
            | "plansteps"
            | "steplist"
            | "tasklist"
            | "calls"
            | "toolcalls"
            | "functioncalls"
            | "dag"
            | "executionplan"
            | "operations"
            | "todo"
            | "subgoals"
    )
}

/// Whether an object under this key may be the plan rather than a map of steps.
pub(crate) fn is_wrapper_key(key: &str) -> bool {
    matches!(
        plain(key).as_str(),
        "plan"
            | "workflow"
            | "dag"
            | "executionplan"
            | "response"
            | "output"
            | "answer"
            | "data"
            | "json"
            | "draft"
    )
}

/// Whether an object under this key may be the arguments of a call that hands over a plan.
pub(crate) fn is_envelope_key(key: &str) -> bool {
    is_wrapper_key(key)
        || matches!(plain(key).as_str(), "arguments" | "args" | "parameters" | "input" | "function")
}

/// Whether the goal stands under this key.
pub(crate) fn is_goal_key(key: &str) -> bool {
    matches!(
        plain(key).as_str(),
        "goal" | "objective" | "userrequest" | "query" | "request" | "mission"
    )
}
