//! The published schema of plans: what it takes, and how editors find it.

use std::fs;
use std::path::{Path, PathBuf};

use pe_model::{Format, PlanFile, read_value};
use serde_json::{Value, json};

use crate::world::{World, echo, plan};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("docs")
}

fn published() -> jsonschema::Validator {
    let text = fs::read(docs().join("schemas/plan.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_slice(&text).unwrap()).unwrap()
}

#[test]
fn every_example_names_the_schema_and_holds_to_it() {
    let schema = published();
    let examples: Vec<PathBuf> =
        fs::read_dir(docs().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(examples.len() >= 5, "{examples:?}");
    for path in examples {
        let shown = path.display();
        let text = fs::read_to_string(&path).unwrap();
        let format = Format::from_file_name(&path.to_string_lossy()).unwrap();
        let value = read_value(text.as_bytes(), format).unwrap();
        let named = match format {
            Format::Json => value["$schema"].as_str(),
            Format::Yaml => {
                text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=")
            }
        };
        let named = named.unwrap_or_else(|| panic!("{shown} names no schema"));
        assert!(path.parent().unwrap().join(named).is_file(), "{shown} names {named}");
        let errors: Vec<String> =
            schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{shown}");
    }
}

/// Holds a plan with one step, changed at a pointer, against the schema and the reader.
#[track_caller]
fn check(pointer: &str, value: Value, expected: bool) {
    let mut document = plan(json!([echo("a", 1)]));
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let around = document.pointer_mut(parent).unwrap();
    match around.as_array_mut() {
        Some(list) => list[field.parse::<usize>().unwrap()] = value,
        None => around[field] = value,
    }
    let read = PlanFile::from_value(document.clone());
    assert_eq!(read.is_ok(), expected, "the reader, of {document}");
    assert_eq!(published().is_valid(&document), expected, "the schema, of {document}");
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_nothing_else() {
    for kind in ["normal", "CONDITIONAL", "Loop", " parallel ", "fallBack"] {
        check("/steps/0/step_type", json!(kind), true);
    }
    for wrong in [json!("sometimes"), json!("normally"), json!(""), json!(1), json!(["loop"])] {
        check("/steps/0/step_type", wrong, false);
    }
    check("/goal", json!("x"), true);
    check("/goal", json!(1), false);
    check("/steps", json!({}), false);
    check("/steps/0", json!("a"), false);
    check("/context", json!([]), false);
    check("/steps/0/step_id", json!(1), false);
    check("/steps/0/tool", json!(["echo"]), false);
    check("/steps/0/parameters", json!([1]), false);
    check("/steps/0/dependencies", json!("a"), false);
    check("/steps/0/dependencies", json!(["a"]), true);
    check("/steps/0/dependencies", json!([1]), false);
    check("/steps/0/complexity", json!("high"), false);
    check("/steps/0/complexity", json!(2), true);
    check("/steps/0/retry", json!({"max_retries": "2"}), false);
    check("/steps/0/retry", json!({"max_retries": 2, "backoff": "linear"}), true);
    check("/steps/0/retry", json!({"backoff": "quadratic"}), false);
    check("/steps/0/trigger_rule", json!("all_done"), true);
    check("/steps/0/trigger_rule", json!("some"), false);
    check("/steps/0/approval", json!("yes"), false);
    check("/steps/0/timeout_ms", json!(-1), false);
    check("/status", json!("done"), false);
}

#[test]
fn a_plan_may_name_its_schema() {
    let world = World::new();
    let named = r#"{"$schema": "plan.schema.json", "goal": "g", "steps": [
        {"step_id": "a", "tool": "echo", "parameters": {"value": 1}}]}"#;
    world.write("plan.json", named);
    world.pe(&["validate", "plan.json", "--strictness", "strict"]).exits(0);
    assert_eq!(world.pe(&["run", "plan.json"]).exits(0).stdout, "1\n");
    // Only at the top, and only by its name.
    world.write("plan.json", named.replace("\"tool\"", "\"$schema\": \"x\", \"tool\""));
    world.pe(&["validate", "plan.json"]).exits(0).prints("PE003");
    world.write("plan.json", named.replace("\"plan.schema.json\"", "{}"));
    world.pe(&["validate", "plan.json"]).exits(0).prints("PE003");
}
