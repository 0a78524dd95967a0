//! Evaluation stays inside its charge: memory and work, measured.
//!
//! Each thread's allocations are counted by the allocator that the test program has; where
//! a buffer grows, old and new count both. A value is charged 16 bytes and takes 72, in a
//! list that grows thrice that, and in a list of its own four times: hence the factor.

use allocation_counter::{AllocationInfo, measure};
use pe_expr::{Expr, ExprError, Limits, MapScope, ParameterTemplate, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{hostile, kinds};

/// Bytes of memory for a byte of the charge.
const PER_BYTE: u64 = 20;
/// Bytes of memory for a step: what `sort` keeps of a list that was only read.
const PER_STEP: u64 = 24;
/// Bytes of memory for a byte of source: operations, constants, the stack.
const PER_SOURCE_BYTE: u64 = 256;
/// Allocations for a step: sixteen elements, a map each.
const ALLOCATIONS_PER_STEP: u64 = 64;

/// Runs and measures.
fn weigh<T>(run: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    let weight = measure(|| result = Some(run()));
    (result.expect("it ran"), weight)
}

/// Parses and evaluates under the default limits; the most that was held.
fn peak(source: &str, scope: &MapScope) -> (Result<Value, ExprError>, u64) {
    let limits = Limits::default();
    let (result, weight) =
        weigh(|| Expr::parse_with(source, &limits).and_then(|expr| expr.evaluate(scope, &limits)));
    (result, weight.bytes_max)
}

#[test]
fn hostile_expressions_take_little_memory() {
    let check = |source: &str, most: u64| {
        let (result, peak) = peak(source, &MapScope::new());
        assert!(result.is_err(), "{source:.60}");
        assert!(peak <= most, "{source:.60}: {peak} bytes");
    };
    // Refused before anything is built of it.
    for source in [
        "-".repeat(5000) + "1",
        "'a' * 10**9".into(),
        "(".repeat(10_000) + "1" + &")".repeat(10_000),
        "1,".repeat(1 << 19),
        " ".repeat(1 << 20),
        "'a' * 1000000000".into(),
        "[0] * 1000000000".into(),
        "'a' * 9223372036854775807".into(),
    ] {
        check(&source, 4 << 10);
    }
    check(&"-".repeat(4000), 16 << 10);
    check(&"(".repeat(4000), 16 << 10);
    // What comes before the refusal is held once, and once more while it grows.
    check(&hostile::doubling(), 3 << 20);
    for source in hostile::TOO_LARGE {
        check(source, 3 << 20);
    }
}

#[test]
fn hostile_sources_are_bounded_where_long_ones_are_allowed() {
    let limits = hostile::generous();
    for source in [
        "-".repeat(1 << 20),
        "-".repeat(1 << 19) + "1",
        "(".repeat(1 << 19) + "1" + &")".repeat((1 << 19) - 1),
        "1,".repeat(1 << 19),
        format!("[{}]", "1,".repeat((1 << 19) - 1)),
        format!("1{}", "+1".repeat((1 << 19) - 1)),
        "default(".repeat(80_000) + "1" + &",2)".repeat(80_000),
        format!("x{}", ".a".repeat((1 << 19) - 1)),
    ] {
        let (expr, weight) = weigh(|| Expr::parse_with(&source, &limits));
        let most = 2 * PER_SOURCE_BYTE * source.len() as u64;
        assert!(weight.bytes_max <= most, "{source:.20}: {} bytes", weight.bytes_max);
        if let Ok(expr) = expr {
            let (_, weight) = weigh(|| expr.kinds(&|_| pe_expr::Kinds::ANY));
            assert!(weight.bytes_max <= 16 * source.len() as u64, "{source:.20}: {weight:?}");
        }
    }
}

#[test]
fn the_dearest_values_stay_inside_the_factor() {
    let numbers: Vec<Value> = (0..200_000).map(|n| json!(n)).collect();
    let records: Vec<Value> = (0..30_000).map(|n| json!({ "n": n })).collect();
    let scope = MapScope::new().with("numbers", json!(numbers)).with("records", json!(records));
    let most = PER_BYTE * Limits::default().bytes as u64;
    for source in [
        // Lists of one element, each with room for four.
        "len(parse_json('[' + (('[' * 100) + (']' * 100) + ',') * 580 + '0]'))",
        "len(parse_json('[' + '{\"\":[0]},' * 10000 + '0]'))",
        "len(unique(slice(numbers, 0, 30000)))",
        "unique(numbers)",
        "len(sort(slice(numbers, 0, 30000)))",
        "sort(numbers)",
        "sort(records, 'n')",
        "max(numbers)",
        "len([0] * 30000)",
        "len(split('a ' * 20000))",
        "len(flatten([slice(numbers, 0, 15000), slice(numbers, 0, 15000)]))",
        "len(str(slice(numbers, 0, 20000)))",
    ] {
        let (_, peak) = peak(source, &scope);
        assert!(peak <= most, "{source}: {peak} bytes");
    }
}

#[test]
fn templates_take_little_memory() {
    let check = |weight: AllocationInfo, most: u64| {
        assert!(weight.bytes_max <= most, "{} bytes", weight.bytes_max);
    };
    // Held: the text once, and what was read of it before the refusal.
    for text in ["{{1}}".repeat(200_000), "{{".repeat(500_000), "{{ x }".repeat(200_000)] {
        let (template, weight) = weigh(|| Template::parse(&text).map(|_| ()));
        assert!(template.is_err());
        check(weight, text.len() as u64 + (2 << 20));
    }
    // A thousand templates below one long key.
    let tree = json!({ "k".repeat(1 << 20): vec!["{{ 1 }}"; 1000] });
    let (template, weight) = weigh(|| ParameterTemplate::parse(&tree).map(|_| ()));
    assert!(template.is_err());
    check(weight, 5 << 20);
}

#[test]
fn what_is_missing_behind_a_guard_costs_no_suggestion() {
    let keys: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("{n:0>200}"), json!(1))).collect();
    let scope = MapScope::new().with("list", json!([keys]));
    let expr = Expr::parse(&format!("exists(pluck(list, '{}'))", "k".repeat(60)));
    let (result, weight) =
        weigh(|| expr.expect("an expression").evaluate(&scope, &Limits::default()));
    assert_eq!(result, Ok(json!(false)));
    assert!(weight.count_total < 50, "{weight:?}");
}

/// Expressions that build much of little.
fn growing() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "'a'", "7", "'[[1]]'", "text", "numbers", "words", "records", "nested", "[]", "{}",
        "results",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 32, 2, |inner| {
        (0..20_u8, inner.clone(), inner).prop_map(|(shape, a, b)| match shape {
            0 | 1 => format!("({a}) * 9"),
            2 => format!("({a}) + ({b})"),
            3 => format!("[{a}, {b}]"),
            4 => format!("{{'a': {a}, 'b': {b}}}"),
            5 => format!("split(str({a}), 'a')"),
            6 => format!("split(str({a}))"),
            7 => format!("join([{a}, {b}], str({b}))"),
            8 => format!("sort({a})"),
            9 => format!("unique({a})"),
            10 => format!("parse_json(json({a}))"),
            11 => format!("parse_json('[' + str({a}) * 30 + ']')"),
            12 => format!("values({{'a': {a}, 'b': [{b}] * 20}})"),
            13 => format!("flatten([{a}, {b}])"),
            14 => format!("slice({a}, 1)"),
            15 => format!("replace(str({a}), '1', str({b}))"),
            16 => format!("default(max({a}), {b})"),
            17 => format!("upper(json({a}))"),
            18 => format!("[{a}] * 50"),
            _ => format!("{a} == {b} or [{b}] != [{a}]"),
        })
    })
}

fn scope() -> MapScope {
    let numbers: Vec<Value> = (0..100).map(|n| json!(n % 40)).collect();
    let records: Vec<Value> = (0..40).map(|n| json!({ "n": n, "": [] })).collect();
    MapScope::new()
        .with("text", json!("a 1, ß\n".repeat(40)))
        .with("numbers", json!(numbers))
        .with("words", json!(vec!["a"; 50]))
        .with("records", json!(records))
        .with("nested", json!("[".repeat(90) + &"]".repeat(90)))
        .with("results", json!({ "a": { "b": numbers } }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if crate::is_long() { 100_000 } else { 1500 }))]

    #[test]
    fn memory_and_work_stay_inside_the_charge(
        source in prop_oneof![growing(), kinds::expressions()],
        bytes in 0..1_usize << 16,
        steps in 0..2000_u64,
    ) {
        let Ok(expr) = Expr::parse(&source) else { return Ok(()) };
        let scope = scope();
        // A value that was only read is copied once, free of charge, as the result.
        let (_, read) = weigh(|| scope.clone());
        let limits = Limits { bytes, steps, ..Limits::default() };
        let (_, weight) = weigh(|| expr.evaluate(&scope, &limits).map(|_| ()));
        let length = PER_SOURCE_BYTE * source.len() as u64;
        let most = PER_BYTE * bytes as u64 + PER_STEP * steps + length + read.bytes_total;
        prop_assert!(weight.bytes_max <= most, "{source}: {} > {most} bytes", weight.bytes_max);
        let most = ALLOCATIONS_PER_STEP * (steps + 1) + read.count_total;
        prop_assert!(weight.count_total <= most, "{source}: {} > {most}", weight.count_total);
    }
}
