//! The shared data sets: real plans that nobody here wrote, and what is true of them.
//!
//! They are read where they are and never copied. Where the folder is not there, readers
//! say so on stderr and give `None`; under `CI=true` that is a failure.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use pe_model::{Plan, PlanFile};
use serde_json::Value;

/// The names of all sets.
pub const SHARED_SETS: [&str; 8] = [
    "asynchow_timed",
    "bfcl_parallel",
    "nestful",
    "ops_dags",
    "prompt_examples",
    "seal_tools",
    "taskbench_llm_predictions",
    "worfbench",
];

/// The plans of a set, in its order.
///
/// # Panics
/// When the set is there and cannot be read, and when it is missing under `CI=true`.
pub fn shared_plans(set: &str) -> Option<Vec<Plan>> {
    let values = read(&format!("plans/{set}.jsonl.gz"))?;
    let plan = |value| PlanFile::from_value(value).expect("because shared plans are plans").plan;
    Some(values.into_iter().map(plan).collect())
}

/// What an independent checker found, a record for each plan of a set, in its order.
///
/// # Panics
/// As [`shared_plans`].
pub fn shared_truth(set: &str) -> Option<Vec<Value>> {
    read(&format!("truth/{set}.truth.jsonl.gz"))
}

/// Work, critical path and schedules of the timed plans of a set, in its order.
///
/// # Panics
/// As [`shared_plans`].
pub fn shared_timing(set: &str) -> Option<Vec<Value>> {
    read(&format!("truth/{set}.timing.jsonl.gz"))
}

/// What the sources of a set really wrote, before it was made into plans; a record with `plan_id`
/// and `raw` for each plan. The names are those of the files: `prompt_examples_text`,
/// `taskbench_llm_predictions_raw`, `worfbench_text`.
///
/// # Panics
/// As [`shared_plans`].
pub fn shared_raw(name: &str) -> Option<Vec<Value>> {
    read(&format!("raw/{name}.jsonl.gz"))
}

/// The values of a file of gzip JSON lines.
fn read(file: &str) -> Option<Vec<Value>> {
    let folder = folder();
    let Some(folder) = folder else {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "the shared data is missing; it must be there under CI=true");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no shared data, {file} was not read");
        return None;
    };
    let path = folder.join(file);
    let opened = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(GzDecoder::new(opened)).lines();
    let value = |line: std::io::Result<String>| {
        serde_json::from_str(&line.expect("because shared data is text"))
            .expect("because shared data is JSON lines")
    };
    Some(lines.map(value).collect())
}

/// `shared/data` beside the workspace, or beside a folder that the workspace lies in.
fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = here.ancestors().skip(3).take(2).map(|parent| parent.join("shared/data"));
    places.into_iter().find(|place| place.is_dir())
}
