//! Kinds without values: as narrow as the language allows, and never too narrow.

use pe_expr::{Expr, Kinds, Limits, MapScope, Read, Root, Segment, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a caller with output schemas would know.
fn known(read: &Read<'_>) -> Kinds {
    let path = match read {
        Read::Step(step) if step.root == Root::Results && step.step == "a" => &step.path,
        Read::Variable { name: "item", path: [] } => return Kinds::LIST | Kinds::NULL,
        Read::Variable { name: "context", path: [Segment::Key(key)] } if key == "n" => {
            return Kinds::FLOAT;
        }
        _ => return Kinds::ANY,
    };
    match path.as_slice() {
        [] => Kinds::MAP,
        [Segment::Key(key)] if key == "count" => Kinds::INTEGER,
        [Segment::Key(key), Segment::Index(0)] if key == "tags" => Kinds::STRING,
        _ => Kinds::ANY,
    }
}

fn check(source: &str, expected: Kinds) {
    let expr = Expr::parse(source).expect(source);
    assert_eq!(expr.kinds(&known), expected, "{source}");
}

#[test]
fn literals_and_operators() {
    for (source, expected) in [
        ("null", Kinds::NULL),
        ("2.5", Kinds::FLOAT),
        ("2.0", Kinds::INTEGER),
        ("[1, 2]", Kinds::LIST),
        ("{'a': results}", Kinds::MAP),
        ("1 + 2", Kinds::INTEGER),
        ("-7 // 2.5 % 3", Kinds::INTEGER),
        ("1 + 2.5", Kinds::NUMBER),
        ("4 / 2", Kinds::NUMBER),
        ("'a' + goal", Kinds::STRING),
        ("'a' * index", Kinds::STRING),
        ("2 * [0]", Kinds::LIST),
        ("context.x * 2", Kinds::NUMBER | Kinds::STRING | Kinds::LIST),
        ("context.x + 'a'", Kinds::STRING),
        ("context.x - context.y", Kinds::NUMBER),
        ("-context.x", Kinds::NUMBER),
        ("results.a == 2", Kinds::BOOLEAN),
        ("1 < context.x < 3", Kinds::BOOLEAN),
        ("'x' not in goal", Kinds::BOOLEAN),
        ("not context.x", Kinds::BOOLEAN),
        ("context.x and context.y", Kinds::BOOLEAN),
        ("true || context.y", Kinds::BOOLEAN),
        ("1 if context.x else 'a'", Kinds::INTEGER | Kinds::STRING),
        ("1 if true else 'a' if false else null", Kinds::INTEGER | Kinds::STRING | Kinds::NULL),
        ("(1 if true else [2]) * 2", Kinds::INTEGER | Kinds::LIST),
        ("default(results.a.count, 'none')", Kinds::INTEGER | Kinds::STRING),
        (
            "default(default(results.a.count, null), true)",
            Kinds::INTEGER | Kinds::NULL | Kinds::BOOLEAN,
        ),
        ("exists(results.a.count)", Kinds::BOOLEAN),
        ("[1, default(context.x, 2)][0]", Kinds::ANY),
        ("goal[0]", Kinds::STRING),
        ("'a' + 1", Kinds::NONE),
        ("goal.title", Kinds::NONE),
        ("[goal - 1, 2]", Kinds::NONE),
        ("1 < 'a' < context.x", Kinds::NONE),
    ] {
        check(source, expected);
    }
}

#[test]
fn functions() {
    for (source, expected) in [
        ("len(results.b)", Kinds::INTEGER),
        ("len(1)", Kinds::NONE),
        ("upper(results.b)", Kinds::STRING),
        ("str(results.b)", Kinds::STRING),
        ("join(results.b, ', ')", Kinds::STRING),
        ("split(goal)", Kinds::LIST),
        ("keys(results)", Kinds::LIST),
        ("keys(results.a.count)", Kinds::NONE),
        ("first(split(goal))", Kinds::ANY),
        ("first(goal)", Kinds::STRING),
        ("slice(goal, 1)", Kinds::STRING),
        ("slice(results.b, 1)", Kinds::STRING | Kinds::LIST),
        ("sort([], 1)", Kinds::LIST),
        ("sum(results.b)", Kinds::NUMBER),
        ("max(results.b)", Kinds::NUMBER | Kinds::STRING),
        ("max(1, results.a.count)", Kinds::INTEGER),
        ("max(1, 2.5, results.b)", Kinds::NUMBER),
        ("max(1, 'a')", Kinds::NONE),
        ("abs(results.a.count)", Kinds::INTEGER),
        ("round(2.5)", Kinds::INTEGER),
        ("round(2.5, null)", Kinds::INTEGER),
        ("round(2.5, 1)", Kinds::NUMBER),
        ("int(results.b)", Kinds::INTEGER),
        ("int([])", Kinds::NONE),
        ("float(results.b)", Kinds::NUMBER),
        ("parse_json(goal)", Kinds::ANY),
        ("any(results.b)", Kinds::BOOLEAN),
        ("contains(goal, 'a')", Kinds::BOOLEAN),
        ("contains(goal, 1)", Kinds::NONE),
    ] {
        check(source, expected);
    }
}

#[test]
fn the_caller_is_asked_for_literal_paths() {
    for (source, expected) in [
        ("results.a", Kinds::MAP),
        ("results['a'].count", Kinds::INTEGER),
        ("results.a.tags[0]", Kinds::STRING),
        ("results.a.tags[index]", Kinds::ANY),
        ("results.a.count.more", Kinds::ANY),
        ("steps.a.count", Kinds::ANY),
        ("results", Kinds::MAP),
        ("results[goal]", Kinds::ANY),
        ("(results).a", Kinds::ANY),
        ("item", Kinds::LIST | Kinds::NULL),
        ("item[0]", Kinds::ANY),
        ("context.n", Kinds::FLOAT),
        ("(context.m if true else context).n", Kinds::ANY),
        ("context.n if results.a.count > 0 else results.a.count", Kinds::NUMBER),
        ("goal", Kinds::STRING),
        ("index + iteration", Kinds::INTEGER),
    ] {
        check(source, expected);
    }
}

#[test]
fn templates() {
    let check = |text: &str, expected: Kinds| {
        assert_eq!(Template::parse(text).expect(text).kinds(&known), expected, "{text}");
    };
    check("{{ results.a.count }}", Kinds::INTEGER);
    check("{{ 1 + 1 }}", Kinds::INTEGER);
    check("{{ context.n }} of {{ results.a.count }}", Kinds::STRING);
    check("{{ results.a.count }} ", Kinds::STRING);
    check(" {{ goal }}{{ results.a.count + results['a'].count }}", Kinds::STRING);
    check("plain", Kinds::STRING);
}

#[test]
fn no_nesting_is_too_deep() {
    let limits = Limits { source_bytes: 1 << 20, nesting: 1 << 20, ..Limits::default() };
    for source in [
        "default(".repeat(10_000) + "1" + &", 'a')".repeat(10_000),
        "(1 if true else ".repeat(10_000) + "'a'" + &")".repeat(10_000),
    ] {
        let expr = Expr::parse_with(&source, &limits).expect("an expression");
        assert_eq!(expr.kinds(&known), Kinds::INTEGER | Kinds::STRING);
    }
}

/// Values of every kind, by name.
const VALUES: [(&str, &str); 12] = [
    ("nothing", "null"),
    ("yes", "true"),
    ("three", "3"),
    ("whole", "4.0"),
    ("half", "0.5"),
    ("big", "1e300"),
    ("unsigned", "18446744073709551615"),
    ("word", "\"2\""),
    ("empty", "[]"),
    ("list", "[1, 2.5]"),
    ("words", "[\"b\", \"a\"]"),
    ("map", "{\"a\": [true], \"0\": 1.5}"),
];

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

/// All values as variables, as outputs of steps and in the context.
fn scope() -> MapScope {
    let all: serde_json::Map<String, Value> =
        VALUES.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    let scope: MapScope = all.clone().into_iter().collect();
    scope
        .with("results", all.clone().into())
        .with("context", json!({ "x": all }))
        .with("goal", json!("say hello"))
        .with("index", json!(2))
}

/// The true kind of what is read: nothing may be lost when the caller knows all.
fn exactly(read: &Read<'_>) -> Kinds {
    let at = |mut value: Value, path: &[&Segment]| {
        for segment in path {
            value = match segment {
                Segment::Key(key) => value.get_mut(key)?.take(),
                Segment::Index(index) if value.is_array() => {
                    value.get_mut(usize::try_from(*index).ok()?)?.take()
                }
                Segment::Index(index) => value.get_mut(index.to_string())?.take(),
            };
        }
        Some(Kinds::of(&value))
    };
    let named =
        |wanted: &str| VALUES.iter().find(|(name, _)| *name == wanted).map(|(_, text)| value(text));
    let kinds = match read {
        Read::Step(step) if step.root == Root::Results => {
            named(&step.step).and_then(|value| at(value, &step.path.iter().collect::<Vec<_>>()))
        }
        Read::Variable { name, path } => named(name).and_then(|value| at(value, path)),
        Read::Step(_) => None,
    };
    kinds.unwrap_or(Kinds::ANY)
}

/// Expressions of the whole language over those values.
pub(crate) fn expressions() -> impl Strategy<Value = String> {
    let names: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    let leaf = prop_oneof![
        4 => prop::sample::select(names.clone()).prop_map(str::to_owned),
        2 => prop::sample::select(names.clone()).prop_map(|name| format!("results.{name}")),
        1 => prop::sample::select(names).prop_map(|name| format!("context.x['{name}']")),
        2 => prop::sample::select(vec![
            "0", "-1", "7", "1.5", "2.0", "'a'", "''", "true", "null", "goal", "index", "map.a[0]",
            "results.map", "list[1]", "words.0", "results", "missing.x", "results.none", "map[0]", "'[1]'",
        ]).prop_map(str::to_owned),
    ];
    let infix = prop::sample::select(vec![
        "+", "-", "*", "/", "//", "%", "==", "!=", "<", ">=", "in", "not in", "and", "or",
    ]);
    let functions: Vec<&str> = pe_expr::function_names().collect();
    leaf.prop_recursive(5, 48, 4, move |inner| {
        let functions = prop::sample::select(functions.clone());
        prop_oneof![
            6 => (infix.clone(), inner.clone(), inner.clone()).prop_map(|(op, a, b)| format!("({a}) {op} ({b})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) < ({b}) <= ({c})")),
            1 => (prop::sample::select(vec!["-", "+", "not "]), inner.clone()).prop_map(|(op, a)| format!("{op}({a})")),
            2 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            6 => (functions, prop::collection::vec(inner.clone(), 1..4)).prop_map(|(name, arguments)| {
                format!("{name}({})", arguments.join(", "))
            }),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("default({a}, {b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => (inner.clone(), prop::sample::select(vec![".a", "[0]", "['x']"])).prop_map(|(a, b)| format!("({a}){b}")),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            1 => inner.prop_map(|a| format!("{{'a': {a}}}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if crate::is_long() { 200_000 } else { 3000 }))]

    #[test]
    fn a_value_is_of_a_kind_that_was_foretold(source in expressions()) {
        let Ok(expr) = Expr::parse(&source) else { return Ok(()) };
        if let Ok(value) = expr.evaluate(&scope(), &Limits::default()) {
            for known in [&exactly as &dyn Fn(&Read<'_>) -> Kinds, &|_| Kinds::ANY] {
                let kinds = expr.kinds(known);
                prop_assert!(kinds.contains(Kinds::of(&value)), "{source} is {value}, not {kinds}");
            }
        }
    }
}
