//! `list_directory`.

use pe_model::ErrorClass;
use serde_json::{Value, json};

use crate::support::{Bench, says};

fn sample() -> Bench {
    let bench = Bench::new();
    for path in [
        "Cargo.toml",
        "a/Cargo.toml",
        "a/src/lib.rs",
        "a.txt",
        "a-b/x.rs",
        "target/debug/x.rs",
        ".git/config",
        "web/node_modules/m/x.rs",
        "web/index.rs",
    ] {
        bench.file(path, path);
    }
    bench
}

async fn paths(bench: &Bench, arguments: Value) -> Vec<String> {
    let output = bench.call("list_directory", arguments).await;
    assert_eq!(output["truncated"], false, "{output}");
    assert_eq!(output["count"], output["paths"].as_array().unwrap().len());
    serde_json::from_value(output["paths"].clone()).unwrap()
}

#[tokio::test]
async fn the_direct_entries_are_listed_with_kind_and_size() {
    let bench = sample();
    bench.link("nowhere", "link");
    let output = bench.call("list_directory", json!({})).await;
    assert_eq!(
        output,
        json!({
            "entries": [
                {"path": "Cargo.toml", "kind": "file", "bytes": 10},
                {"path": "a", "kind": "directory", "bytes": null},
                {"path": "a-b", "kind": "directory", "bytes": null},
                {"path": "a.txt", "kind": "file", "bytes": 5},
                {"path": "link", "kind": "symlink", "bytes": null},
                {"path": "web", "kind": "directory", "bytes": null},
            ],
            "paths": ["Cargo.toml", "a", "a-b", "a.txt", "link", "web"],
            "count": 6,
            "truncated": false,
        })
    );
}

#[tokio::test]
async fn globs_reach_below_and_are_relative_to_the_path() {
    let bench = sample();
    let all = paths(&bench, json!({"pattern": "**/Cargo.toml"})).await;
    assert_eq!(all, ["Cargo.toml", "a/Cargo.toml"]);
    let rust = paths(&bench, json!({"pattern": ["*/*.rs", "a/**/*.rs"]})).await;
    assert_eq!(rust, ["a-b/x.rs", "a/src/lib.rs", "web/index.rs"]);
    let below = paths(&bench, json!({"path": "a", "pattern": "*/*.rs"})).await;
    assert_eq!(below, ["a/src/lib.rs"]);
    let dirs = paths(&bench, json!({"pattern": "**", "kind": "directory"})).await;
    assert_eq!(dirs, ["a", "a-b", "a/src", "web"]);
}

#[tokio::test]
async fn exclusion_can_be_changed_and_turned_off() {
    let bench = sample();
    let all = paths(&bench, json!({"pattern": "**/x.rs", "exclude": []})).await;
    assert_eq!(all, ["a-b/x.rs", "target/debug/x.rs", "web/node_modules/m/x.rs"]);
    let some = paths(&bench, json!({"pattern": "**/*.rs", "exclude": ["a*", "web/node*"]})).await;
    assert_eq!(some, ["target/debug/x.rs", "web/index.rs"]);
    // What is asked for by name is listed.
    assert_eq!(paths(&bench, json!({"path": "target"})).await, ["target/debug"]);
}

#[tokio::test]
async fn a_list_that_is_too_long_keeps_the_first_and_says_so() {
    let bench = Bench::new();
    for number in 0..50 {
        bench.file(&format!("{number:02}"), "");
    }
    let output = bench.call("list_directory", json!({"max_entries": 3})).await;
    assert_eq!(output["paths"], json!(["00", "01", "02"]));
    assert_eq!((&output["count"], &output["truncated"]), (&json!(3), &json!(true)));
    let exact = bench.call("list_directory", json!({"max_entries": 50})).await;
    assert_eq!(exact["truncated"], false);

    let output = bench.call_within("list_directory", json!({}), 500).await;
    let count = output["count"].as_u64().unwrap();
    assert!((5..50).contains(&count) && output["truncated"] == true, "{output}");
}

#[tokio::test]
async fn what_cannot_be_listed_is_named() {
    let bench = sample();
    says(
        &bench.fail("list_directory", json!({"path": "zz"}), ErrorClass::NotFound).await,
        &["`zz`"],
    );
    let file = json!({"path": "a.txt"});
    says(&bench.fail("list_directory", file, ErrorClass::Validation).await, &["`a.txt`"]);
    let glob = json!({"pattern": "a/[z"});
    says(
        &bench.fail("list_directory", glob, ErrorClass::Validation).await,
        &["parameter `pattern` of `list_directory`", "`a/[z`"],
    );
}

#[tokio::test]
async fn a_pattern_that_leads_out_of_the_root_is_refused() {
    let bench = Bench::new();
    for pattern in ["../*", "/etc/*", "a/../../*"] {
        for (tool, arguments) in [
            ("list_directory", json!({"pattern": pattern})),
            ("search_files", json!({"pattern": "x", "glob": pattern})),
        ] {
            let error = bench.try_call(tool, arguments).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Permission, "{tool} {pattern}: {error}");
        }
    }
}
