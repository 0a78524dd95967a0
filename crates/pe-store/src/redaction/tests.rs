//! What goes, and what stays.

use serde_json::json;

use super::*;

fn check(mut value: Value, expected: Value) {
    Redaction::new(["s3cr3t".to_owned(), "s3cr3t-long".to_owned(), "abc".to_owned()])
        .apply(&mut value);
    assert_eq!(value, expected);
}

#[test]
fn names_of_secrets_are_known_however_they_are_written() {
    for name in [
        "Authorization",
        "api_key",
        "X-API-Key",
        "apiKey",
        "OPENAI_API_KEY",
        "password",
        "dbPassword",
        "Set-Cookie",
        "access_token",
        "client-secret",
        "auth",
    ] {
        check(json!({ name: {"deep": [1]} }), json!({ name: REDACTED }));
    }
    for name in ["tokens", "max_tokens", "author", "keyboard", "secretary", "cookies_eaten"] {
        check(json!({ name: "kept" }), json!({ name: "kept" }));
    }
    check(json!({"password": null}), json!({"password": null}));
}

#[test]
fn secrets_are_found_inside_texts() {
    check(json!(["x s3cr3t-long y s3cr3t", "abc"]), json!(["x [redacted] y [redacted]", "abc"]));
    check(
        json!("see https://me:pass@host/a@b and http://host/x@y"),
        json!("see https://[redacted]@host/a@b and http://host/x@y"),
    );
    check(
        json!("-H 'authorization: bearer a.b.c' -v"),
        json!("-H 'authorization: bearer [redacted]' -v"),
    );
    check(json!("BEARER ü"), json!("BEARER [redacted]"));
    check(json!("the bearer "), json!("the bearer "));
}

#[test]
fn secrets_are_found_inside_keys_and_no_field_is_lost() {
    check(
        json!({"s3cr3t": {"x s3cr3t-long": "s3cr3t"}, "abc": 1}),
        json!({REDACTED: {"x [redacted]": REDACTED}, "abc": 1}),
    );
    check(
        json!([{"https://me:pass@host/": 1, "Bearer abc": 2}]),
        json!([{"https://[redacted]@host/": 1, "Bearer [redacted]": 2}]),
    );
    check(
        json!({"s3cr3t": 1, "[redacted] 2": 2, "s3cr3t-long": 3, "[redacted]": 4}),
        json!({"[redacted] 3": 1, "[redacted] 2": 2, "[redacted] 4": 3, "[redacted]": 4}),
    );
    check(json!({"s3cr3t token": 1}), json!({"[redacted] token": REDACTED}));
    let mut value = json!({"api_token": "t0"});
    Redaction::new(["token".to_owned()]).apply(&mut value);
    assert_eq!(value, json!({"api_[redacted]": REDACTED}));
}

#[test]
fn nothing_is_changed_where_nothing_is_secret() {
    let mut value = json!({"token": "https://a:b@c", "n": 1});
    Redaction::none().apply(&mut value);
    assert_eq!(value, json!({"token": "https://a:b@c", "n": 1}));
}

#[test]
fn what_is_under_the_name_of_a_secret_is_found_elsewhere() {
    check(
        json!({
            "context": {"password": "hunter2hunter2", "auth": "required", "pwd": "short"},
            "arguments": {"line": "say hunter2hunter2 aloud", "hunter2hunter2": 1},
            "cookies": {"cookie": ["cookie-1", {"x": "cookie-2"}]},
            "schema": {"token": {"type": "string", "title": "a title"}},
            "parameters": {"token": "${context.token}"},
            "kept": ["required", "short", "string", "a title", "${context.token}"],
            "gone": ["cookie-1", "cookie-2", "x s3cr3t"],
        }),
        json!({
            "context": {"password": REDACTED, "auth": REDACTED, "pwd": REDACTED},
            "arguments": {"line": "say [redacted] aloud", REDACTED: 1},
            "cookies": {"cookie": REDACTED},
            "schema": {"token": REDACTED},
            "parameters": {"token": REDACTED},
            "kept": ["required", "short", "string", "a title", "${context.token}"],
            "gone": [REDACTED, REDACTED, "x [redacted]"],
        }),
    );
    // As JSON in a text has it.
    let quoted = json!({"password": "a\"b\\c\n123"});
    check(
        json!({"password": "a\"b\\c\n123", "text": format!("{{\"x\":{}}}", quoted["password"])}),
        json!({"password": REDACTED, "text": "{\"x\":\"[redacted]\"}"}),
    );
    check(
        json!({"body": "{\"access_token\":\"abcdef\"}", "then": "-u abcdef"}),
        json!({"body": "{\"access_token\":\"[redacted]\"}", "then": "-u [redacted]"}),
    );
    check(
        json!({"arguments": ["--password", "pw1234", "--token", "-v"], "said": "pw1234"}),
        json!({"arguments": ["--password", REDACTED, "--token", "-v"], "said": REDACTED}),
    );
    check(json!({"token": "redact", "x": "redact"}), json!({"token": REDACTED, "x": "redact"}));
}

#[test]
fn texts_name_secrets_in_many_ways() {
    for (text, expected) in [
        ("a password=x1 b", "a password=[redacted] b"),
        ("http://h/?token=a.b&api_key=c;d", "http://h/?token=[redacted]&api_key=[redacted];d"),
        ("secret='two words' ü", "secret='[redacted]' ü"),
        ("DB_PASSWORD=\"q\" x", "DB_PASSWORD=\"[redacted]\" x"),
        ("{\"l\":\"token=\\\"q\\\" x\"}", "{\"l\":\"token=\\\"[redacted]\\\" x\"}"),
        ("cmd --token=q --password  w -v", "cmd --token=[redacted] --password  [redacted] -v"),
        ("--password -v, token == 1, token=", "--password -v, token == 1, token="),
        ("max_tokens=5 token=${x}", "max_tokens=5 token=${x}"),
        ("-H 'Authorization: Basic dTpw' -v", "-H 'Authorization: Basic [redacted]' -v"),
        ("a basic token is needed", "a basic token is needed"),
        ("{\"password\" : \"a\\\"b\", \"n\": 1}", "{\"password\" : \"[redacted]\", \"n\": 1}"),
        (
            r#"{"a":"{\"api_key\":\"x\\\"y\",\"b\":1}"}"#,
            r#"{"a":"{\"api_key\":\"[redacted]\",\"b\":1}"}"#,
        ),
        (r#"{"password":"","token":"unended"#, r#"{"password":"","token":"unended"#),
        (r#"{"author":"me"}"#, r#"{"author":"me"}"#),
    ] {
        check(json!(text), json!(expected));
        check(json!(expected), json!(expected));
    }
}
