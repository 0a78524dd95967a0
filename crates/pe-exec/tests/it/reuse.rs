//! A2 across runs: what another run finished is taken over where it still holds.

use std::sync::Arc;

use pe_exec::{CallRule, CallRules, Input, Reuse, ReuseError, RunOptions, Scheduler, run_virtual};
use pe_model::{
    EventKind, JsonMap, OrchestratorConfig, Plan, PlanFile, PlanStage, PlanStatus, RunState,
};
use serde_json::{Value, json};

use crate::support::{ByHand, Ran, Rules, compile, options, respond, run_plan, valid};

fn plan(steps: &Value, context: Value) -> Plan {
    PlanFile::from_value(json!({"goal": "g", "steps": steps, "context": context})).unwrap().plan
}

/// Runs `steps` anew, on top of a run of them that has ended.
struct Again {
    from: RunState,
    run_again: Vec<&'static str>,
}

impl Again {
    fn after(steps: &Value, context: Value) -> Self {
        let ran = run_plan(compile(plan(steps, context)), OrchestratorConfig::default());
        let mut from = ran.0.state;
        from.run_id = "before".into();
        Self { from, run_again: Vec::new() }
    }

    fn run(&self, steps: &Value, context: Value, rules: Arc<dyn CallRules>) -> Ran {
        let run_again = self.run_again.iter().map(|id| (*id).into());
        let reuse = Reuse::new(self.from.clone(), run_again).unwrap();
        let options = RunOptions { reuse: Some(reuse), ..options(OrchestratorConfig::default()) };
        let ran = Ran(run_virtual(compile(plan(steps, context)), rules, options, respond));
        let folded = RunState::fold(&ran.0.events).unwrap().unwrap();
        assert_eq!(folded, ran.0.state, "the fold of the events equals the live state");
        ran
    }
}

fn check(before: Value, after: Value, expected: &[&str]) -> Ran {
    let ran = Again::after(&before, json!({})).run(&after, json!({}), Arc::new(Rules));
    assert_eq!(ran.order(), expected, "{after}");
    ran
}

fn chain() -> Value {
    json!([
        {"step_id": "a", "tool": "once", "parameters": {"out": 1}},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a + 1 }}"}},
        {"step_id": "c", "tool": "t", "parameters": {"out": "{{ results.b + 1 }}"}},
        {"step_id": "d", "tool": "t", "parameters": {"out": "apart"}},
    ])
}

#[test]
fn a2_the_same_plan_runs_nothing_again_and_says_where_its_results_come_from() {
    let ran = check(chain(), chain(), &[]);
    assert_eq!(ran.status(), PlanStatus::Completed);
    assert_eq!(ran.output("c"), json!(3));
    assert_eq!(ran.0.state.from_run.as_ref().unwrap().as_str(), "before");
    let step = ran.step("a");
    assert_eq!(step.reused_from.as_ref().unwrap().as_str(), "before");
    assert_eq!((step.attempts(), ran.0.state.attempts_started), (1, 0));
    assert_eq!(step.iterations[0].arguments["out"], 1, "the call stays on record");
}

#[test]
fn a2_a_changed_step_and_its_descendants_run_and_nothing_else() {
    let mut changed = chain();
    changed[1]["parameters"]["out"] = json!("{{ results.a + 10 }}");
    let ran = check(chain(), changed, &["b", "c"]);
    assert_eq!(ran.output("c"), json!(12));
    let mut renamed = chain();
    renamed[1]["action"] = json!("for people");
    renamed[1]["metadata"] = json!({"note": 1});
    check(chain(), renamed, &[]);
}

#[test]
fn a2_descendants_of_a_step_that_runs_again_run_even_where_its_output_is_the_same() {
    let mut changed = chain();
    changed[1]["timeout_ms"] = json!(9_000);
    check(chain(), changed, &["b", "c"]);
}

#[test]
fn a_step_may_be_told_to_run_again() {
    let mut again = Again::after(&chain(), json!({}));
    again.run_again = vec!["b"];
    let ran = again.run(&chain(), json!({}), Arc::new(Rules));
    assert_eq!(ran.order(), ["b", "c"]);
}

#[test]
fn what_failed_was_skipped_or_is_new_runs() {
    let steps = |fail: Value| {
        json!([
            {"step_id": "a", "tool": "once"},
            {"step_id": "b", "tool": "t", "dependencies": ["a"],
                "parameters": {"fail": fail, "retryable": false}},
            {"step_id": "c", "tool": "t", "dependencies": ["b"]},
        ])
    };
    let before = steps(json!("execution"));
    let again = Again::after(&before, json!({}));
    assert_eq!(again.from.status, PlanStatus::Failed);
    let ran = again.run(&before, json!({}), Arc::new(Rules));
    assert_eq!((ran.order(), ran.told("c")), (vec!["b".into()], "skipped: upstream_failed".into()));
    let mut grown = before.clone();
    grown.as_array_mut().unwrap().push(json!({"step_id": "d", "tool": "t"}));
    check(before, grown, &["b", "d"]);
}

#[test]
fn a_change_of_context_runs_what_reads_it() {
    let steps = json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ context.n }}"}},
        {"step_id": "c", "tool": "t", "parameters": {"out": "{{ results.b }}"}},
        {"step_id": "d", "tool": "t", "parameters": {"out": 5}, "expect": "result > context.n"},
        {"step_id": "e", "step_type": "conditional", "condition": "context.n > 1", "tool": "t"},
        {"step_id": "f", "tool": "t", "dependencies": ["e"], "trigger_rule": "all_done"},
    ]);
    let again = Again::after(&steps, json!({"n": 1}));
    let ran = again.run(&steps, json!({"n": 1}), Arc::new(Rules));
    assert_eq!(ran.order(), [] as [&str; 0]);
    let ran = again.run(&steps, json!({"n": 2}), Arc::new(Rules));
    assert_eq!(ran.order(), ["b", "e", "c", "f"], "`d` still holds, `e` runs now");
    let ran = again.run(&steps, json!({"n": 7}), Arc::new(Rules));
    assert!(ran.order().contains(&"d".to_owned()), "its expectation no longer holds");
}

#[test]
fn loops_are_taken_over_whole_or_not_at_all() {
    let steps = |list: Value| {
        json!([{"step_id": "a", "step_type": "loop", "loop_over": list, "tool": "once",
            "parameters": {"out": "{{ item }}"}},
            {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}}])
    };
    let same = check(steps(json!("[1, 2]")), steps(json!("[1, 2]")), &[]);
    assert_eq!(same.output("b"), json!([1, 2]));
    assert_eq!(same.step("a").iterations.len(), 2);
    check(steps(json!("[1, 2]")), steps(json!("[1, 3]")), &["a", "a", "b"]);
    check(steps(json!("[]")), steps(json!("[]")), &[]);
}

#[test]
fn a_recovered_step_is_taken_over_with_what_stood_in_for_it() {
    let steps = json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "f", "step_type": "fallback", "fallback_for": "a", "tool": "once",
            "parameters": {"out": "stand-in"}},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
    ]);
    let ran = check(steps.clone(), steps.clone(), &[]);
    assert_eq!(
        (ran.told("a"), ran.output("b")),
        ("failed recovered by f".into(), json!("stand-in"))
    );
    let mut changed = steps.clone();
    changed[1]["parameters"]["out"] = json!("another");
    let ran = check(steps.clone(), changed, &["a", "f", "b"]);
    assert_eq!(ran.output("b"), json!("another"));
}

/// The same calls by a newer tool.
struct Newer;

impl CallRules for Newer {
    fn judge(&self, tool: &str, arguments: &JsonMap) -> Option<CallRule> {
        let tool_version = if tool == "once" { "2" } else { "" }.to_owned();
        Rules.judge(tool, arguments).map(|rule| CallRule { tool_version, ..rule })
    }

    fn may_need_consent(&self, tool: &str) -> bool {
        Rules.may_need_consent(tool)
    }
}

#[test]
fn another_version_of_a_tool_is_another_call() {
    let ran = Again::after(&chain(), json!({})).run(&chain(), json!({}), Arc::new(Newer));
    assert_eq!(ran.order(), ["a", "b", "c"]);
}

#[test]
fn everything_is_taken_over_in_the_batch_that_begins_the_run() {
    let ran = check(chain(), chain(), &[]);
    let reused = ran.0.events.iter().filter(|e| matches!(e.kind, EventKind::StepReused { .. }));
    assert_eq!(reused.count(), 4);
    let again = Again::after(&chain(), json!({}));
    let reuse = Some(Reuse::new(again.from, []).unwrap());
    let options = RunOptions { reuse, ..options(OrchestratorConfig::default()) };
    let plan = compile(plan(&chain(), json!({})));
    let turn = Scheduler::new(plan, Arc::new(Rules), options).handle(Input::Begin, 0);
    assert_eq!(turn.events.len(), ran.0.events.len(), "one turn, and so one batch");
}

#[test]
fn a_once_step_with_one_success_is_taken_over_too() {
    let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t"},
        {"step_id": "c", "tool": "once", "dependencies": ["a", "b"],
            "trigger_rule": "one_success"}]);
    check(steps.clone(), steps.clone(), &[]);
    let mut changed = steps.clone();
    changed[1]["timeout_ms"] = json!(1_000);
    check(steps, changed, &["b", "c"]);
}

#[test]
fn an_expectation_that_reads_all_results_is_looked_at_again_when_steps_go() {
    let last = json!({"step_id": "b", "tool": "t", "expect": "len(results) > 1"});
    let before = json!([{"step_id": "x", "tool": "t"}, {"step_id": "a", "tool": "t"}, last]);
    let after = json!([{"step_id": "a", "tool": "t"}, last]);
    check(before, after, &["b"]);
}

#[test]
fn readers_of_attempts_and_times_see_those_of_the_work_taken_over() {
    let value = "{{ steps.a.attempts }} in {{ steps.a.execution_time_ms }}";
    let steps = json!([{"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "once", "parameters": {"out": value}}]);
    let ran = check(steps.clone(), steps, &[]);
    assert_eq!(ran.output("b"), json!("1 in 10"));
}

#[test]
fn a_fallback_of_a_step_that_never_called_anything_is_taken_over() {
    let steps = json!([{"step_id": "z", "tool": "t", "parameters": {"out": {"n": 1}}},
        {"step_id": "a", "tool": "t", "step_type": "conditional",
            "condition": "results.z.missing > 1"},
        {"step_id": "f", "tool": "once", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "b", "tool": "once", "dependencies": ["a"]}]);
    check(steps.clone(), steps, &[]);
}

#[test]
fn the_work_of_a_run_in_doubt_is_not_taken_over_unless_somebody_knows() {
    let steps = valid(json!([{"step_id": "a", "tool": "once"}, {"step_id": "b", "tool": "t"}]));
    let mut run = ByHand::begin(steps, OrchestratorConfig::default());
    let running = run.scheduler.state().clone();
    run.crash(None);
    let doubtful = run.scheduler.state().clone();
    for from in [running, doubtful] {
        let refused = Reuse::new(from.clone(), []).unwrap_err();
        let (run_id, step_id) = (from.run_id.clone(), "a".into());
        assert_eq!(refused, ReuseError::InDoubt { run_id, step_id });
        assert!(Reuse::new(from.clone(), ["b".into()]).is_err());
        assert!(Reuse::new(from.clone(), ["a".into()]).is_ok(), "whoever says so knows");
        assert!(matches!(Reuse::new(from, ["x".into()]), Err(ReuseError::NoSuchStep { .. })));
    }
}

#[test]
fn what_follows_a_step_that_ended_in_another_way_runs_again() {
    let steps = json!([
        {"step_id": "a", "step_type": "conditional", "condition": "context.n > 1", "tool": "t"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"], "trigger_rule": "all_done"},
    ]);
    let again = Again::after(&steps, json!({"n": 2}));
    let ran = again.run(&steps, json!({"n": 1}), Arc::new(Rules));
    assert_eq!((ran.told("a"), ran.order()), ("skipped: condition_false".into(), vec!["b".into()]));
    let again = Again::after(&steps, json!({"n": 1}));
    let ran = again.run(&steps, json!({"n": 0}), Arc::new(Rules));
    assert_eq!(ran.order(), [] as [&str; 0], "skipped then and now");
}

#[test]
fn what_was_done_before_is_taken_over_though_the_plan_is_a_draft_and_nothing_else_happens() {
    let again = Again::after(&chain(), json!({}));
    let mut steps = chain();
    steps.as_array_mut().unwrap().push(json!({"step_id": "e", "tool": "once", "step_type": "loop",
        "loop_count": 2, "dependencies": ["a"]}));
    let reuse = Some(Reuse::new(again.from, []).unwrap());
    let stage = PlanStage::Draft;
    let options = RunOptions { reuse, stage, ..options(OrchestratorConfig::default()) };
    let plan = compile(plan(&steps, json!({})));
    let ran = Ran(run_virtual(plan, Arc::new(Rules), options, respond));
    assert!(ran.order().is_empty());
    assert_eq!((ran.told("a"), ran.told("d"), ran.told("e")), {
        let completed = || "completed".to_owned();
        (completed(), completed(), "pending".to_owned())
    });
    assert_eq!(ran.status(), PlanStatus::Running, "nobody writes on");
}
