//! Field by field: what differs between two definitions.
//!
//! Both are compared as they are written in a file, so that a field that `PlanStep` gains
//! is compared without a line here. Maps are compared key by key, without recursion.

use std::collections::HashSet;

use pe_model::{Plan, PlanStep, StepId};
use serde_json::{Map, Value};

use crate::diff::Change;

/// What differs between two steps, in the order in which fields are written.
pub(super) fn of_step(a: &PlanStep, b: &PlanStep) -> Vec<Change> {
    let (fields1, fields2) = (written(a), written(b));
    let mut changes = Vec::new();
    // The id is what makes them the same step; from `status` on, fields are state.
    let definition = PlanStep::FIELDS.iter().skip(1).take_while(|field| **field != "status");
    for &field in definition {
        if field == "dependencies" {
            changes.extend(dependencies(a, b));
        } else {
            compare(field, fields1.get(field), fields2.get(field), &mut changes);
        }
    }
    changes
}

/// What differs between two plans, beside their steps; bookkeeping left out.
pub(super) fn of_plan(a: &Plan, b: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    let goals = [&a.goal, &b.goal].map(|goal| Value::from(goal.as_str()));
    compare("goal", Some(&goals[0]), Some(&goals[1]), &mut changes);
    for (field, before, after) in
        [("context", &a.context, &b.context), ("metadata", &a.metadata, &b.metadata)]
    {
        let [before, after] = [before, after].map(|map| Value::Object(map.clone()));
        compare(field, Some(&before), Some(&after), &mut changes);
    }
    changes
}

fn written(step: &PlanStep) -> Map<String, Value> {
    match serde_json::to_value(step.definition()) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("because a step is a struct whose maps have string keys"),
    }
}

/// Dependencies are a set; a list of the same ones written in another way is said apart.
fn dependencies(a: &PlanStep, b: &PlanStep) -> Option<Change> {
    if a.dependencies == b.dependencies {
        return None;
    }
    let set = |step: &'_ PlanStep| step.dependencies.iter().cloned().collect::<HashSet<StepId>>();
    let list =
        |step: &PlanStep| step.dependencies.iter().map(|id| Value::from(id.as_str())).collect();
    let field = if set(a) == set(b) { "dependencies/order" } else { "dependencies" };
    Some(Change { field: field.to_owned(), before: Some(list(a)), after: Some(list(b)) })
}

/// Notes every value that differs, going into maps that both sides have.
fn compare(field: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    let mut open = vec![(field.to_owned(), before, after)];
    while let Some((field, before, after)) = open.pop() {
        if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) {
            let new = after.keys().filter(|key| !before.contains_key(*key));
            let inner: Vec<_> = before
                .keys()
                .chain(new)
                .map(|key| (format!("{field}/{}", escape(key)), before.get(key), after.get(key)))
                .collect();
            open.extend(inner.into_iter().rev());
        } else if before != after {
            changes.push(Change { field, before: before.cloned(), after: after.cloned() });
        }
    }
}

/// Escapes one token of a JSON pointer (RFC 6901).
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
