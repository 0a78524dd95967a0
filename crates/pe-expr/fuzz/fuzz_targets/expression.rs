//! Any text as an expression: no panic, faults inside the source, values of the kinds foretold
//! and inside the charge.
//!
//! Run by `cargo xtask fuzz SECONDS expression`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pe_expr::{Expr, ExprError, Kinds, Limits, MapScope};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let source = String::from_utf8_lossy(rest);
    // One byte chooses how little may be built.
    let limits = Limits { bytes: usize::from(*first) * 64, steps: 20_000, ..Limits::default() };
    let expr = match Expr::parse_with(&source, &limits) {
        Ok(expr) => expr,
        Err(error) => return inside(&error, &source),
    };
    let references = expr.references();
    for step in &references.steps {
        assert!(source.get(step.span.start..step.span.end).is_some(), "{step:?}");
    }
    let kinds = expr.kinds(&|_| Kinds::ANY);
    match expr.evaluate(&scope(), &limits) {
        Ok(value) => {
            assert!(kinds.contains(Kinds::of(&value)), "{value} is not {kinds}");
            // What is only read is copied free of charge.
            let read = 400;
            assert!(size(&value) <= limits.bytes + read, "{value}");
        }
        Err(error) => inside(&error, &source),
    }
});

fn inside(error: &ExprError, source: &str) {
    let span = error.span();
    assert!(span.start <= span.end && span.end <= source.len(), "{error}");
    assert!(error.to_string().len() < 2000, "{error}");
}

/// The charge for a value.
fn size(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| 16 + key.len() + size(value)).sum(),
        _ => 0,
    }
}

fn scope() -> MapScope {
    MapScope::new()
        .with("results", json!({"a": {"n": 2, "half": 0.5, "list": [{"k": "b"}, {"k": "a"}]}}))
        .with("context", json!({"text": "a, ß", "json": "[1, {\"a\": null}]", "big": u64::MAX}))
        .with("goal", json!("say hello"))
        .with("index", json!(1))
}
