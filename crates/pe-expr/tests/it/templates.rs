//! X9 and the rest of templates and parameter trees.

use pe_expr::{ErrorKind, Limits, MapScope, ParameterTemplate, Template};
use serde_json::{Value, json};

fn scope() -> MapScope {
    MapScope::new().with(
        "results",
        json!({"a": {"n": 1.5, "list": [1, "x"], "text": "say {{ results.a.n }}", "null": null}}),
    )
}

fn check(text: &str, expected: Value) {
    let value =
        Template::parse(text).and_then(|template| template.render(&scope(), &Limits::default()));
    assert_eq!(value, Ok(expected), "{text}");
}

fn check_error(text: &str, expected: &str) {
    let value =
        Template::parse(text).and_then(|template| template.render(&scope(), &Limits::default()));
    assert_eq!(value.expect_err(text).to_string(), expected);
}

#[test]
fn x9_a_whole_expression_keeps_its_type() {
    check("{{ results.a.n }}", json!(1.5));
    check("{{results.a.list}}", json!([1, "x"]));
    check("{{ results.a.null }}", json!(null));
    check("{{ results.a.n > 1 }}", json!(true));
    check(" {{ results.a.n }}", json!(" 1.5"));
    check("{{ results.a.n }}\n", json!("1.5\n"));
}

#[test]
fn an_embedded_expression_becomes_text() {
    check("n={{ results.a.n }}, l={{ results.a.list }}!", json!("n=1.5, l=[1,\"x\"]!"));
    check("{{ 'a' }}{{ 'b' }}", json!("ab"));
    check("{{ results.a.null }}{{ true }}", json!("nulltrue"));
    check("plain", json!("plain"));
    check("", json!(""));
    check("{ } }} {% x %}", json!("{ } }} {% x %}"));
}

#[test]
fn x9_a_result_is_never_a_template_again() {
    check("{{ results.a.text }}", json!("say {{ results.a.n }}"));
    check("it: {{ results.a.text }}", json!("it: say {{ results.a.n }}"));
}

#[test]
fn braces_inside_an_expression_do_not_end_it() {
    check("{{ '}}' }}", json!("}}"));
    check("a {{ '{{' + \"}}\" }} b", json!("a {{}} b"));
    check("{{ {'a': {'b': 1}} }}", json!({"a": {"b": 1}}));
    check("{{{'a': {'b': 1}}}}", json!({"a": {"b": 1}}));
    check("{{ {'a': {'b': 1}}.a.b }} {{ {} }}", json!("1 {}"));
    check("{{ 1 if true else 2 }}{{ [1][0] }}", json!("11"));
}

#[test]
fn kinds_of_templates() {
    let parse = |text: &str| Template::parse(text).expect(text);
    assert!(parse("plain }}").is_literal() && !parse("plain").is_whole());
    assert!(parse("{{ 1 }}").is_whole() && !parse("{{ 1 }}").is_literal());
    assert!(!parse("{{ 1 }} ").is_whole() && !parse("{{ 1 }}{{ 2 }}").is_whole());
    assert_eq!(parse("{{ 1 }} ").source(), "{{ 1 }} ");
}

#[test]
fn errors_are_placed_in_the_whole_text() {
    check_error("n: {{ 1/0 }}", "division by zero at column 9 in `n: {{ 1/0 }}`");
    check_error(
        "ok\n{{ 1 }} {{ 1/0 }}",
        "division by zero at line 2, column 14 in `{{ 1 }} {{ 1/0 }}`",
    );
    check_error("{{ }}", "a value is due here, found `}` at column 4 in `{{ }}`");
    check_error("{{ 1", "this `{{` is never closed by `}}` at column 5 in `{{ 1`");
    check_error("{{ 1 }", "one `}` where `}}` should end the expression at column 6 in `{{ 1 }`");
    check_error(
        "{{ 1 } }",
        "one `}` where `}}` should end the expression at column 6 in `{{ 1 } }`",
    );
    check_error("{{ (1 }}", "`}` found where `)` should close `(` at column 7 in `{{ (1 }}`");
    check_error(
        "{{ 1 if true }}",
        "this `if` has no `else`; a conditional is written `a if condition else b` at column 6 in `{{ 1 if true }}`",
    );
}

#[test]
fn text_is_charged_and_a_value_that_is_read_is_not() {
    let large = MapScope::new().with("x", json!("x".repeat(2 << 20)));
    let render = |text: &str| {
        Template::parse(text).and_then(|template| template.render(&large, &Limits::default()))
    };
    assert!(render("{{ x }}").is_ok());
    let error = render("{{ x }}!").expect_err("2 MiB of text");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}

#[test]
fn parameters_keep_what_is_not_a_template() {
    let tree = json!({"{{ key }}": "plain", "n": 1, "deep": [{"x/y~z": "{{ results.a.n }}"}, null, "v{{ 1 }}"]});
    let template = ParameterTemplate::parse(&tree).expect("templates");
    let pointers: Vec<&str> = template.templates().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/deep/0/x~1y~0z", "/deep/2"]);
    let read: Vec<&str> = template.references().map(|(pointer, _)| pointer).collect();
    assert_eq!(read, ["/deep/0/x~1y~0z"]);
    let rendered = template.render(&scope(), &Limits::default()).expect("a value");
    assert_eq!(
        rendered,
        json!({"{{ key }}": "plain", "n": 1, "deep": [{"x/y~z": 1.5}, null, "v1"]})
    );
    assert!(!template.is_literal());
    assert!(ParameterTemplate::parse(&json!({"a": ["b"]})).expect("no templates").is_literal());
    let single = ParameterTemplate::parse(&json!("{{ 1 }}")).expect("a template");
    assert_eq!(single.render(&scope(), &Limits::default()), Ok(json!(1)));
}

#[test]
fn parameter_errors_name_the_string() {
    let error = ParameterTemplate::parse(&json!({"a": ["{{ 1 + }}"]})).expect_err("syntax");
    assert_eq!(error.pointer, "/a/0");
    let template = ParameterTemplate::parse(&json!({"a": "{{ 1 }}", "b": "{{ results.b }}"}))
        .expect("templates");
    let error = template.render(&scope(), &Limits::default()).expect_err("missing");
    assert_eq!(error.pointer, "/b");
    assert!(error.to_string().ends_with("in the parameter at `/b`"), "{error}");
}

#[test]
fn one_charge_covers_all_parameters() {
    let one = json!("{{ 'x' * 400000 }}");
    let render = |tree: &Value| {
        ParameterTemplate::parse(tree).expect("templates").render(&scope(), &Limits::default())
    };
    assert!(render(&json!([one, one])).is_ok());
    let error = render(&json!([one, one, one])).expect_err("1.2 MB");
    assert_eq!(error.pointer, "/2");
    assert!(matches!(error.error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}
