//! Damaged plan files: real plans with bytes changed, held to what holds for any bytes.
//!
//! This needs no nightly compiler: a few hundred cases in every run, 100,000 with
//! `cargo xtask test --long`.

use std::sync::LazyLock;

use pe_model::{Format, Plan, render_definition};
use pe_testkit::{SHARED_SETS, shared_plans};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::promises;

/// So many plans of each set, so that the first case does not wait for all of them.
const OF_EACH: usize = 40;

/// What is inserted: where one notation or the plan format changes its mind.
const TOKENS: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "\u{1f600}",
    "null",
    "1e999",
    "-0",
    "0.1",
    "18446744073709551616",
    "NaN",
    ".inf",
    "{{",
    "}}",
    "{{ results.s1 }}",
    "\\ud800",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|-\n",
    "- ",
    "# ",
    "---\n",
    "\"steps\":",
    "dependencies",
];

/// Plans that others wrote, where they are, and one with every field of ours.
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let shared = SHARED_SETS.iter().filter_map(|set| shared_plans(set));
    let mut plans: Vec<Plan> = shared.flat_map(|plans| plans.into_iter().take(OF_EACH)).collect();
    let text = json!({"goal": "g \u{1f600}", "context": {"n": 1.5, "": [null, true]}, "steps": [
        {"step_id": "a", "tool": "search", "parameters": {"query": "- {{ goal }}: #1", "limit": 2}},
        {"step_id": "b", "tool": "echo", "step_type": "loop", "loop_over": "results.a.hits", "loop_parallelism": 2,
            "parameters": {"text": "{{ item }} of\n {{ index }}"}, "retry": {"max_retries": 1}, "expect": "len(result) > 0"},
        {"step_id": "c", "tool": "echo", "step_type": "conditional", "condition": "exists(results.b[0])",
            "trigger_rule": "all_done", "dependencies": ["b"], "timeout_ms": 5, "approval": true},
        {"step_id": "d", "tool": "echo", "step_type": "fallback", "fallback_for": "a", "metadata": {"k": "v"}},
    ]});
    plans.push(pe_model::PlanFile::from_value(text).unwrap().plan);
    plans
});

#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Delete(Index, u8),
    Repeat(Index, u8),
    Insert(Index, &'static str),
    Splice(Index, Index),
    Cut(Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        3 => (at(), any::<u8>()).prop_map(|(at, length)| Edit::Delete(at, length)),
        2 => (at(), any::<u8>()).prop_map(|(at, length)| Edit::Repeat(at, length)),
        6 => (at(), prop::sample::select(TOKENS.to_vec())).prop_map(|(at, token)| Edit::Insert(at, token)),
        2 => (at(), at()).prop_map(|(at, from)| Edit::Splice(at, from)),
        1 => at().prop_map(Edit::Cut),
    ]
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, other: &[u8]) {
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        let slice = |at: &Index, length: u8, bytes: &[u8]| {
            let start = place(at, bytes);
            start..bytes.len().min(start + usize::from(length) + 1)
        };
        match self {
            Edit::Flip(at, bits) => {
                let at = place(at, bytes);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Edit::Delete(at, length) => {
                bytes.drain(slice(at, *length, bytes));
            }
            Edit::Repeat(at, length) => {
                let slice = slice(at, *length, bytes);
                let again = bytes[slice.clone()].to_vec();
                bytes.splice(slice.end..slice.end, again);
            }
            Edit::Insert(at, token) => {
                let at = place(at, bytes);
                bytes.splice(at..at, token.bytes());
            }
            Edit::Splice(at, from) => {
                bytes.truncate(place(at, bytes));
                bytes.extend_from_slice(&other[place(from, other)..]);
            }
            Edit::Cut(at) => bytes.truncate(place(at, bytes)),
        }
    }
}

fn cases() -> u32 {
    if std::env::var_os("PE_TEST_LONG").is_some() { 100_000 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_damaged_plan_is_read_or_refused_at_a_place(
        first in any::<Index>(),
        second in any::<Index>(),
        yaml in any::<bool>(),
        edits in prop::collection::vec(edits(), 0..6),
    ) {
        let format = if yaml { Format::Yaml } else { Format::Json };
        let text = |at: Index| render_definition(at.get(PLANS.as_slice()), format).into_bytes();
        let (mut bytes, other) = (text(first), text(second));
        for edit in &edits {
            edit.apply(&mut bytes, &other);
        }
        promises::of_a_file(&bytes, format);
    }
}

/// The schemas that the fuzz target begins with, and those that once took long.
#[test]
fn hostile_schemas_are_judged() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"n": {"allOf": [{"$ref": "#/$defs/m"}]}, "m": {"anyOf": [{"$ref": "#/$defs/n"}]}}, "$ref": "#/$defs/n"}),
        json!({"$dynamicAnchor": "a", "not": {"$dynamicRef": "#a"}}),
        json!({"$ref": "http://localhost:1/schema.json"}),
        json!({"$ref": "file:///etc/hostname"}),
        json!({"properties": {"b": {"pattern": "^(a+)+$"}}}),
        json!({"properties": {"b": {"pattern": "^(?=(a+)+b)(a|a)*$"}}}),
        json!({"properties": {"b": {"pattern": "(a{1000}){1000}"}}}),
    ] {
        promises::of_a_catalog(schema.to_string().as_bytes());
    }
}
