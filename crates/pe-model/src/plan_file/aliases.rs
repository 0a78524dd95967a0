//! Names that other programs give to the fields of plans and steps.
//!
//! They are only suggested: a field is never read under another name.

use crate::{Plan, PlanStep};

/// Other names, in small letters without `_` and `-`, and the field of a step that is meant.
const STEP: [(&str, &str); 30] = [
    ("dependson", "dependencies"),
    ("depends", "dependencies"),
    ("needs", "dependencies"),
    ("after", "dependencies"),
    ("requires", "dependencies"),
    ("args", "parameters"),
    ("arguments", "parameters"),
    ("params", "parameters"),
    ("input", "parameters"),
    ("inputs", "parameters"),
    ("id", "step_id"),
    ("name", "step_id"),
    ("type", "step_type"),
    ("kind", "step_type"),
    ("if", "condition"),
    ("when", "condition"),
    ("retries", "retry"),
    ("retrypolicy", "retry"),
    ("maxretries", "retry"),
    ("foreach", "loop_over"),
    ("items", "loop_over"),
    ("until", "loop_until"),
    ("count", "loop_count"),
    ("repeat", "loop_count"),
    ("timeout", "timeout_ms"),
    ("description", "action"),
    ("fallback", "fallback_for"),
    ("trigger", "trigger_rule"),
    ("needsapproval", "approval"),
    ("assert", "expect"),
];

/// The same for a plan.
const PLAN: [(&str, &str); 4] =
    [("tasks", "steps"), ("description", "goal"), ("task", "goal"), ("objective", "goal")];

/// The field of `known` that goes by another name.
pub(super) fn meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const LONGEST: usize = 32;
    if name.len() > LONGEST {
        return None;
    }
    let table: &[(&str, &str)] = match known {
        _ if *known == Plan::FIELDS => &PLAN,
        _ if *known == PlanStep::FIELDS => &STEP,
        _ => return None,
    };
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    let (_, field) = table.iter().find(|(other, _)| *other == plain)?;
    known.iter().find(|name| *name == field).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, PlanFile};

    #[test]
    fn every_other_name_leads_to_a_field_of_its_level() {
        for (name, field) in STEP {
            assert_eq!(meant(name, &PlanStep::FIELDS), Some(field), "{name}");
        }
        for (name, field) in PLAN {
            assert_eq!(meant(name, &Plan::FIELDS), Some(field), "{name}");
        }
    }

    #[test]
    fn other_names_are_suggested_where_the_field_is_missing() {
        let text = r#"{"tasks": [], "goal": "g", "task": "x", "needs": 1, "steps": [
            {"id": "a", "dependsOn": [], "for_each": "x", "description": "d", "timeout": 1},
            {"step_id": "b", "name": "B", "retry": {"id": 1}}]}"#;
        let file = PlanFile::parse(text.as_bytes(), Format::Json).unwrap();
        let named: Vec<_> =
            file.unknown.iter().map(|field| (field.pointer.as_str(), field.nearest)).collect();
        assert_eq!(
            named,
            [
                ("/tasks", None),
                ("/task", None),
                ("/needs", None),
                ("/steps/0/id", Some("step_id")),
                ("/steps/0/dependsOn", Some("dependencies")),
                ("/steps/0/for_each", Some("loop_over")),
                ("/steps/0/description", Some("action")),
                ("/steps/0/timeout", Some("timeout_ms")),
                ("/steps/1/name", None),
                ("/steps/1/retry/id", None),
            ]
        );
    }
}
