//! Why plans are refused that were written for other programs, or by models in a hurry.
//!
//! `ops_dags` are workflows of Argo and GitHub: their graphs are plans, their expressions are in
//! other languages. A plan may be refused for several reasons; a table counts plans and places.

use std::collections::{BTreeMap, BTreeSet};

use pe_testkit::{SHARED_SETS, shared_plans};
use pe_validate::{Code, Finding, Severity};

use super::super::checked;
use super::name;

/// What a message must say for a reason, by code; the first that fits counts.
const REASONS: [(Code, &str, &str); 18] = [
    (Code::UnknownDependency, "", "depends on a step that is not there"),
    (Code::Cycle, "", "steps wait for each other"),
    (Code::UnknownReference, "", "reads a step that is not there"),
    (Code::SelfReference, "", "reads its own result"),
    (Code::MissingField, "nothing that drives it", "loop without a driver"),
    (Code::BadExpression, "`$` is not part of the language", "GitHub: `${{ }}` around it"),
    (Code::BadExpression, "no function `always`", "GitHub: `always()`"),
    (Code::BadExpression, "no function `cancelled`", "GitHub: `cancelled()`"),
    (Code::BadExpression, "no function `startsWith`", "GitHub: `startsWith()`"),
    (Code::BadExpression, "no function `fromJSON`", "GitHub: `fromJSON()`"),
    (Code::BadExpression, "leave out `{{`", "Argo: `{{ }}` around a part of it"),
    (Code::BadExpression, "found `or`", "Argo: a name with `-or-` in it"),
    (Code::BadExpression, "found `in`", "Argo: a name with `-in-` in it"),
    (Code::UnknownVariable, "reads `github`", "GitHub: reads `github`"),
    (Code::UnknownVariable, "reads `needs`", "GitHub: reads `needs`"),
    (Code::UnknownVariable, "reads `item`", "Argo: reads `item` without `loop_over`"),
    (Code::UnknownVariable, "reads `tasks`", "Argo: reads `tasks`"),
    (Code::UnknownVariable, "reads `workflow`", "Argo: reads `workflow`"),
];

/// Pieces of names with dashes, which read as subtractions here.
const PIECES: [&str; 5] = ["info", "out", "parameter", "pr", "wf"];

fn reason(finding: &Finding) -> String {
    let message = finding.message.as_str();
    let fits =
        |(code, words, _): &&(Code, &str, &str)| *code == finding.code && message.contains(words);
    if let Some((_, _, reason)) = REASONS.iter().find(fits) {
        return (*reason).to_owned();
    }
    let is_piece = |piece: &&&str| message.contains(&format!("reads `{piece}`, which"));
    match PIECES.iter().find(is_piece) {
        Some(_) => "Argo, GitHub: a name with dashes in it".to_owned(),
        None => format!("ANOTHER REASON: {message}"),
    }
}

#[test]
fn plans_are_refused_for_these_reasons() {
    let mut table = String::new();
    for set in SHARED_SETS {
        let Some(plans) = shared_plans(set) else { return };
        let mut reasons: BTreeMap<(Code, String), (BTreeSet<&str>, usize)> = BTreeMap::new();
        let mut refused = 0;
        for plan in &plans {
            let report = checked(plan).report;
            refused += usize::from(!report.is_valid);
            for finding in report.of(Severity::Error) {
                let (plans, places) = reasons.entry((finding.code, reason(finding))).or_default();
                plans.insert(name(plan));
                *places += 1;
            }
        }
        table += &format!("{set}: {refused} of {}\n", plans.len());
        for ((code, reason), (plans, places)) in reasons {
            table += &format!("{:>6}{places:>5}  {code} {reason}\n", plans.len());
        }
    }
    assert!(table == REFUSED, "another table:\n{table}");
}

/// Each set, the plans refused, and for each reason the plans and the places.
const REFUSED: &str = "\
asynchow_timed: 0 of 401
bfcl_parallel: 0 of 85
nestful: 0 of 76
ops_dags: 27 of 48
     3    3  PE017 loop without a driver
     1    1  PE030 Argo: `{{ }}` around a part of it
     1    1  PE030 Argo: a name with `-in-` in it
     1    2  PE030 Argo: a name with `-or-` in it
     7   22  PE030 GitHub: `${{ }}` around it
     4    7  PE030 GitHub: `always()`
     2    2  PE030 GitHub: `cancelled()`
     1    1  PE030 GitHub: `fromJSON()`
     1    1  PE030 GitHub: `startsWith()`
     2    8  PE033 Argo, GitHub: a name with dashes in it
     4    6  PE033 Argo: reads `item` without `loop_over`
     7   21  PE033 Argo: reads `tasks`
     1    1  PE033 Argo: reads `workflow`
     6   23  PE033 GitHub: reads `github`
     5   10  PE033 GitHub: reads `needs`
prompt_examples: 0 of 7
seal_tools: 0 of 313
taskbench_llm_predictions: 72 of 385
     7    8  PE013 depends on a step that is not there
    14   20  PE015 steps wait for each other
    19   30  PE031 reads a step that is not there
    58   97  PE032 reads its own result
worfbench: 0 of 408
";
