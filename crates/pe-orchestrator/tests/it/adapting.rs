//! Adaptation of runs: A1 to A5.

use pe_model::{ErrorClass, ModelErrorKind, OrchestratorConfig, PlanStatus, Purpose, StopCause};
use pe_orchestrator::{Notice, Trouble};
use pe_testkit::Scripted;
use serde_json::{Value, json};

use crate::support::{Scene, config, patch, plan, status};

/// `a` works, `b` fails, `c` needs both.
fn broken_plan() -> Scripted {
    plan(json!([
        {"id": "a", "tool": "write", "args": {"value": 1}},
        {"id": "b", "tool": "broken", "args": {"value": 2}},
        {"id": "c", "tool": "write", "args": {"value": "{{ results.a + results.b }}"}}
    ]))
}

fn mend() -> Scripted {
    patch(json!([{"op": "modify", "id": "b", "fields": {"tool": "read"}}]))
}

#[tokio::test(start_paused = true)]
async fn a1_a2_a_failed_step_is_changed_and_what_was_done_is_not_done_again() {
    let scene = Scene::new([broken_plan(), mend(), Scripted::text("Three.")]);
    let outcome = scene.run(scene.builder()).await;
    let report = &outcome.report;
    assert!(report.success, "{:?} {:?}", outcome.trouble, report.errors);
    assert_eq!(report.results["c"], json!(3));
    assert_eq!(scene.log.times("a"), 1, "a `once` call that was done is done");
    assert_eq!(scene.log.times("b"), 2);
    assert_eq!((report.adaptations, report.iterations), (1, 2));
    assert_eq!(outcome.state.plan.version, 2, "a changed plan is a new version");
    assert_eq!(scene.purposes(), [Purpose::Plan, Purpose::Adapt, Purpose::Answer]);
}

#[tokio::test(start_paused = true)]
async fn a1_a3_steps_are_added_and_removed() {
    let scene = Scene::new([
        broken_plan(),
        patch(json!([
            {"op": "remove", "id": "b"},
            {"op": "add", "step": {"id": "d", "tool": "read", "args": {"value": 5}}},
            {"op": "modify", "id": "c", "fields": {"args": {"value": "{{ results.a + results.d }}"}}}
        ])),
        Scripted::text("Six."),
    ]);
    let outcome = scene.run(scene.builder()).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(outcome.report.results["c"], json!(6));
    assert_eq!(status(&outcome, "b"), "gone");
    assert_eq!(scene.log.times("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a2_a_changed_step_that_was_done_runs_again_and_so_does_what_follows_from_it() {
    let scene = Scene::new([
        plan(json!([
            {"id": "a", "tool": "read", "args": {"value": 1}},
            {"id": "next", "tool": "read", "args": {"value": "{{ results.a }}"}},
            {"id": "beside", "tool": "read", "args": {"value": 7}},
            {"id": "b", "tool": "broken", "args": {"value": "{{ results.next }}"}}
        ])),
        patch(json!([
            {"op": "modify", "id": "a", "fields": {"args": {"value": 10}}},
            {"op": "modify", "id": "b", "fields": {"tool": "read"}}
        ])),
        Scripted::text("Ten."),
    ]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(outcome.report.results["b"], json!(10));
    let times = ["a", "next", "beside", "b"].map(|step| scene.log.times(step));
    assert_eq!(times, [2, 2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a3_an_invalid_patch_is_reported_back_once_and_then_the_plan_stays() {
    let nonsense = || patch(json!([{"op": "modify", "id": "nobody", "fields": {"tool": "read"}}]));
    let scene = Scene::new([broken_plan(), nonsense(), nonsense()]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(scene.model.calls(), 3);
    assert_eq!(outcome.state.status, PlanStatus::Failed);
    assert!(matches!(outcome.trouble, Some(Trouble::Adaptation(_))), "{:?}", outcome.trouble);
    assert_eq!(outcome.state.plan.version, 1);
    assert_eq!(scene.log.times("b"), 1, "nothing of a bad patch is executed");
}

#[tokio::test(start_paused = true)]
async fn a4_a_model_that_fails_leaves_the_run_failed_and_says_so() {
    let down = Scripted::error(ModelErrorKind::Unreachable, ErrorClass::Network, "gone");
    let scene = Scene::new([broken_plan(), down]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(outcome.state.status, PlanStatus::Failed);
    assert_eq!(outcome.state.stopping, None);
    let trouble = outcome.trouble.unwrap().to_string();
    assert!(trouble.contains("gone"), "{trouble}");
}

#[tokio::test(start_paused = true)]
async fn a5_the_sensitivity_decides_whether_a_run_is_changed_before_it_has_ended() {
    // `slow` is under way when `flaky` has failed; what depends on `flaky` can be saved early.
    let plan = || {
        plan(json!([
            {"id": "flaky", "tool": "broken", "args": {"value": 1}},
            {"id": "slow", "tool": "read", "args": {"value": 2, "ms": 9000}},
            {"id": "after_slow", "tool": "read", "args": {"value": "{{ results.slow }}"}},
            {"id": "after_flaky", "tool": "read", "args": {"value": "{{ results.flaky }}"}}
        ]))
    };
    let mend = || patch(json!([{"op": "modify", "id": "flaky", "fields": {"tool": "read"}}]));
    let mut asked = Vec::new();
    for sensitivity in [0.05, 1.0] {
        let scene = Scene::new([plan(), mend(), Scripted::text("done")]);
        scene.log.begin();
        let config = OrchestratorConfig { adaptation_sensitivity: sensitivity, ..config() };
        let outcome = scene.run(scene.builder().config(config)).await;
        assert!(outcome.report.success, "{:?}", outcome.trouble);
        let why = scene.notices.all().into_iter().find_map(|notice| match notice {
            Notice::Adapting { reason, .. } => Some(reason),
            _ => None,
        });
        assert_eq!(scene.log.times("slow"), 1);
        asked.push(why.unwrap());
    }
    assert!(asked[0].contains("goes astray"), "{asked:?}");
    assert!(asked[1].contains("a failure is left"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn while_a_patch_is_asked_for_nothing_new_begins_and_what_runs_goes_on() {
    let scene = Scene::new([
        plan(json!([
            {"id": "flaky", "tool": "broken", "args": {"value": 1}},
            {"id": "slow", "tool": "read", "args": {"value": 2, "ms": 1000}},
            {"id": "after_slow", "tool": "read", "args": {"value": "{{ results.slow }}"}}
        ])),
        patch(json!([{"op": "modify", "id": "flaky", "fields": {"tool": "read"}}])).delay_ms(5000),
        Scripted::text("done"),
    ]);
    scene.log.begin();
    let config = OrchestratorConfig { adaptation_sensitivity: 0.05, ..config() };
    let outcome = scene.run(scene.builder().config(config)).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.log.times("slow"), 1);
    let began = scene.log.at("after_slow").unwrap();
    assert!(began >= 5000, "it began {began} ms after the plan, while the patch was written");
}

#[tokio::test(start_paused = true)]
async fn a5_a_model_that_brings_back_a_failing_plan_is_stopped() {
    let other = patch(json!([{"op": "modify", "id": "b", "fields": {"args": {"value": 9}}}]));
    let back = || patch(json!([{"op": "modify", "id": "b", "fields": {"args": {"value": 2}}}]));
    let scene = Scene::new([broken_plan(), other, back(), back()]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(outcome.state.status, PlanStatus::Failed);
    assert!(scene.log.times("b") <= 2, "the plan that failed is not run again");
    assert!(outcome.trouble.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_executions_are_bounded() {
    let change = |n: i32| {
        let step = json!({"id": format!("n{n}"), "tool": "broken", "args": {"value": n}});
        patch(
            json!([{"op": "add", "step": step}, {"op": "remove", "id": if n == 1 { "b".to_owned() } else { format!("n{}", n - 1) }}, {"op": "modify", "id": "c", "fields": {"args": {"value": format!("{{{{ results.n{n} }}}}")}}}]),
        )
    };
    for (iterations, expected) in [(1, 1), (3, 3)] {
        let mut script = vec![broken_plan()];
        script.extend((1..9).map(change));
        let scene = Scene::new(script);
        let config = OrchestratorConfig { max_iterations: iterations, ..config() };
        let outcome = scene.run(scene.builder().config(config)).await;
        assert_eq!(outcome.report.iterations, expected);
        assert_eq!(scene.model.calls(), expected as usize, "{:?}", scene.purposes());
        assert_eq!(outcome.state.status, PlanStatus::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn consent_that_was_given_is_not_asked_for_again() {
    use std::sync::{Arc, Mutex};

    use pe_exec::{ApprovalRequest, Approver, Decision};
    use pe_model::BoxFuture;

    #[derive(Default)]
    struct Counting(Mutex<Vec<String>>);
    impl Approver for Counting {
        fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
            self.0.lock().unwrap().push(request.step_id.to_string());
            Box::pin(std::future::ready(Decision::Approve))
        }
    }
    let approver = Arc::new(Counting::default());
    let scene = Scene::new([
        plan(json!([
            {"id": "a", "tool": "ask", "args": {"value": 1}},
            {"id": "b", "tool": "broken", "args": {"value": 2}, "after": ["a"]},
            {"id": "c", "tool": "ask", "args": {"value": "{{ results.b }}"}}
        ])),
        patch(json!([
            {"op": "modify", "id": "b", "fields": {"tool": "read"}},
            {"op": "add", "step": {"id": "d", "tool": "ask", "args": {"value": 4}}}
        ])),
        Scripted::text("done"),
    ]);
    let outcome = scene.run(scene.builder().approver(approver.clone())).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    let mut asked = approver.0.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, ["a", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_spent_stops_the_adaptation_and_the_run_can_be_resumed() {
    let scene = Scene::new([broken_plan(), mend()]);
    let mut config = config();
    config.budget.llm_calls = Some(1);
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(scene.model.calls(), 1);
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert!(!outcome.report.success);
}

#[tokio::test(start_paused = true)]
async fn adapt_plan_gives_a_new_version_and_leaves_the_old_one_alone() {
    let scene = Scene::new([mend()]);
    let config = OrchestratorConfig { max_iterations: 1, ..config() };
    let orchestrator = scene.builder().config(config).build();
    let written: Value = json!({"goal": "g", "steps": [
        {"step_id": "a", "tool": "write", "parameters": {"value": 1}},
        {"step_id": "b", "tool": "broken", "parameters": {"value": 2}}]});
    let outcome =
        orchestrator.execute_plan(serde_json::from_value(written).unwrap()).await.unwrap();
    let before = outcome.state.clone();
    let adapted = orchestrator.adapt_plan(&outcome.state).await.unwrap();
    assert_eq!(outcome.state, before);
    let plan = adapted.plan.plan();
    assert_eq!((plan.version, plan.steps[1].tool.as_str()), (2, "read"));
    assert_eq!(scene.log.times("b"), 1, "nothing is executed");
}
