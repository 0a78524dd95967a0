//! `read_file`, and the confinement that all file tools share.

use std::time::Duration;

use pe_model::{ErrorClass, Outcome};
use serde_json::json;

use crate::support::{Bench, says};

#[tokio::test]
async fn a_file_is_read_with_its_size_and_lines() {
    let bench = Bench::new();
    bench.file("docs/a.txt", "ein\nżółw\n🦀");
    let output = bench.call("read_file", json!({"path": "docs/a.txt"})).await;
    assert_eq!(
        output,
        json!({
            "path": "docs/a.txt", "content": "ein\nżółw\n🦀", "bytes": 16, "lines": 3,
            "truncated": false,
        })
    );
    bench.file("empty", "");
    let output = bench.call("read_file", json!({"path": "./docs/../empty"})).await;
    assert_eq!((&output["content"], &output["lines"]), (&json!(""), &json!(0)));
}

#[tokio::test]
async fn what_is_too_long_is_cut_at_a_character_and_marked() {
    let bench = Bench::new();
    bench.file("a", "aé\u{1}".repeat(10_000));
    let output = bench.call("read_file", json!({"path": "a", "max_bytes": 6})).await;
    assert_eq!(output["content"], "aé\u{1}a");
    assert_eq!((&output["bytes"], &output["truncated"]), (&json!(40_000), &json!(true)));
    // The bound is on the JSON, in which the control character takes six bytes.
    let output = bench.call_within("read_file", json!({"path": "a"}), 2_000).await;
    let kept = output["content"].as_str().unwrap().len();
    assert!((700..2_000).contains(&kept) && output["truncated"] == true, "{kept}");

    bench.file("b", "x".repeat(500));
    let whole = bench.call("read_file", json!({"path": "b", "max_bytes": 500})).await;
    assert_eq!(whole["truncated"], false);
}

#[tokio::test]
async fn no_more_is_read_than_is_kept() {
    let bench = Bench::new();
    // A hole of a terabyte, in which every byte is the character NUL.
    std::fs::File::create(bench.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
    let output = bench.call("read_file", json!({"path": "huge"})).await;
    assert_eq!((&output["bytes"], &output["truncated"]), (&json!(1_u64 << 40), &json!(true)));
}

#[tokio::test]
async fn e1_a_missing_file_is_not_found() {
    let error =
        Bench::new().fail("read_file", json!({"path": "no/such"}), ErrorClass::NotFound).await;
    says(&error, &["`no/such`"]);
    assert_eq!(error.outcome, Outcome::Known);
}

#[tokio::test]
async fn what_is_no_text_file_is_a_validation_error() {
    let bench = Bench::new();
    bench.file("dir/binary", b"ok\xff\xfe");
    let error =
        bench.fail("read_file", json!({"path": "dir/binary"}), ErrorClass::Validation).await;
    says(&error, &["`dir/binary` is not UTF-8", "byte 2"]);
    let error = bench.fail("read_file", json!({"path": "dir"}), ErrorClass::Validation).await;
    says(&error, &["`dir` is a directory, expected a file"]);
    let error =
        bench.fail("read_file", json!({"path": "dir/binary/x"}), ErrorClass::Validation).await;
    says(&error, &["not a directory"]);
    let error = bench.fail("read_file", json!({"path": "a\0b"}), ErrorClass::Validation).await;
    assert!(!error.is_retryable());
    bench.link("loop", "loop");
    bench.fail("read_file", json!({"path": "loop"}), ErrorClass::Validation).await;
}

#[tokio::test]
async fn a_pipe_without_a_writer_does_not_hang() {
    let bench = Bench::new();
    bench.call("run_command", json!({"argv": ["mkfifo", "pipe"]})).await;
    for (tool, arguments) in [
        ("read_file", json!({"path": "pipe"})),
        ("write_file", json!({"path": "pipe", "content": "x"})),
        ("search_files", json!({"pattern": "x", "path": "pipe"})),
    ] {
        let call = bench.fail(tool, arguments, ErrorClass::Validation);
        tokio::time::timeout(Duration::from_secs(10), call).await.expect(tool);
    }
}

#[tokio::test]
async fn no_tool_leaves_the_root() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s3cret").unwrap();
    let bench = Bench::new();
    bench.file("in/a", "inside");
    bench.link(outside.path(), "out").link(outside.path().join("secret"), "secret");
    bench.link("../../", "in/up").link("in/a", "fine");
    let absolute = outside.path().join("secret").to_str().unwrap().to_owned();
    let root = bench.path().to_str().unwrap().to_owned();

    let escapes =
        ["../x", "in/../../x", "out/secret", "secret", "in/up/x", &absolute, "/etc/passwd"];
    for path in escapes {
        for (tool, arguments) in [
            ("read_file", json!({"path": path})),
            ("write_file", json!({"path": path, "content": "x"})),
            ("write_file", json!({"path": path, "content": "x", "append": true})),
            ("write_file", json!({"path": path, "content": "x", "create_parents": true})),
            ("search_files", json!({"path": path, "pattern": "."})),
        ] {
            let error = bench.fail(tool, arguments, ErrorClass::Permission).await;
            says(&error, &[&format!("`{path}`"), "outside", &root]);
        }
    }
    for path in ["..", "out", "in/up", "in/../..", "/", "/tmp"] {
        for (tool, arguments) in [
            ("list_directory", json!({"path": path})),
            ("list_directory", json!({"path": path, "pattern": "**"})),
            ("search_files", json!({"path": path, "pattern": "."})),
            ("run_command", json!({"argv": ["ls"], "cwd": path})),
            ("write_file", json!({"path": path, "content": "x"})),
        ] {
            let error = bench.fail(tool, arguments, ErrorClass::Permission).await;
            says(&error, &[&format!("`{path}`"), "outside", &root]);
        }
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "s3cret");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    // Links that stay inside are fine.
    assert_eq!(bench.call("read_file", json!({"path": "fine"})).await["content"], "inside");
    // Links are not followed.
    let all = bench.call("search_files", json!({"pattern": "s3cret"})).await;
    assert_eq!(all["count"], 0);
}
