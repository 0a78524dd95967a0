//! What could be better about a plan that can run: found where it is so, and nowhere else.

use pe_model::{Catalog, Plan, PlanStep, Strictness, TriggerRule};
use pe_testkit::{SHARED_SETS, arbitrary_plan, naive, plan, shared_plans, shared_truth, step};
use pe_validate::{Code, Limits, Severity, ValidationReport, check};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;

fn catalog() -> Catalog {
    let tools = json!([
        {"name": "sum", "effect": "pure"}, {"name": "look", "effect": "read"},
        {"name": "keep", "effect": "idempotent"}, {"name": "send", "effect": "once"},
        {"name": "sleep", "effect": "pure"}, {"name": "unstated"},
        {"name": "gate", "effect": "pure", "output": {"const": true}},
        {"name": "now", "effect": "read", "parameters": {"type": "object", "properties": {}}},
    ]);
    Catalog::from_value(&tools).unwrap()
}

fn report(steps: impl IntoIterator<Item = impl Into<PlanStep>>) -> ValidationReport {
    check(plan(steps), &catalog(), &Limits::default()).report
}

/// The steps at which the code is found, with their messages' ids for a duplicate.
fn found(steps: impl IntoIterator<Item = impl Into<PlanStep>>, code: Code) -> Vec<String> {
    let findings = report(steps).findings.into_iter().filter(|finding| finding.code == code);
    findings.map(|finding| finding.step_id.unwrap().to_string()).collect()
}

#[test]
fn a_call_made_twice() {
    let twice = |tool: &str| {
        [step("a").tool(tool).parameter("x", 1), step("b").tool(tool).parameter("x", 1)]
    };
    let check = |steps: [pe_testkit::StepBuilder; 2], expected: &[&str]| {
        assert_eq!(found(steps, Code::DuplicateCall), expected);
    };
    check(twice("look"), &["b"]);
    check(twice("send"), &["b"]);
    check(twice("unstated"), &["b"]);
    check(twice("sleep"), &[]);
    let [a, b] = twice("look");
    check([a, b.parameter("x", 2)], &[]);
    let [a, b] = twice("look");
    check([a, b.parameter("y", 2)], &[]);
    let [a, b] = twice("look");
    check([a.when("goal == 'x'"), b], &[]);
    let [a, b] = twice("look");
    check([a.times(2), b.times(2)], &[]);
    let [a, b] = twice("look");
    check([a, b.instead_of("a")], &[]);
    let [a, b] = twice("sum");
    check([a, b.reads_whole().parameter("x", 1)], &[]);
    let [a, b] = twice("sum").map(|step| step.reads_whole());
    check([a, b], &[]);
    let [a, b] = twice("look");
    check([a, b.trigger(TriggerRule::AllDone)], &[]);
    let moments = ["p", "q"].map(|id| step(id).tool("keep").parameter("at", id));
    let [a, b] = twice("look");
    let [p, q] = moments;
    assert_eq!(found([p, q, a.after(["p"]), b.after(["q"])], Code::DuplicateCall).len(), 0);
}

#[test]
fn again_later_may_be_meant_except_for_what_never_changes() {
    let later = |tool: &str| {
        [
            step("a").tool(tool).parameter("x", 1),
            step("m").tool("keep").reads("a"),
            step("b").tool(tool).parameter("x", 1).after(["m"]),
        ]
    };
    for (tool, expected) in [("look", vec![]), ("send", vec![]), ("sum", vec!["b"])] {
        assert_eq!(found(later(tool), Code::DuplicateCall), expected, "{tool}");
    }
}

#[test]
fn without_parameters_the_action_says_what_is_done() {
    let named = |tool: &str, actions: [&str; 2]| {
        let step = |id: &str, action: &str| {
            let action = action.to_owned();
            step(id).tool(tool).with(move |step| step.action = action)
        };
        [step("a", actions[0]), step("b", actions[1])]
    };
    assert_eq!(found(named("now", ["see", "see"]), Code::DuplicateCall), ["b"]);
    assert_eq!(found(named("now", ["see", "look"]), Code::DuplicateCall).len(), 0);
    // Nobody knows which parameters there might be.
    assert_eq!(found(named("look", ["see", "see"]), Code::DuplicateCall).len(), 0);
}

/// A step that three others need, and a fourth one that does not.
fn hub(change: impl FnOnce(pe_testkit::StepBuilder) -> pe_testkit::StepBuilder) -> Vec<PlanStep> {
    let mut steps = vec![change(step("hub").tool("send")).into()];
    steps.extend((0..3).map(|n| step(format!("s{n}")).tool("send").reads("hub").into()));
    steps.push(step("apart").tool("send").into());
    steps
}

#[test]
fn a_failure_that_takes_much_down() {
    let report = report(hub(|hub| hub));
    let finding = report.findings.iter().find(|f| f.code == Code::RiskyStep).unwrap();
    assert_eq!(finding.step_id.as_ref().unwrap().as_str(), "hub");
    assert!(finding.message.contains("3 of 4 other steps"), "{}", finding.message);
    assert_eq!(found(hub(|hub| hub.tool("keep")), Code::RiskyStep).len(), 0);
    assert_eq!(found(hub(|hub| hub.tool("unstated")), Code::RiskyStep).len(), 0);
    assert_eq!(found(hub(|hub| hub.approval()), Code::RiskyStep).len(), 0);
    let mut guarded = hub(|hub| hub);
    guarded.push(step("spare").tool("send").instead_of("hub").into());
    assert_eq!(found(guarded, Code::RiskyStep).len(), 0);
    let with_rule = |rule| {
        let mut steps = hub(|hub| hub);
        steps[1].trigger_rule = Some(rule);
        found(steps, Code::RiskyStep).len()
    };
    assert_eq!(with_rule(TriggerRule::AllDone), 0, "two are lost");
    assert_eq!(with_rule(TriggerRule::NoneFailed), 1);
    // That a dependent has a fallback does not help: it is skipped, and does not fail.
    let mut spared = hub(|hub| hub);
    spared.push(step("spare").tool("send").instead_of("s0").into());
    assert_eq!(found(spared, Code::RiskyStep), ["hub"]);
}

#[test]
fn of_several_risky_steps_on_a_path_the_first_is_told() {
    let chain = (0..6).map(|n| {
        let step = step(format!("s{n}")).tool("send");
        if n == 0 { step } else { step.reads(format!("s{}", n - 1)) }
    });
    assert_eq!(found(chain, Code::RiskyStep), ["s0"]);
}

#[test]
fn a_result_that_nobody_reads() {
    let with = |a: pe_testkit::StepBuilder| [a, step("b").tool("send").after(["a"])];
    let check = |a: pe_testkit::StepBuilder, expected: &[&str]| {
        assert_eq!(found(with(a), Code::UnreadResult), expected);
    };
    check(step("a").tool("look"), &["a"]);
    check(step("a").tool("sum"), &["a"]);
    check(step("a").tool("send"), &[]);
    check(step("a").tool("unstated"), &[]);
    check(step("a").tool("sleep"), &[]);
    check(step("a").tool("gate"), &[]);
    check(step("a").tool("look").expect("result"), &[]);
    check(step("a").tool("look").when("goal == 'x'"), &[]);
    check(step("a").tool("look").approval(), &[]);
    let read = |reader: pe_testkit::StepBuilder| {
        let [a, b] = with(step("a").tool("look"));
        found([a, b, reader.tool("send")], Code::UnreadResult)
    };
    assert_eq!(read(step("c")), ["a"]);
    assert_eq!(read(step("c").reads("a")).len(), 0);
    assert_eq!(read(step("c").looks_at("a")).len(), 0);
    assert_eq!(read(step("c").reads_whole()).len(), 0);
    assert_eq!(found([step("a").tool("look")], Code::UnreadResult).len(), 0, "it is the answer");
    // Which of the two ended well is what is waited for.
    let either = |id| step(id).tool("look").parameter("at", id);
    let first = step("c").tool("send").after(["a", "b"]).trigger(TriggerRule::OneSuccess);
    assert_eq!(found([either("a"), either("b"), first], Code::UnreadResult).len(), 0);
}

#[test]
fn a_chain_that_could_run_side_by_side() {
    let chain = |middle: fn(pe_testkit::StepBuilder) -> pe_testkit::StepBuilder| {
        let steps = ["a", "b", "c", "d"].map(|id| step(id).tool("look").parameter("at", id));
        let [a, b, c, d] = steps;
        report([a, b.after(["a"]), middle(c.after(["b"])), d.after(["c"])])
    };
    let codes = |report: &ValidationReport| super::codes(report);
    let whole = chain(|c| c);
    assert_eq!(codes(&whole), [Code::NeedlessChain], "no hint for each of its dependencies");
    assert!(whole.warnings[0].contains("`a`, `b`, `c` and `d`"), "{}", whole.warnings[0]);
    assert_eq!(whole.findings[0].pointer, "/steps/1/dependencies");
    use Code::UnreadResult;
    // `c` does what others might see, reads, or looks at how `b` ended: there is no chain.
    assert_eq!(codes(&chain(|c| c.tool("keep"))), [UnreadResult, UnreadResult]);
    assert_eq!(codes(&chain(|c| c.reads("b"))), [UnreadResult, UnreadResult]);
    let tolerant = chain(|c| c.trigger(TriggerRule::AllDone));
    assert_eq!(codes(&tolerant), [UnreadResult, UnreadResult]);
}

#[test]
fn what_waits_for_a_change_is_no_chain_and_nothing_to_wait_less_for() {
    for first in ["keep", "send", "unstated", "sleep", "gate"] {
        let steps = [
            step("w").tool(first),
            step("a").tool("look").parameter("at", "a").after(["w"]),
            step("b").tool("look").parameter("at", "b").after(["a"]),
            step("c").tool("look").parameter("at", "c").after(["b"]),
            step("r").tool("sum").reads("a").parameter("b", "{{ results.b }} {{ results.c }}"),
        ];
        let mut codes = super::codes(&report(steps));
        codes.retain(|code| *code != Code::RiskyStep);
        assert_eq!(codes, [], "{first}: what `a` waits for, `b` and `c` wait for by way of it");
    }
}

#[test]
fn waiting_that_nothing_needs_is_a_hint_and_never_an_error() {
    let steps = || {
        let [a, b, c] = ["a", "b", "c"].map(|id| step(id).tool("look").parameter("at", id));
        [a, b.after(["a"]), c.reads("a")]
    };
    for strictness in [Strictness::Lenient, Strictness::Moderate, Strictness::Strict] {
        let limits = Limits { strictness, ..Limits::default() };
        let checked = check(plan(steps()), &catalog(), &limits);
        let [finding] = &checked.report.findings[..] else { panic!("{:?}", checked.report) };
        assert_eq!((finding.code, finding.severity), (Code::NeedlessDependency, Severity::Hint));
        assert_eq!(finding.pointer, "/steps/1/dependencies/0");
        assert_eq!(checked.report.hints, std::slice::from_ref(&finding.message));
        assert!(checked.plan.is_some() && checked.report.warnings.is_empty());
    }
}

#[test]
fn an_order_that_may_matter_is_left_alone() {
    for (first, second) in
        [("send", "look"), ("look", "keep"), ("keep", "sum"), ("sleep", "look"), ("gate", "look")]
    {
        let reader = step("r").tool("sum").reads("a");
        let steps = [step("a").tool(first), step("b").tool(second).after(["a"]), reader];
        assert_eq!(found(steps, Code::NeedlessDependency).len(), 0, "{first} {second}");
    }
    let pair = |a: pe_testkit::StepBuilder, b: pe_testkit::StepBuilder| {
        let reader = step("r").tool("sum").reads("a");
        found([a.tool("look"), b.tool("look").after(["a"]), reader], Code::NeedlessDependency).len()
    };
    assert_eq!(pair(step("a"), step("b")), 1);
    assert_eq!(pair(step("a"), step("b").reads("a")), 0);
    assert_eq!(pair(step("a"), step("b").looks_at("a")), 0);
    assert_eq!(pair(step("a"), step("b").reads_whole()), 0);
    assert_eq!(pair(step("a"), step("b").approval()), 0);
    assert_eq!(pair(step("a").expect("result"), step("b")), 0);
    assert_eq!(pair(step("a"), step("b").trigger(TriggerRule::AllDone)), 0);
    assert_eq!(pair(step("a").times(2).until("result", 2), step("b")), 0);
    assert_eq!(pair(step("a").reads_whole(), step("b")), 0, "`a` then reads another step more");
    // Without it the result of `a` would be part of the answer.
    let unread = [step("a").tool("look"), step("b").tool("look").after(["a"])];
    assert_eq!(found(unread, Code::NeedlessDependency).len(), 0);
}

#[test]
fn what_another_dependency_implies() {
    let diamond = |b: fn(pe_testkit::StepBuilder) -> pe_testkit::StepBuilder| {
        let steps = ["a", "b", "c"].map(|id| step(id).tool("send"));
        let [first, second, third] = steps;
        [first, b(second.after(["a"])), third.after(["a", "b"])]
    };
    assert_eq!(found(diamond(|b| b), Code::NeedlessDependency), ["c"]);
    let tolerant = |b: pe_testkit::StepBuilder| b.trigger(TriggerRule::AllDone);
    // `b` runs whatever becomes of `a`, so that only the dependency makes `c` need `a`.
    assert_eq!(found(diamond(tolerant), Code::NeedlessDependency).len(), 0);
    let read = diamond(|b| b).into_iter().map(|step| {
        let step: PlanStep = step.into();
        let reads = step.step_id.as_str() == "c";
        if reads {
            PlanStep {
                parameters: json!({"x": "{{ results.a }}"}).as_object().unwrap().clone(),
                ..step
            }
        } else {
            step
        }
    });
    assert_eq!(found(read, Code::NeedlessDependency).len(), 0, "what is read may be stated");
}

#[test]
fn at_most_a_hundred_of_a_kind_and_the_cut_is_said() {
    let pairs = (0..101).flat_map(|n| {
        let look = |id: String| step(id).tool("look").parameter("n", n);
        [look(format!("a{n}")), look(format!("b{n}"))]
    });
    let report = report(pairs);
    let codes = super::codes(&report);
    assert_eq!(codes.iter().filter(|code| **code == Code::DuplicateCall).count(), 100);
    assert_eq!(codes.iter().filter(|code| **code == Code::More).count(), 1);
}

/// The transitive reduction of the real plans, against what an independent checker counted.
#[test]
fn redundant_edges_of_real_plans_are_the_implied_ones() {
    let mut compared = 0;
    for set in SHARED_SETS {
        let (Some(plans), Some(truth)) = (shared_plans(set), shared_truth(set)) else { return };
        for (plan, truth) in plans.iter().zip(&truth) {
            if truth["structurally_valid"] != json!(true) {
                continue;
            }
            let bare = super::shared::bare(plan);
            // Every rule alike, and no stand-ins: the checker sees edges only.
            let steps = bare.steps.into_iter().map(|step| PlanStep {
                step_type: pe_model::StepType::Normal,
                trigger_rule: None,
                fallback_for: None,
                condition: None,
                ..step
            });
            let bare = Plan { steps: steps.collect(), ..plan.clone() };
            let report = super::checked(&bare).report;
            let implied = report.findings.iter().filter(|f| f.code == Code::NeedlessDependency);
            let name = plan.plan_id.as_ref().unwrap();
            let count = truth["redundant_edges"].as_u64().unwrap() as usize;
            assert_eq!(implied.count(), count.min(100), "{name}");
            compared += count;
        }
    }
    assert!(compared > 50, "only {compared} edges were compared");
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 400, ..Config::default() })]

    /// Without a dependency that another one implies, everybody still waits for the same.
    #[test]
    fn an_implied_dependency_changes_nothing(plan in arbitrary_plan()) {
        let report = super::checked(&plan).report;
        for finding in report.findings.iter().filter(|f| f.code == Code::NeedlessDependency) {
            let mut parts = finding.pointer.split('/').skip(2);
            let step: usize = parts.next().unwrap().parse().unwrap();
            let number: usize = parts.nth(1).unwrap().parse().unwrap();
            let mut without = plan.clone();
            without.steps[step].dependencies.remove(number);
            prop_assert_eq!(naive::settled_before(&plan), naive::settled_before(&without));
        }
    }
}
