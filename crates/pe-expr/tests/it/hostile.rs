//! Hostile sources and values: a typed error or a value, on a small stack.
//!
//! Memory is bounded by the charges (`memory` measures it) and time by the steps.

use pe_expr::{Bound, ErrorKind, Expr, ExprError, Limits, MapScope, ParameterTemplate, Template};
use serde_json::{Value, json};

/// Runs in a thread with 512 KiB of stack.
fn small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(run);
    thread.expect("a thread").join().expect("no panic")
}

/// Parses, clones, evaluates and drops there.
fn evaluate_with(source: String, scope: MapScope, limits: Limits) -> Result<Value, ExprError> {
    small_stack(move || {
        let expr = Expr::parse_with(&source, &limits)?;
        expr.clone().evaluate(&scope, &limits)
    })
}

fn check_bound(source: impl Into<String>, expected: Bound) {
    let source = source.into();
    let shown: String = source.chars().take(60).collect();
    let error = evaluate_with(source, MapScope::new(), Limits::default()).expect_err(&shown);
    match error.kind() {
        ErrorKind::TooLarge { what, .. } => assert_eq!(*what, expected, "{shown}: {error}"),
        other => panic!("{shown}: {other}"),
    }
    assert!(error.to_string().len() < 400, "{error}");
}

/// Limits of a caller who allows long sources and deep nesting.
pub(crate) fn generous() -> Limits {
    Limits { source_bytes: 1 << 20, nesting: 1 << 20, bytes: 16 << 20, steps: 10_000_000 }
}

#[test]
fn sources_that_are_too_long() {
    check_bound("-".repeat(5000) + "1", Bound::Source);
    check_bound("1".repeat(1 << 20), Bound::Source);
    check_bound("(".repeat(1 << 20), Bound::Source);
    check_bound(" ".repeat(1 << 20), Bound::Source);
    check_bound("é".repeat(1 << 19), Bound::Source);
    check_bound("(".repeat(10_000) + "1" + &")".repeat(10_000), Bound::Source);
}

#[test]
fn sources_that_nest_too_deeply() {
    for opening in ["-", "+", "!", "not ", "(", "[", "len(", "goal[", "{a:", "- ("] {
        check_bound(opening.repeat(800), Bound::Nesting);
    }
    check_bound("-".repeat(33) + "1", Bound::Nesting);
    check_bound(format!("{}1{}", "(".repeat(33), ")".repeat(33)), Bound::Nesting);
    let allowed = format!("{}{}1{}", "(".repeat(31), "-", ")".repeat(31));
    assert_eq!(evaluate_with(allowed, MapScope::new(), Limits::default()), Ok(json!(-1)));
}

#[test]
fn no_nesting_overflows_the_stack_even_where_it_is_allowed() {
    let check = |source: String, expected: Value| {
        assert_eq!(evaluate_with(source, MapScope::new(), generous()), Ok(expected));
    };
    check("-".repeat(5000) + "1", json!(1));
    check("not ".repeat(5000) + "true", json!(true));
    check("(".repeat(10_000) + "1" + &")".repeat(10_000), json!(1));
    check("abs(".repeat(10_000) + "1" + &")".repeat(10_000), json!(1));
    check("default(".repeat(10_000) + "1" + &", 2)".repeat(10_000), json!(1));
    check("(1 if true else ".repeat(10_000) + "1" + &")".repeat(10_000), json!(1));
    let deep = evaluate_with("[".repeat(10_000) + &"]".repeat(10_000), MapScope::new(), generous());
    let error = deep.expect_err("a value that nests 10,000 deep");
    assert_eq!(*error.kind(), ErrorKind::TooLarge { what: Bound::Depth, limit: 128 });
}

#[test]
fn flat_chains_do_not_nest() {
    let check = |source: String, scope: MapScope, expected: Value| {
        let value = evaluate_with(source.clone(), scope, Limits::default());
        assert_eq!(value, Ok(expected), "{:.60}", source);
    };
    let plain = |source: String, expected: Value| check(source, MapScope::new(), expected);
    plain(format!("1{}", "+1".repeat(1999)), json!(2000));
    plain(format!("1{}", "*1".repeat(1999)), json!(1));
    plain(format!("1{}", "<=1".repeat(1300)), json!(true));
    plain(format!("true{}", "&&true".repeat(650)), json!(true));
    plain(format!("false{}", "||false".repeat(580)), json!(false));
    plain(format!("{}2", "1 if false else ".repeat(250)), json!(2));
    plain(format!("[{}]", "1,".repeat(2000)), json!(vec![1; 2000]));
    plain(format!("max({}1)", "1,".repeat(2000)), json!(1));
    plain(format!("'a'{}", "[0]".repeat(1300)), json!("a"));
    let mut nested = json!(7);
    for _ in 0..100 {
        nested = json!({ "a": [nested] });
    }
    check(format!("x{}", ".a[0]".repeat(100)), MapScope::new().with("x", nested), json!(7));
    let missing = evaluate_with(
        format!("default(x{}, 3)", ".a".repeat(1500)),
        MapScope::new().with("x", json!({})),
        Limits::default(),
    );
    assert_eq!(missing, Ok(json!(3)));
}

/// Each builds more than the default limit, by another way.
pub(crate) const TOO_LARGE: [&str; 19] = [
    "'a' * 1000000000",
    "1000000000 * 'a'",
    "'a' * 9223372036854775807",
    "[0] * 1000000000",
    "[[]] * 9223372036854775807",
    "['a' * 1000] * 2000",
    "replace('a' * 1000, 'a', 'b' * 10000)",
    "replace(replace(replace(replace('a' * 100, 'a', 'a' * 100), 'a', 'a' * 100), 'a', 'a' * 100), 'a', 'a' * 100)",
    "join([0] * 5000, 'x' * 10000)",
    "split('a ' * 300000)",
    "split('a,' * 300000, ',')",
    "json('\"' * 600000)",
    "str(['\\u0001' * 100000] * 4)",
    "upper('a' * 600000)",
    "slice('a' * 700000, 1)",
    "sort(['a' * 100000] * 6)",
    "parse_json('[' + '0,' * 200000 + '0]')",
    "parse_json('{' + '\"a\":0,' * 40000 + '\"a\":0}')",
    "[1] + [0] * 70000",
];

#[test]
fn values_that_are_too_large() {
    for source in TOO_LARGE {
        check_bound(source, Bound::Bytes);
    }
    check_bound(doubling(), Bound::Bytes);
    let error = evaluate_with("'a' * 10**9".into(), MapScope::new(), Limits::default())
        .expect_err("no power");
    assert!(matches!(error.kind(), ErrorKind::Syntax { .. }), "{error}");
}

/// Each call doubles what came before.
pub(crate) fn doubling() -> String {
    (0..21).fold("'a'".to_owned(), |source, _| format!("replace({source}, 'a', 'aa')"))
}

#[test]
fn work_on_values_that_were_read_is_charged() {
    let many: Vec<Value> = (0..200_000).map(|n| json!(n)).collect();
    let alike: Vec<Value> = (0..30_000).map(|n| json!({ "n": n })).collect();
    let long = "a".repeat(4 << 20);
    let scope = MapScope::new()
        .with("many", json!(many))
        .with("alike", json!(alike))
        .with("long", json!(long))
        .with("long2", json!(long))
        .with("map", json!({"a": 1}));
    let check = |source: String| {
        let shown = source.clone();
        let error = evaluate_with(source, scope.clone(), Limits::default()).expect_err(&shown);
        let expected = ErrorKind::TooLarge { what: Bound::Steps, limit: 100_000 };
        assert_eq!(*error.kind(), expected, "{shown:.60}");
    };
    check(format!("-1 in many{}", " or -1 in many".repeat(200)));
    check(format!("'b' in long{}", " or 'b' in long".repeat(200)));
    check(format!("long != long2{}", " or long != long2".repeat(200)));
    check(format!("len(long){}", " + len(long)".repeat(200)));
    check(format!("sum(many){}", " + sum(many)".repeat(200)));
    check(format!("max(many){}", " + max(many)".repeat(200)));
    check("sort(many)".into());
    check(format!("len(long[0]){}", " + len(long[-1])".repeat(100)));
    check(format!("alike != alike{}", " or alike != alike".repeat(60)));
    check(format!("long in map{}", " or long in map".repeat(200)));
    check("exists(pluck([{}], long)) or ".repeat(20) + "true");
    check(
        format!("starts_with(long, long2) and {}", "starts_with(long, long2) and ".repeat(60))
            + "true",
    );
    check(format!("len(split('b', long)){}", " + len(split('b', long))".repeat(120)));
    check(format!("len(replace('b', long, '')){}", " + len(replace('b', long, ''))".repeat(120)));
    // Linear, so that this is far from the limit; a quadratic walk would be beyond it.
    let value = evaluate_with(
        "len(unique(pluck(alike, 'n')))".into(),
        scope.clone(),
        Limits { bytes: 8 << 20, ..Limits::default() },
    );
    assert_eq!(value, Ok(json!(30_000)));
}

#[test]
fn json_that_nests_too_deeply() {
    for text in ["[".repeat(100_000), "[".repeat(129) + &"]".repeat(129)] {
        let scope = MapScope::new().with("x", json!(text));
        let limits = Limits { bytes: 16 << 20, ..Limits::default() };
        let error = evaluate_with("parse_json(x)".into(), scope, limits).expect_err("too deep");
        assert!(matches!(error.kind(), ErrorKind::Unusable { .. }), "{error}");
    }
    let scope = MapScope::new().with("x", json!("[".repeat(127) + &"]".repeat(127)));
    let depth = evaluate_with(
        "json(parse_json(x)) == x and [parse_json(x)] == [parse_json(x)]".into(),
        scope.clone(),
        Limits::default(),
    );
    assert_eq!(depth, Ok(json!(true)));
    let error =
        evaluate_with("[[parse_json(x)]]".into(), scope, Limits::default()).expect_err("129 deep");
    assert_eq!(*error.kind(), ErrorKind::TooLarge { what: Bound::Depth, limit: 128 });
}

#[test]
fn templates() {
    let check = |text: String, expected: Option<Bound>| {
        let error = small_stack(move || Template::parse(&text)).expect_err("a hostile template");
        match (error.kind(), expected) {
            (ErrorKind::TooLarge { what, .. }, Some(expected)) => assert_eq!(*what, expected),
            (ErrorKind::Syntax { .. }, None) => {}
            (other, _) => panic!("{other}"),
        }
    };
    check("{{1}}".repeat(200_000), Some(Bound::Expressions));
    check("{{".repeat(500_000), None);
    check(format!("{{{{ {} }}}}", "1+".repeat(500_000)), Some(Bound::Source));
    check(format!("{{{{ {} }}}}", " ".repeat(1 << 20)), Some(Bound::Source));
    check(format!("{{{{ '{}' }}}}", "x".repeat(1 << 20)), Some(Bound::Source));
    check(format!("{{{{ {} }}}}", "(".repeat(1000)), Some(Bound::Nesting));
}

#[test]
fn odd_values_from_the_scope_are_bounded_as_well() {
    let deep = (0..129).fold(json!(1), |value, _| json!([value]));
    let scope = MapScope::new()
        .with("deep", deep)
        .with("map", json!({}))
        .with("long", json!("k".repeat(2 << 20)));
    for (source, what, limit) in
        [("deep + []", Bound::Depth, 128), ("exists(map[long])", Bound::Bytes, 1 << 20)]
    {
        let error =
            evaluate_with(source.into(), scope.clone(), Limits::default()).expect_err(source);
        assert_eq!(*error.kind(), ErrorKind::TooLarge { what, limit }, "{source}");
    }
}

#[test]
fn many_copies_of_a_large_value_are_not_free() {
    let scope = MapScope::new().with("x", json!("x".repeat(2 << 20)));
    let render = |copies: usize| {
        let template =
            ParameterTemplate::parse(&json!(vec!["{{ x }}"; copies])).expect("templates");
        template.render(&scope, &Limits::default()).map(|_| ()).map_err(|error| error.pointer)
    };
    assert_eq!(render(1), Ok(()));
    assert_eq!(render(7), Ok(()));
    assert_eq!(render(1000), Err("/7".into()));
}

#[test]
fn parameter_trees() {
    let error = ParameterTemplate::parse(&json!(vec!["{{1}}"; 1001])).expect_err("too many");
    assert!(matches!(error.error.kind(), ErrorKind::TooLarge { what: Bound::Expressions, .. }));
    assert_eq!(error.pointer, "/1000");

    // Each template keeps its pointer.
    let below = |key: usize| {
        let tree = json!({ "k".repeat(key): { "a": ["{{ 1 }}"] } });
        ParameterTemplate::parse(&tree).map(|_| ()).map_err(|error| error.error.kind().clone())
    };
    assert_eq!(below(4091), Ok(()));
    assert_eq!(below(4092), Err(ErrorKind::TooLarge { what: Bound::Pointer, limit: 4096 }));

    let nested = |value: Value, depth: usize| (0..depth).fold(value, |value, _| json!([value]));
    let depth_error = |tree: Value, scope: MapScope| {
        small_stack(move || {
            let limits = Limits::default();
            let rendered = ParameterTemplate::parse(&tree)
                .and_then(|template| template.render(&scope, &limits));
            rendered.map(|_| ()).map_err(|error| error.error.kind().clone())
        })
    };
    let too_deep = Err(ErrorKind::TooLarge { what: Bound::Depth, limit: 128 });
    let template = || json!("{{ x }}");
    assert_eq!(depth_error(nested(template(), 127), MapScope::new().with("x", json!([]))), Ok(()));
    assert_eq!(
        depth_error(nested(template(), 128), MapScope::new().with("x", json!([]))),
        too_deep
    );
    assert_eq!(
        depth_error(nested(template(), 60), MapScope::new().with("x", nested(json!(1), 69))),
        too_deep
    );
    assert_eq!(depth_error(nested(json!(1), 129), MapScope::new()), too_deep);
}
