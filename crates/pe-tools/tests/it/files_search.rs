//! `search_files`.

use pe_model::ErrorClass;
use serde_json::{Value, json};

use crate::support::{Bench, says};

fn sample() -> Bench {
    let bench = Bench::new();
    bench.file("b.txt", "one\r\nżółw TODO later\nTODO TODO\n");
    bench.file("a/x.rs", "// todo\nfn main() {}\n// TODO: x");
    bench.file("target/x.rs", "TODO");
    bench.file("binary", b"TODO\0TODO\n");
    bench.file("latin", b"caf\xe9 TODO\n");
    bench
}

async fn places(bench: &Bench, arguments: Value) -> Vec<String> {
    let output = bench.call("search_files", arguments).await;
    assert_eq!(output["truncated"], false, "{output}");
    let matches = output["matches"].as_array().unwrap();
    assert_eq!(output["count"], matches.len());
    let place =
        |m: &Value| format!("{}:{}:{}", m["path"].as_str().unwrap(), m["line"], m["column"]);
    matches.iter().map(place).collect()
}

#[tokio::test]
async fn lines_are_found_with_their_place_in_order() {
    let bench = sample();
    let output = bench.call("search_files", json!({"pattern": "TODO"})).await;
    assert_eq!(
        output,
        json!({
            "matches": [
                {"path": "a/x.rs", "line": 3, "column": 4, "text": "// TODO: x"},
                {"path": "b.txt", "line": 2, "column": 6, "text": "żółw TODO later"},
                {"path": "b.txt", "line": 3, "column": 1, "text": "TODO TODO"},
                {"path": "latin", "line": 1, "column": 6, "text": "caf\u{fffd} TODO"},
            ],
            "count": 4,
            "files": ["a/x.rs", "b.txt", "latin"],
            "truncated": false,
        })
    );
}

#[tokio::test]
async fn case_globs_paths_and_exclusion_narrow_the_search() {
    let bench = sample();
    let rust = json!({"pattern": "todo", "ignore_case": true, "glob": "**/*.rs"});
    assert_eq!(places(&bench, rust).await, ["a/x.rs:1:4", "a/x.rs:3:4"]);
    let all = json!({"pattern": "TODO", "glob": ["**/*.rs"], "exclude": []});
    assert_eq!(places(&bench, all).await, ["a/x.rs:3:4", "target/x.rs:1:1"]);
    let file = json!({"pattern": "^one$", "path": "b.txt"});
    assert_eq!(places(&bench, file).await, ["b.txt:1:1"]);
    assert_eq!(places(&bench, json!({"pattern": "TODO", "path": "a"})).await, ["a/x.rs:3:4"]);
    assert!(places(&bench, json!({"pattern": "nowhere"})).await.is_empty());
}

#[tokio::test]
async fn a_search_stops_at_its_limits_and_says_so() {
    let bench = Bench::new();
    bench.file("a", "hit\n".repeat(5_000));
    let few = bench.call("search_files", json!({"pattern": "hit", "max_matches": 7})).await;
    assert_eq!((&few["count"], &few["truncated"]), (&json!(7), &json!(true)));
    let exact = bench.call("search_files", json!({"pattern": "hit", "max_matches": 5_000})).await;
    assert_eq!((&exact["count"], &exact["truncated"]), (&json!(5_000), &json!(false)));
    let default = bench.call("search_files", json!({"pattern": "hit"})).await;
    assert_eq!(default["count"], 1_000);
    let arguments = json!({"pattern": "hit", "max_matches": 5_000});
    let small = bench.call_within("search_files", arguments, 1_000).await;
    assert!(small["count"].as_u64().unwrap() > 5 && small["truncated"] == true);
}

#[tokio::test]
async fn long_lines_are_cut_around_the_match() {
    let bench = Bench::new();
    bench.file("a", format!("{}needle{}\nnext needle", "x".repeat(300_000), "y".repeat(2_000_000)));
    let output = bench.call("search_files", json!({"pattern": "needle"})).await;
    let first = &output["matches"][0];
    let text = first["text"].as_str().unwrap();
    assert!(text.starts_with("…xx") && text.ends_with("yy…") && text.contains("xneedley"));
    assert!(text.chars().count() <= 402);
    assert_eq!(first["column"], 300_001);
    // The rest of a line that is not searched does not count as another line.
    assert_eq!(output["matches"][1]["line"], 2);
}

#[tokio::test]
async fn bad_and_huge_expressions_are_refused() {
    let bench = sample();
    for pattern in ["a(b", r"(?=x)", r"\w{1000}{1000}"] {
        let error =
            bench.fail("search_files", json!({ "pattern": pattern }), ErrorClass::Validation);
        says(&error.await, &["parameter `pattern` of `search_files`"]);
    }
    bench.fail("search_files", json!({"pattern": "a", "path": "zz"}), ErrorClass::NotFound).await;
}

#[tokio::test]
async fn counting_lists_no_match_and_does_not_stop() {
    let bench = Bench::new();
    bench.file("a.txt", "hit\n".repeat(1_500));
    bench.file("b.txt", "hit\nmiss\nhit");
    let counted = bench
        .call("search_files", json!({"pattern": "hit", "count_only": true, "max_matches": 1}))
        .await;
    assert_eq!(
        counted,
        json!({"matches": [], "count": 1_502, "files": ["a.txt", "b.txt"], "truncated": false})
    );
}
