//! What holds for any bytes that are given as a plan file or a tool catalog.
//!
//! The fuzz targets include this file, so that they and the tests hold the same.

#![allow(dead_code, reason = "a fuzz target uses one half of it")]

use pe_model::{Catalog, Format, PlanFile, ToolSpec, read_value, render_definition};
use pe_validate::{Limits, check, check_file};
use serde_json::{Value, json};

/// A plan file: every finding has a place in the text, and a plan that holds is written and
/// read again as itself.
pub(crate) fn of_a_file(bytes: &[u8], format: Format) {
    let catalog = catalog();
    let limits = Limits::default();
    let checked = check_file(bytes, format, &catalog, &limits);
    let report = &checked.report;
    assert_eq!(checked.plan.is_some(), report.is_valid);
    let text = String::from_utf8_lossy(bytes);
    // A carriage return alone ends a line of YAML, and is blank space in JSON.
    let yaml = text.replace("\r\n", "\n").replace('\r', "\n");
    let inside = |line: usize, column: usize| {
        [text.as_ref(), &yaml].iter().any(|text| {
            let line = text.split('\n').nth(line.wrapping_sub(1));
            line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&column))
        })
    };
    for finding in &report.findings {
        let place = finding.line.zip(finding.column);
        let (line, column) = place.unwrap_or_else(|| panic!("no place: {finding:?}"));
        assert!(inside(line, column), "outside of the text: {finding:?}");
        assert!(finding.message.len() < 4096, "{finding:?}");
    }
    assert_eq!(report.render("plan").is_empty(), report.findings.is_empty());
    assert!(serde_json::to_value(report).is_ok());
    let (Some(written), true) = (&checked.written, report.is_valid) else { return };
    let definition = render_definition(written, Format::Json);
    for format in [Format::Json, Format::Yaml] {
        let again = render_definition(written, format);
        let checked = check_file(again.as_bytes(), format, &catalog, &limits);
        assert!(checked.report.is_valid, "{}\n{again}", checked.report.render("plan"));
        let plan = checked.written.expect("because it was read");
        assert_eq!(render_definition(&plan, Format::Json), definition, "{again}");
    }
}

/// A tool catalog, or a schema for the parameters of a tool: whatever it is, a plan that calls
/// the tool is judged.
pub(crate) fn of_a_catalog(bytes: &[u8]) {
    let Ok(value) = read_value(bytes, Format::Json) else { return };
    let mut catalogs = Vec::from_iter(Catalog::from_value(&value));
    if value.is_object() || value.is_boolean() {
        let (parameters, output) = (value.clone(), value);
        let spec = ToolSpec { name: "tool".into(), parameters, output, ..ToolSpec::default() };
        catalogs.push(Catalog::from_iter([spec]));
    }
    for catalog in &catalogs {
        let plan = plan_that_calls(catalog.names().take(8));
        let checked = check(plan, catalog, &Limits::default());
        assert_eq!(checked.plan.is_some(), checked.report.is_valid);
        assert!(serde_json::to_value(&checked.report).is_ok());
    }
}

/// Values of every kind for each of the tools.
fn plan_that_calls<'n>(names: impl Iterator<Item = &'n str>) -> pe_model::Plan {
    let step = |(at, tool): (usize, &str)| {
        json!({"step_id": format!("s{at}"), "tool": tool, "parameters": {
            "a": 1, "b": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "c": [1, "x", null, {"d": []}],
            "d": {"e": {"f": -1.5}}, "t": "{{ results.s0.a }}", "m": "see {{ goal }}",
        }})
    };
    let first = json!({"step_id": "s0", "tool": "tool"});
    let steps: Vec<Value> = std::iter::once(first).chain((1..).zip(names).map(step)).collect();
    let plan = PlanFile::from_value(json!({"goal": "g", "steps": steps}));
    plan.expect("because it is a plan").plan
}

fn catalog() -> Catalog {
    let tools = json!([
        {"name": "echo"},
        {"name": "search", "parameters": {"type": "object", "required": ["query"],
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer", "minimum": 1},
                "tags": {"type": "array", "items": {"type": "string"}}}},
            "output": {"type": "object", "properties": {"hits": {"type": "array"}}}},
    ]);
    Catalog::from_value(&tools).expect("because it is a catalog")
}
