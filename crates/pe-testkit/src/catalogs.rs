//! A catalog as programs have one: twenty tools that differ in all that tools may differ in.
//!
//! What a prompt, a schema or a cut of a catalog costs is measured against it. It only describes
//! tools; none of them can be called.

use pe_model::Catalog;
use serde_json::Value;

/// Twenty tools for research, files, data, messages and calendars: one to six parameters, with
/// choices, bounds, defaults, lists and nested objects, an output schema for most, and every
/// effect class.
///
/// # Panics
/// Never: the file is part of the program.
pub fn realistic_catalog() -> Catalog {
    let tools: Value = serde_json::from_str(include_str!("catalogs/realistic.json"))
        .expect("because the file is JSON");
    Catalog::from_value(&tools).expect("because the file lists tools")
}
