//! Catalogs for plans whose tools do not matter.

use std::collections::HashSet;

use pe_model::{Catalog, Plan};
use pe_validate::{Limits, ValidPlan, check};
use serde_json::{Value, json};

/// Every tool that the plan calls, known by name alone: no schema, every other field at its
/// default. In the order of first use; a blank name is left out.
pub fn catalog_of(plan: &Plan) -> Catalog {
    let names = plan.steps.iter().map(|step| step.tool.trim()).filter(|name| !name.is_empty());
    let mut seen = HashSet::new();
    let tools: Vec<Value> =
        names.filter(|name| seen.insert(*name)).map(|name| json!({ "name": name })).collect();
    Catalog::from_value(&Value::Array(tools)).expect("because each name is there once")
}

/// The plan checked against its own tools under the default limits.
///
/// # Panics
/// With all findings, when there is an error among them.
pub fn valid(plan: &Plan) -> ValidPlan {
    let checked = check(plan.clone(), &catalog_of(plan), &Limits::default());
    let findings = checked.report.render("plan");
    checked.plan.unwrap_or_else(|| panic!("the plan is not valid:\n{findings}"))
}
