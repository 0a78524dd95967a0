//! Checks of the validator from outside, module by module as the design words it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod acceptance;
mod cases;
mod corners;
mod cycles;
mod findings;
mod graph;
mod kinds;
mod mutations;
mod outline;
mod paths;
mod promises;
mod quality;
mod readers;
mod scale;
mod shared;
mod size;
mod spans;
mod strictness;
mod templates;

use pe_model::{Catalog, Format, Plan};
use pe_validate::{Checked, Code, Finding, Limits, ValidationReport, check, check_file};

/// A JSON plan file held against a catalog, under the default limits.
fn file(text: &str, catalog: &Catalog) -> ValidationReport {
    check_file(text.as_bytes(), Format::Json, catalog, &Limits::default()).report
}

/// A plan held against its own tools, whose schemas are unknown.
fn checked(plan: &Plan) -> Checked {
    check(plan.clone(), &pe_testkit::catalog_of(plan), &Limits::default())
}

fn codes(report: &ValidationReport) -> Vec<Code> {
    report.findings.iter().map(|finding| finding.code).collect()
}

/// The only finding of a code.
fn only(report: &ValidationReport, code: Code) -> &Finding {
    let found: Vec<&Finding> = report.findings.iter().filter(|f| f.code == code).collect();
    assert_eq!(found.len(), 1, "{code} in\n{}", report.render("plan"));
    found[0]
}

/// The catalog that most tests use.
fn catalog() -> Catalog {
    let tools = serde_json::json!([
        {"name": "echo"},
        {"name": "search", "parameters": {"type": "object", "required": ["query", "limit"],
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer", "minimum": 1},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1}}},
            "output": {"type": "object", "properties": {
                "hits": {"type": "array"}, "page": {"type": "object", "properties": {"title": {}}}}}},
        {"name": "closed", "parameters": {"type": "object", "additionalProperties": false,
            "properties": {"name": {"type": "string"}}}},
    ]);
    Catalog::from_value(&tools).unwrap()
}
