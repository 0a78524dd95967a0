//! `pe run GOAL`: the answer, the document, the bounds, and what happens where no plan is
//! written that holds.

use pe_testkit::Reply;
use serde_json::{Value, json};

use crate::scene::{KEY, Scene, broken, last_message, make, patch, say, written};
use crate::world::{echo, fail, plan};

fn two_steps() -> String {
    written(json!([say("a", 20), say("b", "{{a}} in {{context.city}}")]))
}

fn answered() -> Scene {
    Scene::new([two_steps(), "It is 20 in Bern.".to_owned()])
}

#[test]
fn f1_a_goal_in_an_answer_out() {
    let scene = answered();
    let done = scene.pe(&["run", "find it out", "-p", "city=Bern"]).exits(0);
    assert_eq!(done.stdout, "It is 20 in Bern.\n", "the answer is all that stdout gets");
    let done = done.says(": find it out\n").says("the model is planning").says("[b] (echo)");
    let done = done.says("planned: 2 steps").says("b completed").says("2 completed, 0 recovered");
    assert!(!done.stderr.contains("0 steps"), "{}", done.stderr);
    assert_eq!(done.stderr.matches("2 steps").count(), 1, "once is enough: {}", done.stderr);
    assert_eq!(scene.purposes(), ["plan", "answer"]);
    let requests = scene.server.requests();
    assert!(last_message(&requests[0]).contains("context.city: \"Bern\""));
    assert!(last_message(&requests[1]).contains("20 in Bern"), "the results are shown");
    let bearer = format!("Bearer {KEY}");
    assert!(requests.iter().all(|request| request.header("authorization") == Some(&*bearer)));
}

#[test]
fn f1_the_document_has_every_field() {
    let scene = answered();
    let words = ["run", "find it out", "-p", "city=Bern", "--json"];
    let report = scene.pe(&words).exits(0).json();
    let expected = json!({
        "goal": "find it out", "context": {"city": "Bern"}, "success": true,
        "status": "completed", "final_response": "It is 20 in Bern.", "plan_steps": 2,
        "steps_completed": 2, "steps_failed": 0, "steps_skipped": 0, "steps_recovered": 0,
        "iterations": 1, "tool_calls_made": 2, "adaptations": 0, "planner": "model",
        "errors": [], "results": {"a": 20, "b": "20 in Bern"},
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&report[field], value, "{field}");
    }
    for field in ["run_id", "plan_id", "run_name"] {
        assert!(report[field].as_str().is_some_and(|id| !id.is_empty()), "{field}: {report:#}");
    }
    assert!(report["execution_time_ms"].is_u64());
    assert_eq!(report["steps"][1]["dependencies"], json!(["a"]), "executed plan steps");
    assert_eq!(report["steps"][1]["result"]["data"], "20 in Bern");
    let usage = &report["usage"];
    assert_eq!((&usage["llm_calls"], &usage["prompt_tokens"]), (&json!(2), &json!(20)));
    assert!(usage["completion_tokens"].as_u64().unwrap() > 5);
    assert_eq!(usage["cost_usd"], Value::Null, "nobody said what it costs");
    // What is shown of it later is the same.
    let shown = scene.pe(&["show", "last", "--json"]).exits(0).json();
    for field in ["final_response", "planner", "usage", "results", "iterations"] {
        assert_eq!(shown[field], report[field], "{field}");
    }
}

#[test]
fn what_is_not_known_is_null_and_never_nothing() {
    let silent = |text: String| Reply::text(text).usage(None);
    let scene = Scene::new([silent(two_steps()), silent("20.".to_owned())]);
    let words = ["run", "find it out", "-p", "city=Bern", "--json"];
    let usage = &scene.pe_with(&PRICES, &words).exits(0).json()["usage"];
    let unknown = json!({"llm_calls": 2, "prompt_tokens": null, "completion_tokens": null,
        "cost_usd": null});
    assert_eq!(usage, &unknown);

    let scene = answered();
    let report = scene.pe_with(&PRICES, &words).exits(0).json();
    let cost = report["usage"]["cost_usd"].as_f64().unwrap();
    let tokens = report["usage"]["completion_tokens"].as_f64().unwrap();
    assert!((cost - (20.0 + 2.0 * tokens) / 1e6).abs() < 1e-12, "{report:#}");
}

#[test]
fn jsonl_is_the_gap_free_stream_of_events() {
    let scene = answered();
    let done = scene.pe(&["run", "find it out", "-p", "city=Bern", "--output", "jsonl"]).exits(0);
    let events = done.events();
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(seq));
    }
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["run_started", "plan_revised"]);
    assert_eq!(kinds.last(), Some(&"run_finished"));
    assert_eq!(events[0]["plan"]["context"], json!({"city": "Bern"}));
}

#[test]
fn without_the_answer_the_results_are_printed_and_the_model_is_asked_once() {
    let scene = answered();
    let words = ["run", "find it out", "-p", "city=Bern", "--no-answer"];
    assert_eq!(scene.pe(&words).exits(0).stdout, "20 in Bern\n");
    assert_eq!(scene.purposes(), ["plan"]);
}

#[test]
fn an_answer_that_is_not_written_is_said_and_the_results_are_given() {
    let scene = Scene::new([
        Reply::text(two_steps()),
        Reply::error(500, "the machine is on fire", None, None),
    ]);
    let done = scene.pe(&["run", "find it out", "-p", "city=Bern"]).exits(0);
    assert_eq!(done.stdout, "20 in Bern\n");
    assert_eq!(done.stderr.matches("on fire").count(), 1, "{}", done.stderr);
    done.says("warning: no answer was written").says("the machine is on fire");
}

#[test]
fn nothing_is_said_twice_or_at_all_when_quiet() {
    let scene = answered();
    let done = scene.pe(&["run", "-q", "find it out", "-p", "city=Bern"]).exits(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("It is 20 in Bern.\n", ""));
    let scene = Scene::new(["no plan"]);
    let done = scene.pe_with(&NO_LOOP, &["run", "-q", "find it out"]).exits(4);
    assert_eq!(done.stdout, "");
    assert_eq!(done.stderr.matches("no plan was made").count(), 1, "{}", done.stderr);
}

const PRICES: [(&str, &str); 1] = [("PE_LLM_PRICES", r#"{"prompt": 1, "completion": 2}"#)];

const NO_LOOP: [(&str, &str); 1] = [("PE_FALLBACK_TO_SEQUENTIAL", "false")];

#[test]
fn a_budget_of_model_calls_is_hard_and_the_run_can_be_resumed() {
    let scene = Scene::answering(|_, call| match call {
        0..3 => "no plan".into(),
        3 => two_steps().into(),
        _ => "It is 20 in Bern.".into(),
    });
    let words = ["run", "find it out", "-p", "city=Bern", "--budget", "llm_calls=3"];
    let done = scene.pe(&words).exits(6);
    assert_eq!((scene.server.calls(), done.stdout.as_str()), (3, ""));
    let name = scene.last_run();
    let done = done.says("out of budget").says("llm_calls").says(&format!("`pe resume {name}"));
    assert!(!done.stderr.contains("`pe doctor`"), "nothing is broken: {}", done.stderr);
    // With the same budget nothing more is asked.
    scene.pe(&["resume", &name]).exits(6);
    assert_eq!(scene.server.calls(), 3);
    // With a larger one it goes on where it was: what was answered is not paid for again.
    let done = scene.pe(&["resume", &name, "--budget", "llm_calls=9"]).exits(0);
    assert_eq!(done.stdout, "It is 20 in Bern.\n");
    assert_eq!(scene.server.calls(), 5);
    assert_eq!(scene.pe(&["show", &name, "--json"]).json()["usage"]["llm_calls"], 5);
}

#[test]
fn a_budget_of_tokens_and_of_money_is_hard_too() {
    for budget in ["tokens=200", "cost_usd=0.0001"] {
        let scene = answered();
        let done = scene.pe_with(&PRICES, &["run", "find it out", "--budget", budget]).exits(6);
        assert_eq!(scene.server.calls(), 0, "not even the prompt fits in {budget}");
        done.says(budget.split('=').next().unwrap());
    }
}

fn failing() -> String {
    written(json!([broken("a"), say("b", "{{a}}")]))
}

fn mended() -> String {
    patch(json!([{"type": "modify", "id": "a",
        "fields": {"tool": "echo", "args": {"value": 7}}}]))
}

#[test]
fn a2_a_run_that_fails_is_adapted_and_says_so() {
    let scene = Scene::new([failing(), mended(), "Seven.".to_owned()]);
    let done = scene.pe(&["run", "find it out", "--json"]).exits(0);
    let report = done.json();
    assert_eq!((&report["adaptations"], &report["iterations"]), (&json!(1), &json!(2)));
    assert_eq!(report["results"], json!({"a": 7, "b": 7}));
    assert_eq!(scene.purposes(), ["plan", "adapt", "answer"]);
    done.says("the model is asked to change the plan")
        .says("the model has changed the plan (2 steps): another way");
    scene.pe(&["versions", "last"]).exits(0).prints("another way");
}

#[test]
fn max_iterations_bounds_executions() {
    let scene = Scene::new([failing(), mended(), "Seven.".to_owned()]);
    let done = scene.pe(&["run", "find it out", "--max-iterations", "1"]).exits(1);
    assert_eq!(scene.purposes(), ["plan"]);
    assert_eq!(done.stdout, "");
    done.says("a failed: not_found").says("failed: 0 completed");
}

#[test]
fn a5_a_model_that_repeats_a_failing_plan_is_stopped() {
    let same = patch(json!([{"type": "modify", "id": "a", "fields": {"args":
        {"path": "no-such-file"}, "action": "again"}}]));
    let scene = Scene::answering(move |_, call| match call {
        0 => failing().into(),
        _ => same.clone().into(),
    });
    let done = scene.pe(&["run", "find it out"]).exits(1);
    assert!(scene.server.calls() <= 4, "{:?}", scene.purposes());
    done.says("the plan stays as it is");
}

/// When the first attempt was recorded, and when the whole plan was.
fn first_attempt_and_whole_plan(events: &[Value]) -> (usize, usize) {
    let attempt = events.iter().position(|event| event["type"] == "attempt_started").unwrap();
    let whole = events.iter().position(|event| {
        event["type"] == "plan_revised" && event.get("stage").is_none_or(|at| at == "complete")
    });
    (attempt, whole.unwrap())
}

#[test]
fn streaming_shows_executes_or_does_neither() {
    let slow = || Reply::text(two_steps()).pause_ms(15);
    for (mode, is_shown, is_executed) in
        [("off", false, false), ("show", true, false), ("execute", true, true)]
    {
        let scene = Scene::new([slow(), "Done.".into()]);
        let words = ["run", "g", "-p", "city=Bern", "--streaming", mode, "--output", "jsonl"];
        let done = scene.pe(&words).exits(0);
        let (attempt, whole) = first_attempt_and_whole_plan(&done.events());
        assert_eq!(attempt < whole, is_executed, "{mode}: {}", done.stdout);
        assert_eq!(done.stderr.contains("○ [a] (echo)"), is_shown, "{mode}: {}", done.stderr);
    }
    answered().pe(&["run", "g", "--streaming", "fast"]).exits(2);
}

#[test]
fn a_plan_file_asks_no_model_unless_it_is_told_to() {
    let scene = Scene::new([mended(), "Seven it is.".to_owned()]);
    let written = plan(json!([fail("a"), echo("b", "{{ results.a }}")]));
    scene.world.write("plan.json", written.to_string());
    scene.world.write("good.json", plan(json!([echo("a", 7)])).to_string());
    scene.pe(&["run", "plan.json"]).exits(1);
    scene.pe(&["run", "good.json"]).exits(0);
    let done = scene.pe(&["apply", "plan.json", "--adapt"]).exits(2);
    done.says("never adapts").says("pe run FILE --adapt");
    assert_eq!(scene.server.calls(), 0);
    // Adapted, with the results as they are; then answered.
    let report = scene.pe(&["run", "plan.json", "--adapt", "--json"]).exits(0).json();
    assert_eq!(report["final_response"], "7");
    assert_eq!((&report["planner"], &report["adaptations"]), (&json!("file"), &json!(1)));
    assert_eq!(scene.pe(&["run", "good.json", "--answer"]).exits(0).stdout, "Seven it is.\n");
    assert_eq!(scene.purposes(), ["adapt", "answer"]);
}

#[test]
fn a_plan_file_with_a_step_that_asks_the_model() {
    let step = json!({"step_id": "a", "tool": "llm", "parameters": {"prompt": "How many?",
        "input": {"x": [1, 2]}, "schema": {"type": "object",
        "properties": {"n": {"type": "integer"}}, "required": ["n"]}}});
    let scene = Scene::new(["So: ```json\n{\"n\": 2}\n```"]);
    let plan = plan(json!([step, echo("b", "{{ results.a.n + 1 }}")]));
    scene.world.write("plan.json", plan.to_string());
    let report = scene.pe(&["run", "plan.json", "--json"]).exits(0).json();
    assert_eq!(report["results"], json!({"a": {"n": 2}, "b": 3}));
    assert_eq!(report["usage"]["llm_calls"], 1);
    let request = &scene.server.requests()[0];
    assert_eq!(request.format(), "json_schema");
    assert!(last_message(request).contains("{\"x\":[1,2]}"));
    scene.pe(&["validate", "plan.json"]).exits(0);
    scene.pe(&["tools"]).exits(0).prints("llm").prints("ask_user");
}

#[test]
fn a_question_that_nobody_can_answer_fails_with_the_ways_out() {
    let ask = json!({"step_id": "a", "tool": "ask_user", "parameters": {"question": "Which?"}});
    let scene = Scene::new(["-"]);
    scene.world.write("plan.json", plan(json!([ask])).to_string());
    let done = scene.pe(&["run", "plan.json"]).exits(1);
    done.says("nobody is there to answer").says("-p KEY=VALUE");
}

#[test]
fn a6_without_a_plan_the_goal_is_worked_on_call_by_call() {
    let scene = Scene::answering(|request, call| match (call, request.body.get("tools")) {
        (4, _) => Reply::calls([("echo", json!({"value": "seven {{ braces }}"}))]),
        (_, Some(_)) => "Seven.".into(),
        _ => "no plan".into(),
    });
    let done = scene.pe(&["run", "find it out", "--json"]).exits(0);
    let report = done.json();
    assert_eq!((&report["planner"], &report["success"]), (&json!("sequential"), &json!(true)));
    assert_eq!((&report["iterations"], &report["tool_calls_made"]), (&json!(2), &json!(1)));
    assert_eq!(report["final_response"], "Seven.");
    assert_eq!(report["results"], json!({"call_1": "seven {{ braces }}"}));
    assert_eq!(
        scene.purposes(),
        ["plan", "repair", "repair", "repair", "sequential", "sequential"]
    );
    let done = done.says("going on call by call, without a plan").says("the answer holds no JSON");
    assert!(!done.stderr.contains("0 steps"), "{}", done.stderr);
    // What is looked at later is the same run.
    let shown = scene.pe(&["show", "last"]).exits(0).prints("call_1").prints("Seven.");
    assert!(shown.stdout.contains("✓ completed"), "{}", shown.stdout);
    assert_eq!(scene.pe(&["watch", "last"]).exits(0).stdout, "Seven.\n");
    assert_eq!(scene.pe(&["resume", "last"]).exits(0).stdout, "Seven.\n");
    scene.pe(&["graph", "last"]).exits(0).prints("✓ [call_1] echo (echo)");
    scene.pe(&["graph", "last", "--format", "mermaid"]).exits(0).prints("call_1");
}

#[test]
fn a6_a_goal_that_needs_no_call_is_answered_without_one() {
    let scene = Scene::answering(|request, _| match request.body.get("tools") {
        Some(_) => "Nothing is to be done.".into(),
        None => "no plan".into(),
    });
    let done = scene.pe(&["run", "do nothing", "--json"]).exits(0);
    let report = done.json();
    assert_eq!((&report["planner"], &report["plan_steps"]), (&json!("sequential"), &json!(0)));
    assert_eq!(report["final_response"], "Nothing is to be done.");
    let done = done.says("no step was executed");
    assert!(!done.stderr.contains("0 completed"), "{}", done.stderr);
    scene.pe(&["show", "last"]).exits(0).prints("Nothing is to be done.");
    let listed = scene.pe(&["ls"]).exits(0);
    assert!(!listed.stdout.contains("0/0"), "{}", listed.stdout);
}

#[test]
fn a6_when_it_is_off_there_is_no_plan_and_nothing_runs() {
    let scene = Scene::new(["I would rather not."]);
    let done = scene.pe_with(&NO_LOOP, &["run", "find it out"]).exits(4);
    assert_eq!((done.stdout.as_str(), scene.server.calls()), ("", 4));
    let done = done.says("no plan was made").says("nothing was executed").says("`pe resume ");
    assert!(!done.stderr.contains("no model could be reached"), "it was: {}", done.stderr);
    let name = scene.last_run();
    let report = scene.pe(&["show", &name, "--json"]).exits(0).json();
    assert_eq!((&report["status"], &report["success"]), (&json!("cancelled"), &json!(false)));
}

#[test]
fn an_invalid_plan_to_the_end_is_an_invalid_plan() {
    let scene = Scene::new([written(json!([make("a", "made"), {"id": "b", "tool": "ehco",
        "args": {"value": 1}}]))]);
    let words = ["run", "find it out", "--allow", "write_file"];
    let done = scene.pe_with(&NO_LOOP, &words).exits(3);
    assert_eq!((done.stdout.as_str(), scene.server.calls()), ("", 4));
    done.says("PE040").says("`ehco`").says("after 3 repair rounds").says("nothing was executed");
    assert!(!scene.world.exists("made"));
}

#[test]
fn g5_a_plan_of_too_many_steps_goes_back_and_is_never_cut() {
    let long = written(json!([say("a", 1), say("b", "{{a}}"), say("c", "{{b}}")]));
    let short = written(json!([say("a", 1), say("c", "{{a}}")]));
    let scene = Scene::new([long, short, "One.".to_owned()]);
    let most = [("PE_MAX_PLAN_STEPS", "2")];
    let report = scene.pe_with(&most, &["run", "find it out", "--json"]).exits(0).json();
    assert_eq!(report["results"], json!({"a": 1, "c": 1}));
    assert_eq!(scene.purposes(), ["plan", "repair", "answer"]);
    let requests = scene.server.requests();
    assert!(last_message(&requests[1]).contains("at most 2"), "{}", last_message(&requests[1]));
}

#[test]
fn what_a_goal_cannot_have_is_refused_before_anything_is_asked() {
    let scene = answered();
    scene.pe(&["run", "find it out", "--dry-run"]).exits(2).says("`pe plan GOAL -o plan.yaml`");
    scene.pe(&["run", "find it out", "--reuse", "last"]).exits(2).says("pe plan GOAL");
    scene.pe(&["run", "  "]).exits(2).says("the goal is empty");
    let done = scene.pe(&["run", "sum up what is in data.json"]).exits(2);
    done.says("is taken for a plan file; end a goal otherwise");
    scene.pe(&["run", "find it out", "--review"]).exits(2).says("`--review` needs a terminal");
    scene.pe(&["run", "find it out", "--budget", "llm_calls=some"]).exits(2).says("llm_calls");
    scene.pe(&["run", "find it out", "--max-iterations", "0"]).exits(2);
    assert_eq!(scene.server.calls(), 0);
}

#[test]
fn a_step_of_the_model_needs_the_consent_that_any_step_needs() {
    let scene = Scene::new([written(json!([make("a", "made")])), "Made.".to_owned()]);
    let done = scene.pe(&["run", "make it"]).exits(5);
    assert!(!scene.world.exists("made"));
    done.says("step `a` waits for consent; `--allow write_file` or `--yes` gives it");
    // The next process carries out the same plan.
    let done = scene.pe(&["resume", "last", "--allow", "write_file"]).exits(0);
    assert_eq!(done.stdout, "Made.\n");
    assert!(scene.world.exists("made"));
    assert_eq!(scene.purposes(), ["plan", "answer"]);
}

#[test]
fn a_run_without_a_plan_is_looked_at_like_any_other() {
    let scene = Scene::new([Reply::error(500, "the machine is on fire", None, None)]);
    scene.pe(&["run", "find it out", "-p", "city=Bern"]).exits(4);
    let name = scene.last_run();
    let shown = scene.pe(&["show", "last"]).exits(0);
    let shown = shown.prints("cancelled (no usable answer from the model)").prints("1 call, ");
    let shown = shown.prints("cost unknown").prints("the machine is on fire");
    assert!(shown.stdout.contains(&format!("`pe resume {name}`")), "{}", shown.stdout);
    scene.pe(&["show", "last", "--failed"]).exits(0).says("the run has no steps");
    scene.pe(&["show", "last", "--events"]).exits(0).prints(": find it out\n");
    scene.pe(&["graph", "last"]).exits(0).prints("Status: cancelled");
    scene.pe(&["graph", "last", "--format", "mermaid"]).exits(0).prints("no steps");
    for words in [&["retry", "last", "--failed"][..], &["fork", "last"]] {
        let done = scene.pe(words).exits(2).says("has no plan to run again");
        done.says(&format!("`pe resume {name}` goes on with planning it"));
    }
    let report = scene.pe(&["watch", "last", "--json"]).exits(4).json();
    assert_eq!((&report["planner"], &report["steps"]), (&json!("model"), &json!([])));
    // Elsewhere it cannot go on, and nothing says that it could.
    scene.pe(&["export", "last", "-o", "run.json"]).exits(0);
    scene.pe(&["--db", "other.db", "import", "run.json"]).exits(0);
    let shown = scene.pe(&["--db", "other.db", "show", "last"]).exits(0);
    let shown = shown.prints("`pe run 'find it out'`");
    assert!(!shown.stdout.contains("pe resume"), "{}", shown.stdout);
    scene.pe(&["--db", "other.db", "resume", "last"]).exits(2).says("`pe run 'find it out'`");
}

#[test]
fn a_goal_that_failed_for_want_of_a_plan_is_asked_anew() {
    let scene = Scene::answering(|_, call| match call {
        0..4 => "no plan".into(),
        4 => two_steps().into(),
        _ => "It is 20 in Bern.".into(),
    });
    scene.pe_with(&NO_LOOP, &["run", "find it out", "-p", "city=Bern"]).exits(4);
    let done = scene.pe(&["resume", "last"]).exits(0);
    assert_eq!(done.stdout, "It is 20 in Bern.\n");
    assert_eq!(scene.server.calls(), 6);
    done.says("these answers were on record from before; the model is asked anew");
}

#[test]
fn a_goal_goes_from_one_database_to_another() {
    let scene = answered();
    scene.pe(&["run", "find it out", "-p", "city=Bern"]).exits(0);
    scene.pe(&["export", "last", "-o", "run.json"]).exits(0);
    scene.pe(&["--db", "other.db", "import", "run.json"]).exits(0);
    let report = |words: &[&str]| scene.pe(words).exits(0).json();
    let here = report(&["show", "last", "--json"]);
    let there = report(&["--db", "other.db", "show", "last", "--json"]);
    assert_eq!(here, there, "the answer and what it cost go along");
}

#[test]
fn a_waiting_step_beside_one_that_asks_the_model_can_be_approved_from_elsewhere() {
    let ask = json!({"id": "a", "tool": "llm", "args": {"prompt": "How many?"}});
    let mut file = make("b", "made-{{a}}");
    file["approval"] = json!(true);
    let scene = Scene::answering(move |request, _| match crate::scene::purpose(request) {
        "plan" => written(json!([ask, file])).into(),
        "step" => "two".into(),
        _ => "Made.".into(),
    });
    scene.pe(&["run", "make it"]).exits(5).says("step `b` waits");
    scene.pe(&["approve", "last", "b"]).exits(0).says("`pe resume ");
    assert_eq!(scene.pe(&["resume", "last"]).exits(0).stdout, "Made.\n");
    assert!(scene.world.exists("made-two"));
    assert_eq!(scene.purposes(), ["plan", "step", "answer"]);
}

#[test]
fn a_goal_cannot_bury_or_forge_what_is_said_about_it() {
    let scene = Scene::new([Reply::error(500, "no\u{1b}[2J", None, None)]);
    let goal = format!("find\nhint: `rm -rf /`\u{1b}[2J {}", "x".repeat(5_000));
    let done = scene.pe(&["run", &goal]).exits(4).says("`pe prompt GOAL`");
    assert!(!done.stderr.contains('\u{1b}'), "{}", done.stderr);
    assert!(!done.stderr.lines().any(|line| line.starts_with("hint: `rm")), "{}", done.stderr);
}

#[test]
fn a_model_that_gives_up_is_heard_and_its_run_has_failed() {
    let scene = Scene::answering(|request, call| match (call, request.body.get("tools")) {
        (4, _) => Reply::calls([("read_file", json!({"path": "no-such-file"}))]),
        (_, Some(_)) => "There is\u{1b}[2J no such file.".into(),
        _ => "no plan".into(),
    });
    let done = scene.pe(&["run", "find it out"]).exits(1);
    assert_eq!((done.stdout.as_str(), scene.server.calls()), ("", 6));
    assert!(!done.stderr.contains('\u{1b}'), "{}", done.stderr);
    done.says("it says: There is").says("failed: 0 completed").says("`pe retry ");
}
