//! `echo`, `sleep`, `assert` and `query_json`.

use pe_model::ErrorClass;
use serde_json::{Value, json};

use crate::support::{Bench, says};

#[tokio::test]
async fn echo_gives_back_any_value() {
    let bench = Bench::new();
    for value in [json!(null), json!(1.5), json!("{{ x }}"), json!({"b": [1], "a": {}})] {
        assert_eq!(bench.call("echo", json!({ "value": value })).await, value);
    }
    let error = bench.fail("echo", json!({}), ErrorClass::Validation).await;
    says(&error, &["`echo`", "missing field `value`"]);
}

#[tokio::test(start_paused = true)]
async fn sleep_waits_as_long_as_asked() {
    let bench = Bench::new();
    let start = tokio::time::Instant::now();
    let output = bench.call("sleep", json!({"duration_ms": 90_000})).await;
    assert_eq!(output, json!({"slept_ms": 90_000}));
    assert!((90_000..91_000).contains(&start.elapsed().as_millis()));
    assert_eq!(bench.call("sleep", json!({"duration_ms": 0})).await, json!({"slept_ms": 0}));
}

#[tokio::test]
async fn assert_takes_true_and_nothing_else() {
    let bench = Bench::new();
    assert_eq!(bench.call("assert", json!({"that": true, "message": "m"})).await, json!(true));
    for that in [json!(false), json!("true"), json!(1), json!([true]), json!(null)] {
        let arguments = json!({"that": that, "message": "the sums must agree"});
        let error = bench.fail("assert", arguments, ErrorClass::Validation).await;
        says(&error, &["the sums must agree", &that.to_string()]);
        assert_eq!(error.retryable, Some(false));
    }
    let error =
        bench.fail("assert", json!({"that": "x".repeat(5000)}), ErrorClass::Validation).await;
    assert!(error.message.len() < 300, "{}", error.message.len());
}

async fn query(path: &str, data: Value) -> Value {
    Bench::new().call("query_json", json!({"path": path, "data": data})).await
}

#[tokio::test]
async fn query_json_selects_in_document_order() {
    let data = json!({"items": [
        {"name": "b", "price": 5}, {"name": "a", "price": 50}, {"name": "c", "price": 7}
    ]});
    assert_eq!(query("$.items[?@.price < 10].name", data.clone()).await, json!(["b", "c"]));
    assert_eq!(query("$..price", data.clone()).await, json!([5, 50, 7]));
    assert_eq!(query("$.items[-1:]['name','price']", data.clone()).await, json!(["c", 7]));
    assert_eq!(query("$.nothing", data.clone()).await, json!([]));
    assert_eq!(query("$[?length(@) == 3]", data.clone()).await.as_array().unwrap().len(), 1);
    assert_eq!(query("$", json!(null)).await, json!([null]));
}

#[tokio::test]
async fn query_json_reads_text_and_gives_the_first() {
    let bench = Bench::new();
    let text = json!({"path": "$.a[*]", "text": "{\"a\": [{\"b\": 1}, 2]}", "first": true});
    assert_eq!(bench.call("query_json", text).await, json!({"b": 1}));

    let none = json!({"path": "$.z", "data": {}, "first": true});
    says(&bench.fail("query_json", none, ErrorClass::NotFound).await, &["`$.z`"]);
    let bad = json!({"path": "$", "text": "{\"a\": }"});
    says(&bench.fail("query_json", bad, ErrorClass::Validation).await, &["`text`", "column 7"]);
    let both = json!({"path": "$", "text": "1", "data": 1});
    says(&bench.fail("query_json", both, ErrorClass::Validation).await, &["both"]);
    says(
        &bench.fail("query_json", json!({"path": "$"}), ErrorClass::Validation).await,
        &["neither"],
    );
}

#[tokio::test]
async fn query_json_says_where_a_path_is_wrong() {
    let bench = Bench::new();
    for (path, position) in
        [("$.a[?@.b ==]", "position"), ("a.b", "position 1 of"), ("", "position")]
    {
        let arguments = json!({"path": path, "data": {}});
        let error = bench.fail("query_json", arguments, ErrorClass::Validation).await;
        says(&error, &["parameter `path` of `query_json`", position]);
    }
}

#[tokio::test]
async fn query_json_refuses_paths_that_multiply_and_answers_that_are_too_long() {
    let bench = Bench::new();
    let bomb = json!({"path": format!("${}", "[0,0]".repeat(60)), "data": [[[1]]]});
    says(&bench.fail("query_json", bomb, ErrorClass::Validation).await, &["may visit"]);
    let deep = json!({"path": format!("$[?{}1{}]", "(".repeat(900), ")".repeat(900)), "data": 1});
    says(&bench.fail("query_json", deep, ErrorClass::Validation).await, &["nests deeper"]);

    let long = json!({"path": "$[*]", "data": ["x".repeat(60), "y".repeat(60)]});
    assert!(bench.try_call_within("query_json", long.clone(), 128).await.is_ok());
    let error = bench.try_call_within("query_json", long, 127).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Validation);
    says(&error, &["127 bytes"]);
}
