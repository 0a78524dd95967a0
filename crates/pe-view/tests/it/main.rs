//! The one integration binary of pe-view: what other crates see.

mod comparing;
mod hostile;
mod picturing;
mod rendering;

use pe_model::{Format, Plan, PlanFile, RunReport};

/// The plan in `tests/data/<name>.json`.
fn plan(name: &str) -> Plan {
    PlanFile::parse(data(name).as_bytes(), Format::Json)
        .expect("because the file holds a plan")
        .plan
}

/// The run in `tests/data/<name>.json`.
fn run(name: &str) -> RunReport {
    serde_json::from_str(&data(name)).expect("because the file holds a run")
}

fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("because tests name files that exist")
}
