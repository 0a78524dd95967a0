//! `write_file`.

use std::os::unix::fs::PermissionsExt as _;

use pe_model::{ErrorClass, Outcome};
use serde_json::json;

use crate::support::{Bench, says};

#[tokio::test]
async fn a_file_is_created_replaced_and_appended_to() {
    let bench = Bench::new();
    let output = bench.call("write_file", json!({"path": "a", "content": "żółw"})).await;
    assert_eq!(output, json!({"path": "a", "bytes": 7}));
    bench.call("write_file", json!({"path": "a", "content": "new"})).await;
    assert_eq!(bench.text("a"), "new");
    let output =
        bench.call("write_file", json!({"path": "a", "content": "+", "append": true})).await;
    assert_eq!((bench.text("a").as_str(), &output["bytes"]), ("new+", &json!(1)));
    bench.call("write_file", json!({"path": "b", "content": "x", "append": true})).await;
    assert_eq!(bench.text("b"), "x");
    let names: Vec<_> = std::fs::read_dir(bench.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[tokio::test]
async fn a_replacement_is_atomic_and_keeps_the_mode() {
    let bench = Bench::new();
    bench.file("script", "old");
    let path = bench.path().join("script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    // A reader that has the old file open keeps reading the old file.
    std::fs::hard_link(&path, bench.path().join("held")).unwrap();
    bench.call("write_file", json!({"path": "script", "content": "new"})).await;
    assert_eq!((bench.text("script"), bench.text("held")), ("new".into(), "old".into()));
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o750);
}

#[tokio::test]
async fn parents_are_created_when_asked() {
    let bench = Bench::new();
    let missing = json!({"path": "x/y/z", "content": "1"});
    let error = bench.fail("write_file", missing, ErrorClass::NotFound).await;
    says(&error, &["`x/y/z`", "create_parents"]);
    assert!(!bench.path().join("x").exists());
    let output = json!({"path": "x/y/z", "content": "1", "create_parents": true});
    bench.call("write_file", output).await;
    assert_eq!(bench.text("x/y/z"), "1");
}

#[tokio::test]
async fn a_link_inside_the_root_is_written_through() {
    let bench = Bench::new();
    bench.file("real/a", "old").link("real/a", "link");
    bench.call("write_file", json!({"path": "link", "content": "new"})).await;
    assert_eq!(bench.text("real/a"), "new");
    assert!(bench.path().join("link").is_symlink());
    bench.link("real/gone", "dangling");
    bench
        .fail("write_file", json!({"path": "dangling", "content": "x"}), ErrorClass::NotFound)
        .await;
}

#[tokio::test]
async fn what_is_not_a_file_is_refused() {
    let bench = Bench::new();
    bench.file("dir/a", "");
    for path in ["dir", "dir/", ".", "dir/a/b"] {
        for append in [false, true] {
            let arguments = json!({"path": path, "content": "x", "append": append});
            let error = bench.fail("write_file", arguments, ErrorClass::Validation).await;
            assert_eq!(error.outcome, Outcome::Known);
        }
    }
}
