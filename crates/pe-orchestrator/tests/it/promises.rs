//! What must not happen, however a model, a person or a crash plays along.

use std::sync::Arc;
use std::time::Duration;

use pe_exec::{ApprovalRequest, Approver, Control, Decision, NewRun};
use pe_model::{
    BoxFuture, Effect, ErrorClass, FinishReason, OrchestratorConfig, Plan, PlanStatus, Tool,
    ToolCall, ToolError, ToolSpec,
};
use pe_orchestrator::{Builder, Outcome, Supervision, Task};
use pe_testkit::Scripted;
use pe_validate::{Limits, check};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Refuses, Scene, config, patch, plan, status};

const LONG: Duration = Duration::from_secs(100_000);

fn impatient() -> OrchestratorConfig {
    OrchestratorConfig { max_repair_rounds: 0, ..config() }
}

struct Says(Decision, std::sync::Mutex<Vec<String>>);

impl Says {
    fn new(decision: Decision) -> Arc<Self> {
        Arc::new(Self(decision, std::sync::Mutex::default()))
    }
    fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl Approver for Says {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
        self.1.lock().unwrap().push(request.step_id.to_string());
        Box::pin(std::future::ready(self.0))
    }
}

/// Runs a person's plan with `--adapt`.
async fn adapted(builder: Builder, steps: Value) -> Outcome {
    let orchestrator = builder.build();
    let written: Plan = serde_json::from_value(json!({"goal": "g", "steps": steps})).unwrap();
    let limits = Limits { max_steps: None, max_depth: None, ..Limits::default() };
    let checked = check(written, orchestrator.catalog(), &limits);
    let valid = checked.plan.unwrap_or_else(|| panic!("{}", checked.report.render("plan")));
    let task = Task::Plan {
        run: Box::new(NewRun::from(valid)),
        supervision: Supervision { adapt: true, answer: false },
    };
    let (controller, control) = Control::new();
    timeout(LONG, orchestrator.work(task, controller, control)).await.expect("it hangs").unwrap()
}

async fn sequential(scene: &Scene, builder: Builder) -> Outcome {
    timeout(LONG, scene.run(builder)).await.expect("the run stands still for ever")
}

// What a person refused is not done in another way either (section 4).

#[tokio::test(start_paused = true)]
async fn what_a_person_rejected_is_not_adapted_around() {
    let scene = Scene::new([patch(json!([
        {"op": "remove", "id": "a"},
        {"op": "add", "step": {"id": "a2", "tool": "write", "args": {"value": 1}}}
    ]))]);
    let no = Says::new(Decision::Reject);
    let outcome = adapted(
        scene.builder().approver(no.clone()),
        json!([{"step_id": "a", "tool": "write", "parameters": {"value": 1}, "approval": true}]),
    )
    .await;
    assert_eq!(no.asked(), ["a"]);
    assert!(scene.log.steps().is_empty(), "called without a word: {:?}", scene.log.steps());
    assert!(!outcome.report.success);
    assert_eq!(scene.model.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_the_sequential_loop_a_rejected_call_is_not_made_good_by_another() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("ask", json!({"value": 1}))]),
        Scripted::calls([("read", json!({"value": 2}))]),
        Scripted::calls([("read", json!({"value": 3}))]),
        Scripted::text("done"),
    ]);
    let no = Says::new(Decision::Reject);
    let outcome =
        sequential(&scene, scene.builder().config(impatient()).approver(no.clone())).await;
    assert!(!outcome.report.success);
    assert_eq!(no.asked(), ["call_1"]);
    // Other calls than the rejected one are still the model's to make.
    assert_eq!(scene.log.steps(), ["call_2", "call_3"]);
}

// A patch takes away what a person has put there.

#[tokio::test(start_paused = true)]
async fn a_patch_does_not_take_an_approval_away() {
    let scene = Scene::new([patch(json!([
        {"op": "modify", "id": "a", "fields": {"tool": "read"}},
        {"op": "modify", "id": "b", "fields": {"approval": false}}
    ]))]);
    let nobody = Says::new(Decision::Unanswered);
    adapted(
        scene.builder().approver(nobody.clone()),
        json!([
            {"step_id": "a", "tool": "broken", "parameters": {"value": 1}},
            {"step_id": "b", "tool": "write", "parameters": {"value": 2}, "dependencies": ["a"],
             "approval": true}
        ]),
    )
    .await;
    assert_eq!(scene.log.times("b"), 0, "`b` asks for approval, and nobody gave it");
}

#[tokio::test(start_paused = true)]
async fn a_patch_does_not_make_a_success_by_taking_the_post_condition_away() {
    let scene =
        Scene::new([patch(json!([{"op": "modify", "id": "a", "fields": {"expect": null}}]))]);
    let outcome = adapted(
        scene.builder(),
        json!([{"step_id": "a", "tool": "read", "parameters": {"value": 1}, "expect": "result == 2"}]),
    )
    .await;
    assert!(!outcome.report.success);
}

// Adaptation asked for again at once.

#[tokio::test(start_paused = true)]
async fn after_an_adaptation_the_same_deviation_is_not_asked_about_again() {
    let steps = json!([
        {"step_id": "x", "tool": "broken", "parameters": {"value": 1}},
        {"step_id": "y", "tool": "read", "parameters": {"value": 1}, "step_type": "fallback", "fallback_for": "x"},
        {"step_id": "slow", "tool": "read", "parameters": {"value": 2, "ms": 5000}},
        {"step_id": "end", "tool": "read", "parameters": {"value": 3}, "dependencies": ["slow", "x"]}
    ]);
    let touch =
        |n: u32| patch(json!([{"op": "modify", "id": "end", "fields": {"args": {"value": n}}}]));
    let scene = Scene::new((10..20).map(touch));
    let config = OrchestratorConfig { adaptation_sensitivity: 0.1, max_iterations: 8, ..config() };
    let outcome = adapted(scene.builder().config(config), steps).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.model.calls(), 1, "nothing new has gone wrong since the first patch");
}

// A plan of a person that is larger than a model's may be.

#[tokio::test(start_paused = true)]
async fn a_large_plan_of_a_person_can_be_adapted() {
    let mut steps: Vec<Value> = (0..25)
        .map(|n| json!({"step_id": format!("s{n}"), "tool": "read", "parameters": {"value": n}}))
        .collect();
    steps.push(json!({"step_id": "bad", "tool": "broken", "parameters": {"value": 1}}));
    let mend = || patch(json!([{"op": "modify", "id": "bad", "fields": {"tool": "read"}}]));
    let scene = Scene::new([mend(), mend()]);
    let outcome = adapted(scene.builder(), json!(steps)).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.model.calls(), 1);
}

// Answers that are cut, or none.

#[tokio::test(start_paused = true)]
async fn a_final_answer_that_was_cut_off_is_not_given_as_whole() {
    let scene = Scene::new([
        plan(json!([{"id": "a", "tool": "read", "args": {"value": "the whole"}}])),
        Scripted::text("The result is that you must not").finish(FinishReason::Length),
    ]);
    let outcome = scene.run(scene.builder()).await;
    assert_ne!(outcome.report.final_response, "The result is that you must not");
}

#[tokio::test(start_paused = true)]
async fn a_last_word_of_the_sequential_loop_that_was_cut_off_is_no_answer() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::text("The result is that you must not").finish(FinishReason::Length),
    ]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert!(!outcome.report.success, "{:?}", outcome.report.final_response);
}

#[tokio::test(start_paused = true)]
async fn an_empty_last_word_of_the_sequential_loop_is_no_success() {
    let scene = Scene::new([Scripted::text("no plan"), Scripted::text("  ")]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert!(!outcome.report.success, "an empty answer is reported as a success");
}

#[tokio::test(start_paused = true)]
async fn a_thinking_block_is_no_part_of_the_last_word_of_the_sequential_loop() {
    let scene =
        Scene::new([Scripted::text("no plan"), Scripted::text("<think>hm</think>Forty-two.")]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert_eq!(outcome.report.final_response, "Forty-two.");
}

// A failed run, and a run that is adapted after its sequential loop.

#[tokio::test(start_paused = true)]
async fn a_failed_run_does_not_say_that_it_worked() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("broken", json!({"value": 1}))]),
        Scripted::text("It works!"),
    ]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert_eq!(outcome.state.status, PlanStatus::Failed);
    assert_ne!(outcome.report.final_response, "It works!", "{:?}", scene.purposes());
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_an_adaptation_is_not_the_answer() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("broken", json!({"value": 1}))]),
        Scripted::text("I could not do it."),
        patch(json!([{"op": "modify", "id": "call_1", "fields": {"tool": "read"}}])),
        Scripted::text("One."),
    ]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert!(!outcome.report.success || outcome.report.final_response != "I could not do it.");
}

// Tools of the caller.

struct Own(ToolSpec);
impl Tool for Own {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }
    fn call(&self, _: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(std::future::ready(Ok(json!("mine"))))
    }
}
fn own(name: &str) -> Arc<dyn Tool> {
    let parameters = json!({"type": "object"});
    Arc::new(Own(ToolSpec {
        name: name.to_owned(),
        parameters,
        effect: Effect::Read,
        ..ToolSpec::default()
    }))
}

#[tokio::test(start_paused = true)]
async fn a_tool_of_the_caller_is_the_one_that_is_called() {
    for name in ["llm", "ask_user"] {
        let scene = Scene::new([Scripted::text("the model's")]);
        let outcome = adapted(
            scene.builder().tool(own(name)),
            json!([{"step_id": "a", "tool": name, "parameters": {"prompt": "p", "question": "q"}}]),
        )
        .await;
        let found = outcome.report.results.get("a").cloned();
        assert_eq!(found, Some(json!("mine")), "{name} {:?}", outcome.report.errors);
    }
}

// Secrets in prompts.

#[tokio::test(start_paused = true)]
async fn a_secret_of_the_context_does_not_reach_a_prompt() {
    let scene = Scene::new([patch(json!([]))]);
    let orchestrator = scene.builder().build();
    let written: Plan = serde_json::from_value(json!({"goal": "g",
        "context": {"api_token": "s3cr3t-value-123"},
        "steps": [{"step_id": "a", "tool": "broken", "parameters": {"value": "Bearer {{ context.api_token }}"}}]}))
    .unwrap();
    let valid = check(written, orchestrator.catalog(), &Limits::default()).plan.unwrap();
    let task = Task::Plan {
        run: Box::new(NewRun::from(valid)),
        supervision: Supervision { adapt: true, answer: false },
    };
    let (controller, control) = Control::new();
    orchestrator.work(task, controller, control).await.unwrap();
    let sent = serde_json::to_string(&scene.model.requests()).unwrap();
    assert!(scene.model.calls() > 0);
    assert!(!sent.contains("s3cr3t-value-123"), "the adaptation prompt holds the secret");
}

#[tokio::test(start_paused = true)]
async fn an_empty_output_is_asked_about_once() {
    let steps = json!([
        {"step_id": "e", "tool": "read", "parameters": {"value": null}},
        {"step_id": "slow", "tool": "read", "parameters": {"value": 2, "ms": 5000}},
        {"step_id": "r", "tool": "read", "parameters": {"value": "{{ results.e }}"}, "dependencies": ["slow"]},
        {"step_id": "end", "tool": "read", "parameters": {"value": 3, "ms": 5000}, "dependencies": ["slow"]},
        {"step_id": "tail", "tool": "read", "parameters": {"value": 3}, "dependencies": ["end"]}
    ]);
    let touch =
        |n: u32| patch(json!([{"op": "modify", "id": "tail", "fields": {"args": {"value": n}}}]));
    let scene = Scene::new((10..30).map(touch));
    let config = OrchestratorConfig { adaptation_sensitivity: 0.2, max_iterations: 8, ..config() };
    let outcome = adapted(scene.builder().config(config), steps).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.model.calls(), 1, "nothing new has gone wrong since the first patch");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_a_fallback_is_about_to_recover_is_no_failure_that_came_back() {
    let steps = json!([
        {"step_id": "x", "tool": "broken", "parameters": {"value": 1}},
        {"step_id": "y", "tool": "read", "parameters": {"value": 1}, "step_type": "fallback", "dependencies": ["slow"], "fallback_for": "x"},
        {"step_id": "slow", "tool": "read", "parameters": {"value": 2, "ms": 5000}},
        {"step_id": "end", "tool": "read", "parameters": {"value": 3}, "dependencies": ["slow"]}
    ]);
    let touch =
        |n: u32| patch(json!([{"op": "modify", "id": "end", "fields": {"args": {"value": n}}}]));
    let scene = Scene::new((10..20).map(touch));
    let config = OrchestratorConfig { adaptation_sensitivity: 0.1, max_iterations: 8, ..config() };
    let outcome = adapted(scene.builder().config(config), steps).await;
    assert!(outcome.report.success, "{:?}", outcome.report.errors);
    assert!(outcome.trouble.is_none(), "{:?}", outcome.trouble);
}

#[tokio::test(start_paused = true)]
async fn a_model_does_not_say_how_often_a_call_is_tried() {
    struct Busy(ToolSpec, std::sync::atomic::AtomicUsize);
    impl Tool for Busy {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }
        fn call(&self, _: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Box::pin(std::future::ready(Err(ToolError::new(ErrorClass::Network, "refused"))))
        }
    }
    let spec = ToolSpec {
        name: "busy".to_owned(),
        parameters: json!({"type": "object"}),
        effect: Effect::Once,
        ..ToolSpec::default()
    };
    let busy = Arc::new(Busy(spec, Default::default()));
    let scene = Scene::new([plan(json!([{"id": "a", "tool": "busy",
        "retry": {"max_retries": 5000, "base_delay_ms": 0, "max_delay_ms": 0}}]))]);
    let mut config = config();
    config.max_iterations = 1;
    scene.run(scene.builder().config(config).tool(busy.clone())).await;
    let calls = busy.1.load(std::sync::atomic::Ordering::Relaxed);
    assert!(calls <= 100, "{calls} calls of a `once` tool");
}

#[tokio::test(start_paused = true)]
async fn the_sequential_loop_fits_the_window() {
    let mut script = vec![Scripted::text("no plan")];
    script
        .extend((0..4).map(|_| Scripted::calls([("read", json!({"value": "x".repeat(20_000)}))])));
    script.push(Scripted::text("done"));
    let scene = Scene::new(script);
    sequential(&scene, scene.builder().config(impatient()).context_tokens(8192)).await;
    let last = scene.model.requests().pop().unwrap();
    let tokens = pe_llm::estimate_prompt_tokens(&last);
    assert!(tokens < 8192, "{tokens} tokens for a window of 8192");
}

#[tokio::test(start_paused = true)]
async fn with_review_nothing_runs_that_nobody_accepted_call_by_call_either() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("write", json!({"value": 1}))]),
        Scripted::text("done"),
    ]);
    sequential(&scene, scene.builder().config(impatient()).reviewer(Arc::new(Refuses))).await;
    assert!(scene.log.steps().is_empty(), "called without review: {:?}", scene.log.steps());
}

#[tokio::test(start_paused = true)]
async fn a_schema_of_the_model_reads_no_file() {
    let path = std::env::temp_dir().join("pe-review-schema.json");
    std::fs::write(&path, "{\"type\": \"object\"}").unwrap();
    let scene = Scene::new([
        Scripted::text("{}"),
        Scripted::text("{}"),
        Scripted::text("{}"),
        Scripted::text("{}"),
    ]);
    let outcome = adapted(
        scene.builder(),
        json!([{"step_id": "a", "tool": "llm", "parameters": {"prompt": "p",
            "schema": {"$ref": format!("file://{}", path.display())}}}]),
    )
    .await;
    assert!(!outcome.report.success, "a file was read");
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_refers_to_itself_does_not_overflow_the_stack() {
    let scene = Scene::new([
        Scripted::text("{}"),
        Scripted::text("{}"),
        Scripted::text("{}"),
        Scripted::text("{}"),
    ]);
    adapted(
        scene.builder(),
        json!([{"step_id": "a", "tool": "llm", "parameters": {"prompt": "p",
            "schema": {"allOf": [{"$ref": "#"}]}}}]),
    )
    .await;
}

/// `ask_user` is `read`: a draft that does not hold asks the person all the same.
#[tokio::test(start_paused = true)]
async fn a_plan_read_whole_in_a_draft_asks_nobody_before_it_is_judged() {
    use pe_model::Streaming;
    struct Nosy(std::sync::Mutex<Vec<String>>);
    impl pe_orchestrator::Person for Nosy {
        fn ask(&self, q: pe_orchestrator::Question) -> BoxFuture<'_, Option<String>> {
            self.0.lock().unwrap().push(q.question);
            Box::pin(std::future::ready(Some("x".to_owned())))
        }
    }
    let nosy = Arc::new(Nosy(Default::default()));
    let bad = plan(json!([
        {"id": "a", "tool": "ask_user", "args": {"question": "what is your password?"}},
        {"id": "b", "tool": "nowhere", "args": {"value": 1}}
    ]))
    .pieces_per_second(10.0);
    let scene = Scene::new([bad]);
    let config = OrchestratorConfig {
        streaming: Streaming::Execute,
        fallback_to_sequential: false,
        ..impatient()
    };
    scene.run(scene.builder().config(config).person(nosy.clone())).await;
    assert!(nosy.0.lock().unwrap().is_empty(), "a person was asked by a plan that does not hold");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_name_is_a_failed_call() {
    for name in ["", "  ", "a\nb", "{{ x }}", "results"] {
        let scene = Scene::new([
            Scripted::text("no plan"),
            Scripted::calls([(name, json!({"value": 1}))]),
            Scripted::calls([("read", json!({"value": 1}))]),
            Scripted::text("done"),
        ]);
        let outcome = sequential(&scene, scene.builder().config(impatient())).await;
        assert!(outcome.report.success, "{name:?} {:?}", outcome.trouble);
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_with_too_many_braces_are_a_failed_call_and_the_loop_goes_on() {
    let deep = json!(["a {{ b ".repeat(1_001)]);
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("read", json!({"value": deep}))]),
        Scripted::calls([("read", json!({"value": 1}))]),
        Scripted::text("done"),
    ]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert!(outcome.report.success, "{:?} {:?}", outcome.trouble, outcome.report.errors);
    assert_eq!(status(&outcome, "call_1"), "failed");
    assert_eq!(scene.log.steps(), ["call_2"]);
}

/// The step that a person rejected is the one of a plan that a model wrote.
#[tokio::test(start_paused = true)]
async fn a_call_rejected_in_the_sequential_loop_is_not_asked_of_the_model_again_in_a_patch() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("ask", json!({"value": 1}))]),
        Scripted::text("It was refused."),
        patch(
            json!([{"op": "remove", "id": "call_1"}, {"op": "add", "step": {"id": "z", "tool": "write", "args": {"value": 1}}}]),
        ),
        Scripted::text("done"),
    ]);
    let no = Says::new(Decision::Reject);
    let outcome = sequential(&scene, scene.builder().config(impatient()).approver(no)).await;
    assert!(scene.log.steps().is_empty());
    assert!(!outcome.report.success);
}

#[tokio::test(start_paused = true)]
async fn zero_iterations_and_one() {
    for n in [0, 1] {
        let scene =
            Scene::new([plan(json!([{"id": "a", "tool": "broken", "args": {"value": 1}}]))]);
        let outcome = scene.builder().build().execute_with_tools("g", Some(n)).await.unwrap();
        assert_eq!(outcome.state.status, PlanStatus::Failed);
        assert_eq!(scene.model.calls(), 1);
    }
}

/// (Holds.)
#[tokio::test(start_paused = true)]
async fn a_failure_left_after_a_midway_patch_is_adapted_at_the_end() {
    // `x` fails early and the patch is for something else; `x` fails again the same way.
    let steps = json!([
        {"step_id": "x", "tool": "broken", "parameters": {"value": 1}},
        {"step_id": "slow", "tool": "read", "parameters": {"value": 2, "ms": 5000}},
        {"step_id": "end", "tool": "broken", "parameters": {"value": 3}, "dependencies": ["slow"]}
    ]);
    let scene = Scene::new([
        patch(json!([{"op": "modify", "id": "x", "fields": {"tool": "read"}}])),
        patch(json!([{"op": "modify", "id": "end", "fields": {"tool": "read"}}])),
    ]);
    let config = OrchestratorConfig { adaptation_sensitivity: 0.3, ..config() };
    let outcome = adapted(scene.builder().config(config), steps).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.log.times("slow"), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_and_long_texts_with_braces_are_data() {
    let value = json!({"{{ k }}": ["x".repeat(200_000) + "{{", "}} {% raw %} {{{{ }}", "{{ '{{' }}", "{{"]});
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("read", json!({"value": value}))]),
        Scripted::text("done"),
    ]);
    let outcome = sequential(&scene, scene.builder().config(impatient())).await;
    assert!(outcome.report.success, "{:?} {:?}", outcome.trouble, outcome.report.errors);
    assert_eq!(outcome.report.results["call_1"], value);
}

#[tokio::test(start_paused = true)]
async fn a_whole_plan_instead_of_a_patch_does_not_take_an_approval_away() {
    let scene = Scene::new([plan(json!([
        {"id": "a", "tool": "read", "args": {"value": 1}},
        {"id": "b", "tool": "write", "args": {"value": 2}, "after": ["a"]}
    ]))]);
    adapted(
        scene.builder(),
        json!([
            {"step_id": "a", "tool": "broken", "parameters": {"value": 1}},
            {"step_id": "b", "tool": "write", "parameters": {"value": 2}, "dependencies": ["a"],
             "approval": true, "expect": "result == 3"}
        ]),
    )
    .await;
    assert_eq!(scene.log.times("b"), 0, "`b` asks for approval, and nobody gave it");
}

/// The budget of the loop's own calls is spent while a `once` step is under way.
#[tokio::test(start_paused = true)]
async fn a_budget_that_is_spent_midway_leaves_running_steps_alone() {
    let steps = json!([
        {"step_id": "flaky", "tool": "broken", "parameters": {"value": 1}},
        {"step_id": "slow", "tool": "write", "parameters": {"value": 2, "ms": 20_000}},
        {"step_id": "end", "tool": "read", "parameters": {"value": 3}, "dependencies": ["slow"]}
    ]);
    let scene = Scene::new([Scripted::text("never asked")]);
    let mut config = OrchestratorConfig { adaptation_sensitivity: 0.3, ..config() };
    config.budget.llm_calls = Some(0);
    let outcome = adapted(scene.builder().config(config), steps).await;
    assert_eq!(status(&outcome, "slow"), "completed");
}
