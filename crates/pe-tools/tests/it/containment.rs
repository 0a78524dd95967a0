//! X10: nothing that a command started is left when its call is over, however it ended.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Bench;

/// Whether the process runs (a zombie does not).
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with(['Z', 'X'])))
        .is_some_and(|ended| !ended)
}

/// The pids in the files, once all of them are there.
async fn pids(dir: &Path, names: &[&str]) -> Vec<String> {
    let read = |name: &&str| {
        let text = fs::read_to_string(dir.join(name)).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(pids) = names.iter().map(read).collect::<Option<Vec<_>>>() {
            return pids;
        }
        assert!(Instant::now() < deadline, "{names:?} did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts `script`, waits until it has written the files `names`, drops the call, and
/// expects the processes to be gone within a second.
async fn gone_after_drop(script: &str, names: &[&str]) {
    let bench = Bench::new();
    let call = bench.call("run_command", json!({"argv": ["sh", "-c", script]}));
    let pids = tokio::select! {
        output = call => panic!("ended by itself: {output}"),
        pids = pids(bench.path(), names) => pids,
    };
    // The call is dropped here.
    gone(&pids).await;
}

async fn gone(pids: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while pids.iter().any(|pid| runs(pid)) {
        let left: Vec<_> = pids.iter().filter(|pid| runs(pid)).collect();
        assert!(Instant::now() < deadline, "{left:?} of {pids:?} outlived the call");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn x10_a_child_and_its_children_go_with_the_call() {
    gone_after_drop(
        "sh -c 'echo $$ > grandchild; exec sleep 300' & echo $$ > child; wait",
        &["child", "grandchild"],
    )
    .await;
}

#[tokio::test]
async fn x10_a_grandchild_in_another_session_goes_too() {
    gone_after_drop(
        "setsid sh -c 'echo $$ > grandchild; exec sleep 300' & echo $$ > child; wait",
        &["child", "grandchild"],
    )
    .await;
}

#[tokio::test]
async fn x10_a_daemon_that_forked_twice_and_cleared_its_environment_goes_too() {
    gone_after_drop(
        "(env -i setsid /bin/sh -c 'echo $$ > daemon; exec /bin/sleep 300' >/dev/null 2>&1 &); \
         echo $$ > child; sleep 300; true",
        &["child", "daemon"],
    )
    .await;
}

#[tokio::test]
async fn x10_signals_that_are_ignored_do_not_help() {
    gone_after_drop(
        "trap '' TERM INT HUP; echo $$ > child; while :; do sleep 0.01; done",
        &["child"],
    )
    .await;
}

#[tokio::test]
async fn x10_a_process_that_keeps_forking_is_caught() {
    // The one that forks is a descendant in its own session, not the command itself.
    let forks = "while :; do setsid sh -c 'echo $$ > last.tmp; mv last.tmp last; \
                 exec sleep 300' & sleep 0.002; done";
    let bench = Bench::new();
    bench.file("forks", forks);
    let script = "setsid sh forks & echo $$ > child; wait";
    let call = bench.call("run_command", json!({"argv": ["sh", "-c", script]}));
    tokio::select! {
        output = call => panic!("ended by itself: {output}"),
        _ = pids(bench.path(), &["child", "last"]) => {}
    }
    // Nothing is left that was started in this directory.
    let root = bench.path().canonicalize().unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let left: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == root))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|pid| runs(pid))
            .collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{left:?} outlived the call");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn x10_what_a_finished_command_leaves_behind_goes_too() {
    // Found by its session alone, by both, and by its tag alone.
    for detach in ["env -i ", "", "setsid "] {
        let bench = Bench::new();
        let script = format!(
            "{detach}/bin/sh -c 'echo $$ > left; exec /bin/sleep 300' >/dev/null 2>&1 & \
             while ! test -s left; do sleep 0.01; done"
        );
        bench.call("run_command", json!({"argv": ["sh", "-c", script]})).await;
        gone(&pids(bench.path(), &["left"]).await).await;
    }
}

#[tokio::test]
async fn another_call_is_left_alone() {
    let bench = Bench::new();
    let long = bench.call(
        "run_command",
        json!({"argv": ["sh", "-c", "echo $$ > long; while ! test -e stop; do sleep 0.01; done; echo ok"]}),
    );
    let other = async {
        pids(bench.path(), &["long"]).await;
        gone_after_drop("echo $$ > child; setsid sleep 300 & wait", &["child"]).await;
        bench.call("run_command", json!({"argv": ["true"]})).await;
        bench.file("stop", "");
    };
    let (output, ()) = tokio::join!(long, other);
    assert_eq!(output["stdout"], "ok\n");
}

/// The parent-death signal: this test starts itself as another program and kills that.
#[tokio::test]
async fn a_command_does_not_outlive_a_killed_program() {
    const DIRECTORY: &str = "PE_TOOLS_TEST_DIRECTORY";
    if let Ok(directory) = std::env::var(DIRECTORY) {
        let tools = pe_tools::builtin(&pe_tools::ToolConfig::new(directory)).unwrap();
        let arguments = json!({"argv": ["sh", "-c", "echo $$ > child; exec sleep 300"]});
        let call = crate::support::call(arguments, 1_000);
        let _ = tools.get("run_command").unwrap().call(call).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "containment::a_command_does_not_outlive_a_killed_program"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pids = pids(directory.path(), &["child"]).await;
    assert!(runs(&pids[0]));
    program.kill().unwrap();
    program.wait().unwrap();
    gone(&pids).await;
}

/// A blocking-pool thread ends after ten idle seconds; were it the parent, so would the
/// command. Spawning happens on a thread of its own, so ending this one changes nothing.
#[test]
fn a_command_outlives_the_thread_that_asked_for_it() {
    let bench = std::sync::Arc::new(Bench::new());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut call = {
        let bench = bench.clone();
        Box::pin(async move {
            let script = "echo $$ > child; while ! test -e stop; do sleep 0.01; done; echo ok";
            bench.call("run_command", json!({"argv": ["sh", "-c", script]})).await
        })
    };
    // Polled on a thread that ends once the command has started.
    let handle = runtime.handle().clone();
    let started = bench.clone();
    let call = std::thread::spawn(move || {
        handle.block_on(async {
            tokio::select! {
                output = &mut call => panic!("ended too early: {output}"),
                _ = pids(started.path(), &["child"]) => {}
            }
        });
        call
    })
    .join()
    .unwrap();
    bench.file("stop", "");
    assert_eq!(runtime.block_on(call)["stdout"], "ok\n");
}
