//! The shared data sets: real plans that nobody here wrote, and what is true of them.
//!
//! They are read where they are and never copied. Where the folder is not there, readers
//! say so on stderr and give `None`; under `CI=true` that is a failure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use pe_model::{Catalog, Plan, PlanFile, ToolSpec};
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

/// The tools that the plans of the sets were written for.
#[derive(Debug, Clone)]
pub struct SharedTools {
    by_name: BTreeMap<String, Catalog>,
}

impl SharedTools {
    /// What a plan's tools are: its own `metadata.inline_tools`, or those that `metadata.tools`
    /// names; none where the source says nothing about them.
    ///
    /// # Panics
    /// When the plan names tools that no file has.
    pub fn of(&self, plan: &Plan) -> Option<Cow<'_, Catalog>> {
        if let Some(tools) = plan.metadata.get("inline_tools") {
            return Some(Cow::Owned(specified(tools)));
        }
        let name = plan.metadata.get("tools")?.as_str().expect("because it is a name");
        Some(Cow::Borrowed(&self.by_name[name]))
    }
}

/// The tool specifications of all sets.
///
/// The sources name types as their own languages do (`str`, `float`, `String`); these become the
/// types of JSON Schema, and words that name no type of JSON (`Enum`, a date) are left out. Nothing
/// else of a schema is touched. Tools whose parameters are unknown have no schema.
///
/// # Panics
/// As [`shared_plans`].
pub fn shared_tools() -> Option<SharedTools> {
    let mut by_name = BTreeMap::new();
    for file in ["nestful_tools.json", "seal_tools.json.gz", "taskbench_tools.json"] {
        let mut opened = open(&format!("tools/{file}"))?;
        let mut text = String::new();
        let read = match file.ends_with(".gz") {
            true => GzDecoder::new(opened).read_to_string(&mut text),
            false => opened.read_to_string(&mut text),
        };
        read.expect("because shared data is text");
        let sets: BTreeMap<String, Value> =
            serde_json::from_str(&text).expect("because tool files are objects");
        by_name.extend(sets.into_iter().map(|(name, tools)| (name, specified(&tools))));
    }
    Some(SharedTools { by_name })
}

/// A catalog of a map from names to `{description, parameters}`.
fn specified(tools: &Value) -> Catalog {
    let spec = |(name, tool): (&String, &Value)| {
        let mut parameters = tool["parameters"].clone();
        let properties = parameters.get_mut("properties").and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(|all| all.values_mut()) {
            let Some(property) = property.as_object_mut() else { continue };
            match property.get("type").and_then(Value::as_str).and_then(json_type) {
                Some(known) => property.insert("type".to_owned(), known.into()),
                None => property.shift_remove("type"),
            };
        }
        ToolSpec { name: name.clone(), parameters, ..ToolSpec::default() }
    };
    tools.as_object().expect("because tools are listed by name").iter().map(spec).collect()
}

fn json_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "string" | "String" | "str" => "string",
        "integer" | "int" => "integer",
        "number" | "Number" | "float" => "number",
        "boolean" | "Boolean" | "bool" => "boolean",
        "array" => "array",
        "object" => "object",
        _ => return None,
    })
}

/// The values of a file of gzip JSON lines.
fn read(file: &str) -> Option<Vec<Value>> {
    let lines = BufReader::new(GzDecoder::new(open(file)?)).lines();
    let value = |line: std::io::Result<String>| {
        serde_json::from_str(&line.expect("because shared data is text"))
            .expect("because shared data is JSON lines")
    };
    Some(lines.map(value).collect())
}

/// A file of the folder, or `None` where the folder is not there.
fn open(file: &str) -> Option<File> {
    let Some(folder) = folder() else {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "the shared data is missing; it must be there under CI=true");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no shared data, {file} was not read");
        return None;
    };
    let path = folder.join(file);
    Some(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// `shared/data` beside the workspace, or beside a folder that the workspace lies in.
fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = here.ancestors().skip(3).take(2).map(|parent| parent.join("shared/data"));
    places.into_iter().find(|place| place.is_dir())
}
