//! `run_command`: what it starts, what it reports and what it keeps in memory.

use std::time::{Duration, Instant};

use pe_model::{ErrorClass, Outcome, ToolError};
use pe_tools::{CommandPolicy, FileRoot, RunCommand};
use serde_json::{Value, json};

use crate::support::{Bench, call, says};

fn sh(script: &str) -> Value {
    json!({"argv": ["sh", "-c", script]})
}

async fn failure(script: &str) -> ToolError {
    let error = Bench::new().fail("run_command", sh(script), ErrorClass::Execution).await;
    assert_eq!((error.outcome, error.is_retryable()), (Outcome::Known, false));
    error
}

#[tokio::test]
async fn a_program_runs_in_the_root_without_a_shell() {
    let bench = Bench::new();
    bench.file("sub/a", "");
    let output =
        bench.call("run_command", json!({"argv": ["printf", "%s|", "$HOME", "a b", "*"]})).await;
    assert_eq!(
        output,
        json!({
            "argv": ["printf", "%s|", "$HOME", "a b", "*"], "code": 0, "stdout": "$HOME|a b|*|",
            "stderr": "", "stdout_bytes": 12, "stderr_bytes": 0, "truncated": false,
        })
    );
    let root = bench.path().canonicalize().unwrap();
    let output = bench.call("run_command", json!({"argv": ["pwd"]})).await;
    assert_eq!(output["stdout"], format!("{}\n", root.display()));
    let output = bench.call("run_command", json!({"argv": ["pwd"], "cwd": "sub"})).await;
    assert_eq!(output["stdout"], format!("{}/sub\n", root.display()));
}

#[tokio::test]
async fn input_reaches_the_program_and_its_absence_is_the_end_of_input() {
    let bench = Bench::new();
    let text = "x".repeat(300_000);
    let output = bench.call("run_command", json!({"argv": ["cat"], "stdin": text})).await;
    assert_eq!(output["stdout"], text);
    assert_eq!(bench.call("run_command", json!({"argv": ["cat"]})).await["stdout"], "");
    // A program that does not read its input succeeds all the same.
    bench.call("run_command", json!({"argv": ["true"], "stdin": text})).await;
}

#[tokio::test]
async fn exit_codes_fail_unless_they_are_expected() {
    let error = failure("echo first; echo bad >&2; echo worse >&2; exit 3").await;
    says(&error, &["`sh` exited with code 3", "stderr:\nbad\nworse"]);
    let error = failure("echo only stdout; exit 1").await;
    says(&error, &["stdout:\nonly stdout"]);
    let bench = Bench::new();
    let codes = json!({"argv": ["sh", "-c", "exit 3"], "ok_codes": [1, 3]});
    assert_eq!(bench.call("run_command", codes).await["code"], 3);
    let zero = json!({"argv": ["true"], "ok_codes": [1]});
    let error = bench.fail("run_command", zero, ErrorClass::Execution).await;
    says(&error, &["code 0, expected one of [1]"]);
}

#[tokio::test]
async fn a_signal_is_named() {
    says(&failure("kill -TERM $$").await, &["killed by signal SIGTERM (15)"]);
    says(&failure("kill -KILL $$").await, &["killed by signal SIGKILL (9)"]);
}

#[tokio::test]
async fn e1_what_cannot_be_started_has_a_class() {
    let bench = Bench::new();
    bench.file("plain", "not a program").file("dir/a", "");
    for (arguments, class) in [
        (json!({"argv": ["pe-no-such-program"]}), ErrorClass::NotFound),
        (json!({"argv": ["./absent"]}), ErrorClass::NotFound),
        (json!({"argv": ["./plain"]}), ErrorClass::Permission),
        (json!({"argv": []}), ErrorClass::Validation),
        (json!({"argv": [""]}), ErrorClass::Validation),
        (json!({"argv": ["true", "a\u{0}b"]}), ErrorClass::Validation),
        (json!({"argv": ["true"], "cwd": "absent"}), ErrorClass::NotFound),
        (json!({"argv": ["true"], "cwd": "plain"}), ErrorClass::Validation),
        (json!({"argv": ["true"], "env": {"A=B": "c"}}), ErrorClass::Validation),
        (json!({"argv": ["true"], "env": {"A": 1}}), ErrorClass::Validation),
    ] {
        bench.fail("run_command", arguments, class).await;
    }
    let error = bench.fail("run_command", json!({"argv": ["pe-no-such"]}), ErrorClass::NotFound);
    says(&error.await, &["`pe-no-such`"]);
}

#[tokio::test]
async fn only_listed_variables_are_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let root = FileRoot::open(dir.path()).unwrap();
    let path = std::env::var("PATH").unwrap();
    let environment =
        [("PATH", path.as_str()), ("LC_TIME", "C"), ("API_TOKEN", "s3cret"), ("LD_PRELOAD", "x")];
    let environment = environment.map(|(name, value)| (name.into(), value.into()));
    let tool = RunCommand::new(root, &CommandPolicy::default(), environment);
    let arguments = json!({"argv": ["env"], "env": {"EXTRA": "1", "LC_TIME": "D"}});
    let output = pe_model::Tool::call(&tool, call(arguments, 10_000)).await.unwrap();
    let text = output["stdout"].as_str().unwrap();
    let mut names: Vec<&str> = text.lines().filter(|l| !l.starts_with("PE_")).collect();
    names.sort_unstable();
    assert_eq!(names, ["EXTRA=1", "LC_TIME=D", format!("PATH={path}").as_str()]);
}

#[test]
fn consent_sees_the_words_and_the_extra_variables() {
    let bench = Bench::new();
    let tool = bench.tools.get("run_command").unwrap();
    let argv = |arguments: Value| tool.argv(arguments.as_object().unwrap());
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(argv(json!({"argv": ["git", "status"]})), words(&["git", "status"]));
    assert_eq!(argv(json!({"argv": ["git"], "env": {}})), words(&["git"]));
    // A rule that allows `git status` does not allow it with another library loaded.
    let loaded = json!({"argv": ["git", "status"], "env": {"LD_PRELOAD": "./x.so"}});
    assert_eq!(argv(loaded), words(&["env", "LD_PRELOAD=./x.so", "git", "status"]));
    assert_eq!(argv(json!({"argv": []})), None);
    assert_eq!(argv(json!({"argv": "git status"})), None);
}

#[tokio::test]
async fn a_flood_is_bounded_drained_and_counted() {
    let bench = Bench::new();
    // 40 MB on each stream, at the same time.
    let flood = "yes out | head -c 40000000 & yes err | head -c 40000000 >&2; wait";
    let output = bench.call_within("run_command", sh(flood), 100_000).await;
    assert_eq!(
        (&output["stdout_bytes"], &output["stderr_bytes"]),
        (&json!(40_000_000), &json!(40_000_000))
    );
    assert_eq!(output["truncated"], true);
    for stream in ["stdout", "stderr"] {
        let kept = output[stream].as_str().unwrap().len();
        // Half the bound each, less what the escaped line ends take.
        assert!((30_000..50_000).contains(&kept), "{stream}: {kept}");
    }
    let failing = "yes err | head -c 5000000 >&2; echo the real reason >&2; exit 1";
    let error = bench.fail("run_command", sh(failing), ErrorClass::Execution).await;
    assert!(error.message.ends_with("\nthe real reason") && error.message.len() < 2_500);
}

#[tokio::test]
async fn output_that_is_no_text_is_replaced_and_cut_at_characters() {
    let bench = Bench::new();
    let output = bench.call("run_command", sh("printf 'a\\377b'")).await;
    assert_eq!(output["stdout"], "a\u{fffd}b");
    let output = bench.call_within("run_command", sh("yes ż | head -c 9000"), 1_000).await;
    assert!(!output["stdout"].as_str().unwrap().contains('\u{fffd}'));
    assert_eq!(output["truncated"], true);
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_the_result() {
    let bench = Bench::new();
    let start = Instant::now();
    for script in ["echo done; sleep 60 &", "echo done; setsid sleep 60 &"] {
        let call = bench.call("run_command", sh(script));
        let output = tokio::time::timeout(Duration::from_secs(20), call).await.expect(script);
        assert_eq!(output["stdout"], "done\n");
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_run_at_the_same_time() {
    let bench = std::sync::Arc::new(Bench::new());
    let calls: Vec<_> = (0..24)
        .map(|number: u32| {
            let bench = bench.clone();
            tokio::spawn(
                async move { bench.call("run_command", sh(&format!("echo {number}"))).await },
            )
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap()["stdout"], format!("{number}\n"));
    }
}

#[test]
fn a_runtime_without_io_is_an_error_and_harms_no_other() {
    let bench = Bench::new();
    let run = |io: bool| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = if io { runtime.enable_all().build() } else { runtime.build() };
        runtime.unwrap().block_on(bench.try_call("run_command", json!({"argv": ["true"]})))
    };
    let error = run(false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Internal);
    says(&error, &["`true`", "is its IO enabled?"]);
    assert_eq!(run(true).unwrap()["code"], 0);
}

#[tokio::test]
async fn a_program_is_told_which_call_it_is_and_nothing_overrides_that() {
    let bench = Bench::new();
    let script = "echo \"$PE_RUN_ID $PE_STEP_ID $PE_ATTEMPT $PE_IDEMPOTENCY_KEY\"";
    let arguments = json!({"argv": ["sh", "-c", script], "env": {"PE_IDEMPOTENCY_KEY": "forged"}});
    let output = bench.call("run_command", arguments).await;
    assert_eq!(output["stdout"], "run step 1 run/step/0/0\n");
}
