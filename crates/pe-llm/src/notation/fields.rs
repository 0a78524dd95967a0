//! The names of a step's fields: the notation's own, the plan's, and what models call them.

/// A field of a step, as the notation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    /// `step_id`.
    Id,
    /// `tool`.
    Tool,
    /// A name that is the tool's, unless something else is.
    Name,
    /// `parameters`.
    Args,
    /// `dependencies`.
    After,
    /// `condition`.
    If,
    /// `loop_count`.
    Times,
    /// `loop_over`.
    Over,
    /// `loop_until`.
    Until,
    /// `loop_parallelism`.
    AtOnce,
    /// `fallback_for`.
    FallbackFor,
    /// `step_type`.
    Type,
    /// A word that may be the step's type and may be anything else.
    Kind,
    /// `trigger_rule`.
    Trigger,
    /// `timeout_ms`.
    TimeoutMs,
    /// The same in seconds.
    TimeoutS,
    /// `retry`.
    Retry,
    /// `expect`.
    Expect,
    /// `approval`.
    Approval,
    /// `agent`.
    Agent,
    /// `complexity`.
    Complexity,
    /// `action`.
    Action,
    /// What is to be done: the tool where there is none, else the action.
    Task,
    /// The function of a native tool call.
    Function,
    /// `metadata`.
    Metadata,
    /// A field of an executed plan, which is no part of a definition.
    State,
}

/// The field that a key names, in any letter case and spelling of word boundaries.
pub(crate) fn canonical(key: &str) -> Option<Field> {
    if key.len() > 32 {
        return None;
    }
    let mut plain = String::with_capacity(key.len());
    for c in key.trim().chars() {
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        }
    }
    Some(match plain.as_str() {
        "id" | "stepid" | "step" | "taskid" | "nodeid" | "stepnumber" | "number" | "no" | "idx"
        | "ref" => Field::Id,
        "tool" | "toolname" | "functionname" | "api" | "apiname" | "toolid" | "usetool" => {
            Field::Tool
        }
        "name" => Field::Name,
        "function" | "call" | "fn" => Field::Function,
        "args" | "arguments" | "parameters" | "params" | "input" | "inputs" | "toolinput"
        | "toolargs" | "toolparameters" | "actioninput" | "kwargs" | "argument" | "arg"
        | "parameter" | "with" => Field::Args,
        "after" | "dependencies" | "dependson" | "deps" | "dep" | "needs" | "dependency"
        | "depends" | "requires" | "prerequisites" | "parents" | "waitfor" | "dependentsteps"
        | "dependencyids" => Field::After,
        "if" | "condition" | "when" | "runif" | "onlyif" => Field::If,
        "times" | "loopcount" | "repeat" | "count" => Field::Times,
        "over" | "loopover" | "foreach" | "each" => Field::Over,
        "until" | "loopuntil" | "repeatuntil" => Field::Until,
        "atonce" | "loopparallelism" | "parallelism" => Field::AtOnce,
        "fallbackfor" | "fallbackof" | "insteadof" => Field::FallbackFor,
        "steptype" => Field::Type,
        "type" | "kind" => Field::Kind,
        "trigger" | "triggerrule" => Field::Trigger,
        "timeoutms" => Field::TimeoutMs,
        "timeouts" | "timeoutseconds" | "timeoutsec" => Field::TimeoutS,
        "retry" | "retries" | "maxretries" | "retrypolicy" => Field::Retry,
        "expect" | "postcondition" | "assert" => Field::Expect,
        "approval" | "requiresapproval" | "needsapproval" | "approve" => Field::Approval,
        "agent" | "assignee" => Field::Agent,
        "complexity" | "effort" => Field::Complexity,
        "action" => Field::Action,
        "task" => Field::Task,
        "description" | "desc" | "do" | "why" | "purpose" | "title" | "label" | "thought"
        | "reasoning" | "rationale" | "instruction" | "explanation" | "summary" | "comment" => {
            Field::Action
        }
        "metadata" | "meta" => Field::Metadata,
        "status" | "reason" | "recoveredby" | "result" | "error" | "executiontimems"
        | "attempts" => Field::State,
        _ => return None,
    })
}
