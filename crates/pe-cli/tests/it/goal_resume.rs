//! Goals whose process dies while the model is asked, and goals whose model is down at first:
//! what was answered is not paid for again, and what was done is not done again.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use pe_testkit::{ChatServer, Fault, Received, Reply};
use serde_json::json;

use crate::scene::{Scene, patch, purpose, say, written};
use crate::world::Done;

/// A step that leaves a line in `ledger`, as a model writes it.
fn once(id: &str) -> serde_json::Value {
    let argv = ["sh", "-c", "echo $PE_STEP_ID >> ledger; echo $PE_STEP_ID"];
    json!({"id": id, "tool": "run_command", "args": {"argv": argv}})
}

fn ledger(scene: &Scene) -> Vec<String> {
    let text = std::fs::read_to_string(scene.world.path().join("ledger")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A model that falls silent when it is first asked for `dies_at`, and tells so; asked again, it
/// answers as everybody else.
struct Mortal {
    scene: Scene,
    asked: mpsc::Receiver<()>,
}

impl Mortal {
    fn new(
        dies_at: &'static str,
        mut script: impl FnMut(&Received, usize) -> Reply + Send + 'static,
    ) -> Self {
        let (tell, asked) = mpsc::channel();
        let has_died = Arc::new(AtomicBool::new(false));
        let scene = Scene::answering(move |request, call| {
            if purpose(request) == dies_at && !has_died.swap(true, Ordering::SeqCst) {
                tell.send(()).unwrap();
                return Fault::Silence.into();
            }
            script(request, call)
        });
        Self { scene, asked }
    }

    /// Runs a goal until the model falls silent, and kills the process.
    fn kill(&self, words: &[&str]) {
        let words = [&["run", "find it out", "--yes"], words].concat();
        let mut child = self.scene.command(&words).spawn().unwrap();
        let asked = self.asked.recv_timeout(Duration::from_secs(30));
        child.kill().unwrap();
        let done = Done::of(child.wait_with_output().unwrap());
        assert!(asked.is_ok(), "it was never asked: {}", done.stderr);
        assert_eq!(done.code, None, "killed: {}", done.stderr);
    }

    /// Goes on, and is asked no more than `rest`.
    #[track_caller]
    fn resumed(&self, rest: &[&str]) -> Done {
        let before = self.scene.server.calls();
        let listed = self.scene.pe(&["ls"]).exits(0);
        assert!(listed.stdout.contains("stopped"), "{}", listed.stdout);
        self.scene.pe(&["show", "last"]).exits(0).prints("`pe resume ");
        let done = self.scene.pe(&["resume", "last", "--yes"]).exits(0);
        assert_eq!(self.scene.purposes()[before..], *rest, "{}", done.stderr);
        assert_eq!(done.stdout, "It is b.\n");
        // Once more asks for nothing and does nothing.
        let steps = ledger(&self.scene);
        assert_eq!(self.scene.pe(&["resume", "last"]).exits(0).stdout, "It is b.\n");
        assert_eq!(self.scene.server.calls(), before + rest.len());
        assert_eq!(ledger(&self.scene), steps);
        done
    }
}

fn two_steps() -> String {
    let mut b = once("b");
    b["after"] = json!(["a"]);
    written(json!([once("a"), b]))
}

/// A model without a fault.
fn sound(request: &Received, _: usize) -> Reply {
    match purpose(request) {
        "plan" | "repair" => two_steps().into(),
        _ => "It is b.".into(),
    }
}

#[test]
fn d2_killed_while_it_is_planned() {
    let mortal = Mortal::new("plan", sound);
    mortal.kill(&[]);
    let done = mortal.resumed(&["plan", "answer"]);
    assert_eq!(ledger(&mortal.scene), ["a", "b"]);
    assert!(!done.stderr.contains("0 steps"), "{}", done.stderr);
}

#[test]
fn d2_killed_while_a_plan_is_repaired() {
    let mortal = Mortal::new("repair", |request, call| match call {
        0 => written(json!([{"id": "a", "tool": "nowhere"}])).into(),
        _ => sound(request, call),
    });
    mortal.kill(&[]);
    mortal.resumed(&["repair", "answer"]);
    assert_eq!(ledger(&mortal.scene), ["a", "b"]);
    let usage = &mortal.scene.pe(&["show", "last", "--json"]).exits(0).json()["usage"];
    assert_eq!(usage["llm_calls"], 4, "what the dead process asked for was paid for");
}

#[test]
fn d2_killed_while_a_patch_is_written() {
    let mortal = Mortal::new("adapt", |request, call| match purpose(request) {
        "plan" => written(json!([
            once("a"),
            {"id": "b", "tool": "read_file", "args": {"path": "no-such-file"}, "after": ["a"]}
        ]))
        .into(),
        "adapt" => patch(json!([{"type": "modify", "id": "b", "fields": {"tool": "echo",
            "args": {"value": "b"}}}]))
        .into(),
        _ => sound(request, call),
    });
    mortal.kill(&[]);
    assert_eq!(ledger(&mortal.scene), ["a"]);
    mortal.resumed(&["adapt", "answer"]);
    assert_eq!(ledger(&mortal.scene), ["a"], "what had completed was kept");
}

#[test]
fn d2_killed_while_the_answer_is_written() {
    let mortal = Mortal::new("answer", sound);
    mortal.kill(&[]);
    assert_eq!(ledger(&mortal.scene), ["a", "b"]);
    mortal.resumed(&["answer"]);
    assert_eq!(ledger(&mortal.scene), ["a", "b"]);
}

#[test]
fn d2_killed_in_the_sequential_loop() {
    let (told, asked) = mpsc::channel();
    let has_died = AtomicBool::new(false);
    let scene = Scene::answering(move |request, _| {
        if purpose(request) != "sequential" {
            return "no plan".into();
        }
        let turns = request.raw.windows(13).filter(|at| at == br#""tool_call_id"#).count();
        let argv = ["sh", "-c", "echo $PE_STEP_ID >> ledger"];
        match turns {
            0 => Reply::calls([("run_command", json!({"argv": argv}))]),
            1 if !has_died.swap(true, Ordering::SeqCst) => {
                told.send(()).unwrap();
                Fault::Silence.into()
            }
            1 => Reply::calls([("run_command", json!({"argv": argv}))]),
            _ => "It is b.".into(),
        }
    });
    let mortal = Mortal { scene, asked };
    mortal.kill(&[]);
    assert_eq!(ledger(&mortal.scene), ["call_1"]);
    let done = mortal.resumed(&["sequential", "sequential"]);
    assert_eq!(ledger(&mortal.scene), ["call_1", "call_2"]);
    done.says("call by call");
}

#[test]
fn d2_killed_while_steps_start_early() {
    // The first step is done while the rest of the plan is still to come.
    let (told, asked) = mpsc::channel();
    let has_died = AtomicBool::new(false);
    let plan = written(json!([say("a", "first"), once("b")]));
    let scene = Scene::answering(move |request, _| match purpose(request) {
        "plan" if !has_died.swap(true, Ordering::SeqCst) => {
            told.send(()).unwrap();
            Reply::text(&plan).but(Fault::Stall)
        }
        "plan" => plan.clone().into(),
        _ => "It is b.".into(),
    });
    let mortal = Mortal { scene, asked };
    let words = ["run", "find it out", "--yes", "--streaming", "execute"];
    let mut child = mortal.scene.command(&words).spawn().unwrap();
    mortal.asked.recv_timeout(Duration::from_secs(30)).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("a completed")), "it starts early");
    child.kill().unwrap();
    child.wait().unwrap();
    mortal.resumed(&["plan", "answer"]);
    assert_eq!(ledger(&mortal.scene), ["b"]);
    let events = mortal.scene.pe(&["show", "last", "--events", "--json"]).exits(0).stdout;
    assert_eq!(events.matches("\"attempt_started\"").count(), 2, "each step once: {events}");
}

#[test]
fn x13_interrupted_while_it_is_planned() {
    let mortal = Mortal::new("plan", sound);
    let mut command = mortal.scene.command(&["run", "find it out", "--yes"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    mortal.asked.recv_timeout(Duration::from_secs(30)).unwrap();
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let done = Done::of(child.wait_with_output().unwrap()).exits(130);
    assert_eq!(done.stdout, "");
    let done = done.says("interrupted").says("`pe resume ");
    assert!(!done.stderr.contains("three ways out"), "{}", done.stderr);
    let done = mortal.scene.pe(&["resume", "last", "--yes"]).exits(0);
    assert_eq!(done.stdout, "It is b.\n");
    assert_eq!(ledger(&mortal.scene), ["a", "b"]);
}

/// The commands of a text that stand between backticks and begin with `pe`.
fn commands(text: &str) -> Vec<String> {
    let between = text.split('`').skip(1).step_by(2);
    between.filter(|part| part.starts_with("pe ")).map(str::to_owned).collect()
}

/// A command of a message, as a shell runs it, with `pe` in its path.
fn as_shown(scene: &Scene, command: &str) -> Done {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pe")).parent().unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", command]).current_dir(scene.world.path()).env_clear();
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", program.display())).env("NO_COLOR", "1");
    shell.env("HOME", scene.world.path().join("home")).stdin(Stdio::null());
    shell.env("PE_BASE_URL", scene.server.base_url()).env("PE_MODEL", "test-model");
    shell.env("PE_LLM_MAX_RETRIES", "0");
    Done::of(shell.output().unwrap())
}

#[test]
fn f2_each_of_the_ways_out_works() {
    let scene = Scene::new([Reply::from(two_steps()), "It is b.".into()]);
    let nobody = ChatServer::refused_url();
    let down = [("PE_BASE_URL", nobody.as_str())];
    let goal = "find it out, don't ask";
    let done = scene.pe_with(&down, &["run", goal]).exits(4).says(&nobody);
    let ways = commands(&done.stderr[done.stderr.find("three ways out").unwrap()..]);
    let [doctor, resume, prompt, from, init, run] = &ways[..] else { panic!("{ways:?}") };
    // While nobody is there, the doctor says so with the same code.
    assert_eq!(doctor, "pe doctor");
    scene.pe_with(&down, &["doctor"]).exits(4).prints(&nobody);
    // The second: without a model.
    let asked = as_shown(&scene, prompt).exits(0);
    assert!(asked.stdout.contains("don't ask"), "{}", asked.stdout);
    scene.world.write("ANSWER", format!("Sure!\n```json\n{}\n```\n", two_steps()));
    as_shown(&scene, from).exits(0);
    scene.pe_with(&down, &["run", "plan.yaml", "--yes"]).exits(0).prints("b");
    // The third: a plan of one's own.
    std::fs::remove_file(scene.world.path().join("plan.yaml")).unwrap();
    as_shown(&scene, init).exits(0);
    as_shown(&scene, run).exits(0);
    assert_eq!(scene.server.calls(), 0);
    // The first: once it answers, the run goes on.
    let done = as_shown(&scene, &format!("{resume} --yes")).exits(0);
    assert_eq!(done.stdout, "It is b.\n");
    assert_eq!(scene.purposes(), ["plan", "answer"]);
}

#[test]
fn f2_a_model_that_goes_down_between_turns_loses_nothing() {
    // Down while the answer is asked for is no failure of the run; down while the next call is
    // asked for is, and the run goes on from there.
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let scene = Scene::answering(move |request, _| match purpose(request) {
        "sequential" if !request.raw.windows(13).any(|at| at == br#""tool_call_id"#) => {
            Reply::calls([("echo", json!({"value": 7}))])
        }
        "sequential" if down.load(Ordering::SeqCst) => Fault::HangUp.into(),
        "sequential" => "Seven.".into(),
        _ => "no plan".into(),
    });
    let done = scene.pe(&["run", "find it out"]).exits(4);
    assert_eq!(done.stdout, "");
    done.says("the connection broke").says("three ways out");
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(scene.pe(&["resume", "last"]).exits(0).stdout, "Seven.\n");
    let report = scene.pe(&["show", "last", "--json"]).exits(0).json();
    assert_eq!(report["tool_calls_made"], 1);
}

#[test]
fn a_run_that_is_being_planned_is_watched_and_cancelled_from_elsewhere() {
    let mortal = Mortal::new("plan", sound);
    let scene = &mortal.scene;
    let child = scene.command(&["run", "find it out", "--yes"]).spawn().unwrap();
    mortal.asked.recv_timeout(Duration::from_secs(30)).unwrap();
    let name = scene.last_run();
    scene.pe(&["ls"]).exits(0).prints("running").prints("find it out");
    scene.pe(&["show", "last"]).exits(0).prints(&format!("`pe watch {name}`"));
    scene.pe(&["graph", "last"]).exits(0).prints("Status: running");
    // Two cannot own it.
    scene.pe(&["resume", "last"]).exits(2).says("is being run by process");
    let watching = scene.command(&["watch", "last"]).spawn().unwrap();
    scene.pe(&["cancel", "last"]).exits(0);
    let done = Done::of(child.wait_with_output().unwrap()).exits(130);
    assert!(!done.stderr.contains("three ways out"), "{}", done.stderr);
    let seen = Done::of(watching.wait_with_output().unwrap()).exits(130);
    seen.says(": find it out\n").says("interrupted").says(&format!("`pe resume {name}`"));
    assert_eq!(scene.pe(&["resume", "last", "--yes"]).exits(0).stdout, "It is b.\n");
}

#[test]
fn a_goal_is_watched_from_its_plan_to_its_answer() {
    let scene = Scene::answering(|request, call| match purpose(request) {
        "plan" => written(json!([{"id": "a", "tool": "sleep", "args": {"duration_ms": 800}},
            say("b", "{{a}}")]))
        .into(),
        _ => sound(request, call),
    });
    let mut command = scene.command(&["run", "find it out"]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("a started")));
    let seen = scene.pe(&["watch", "last"]).exits(0);
    assert_eq!(seen.stdout, "It is b.\n");
    seen.says("planned: 2 steps").says("b completed");
    drop(lines);
    child.wait().unwrap();
}
