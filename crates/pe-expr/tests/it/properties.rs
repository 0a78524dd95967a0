//! Properties: no panic, agreement with a naive evaluator, no value beyond the charge.

use pe_expr::{Expr, Limits, MapScope, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::semantics;

/// Sources that use every part of the language, for mutation.
const SEEDS: [&str; 12] = [
    "len(results) > 0 and results.search.score >= 0.5",
    "default(results.a['b'][0], [1, 2.5, 'x']) if not exists(goal.x) else {'k': null}",
    "sort(pluck(results.search.items, 'name')) == ['a', 'b'] or 1 < 2 < 3",
    "replace(upper(trim(goal)), 'A', \"\\u00e9\") + str(-7 // 2 % 3)",
    "{{ 1 }}",
    "[1, [2, 3]][1][-1] in [3] && !(1 == 2 || false)",
    "json(parse_json('{\"a\": [1, 2]}').a) + join(split(goal), ', ')",
    "min(1, 2, max([3, 4])) * (2 + index) - +round(2.567, 2)",
    "slice(goal, 1, -1) not in 'abc' if any([true]) else all([])",
    "unique(flatten([[1], [1.0, 'é']])) + [keys({a: 1}), values({b: 2})]",
    "1 if 2 > 1 else 3 if false else 4",
    "'}}' + '{{'",
];

const TOKENS: [&str; 48] = [
    "1", "0", "2.5", "'a'", "\"b\"", "results", ".search", ".items", "[0]", "[-1]", "goal",
    "index", "nope", "null", "true", "false", "(", ")", "[", "]", "{", "}", "'k':", ",", "+", "-",
    "*", "/", "//", "%", "==", "!=", "<", ">=", " in ", " not in ", " and ", " or ", "not ", "!",
    " if ", " else ", "len(", "default(", "exists(", "sort(", "str(", "**",
];

/// Parses and evaluates; only a panic can fail.
fn run(source: &str) -> Option<Value> {
    let scope = semantics::scope();
    let _ =
        Template::parse(source).and_then(|template| template.render(&scope, &Limits::default()));
    let expr = Expr::parse(source).ok()?;
    match expr.evaluate(&scope, &Limits::default()) {
        Ok(value) => Some(value),
        Err(error) => {
            let span = error.span();
            assert!(span.start <= span.end && span.end <= source.len(), "{error}");
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// An expression of the subset that the naive evaluator knows.
#[derive(Debug, Clone)]
enum Tree {
    Number(i64),
    Truth(bool),
    Negative(Box<Tree>),
    Not(Box<Tree>),
    Pair(&'static str, Box<Tree>, Box<Tree>),
    If(Box<Tree>, Box<Tree>, Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![(0..20_i64).prop_map(Tree::Number), any::<bool>().prop_map(Tree::Truth)];
    let operators = prop::sample::select(vec![
        "+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or",
    ]);
    leaf.prop_recursive(6, 40, 3, move |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|a| Tree::Negative(a.into())),
            1 => inner.clone().prop_map(|a| Tree::Not(a.into())),
            6 => (operators.clone(), inner.clone(), inner.clone()).prop_map(|(op, a, b)| Tree::Pair(op, a.into(), b.into())),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| Tree::If(a.into(), b.into(), c.into())),
        ]
    })
}

impl Tree {
    /// The binding strength of the tree's outermost operator; written again here, on purpose.
    fn strength(&self) -> u8 {
        match self {
            Tree::If(..) => 0,
            Tree::Pair("or", ..) => 1,
            Tree::Pair("and", ..) => 2,
            Tree::Not(_) => 3,
            Tree::Pair("==" | "!=" | "<" | "<=" | ">" | ">=", ..) => 4,
            Tree::Pair("+" | "-", ..) => 5,
            Tree::Pair(..) => 6,
            Tree::Negative(_) => 7,
            Tree::Number(_) | Tree::Truth(_) => 8,
        }
    }

    /// Source with no more parentheses than needed.
    fn print(&self) -> String {
        let at_least = |tree: &Tree, least: u8| match tree.strength() >= least {
            true => tree.print(),
            false => format!("({})", tree.print()),
        };
        let strength = self.strength();
        match self {
            Tree::Number(number) => number.to_string(),
            Tree::Truth(truth) => truth.to_string(),
            Tree::Negative(inner) => format!("-{}", at_least(inner, strength)),
            Tree::Not(inner) => format!("not {}", at_least(inner, strength)),
            // A comparison on the left would make a chain.
            Tree::Pair(op, a, b) if strength == 4 => {
                format!("{} {op} {}", at_least(a, 5), at_least(b, 5))
            }
            Tree::Pair(op, a, b) => {
                format!("{} {op} {}", at_least(a, strength), at_least(b, strength + 1))
            }
            Tree::If(a, b, c) => {
                format!("{} if {} else {}", at_least(a, 1), at_least(b, 1), at_least(c, 0))
            }
        }
    }

    /// The value, by recursion; nothing on any fault.
    fn value(&self) -> Option<Value> {
        match self {
            Tree::Number(number) => Some(json!(number)),
            Tree::Truth(truth) => Some(json!(truth)),
            Tree::Negative(inner) => match inner.value()? {
                Value::Number(number) if number.is_i64() => {
                    Some(json!(number.as_i64()?.checked_neg()?))
                }
                Value::Number(number) => Some(json!(-number.as_f64()?)),
                _ => None,
            },
            Tree::Not(inner) => Some(json!(!inner.value()?.as_bool()?)),
            Tree::If(a, b, c) => {
                if b.value()?.as_bool()? {
                    a.value()
                } else {
                    c.value()
                }
            }
            Tree::Pair("and", a, b) => match a.value()?.as_bool()? {
                true => Some(json!(b.value()?.as_bool()?)),
                false => Some(json!(false)),
            },
            Tree::Pair("or", a, b) => match a.value()?.as_bool()? {
                true => Some(json!(true)),
                false => Some(json!(b.value()?.as_bool()?)),
            },
            Tree::Pair(op @ ("==" | "!="), a, b) => {
                let (a, b) = (a.value()?, b.value()?);
                let equal = match (a.as_f64(), b.as_f64()) {
                    (Some(x), Some(y)) if a.is_f64() || b.is_f64() => x == y,
                    _ => a == b,
                };
                Some(json!(equal == (*op == "==")))
            }
            Tree::Pair(op, a, b) => {
                let (a, b) = (a.value()?, b.value()?);
                if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
                    return whole(op, a, b);
                }
                let (a, b) = (a.as_f64()?, b.as_f64()?);
                Some(match *op {
                    "<" => json!(a < b),
                    "<=" => json!(a <= b),
                    ">" => json!(a > b),
                    ">=" => json!(a >= b),
                    "+" => json!(a + b),
                    "-" => json!(a - b),
                    "*" => json!(a * b),
                    _ if b == 0.0 => return None,
                    "/" => json!(a / b),
                    "//" => json!((a / b).floor()),
                    _ => json!(a - b * (a / b).floor()),
                })
            }
        }
    }
}

fn whole(op: &str, a: i64, b: i64) -> Option<Value> {
    Some(match op {
        "<" => json!(a < b),
        "<=" => json!(a <= b),
        ">" => json!(a > b),
        ">=" => json!(a >= b),
        "+" => json!(a.checked_add(b)?),
        "-" => json!(a.checked_sub(b)?),
        "*" => json!(a.checked_mul(b)?),
        _ if b == 0 => return None,
        "/" => json!(a as f64 / b as f64),
        "//" => json!(floor(a, b)?),
        _ => json!(a.checked_sub(b.checked_mul(floor(a, b)?)?)?),
    })
}

fn floor(a: i64, b: i64) -> Option<i64> {
    match b > 0 {
        true => a.checked_div_euclid(b),
        false => a.checked_neg()?.checked_div_euclid(b.checked_neg()?),
    }
}

/// Whether two values are equal but for the last digits of floats: the naive
/// evaluator calculates a remainder by another formula.
fn close(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(a), Some(b)) => {
            left.is_f64() == right.is_f64() && (a - b).abs() <= 1e-6 * a.abs().max(1.0)
        }
        _ => left == right,
    }
}

/// Whether the tree holds nothing but what integers make, so that it compares exactly.
fn exact(tree: &Tree) -> bool {
    match tree {
        Tree::Number(_) | Tree::Truth(_) => true,
        Tree::Negative(a) | Tree::Not(a) => exact(a),
        Tree::Pair(op, a, b) => *op != "/" && exact(a) && exact(b),
        Tree::If(a, b, c) => exact(a) && exact(b) && exact(c),
    }
}

/// The charge for a value: 16 bytes each and the text.
fn size(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| 16 + key.len() + size(value)).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_read_without_a_panic(source in any::<String>()) {
        run(&source);
    }

    #[test]
    fn any_tokens_are_read_without_a_panic(tokens in prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..30)) {
        run(&tokens.concat());
    }

    #[test]
    fn mutated_sources_are_read_without_a_panic(
        seed in prop::sample::select(SEEDS.to_vec()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<char>()), 1..6),
    ) {
        let mut source: Vec<char> = seed.chars().collect();
        for (index, edit, character) in edits {
            let at = index.index(source.len() + 1);
            match edit {
                0 => source.insert(at, character),
                1 if at < source.len() => { source.remove(at); }
                _ => source.truncate(at),
            }
        }
        run(&source.into_iter().collect::<String>());
    }

    #[test]
    fn a_printed_tree_has_the_value_of_a_naive_evaluator(tree in trees()) {
        let source = tree.print();
        let found = Expr::parse(&source).expect(&source).evaluate(&MapScope::new(), &Limits::default());
        match (tree.value(), found) {
            (Some(expected), Ok(found)) if exact(&tree) => prop_assert_eq!(found, expected, "{}", source),
            (Some(_), Ok(_)) if has_float_decision(&tree) => {}
            (Some(expected), Ok(found)) => prop_assert!(close(&found, &expected), "{source}: {found} {expected}"),
            (None, Err(_)) => {}
            (expected, found) => prop_assert!(has_float_decision(&tree), "{source}: {found:?} {expected:?}"),
        }
    }

    #[test]
    fn a_built_value_is_never_beyond_the_charge(
        tokens in prop::collection::vec(prop::sample::select(vec!["'abcdef'", "[1, 'x']", "{'k': 'vv'}", "'a' * 30", "[0] * 9"]), 1..12),
        shape in 0..5_u8,
        bytes in 0..2000_usize,
    ) {
        let list = tokens.join(", ");
        let source = match shape {
            0 => format!("[{list}]"),
            1 => format!("{{'a': [{list}], 'b': json([{list}])}}"),
            2 => format!("split(join([{list}], 'a'), 'a')"),
            3 => format!("flatten([{list}]) + [replace(str([{list}]), '0', 'zero')]"),
            _ => format!("values(parse_json(json({{'a': [{list}]}})))"),
        };
        let limits = Limits { bytes, ..Limits::default() };
        if let Ok(value) = Expr::parse(&source).expect(&source).evaluate(&MapScope::new(), &limits) {
            prop_assert!(size(&value) <= bytes, "{} > {bytes}: {source}", size(&value));
        }
    }
}

/// Whether a float decides something: rounding may then differ from the naive evaluator's.
fn has_float_decision(tree: &Tree) -> bool {
    match tree {
        Tree::Number(_) | Tree::Truth(_) => false,
        Tree::Negative(a) | Tree::Not(a) => has_float_decision(a),
        Tree::Pair(op, a, b) => {
            let smooth = matches!(*op, "+" | "-" | "*" | "/" | "and" | "or");
            let here = match smooth {
                true => *op == "/" && !exact(b),
                false => !exact(a) || !exact(b),
            };
            here || has_float_decision(a) || has_float_decision(b)
        }
        Tree::If(a, b, c) => {
            has_float_decision(a) || has_float_decision(b) || has_float_decision(c)
        }
    }
}

#[test]
fn the_seeds_are_expressions() {
    for source in SEEDS {
        let template = Template::parse(source).is_ok();
        assert!(run(source).is_some() || (source.starts_with("{{") && template), "{source}");
    }
}
