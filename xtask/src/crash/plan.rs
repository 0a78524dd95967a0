//! The plan of the sweep: every kind of step, calls that must happen once beside calls that may
//! be repeated, a join, two loops, a failure and its fallback.

use std::path::Path;

use serde_json::{Value, json};

/// Where the ledger is, in the root of the run.
pub(super) const LEDGER: &str = "ledger";

/// Steps whose calls must happen at most once each.
pub(super) const ONCE: [&str; 7] = ["s1", "s3", "s4", "s5", "s7", "s8", "s10"];

/// Who must come before whom in the ledger.
pub(super) const ORDER: [(&str, &str); 12] = [
    ("s1", "s2"),
    ("s1", "s3"),
    ("s1", "s4"),
    ("s2", "s5"),
    ("s3", "s5"),
    ("s6", "s7"),
    ("s7", "s8"),
    ("s5", "s9"),
    ("s8", "s10"),
    ("s4", "s11"),
    ("s9", "s12"),
    ("s11", "s12"),
];

/// The plan; `program` is what its steps call.
pub(super) fn plan(program: &Path) -> Value {
    let call = |class: &str| json!({"argv": [program, "ledger", class, LEDGER]});
    let step = |id: &str, class: &str, after: &[&str]| {
        json!({"step_id": id, "tool": "run_command", "parameters": call(class),
            "dependencies": after})
    };
    let with = |mut step: Value, more: Value| {
        if let (Some(step), Value::Object(more)) = (step.as_object_mut(), more) {
            step.extend(more);
        }
        step
    };
    let mut fails = step("s7", "once", &["s6"]);
    fails["parameters"]["argv"] = json!([program, "ledger", "once", LEDGER, "--fail"]);
    json!({"goal": "leave a line in the ledger for every call", "steps": [
        step("s1", "once", &[]),
        step("s2", "idempotent", &["s1"]),
        step("s3", "once", &["s1"]),
        with(step("s4", "once", &["s1"]),
            json!({"step_type": "loop", "loop_over": "[1, 2, 3]", "loop_parallelism": 2})),
        step("s5", "once", &["s2", "s3"]),
        with(step("s6", "idempotent", &[]), json!({"step_type": "parallel"})),
        fails,
        with(step("s8", "once", &[]), json!({"step_type": "fallback", "fallback_for": "s7"})),
        with(step("s9", "idempotent", &["s5"]),
            json!({"step_type": "conditional", "condition": "results.s5.code == 0"})),
        with(step("s10", "once", &["s7"]), json!({"expect": "results.s7.stdout == 's8\n'"})),
        with(step("s11", "idempotent", &["s4"]),
            json!({"step_type": "loop", "loop_count": 2})),
        step("s12", "idempotent", &["s9", "s10", "s11"]),
    ]})
}

/// The configuration: which calls may be repeated.
pub(super) fn config(program: &Path) -> String {
    let program = program.display();
    format!(
        "[policy]\nallow = [\n  {{ rule = '{program} ledger once', effect = \"once\" }},\n  \
         {{ rule = '{program} ledger idempotent', effect = \"idempotent\" }},\n]\n"
    )
}
