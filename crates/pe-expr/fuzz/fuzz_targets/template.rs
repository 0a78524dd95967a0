//! Any text as a template, and as every string of a parameter tree: no panic, faults inside
//! the text, literals that stay as they are.
//!
//! Run by `cargo xtask fuzz SECONDS template`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pe_expr::{Kinds, Limits, MapScope, ParameterTemplate, Template};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let limits = Limits { bytes: 4096, steps: 20_000, ..Limits::default() };
    let scope = MapScope::new()
        .with("results", json!({"a": {"n": 2, "half": 0.5, "list": ["b", {"k": "a"}]}}))
        .with("context", json!({"text": "{{ goal }}"}))
        .with("goal", json!("say hello"));
    let rendered = Template::parse_with(&text, &limits).and_then(|template| {
        let rendered = template.render(&scope, &limits);
        if let Ok(value) = &rendered {
            let kinds = template.kinds(&|_| Kinds::ANY);
            assert!(kinds.contains(Kinds::of(value)), "{value} is not {kinds}");
            if template.is_literal() {
                assert_eq!(*value, Value::from(&*text));
            }
        }
        rendered
    });
    if let Err(error) = &rendered {
        let span = error.span();
        assert!(span.start <= span.end && span.end <= error.text().len(), "{error}");
    }
    // In a tree it has the same value, as often as it stands there, under one charge for all.
    let tree = json!({"one": text, "a/b": [text, {"~": 3}]});
    let parameters = ParameterTemplate::parse_with(&tree, &limits)
        .and_then(|parameters| parameters.render(&scope, &limits));
    if let (Ok(value), Ok(parameters)) = (&rendered, &parameters) {
        assert_eq!(*parameters, json!({"one": value, "a/b": [value, {"~": 3}]}));
    }
    assert!(rendered.is_ok() || parameters.is_err() || !text.contains("{{"));
    // A tree of its own, where the text is JSON.
    if let Ok(tree) = serde_json::from_str::<Value>(&text)
        && let Ok(parameters) = ParameterTemplate::parse_with(&tree, &limits)
    {
        for (pointer, _) in parameters.templates() {
            assert!(tree.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
        }
        let _ = parameters.render(&scope, &limits);
    }
});
