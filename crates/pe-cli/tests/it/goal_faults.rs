//! What is wrong with a model or with the way to it, while it plans and while it adapts: what
//! is said, how the program ends, how often was asked, how much memory that took, and that
//! nothing of a plan that is not whole was executed.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pe_testkit::{ChatServer, Fault, Received, Reply};
use serde_json::json;

use crate::scene::{KEY, Scene, broken, found, make, patch, purpose, say, written};
use crate::world::Done;

/// What a faulty model may cost more than a faultless one, in KiB.
const MOST_GROWTH: u64 = 64 * 1024;

/// A fault, and what is expected of the program.
struct Case {
    name: &'static str,
    reply: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    variables: Vec<(&'static str, &'static str)>,
    /// What is said.
    says: Vec<&'static str>,
    /// How often is asked for a plan, and for a patch.
    calls: (usize, usize),
}

/// A plan whose first step would leave a trace.
fn whole() -> String {
    written(json!([make("a", "made"), say("b", "{{a}}"), say("c", "{{b}}")]))
}

fn case(
    name: &'static str,
    reply: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    says: &[&'static str],
) -> Case {
    let (variables, calls) = (Vec::new(), (1, 1));
    Case { name, reply: Box::new(reply), variables, says: says.to_vec(), calls }
}

impl Case {
    /// One retry: what fails in passing is asked for twice.
    fn retried(mut self) -> Self {
        self.variables.push(("PE_LLM_MAX_RETRIES", "1"));
        self.calls = (2, 2);
        self
    }

    /// An answer that is read and of no use: three rounds more for a plan, one for a patch.
    fn answered(mut self) -> Self {
        self.calls = (4, 2);
        self
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn calls(mut self, plan: usize, adapt: usize) -> Self {
        self.calls = (plan, adapt);
        self
    }
}

/// Every fault. The server's address is said by all of them but those that are read and judged.
fn cases() -> Vec<Case> {
    let but = |fault: Fault| move |_: &Received| Reply::text(whole()).but(fault);
    let limited = |name: &'static str, value: &'static str| {
        move |_: &Received| Reply::too_many_requests().header(name, value)
    };
    let text = |text: &'static str| move |_: &Received| Reply::text(text);
    vec![
        case("429, come back in a second", limited("retry-after", "1"), &[AT, "429", "quota"])
            .retried(),
        case("429, in milliseconds", limited("retry-after-ms", "20"), &[AT, "429", "Rate limit"])
            .retried(),
        case("429, a date", limited("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), &[AT, "429"])
            .retried(),
        case("429, no form at all", limited("retry-after", "soon"), &[AT, "429"]).retried(),
        case("429, in an hour", limited("retry-after", "3600"), &[AT, "60 min", "come back then"])
            .with("PE_LLM_MAX_RETRIES", "2"),
        case(
            "500",
            |_| Reply::error(500, "the machine is on fire", None, None),
            &[AT, "500", "the machine is on fire", "try again later", "tried 2 times"],
        )
        .retried(),
        case("a page", |_| Reply::page(502, "Bad Gateway"), &[AT, "502", "Bad Gateway"]).retried(),
        case(
            "a byte a second",
            but(Fault::Slow(Duration::from_millis(400))),
            &[AT, "no complete answer within 1200 ms", "longer timeout", "PE_LLM_TIMEOUT_MS"],
        )
        .with("PE_LLM_TIMEOUT_MS", "1200"),
        case(
            "a stall",
            but(Fault::Stall),
            &[AT, "nothing came for 400 ms", "longer idle timeout", "PE_LLM_IDLE_TIMEOUT_MS"],
        )
        .with("PE_LLM_IDLE_TIMEOUT_MS", "400")
        .with("PE_LLM_TIMEOUT_MS", "1200"),
        // A patch is not streamed, and only a stream shows that it lives.
        case("silence", but(Fault::Silence), &[AT, "00 ms; a slow model needs a longer"])
            .with("PE_LLM_IDLE_TIMEOUT_MS", "300")
            .with("PE_LLM_TIMEOUT_MS", "1200"),
        case("hung up", but(Fault::HangUp), &[AT, "the connection broke"]).retried(),
        case("closed in the middle", but(Fault::Broken), &[AT, "the connection broke"]).retried(),
        case("truncated", but(Fault::Truncated), &["cut off", "larger"]).answered(),
        case(
            "cut at its length",
            |_| Reply::text(&whole()[..60]).finish(Some("length")),
            &["cut off", "larger"],
        )
        .answered(),
        case("wrong schema", text(r#"{"colour": ["red"]}"#), &["after 3 repair rounds"]).answered(),
        case("not JSON", text("I would rather not."), &["no JSON", "I would rather not."])
            .answered(),
        case("nothing", text(""), &["no plan was made"]).answered(),
        case("no choices", |_| Fault::NoChoices.into(), &[AT, "without a choice", "PE_BASE_URL"])
            .retried(),
        case(
            "no chat server",
            |_| Reply::raw(200, "text/html", "<html><title>Welcome to nginx</title></html>"),
            &[AT, "PE_BASE_URL", "/v1"],
        ),
        case("100 MB", |_| Fault::Huge(100 << 20).into(), &[AT, "longer than the"]),
        case("no end", |_| Fault::Endless.into(), &[AT, "longer than the"]),
        case("one line without end", |_| Fault::EndlessLine.into(), &[AT, "longer than the"]),
        case(
            "a redirect",
            |_| Reply::redirect("http://user:pw@127.0.0.1:1/v1?sig=hidden"),
            &[AT, "redirects to `http://127.0.0.1:1/v1`", "not followed", "PE_BASE_URL"],
        ),
        case(
            "401, which repeats the key",
            |_| Reply::error(401, &format!("Incorrect API key provided: {KEY}"), None, None),
            &[AT, "401", "check `PE_API_KEY`"],
        ),
        case(
            "404, for the model",
            |_| Reply::unknown_model("test-model"),
            &[AT, "does not know model `test-model`", "PE_MODEL"],
        ),
        case("404, for everything", |_| Reply::page(404, "Not Found"), &[AT, "404", "/v1"]),
        case("every form refused", |_| Reply::format_refused(), &[AT, "400"]).calls(3, 3),
    ]
}

/// The server's address, without its port.
const AT: &str = "at http://127.0.0.1:";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Plan,
    Adapt,
}

/// The memory that the child has taken, in KiB; how much of its program is mapped depends on who
/// else runs it.
fn taken(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Waits for a child, which must end, and looks at its size meanwhile.
fn watched(mut child: Child) -> (Done, u64) {
    let began = Instant::now();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(taken(child.id()).unwrap_or(0));
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it does not end: {:?}", Done::of(child.wait_with_output().unwrap()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    (Done::of(child.wait_with_output().unwrap()), most)
}

fn run(scene: &Scene, variables: &[(&str, &str)], words: &[&str]) -> (Done, u64) {
    let words = [&["run", "find it out", "--allow", "write_file"], words].concat();
    let mut command = scene.command(&words);
    command.env("PE_FALLBACK_TO_SEQUENTIAL", "false").envs(variables.iter().copied());
    watched(command.stdout(Stdio::piped()).spawn().unwrap())
}

/// A harmless run of either phase, for comparison.
fn harmless() -> u64 {
    let scene = Scene::answering(|request, _| match purpose(request) {
        "plan" => written(json!([broken("a"), say("b", "{{a}}")])).into(),
        "adapt" => patch(json!([{"type": "modify", "id": "a",
            "fields": {"tool": "echo", "args": {"value": 1}}}]))
        .into(),
        _ => "One.".into(),
    });
    let (done, size) = run(&scene, &[], &[]);
    assert_eq!(done.exits(0).stdout, "One.\n");
    size
}

/// Runs a case; what is wrong, where something is.
fn check(case: Case, phase: Phase, usual: u64, mode: &str) -> Result<(), String> {
    let Case { name, reply, variables, says, calls } = case;
    let scene = Scene::answering(move |request, _| match (phase, purpose(request)) {
        (Phase::Adapt, "plan") => {
            written(json!([broken("a"), say("b", "{{a}}"), make("c", "made-after-{{b}}")])).into()
        }
        _ => reply(request),
    });
    let (done, size) = run(&scene, &variables, &["--streaming", mode]);
    let (calls, exit) = match phase {
        Phase::Plan => (calls.0, 4),
        // What was done is what a failed run has done.
        Phase::Adapt => (1 + calls.1, 1),
    };
    let mut wrong = Vec::new();
    let says = says.iter().filter(|text| {
        // Of a patch nothing is said about plans and their rounds.
        phase == Phase::Plan || !(text.contains("plan") || text.contains("repair rounds"))
    });
    for text in says.filter(|text| !done.stderr.contains(**text)) {
        wrong.push(format!("it does not say {text:?}"));
    }
    let mut expect = |what: &str, holds: bool| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    expect(&format!("exit {:?}, not {exit}", done.code), done.code == Some(exit));
    expect(&format!("{} calls, not {calls}", scene.server.calls()), scene.server.calls() == calls);
    expect("it panicked", !done.stderr.contains("panicked"));
    expect("it shows the key", !done.stderr.contains(KEY) && !done.stdout.contains("hunter2"));
    let files = found(scene.world.path(), KEY);
    expect(&format!("the key is in {files:?}"), files.is_empty());
    expect("it shows a secret of the redirect", !done.stderr.contains("hidden"));
    expect("something is on stdout", done.stdout.is_empty());
    expect("it claims success", !done.stderr.contains("success"));
    expect(&format!("it took {size} KiB, usual are {usual}"), size < usual + MOST_GROWTH);
    let files = std::fs::read_dir(scene.world.path()).unwrap();
    let made = files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("made"));
    expect("a step of a partial plan was executed", !made);
    match phase {
        Phase::Plan => expect("it names no way on", done.stderr.contains("`pe resume ")),
        Phase::Adapt => expect("it does not say why", done.stderr.contains("not adapted")),
    }
    let lines = done.stderr.lines().filter(|line| line.starts_with("error:")).count();
    expect(&format!("{lines} errors"), lines == usize::from(phase == Phase::Plan));
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("== {name} ({phase:?}): {}\n{}", wrong.join("; "), done.stderr)),
    }
}

/// Runs cases beside each other, a few at a time.
fn check_all(phase: Phase, mode: &'static str) {
    let usual = harmless();
    let mut cases = cases().into_iter();
    let mut wrong = Vec::new();
    loop {
        let some: Vec<Case> = cases.by_ref().take(6).collect();
        if some.is_empty() {
            break;
        }
        let running: Vec<_> = some
            .into_iter()
            .map(|case| thread::spawn(move || check(case, phase, usual, mode)))
            .collect();
        wrong.extend(running.into_iter().filter_map(|case| case.join().unwrap().err()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_while_it_plans() {
    check_all(Phase::Plan, "show");
}

#[test]
fn every_fault_while_it_plans_and_what_is_safe_starts_early() {
    check_all(Phase::Plan, "execute");
}

#[test]
fn every_fault_while_it_adapts() {
    check_all(Phase::Adapt, "show");
}

#[test]
fn f2_nobody_is_there() {
    let scene = Scene::new(["-"]);
    let address = ChatServer::refused_url();
    let variables = [("PE_BASE_URL", address.as_str()), ("PE_LLM_MAX_RETRIES", "1")];
    let (done, _) = run(&scene, &variables, &[]);
    let done = done.exits(4).says(&address).says("connection refused").says("tried 2 times");
    let done = done.says("trying again in 1");
    let done = done.says("three ways out").says("`pe doctor`").says("`pe prompt ");
    done.says("`pe init`").says("`pe resume ");
    assert_eq!(scene.server.calls(), 0);
}

#[test]
fn a_key_does_not_follow_a_redirect() {
    let thief = ChatServer::start(["-"]);
    let target = thief.base_url();
    let scene = Scene::answering(move |_, _| Reply::redirect(&target));
    run(&scene, &[], &[]).0.exits(4);
    assert_eq!(thief.calls(), 0);
}

#[test]
fn a_form_that_is_refused_is_not_asked_for_again() {
    let scene = Scene::answering(|request, _| match (request.format(), purpose(request)) {
        ("json_schema" | "json_object", _) => Reply::format_refused(),
        (_, "plan") => written(json!([{"id": "a", "tool": "nowhere"}])).into(),
        (_, "repair") => written(json!([say("a", 1)])).into(),
        _ => "One.".into(),
    });
    let (done, _) = run(&scene, &[], &[]);
    assert_eq!(done.exits(0).stdout, "One.\n");
    let forms: Vec<String> =
        scene.server.requests().iter().map(|request| request.format().to_owned()).collect();
    assert_eq!(forms, ["json_schema", "json_object", "text", "text", "text"]);
    // Each of them was an exchange, now and later.
    let usage = &scene.pe(&["show", "last", "--json"]).exits(0).json()["usage"];
    assert_eq!(usage["llm_calls"], 5);
}

#[test]
fn a_model_that_never_converges_is_asked_as_often_as_the_budget_says() {
    let never = || written(json!([{"id": "a", "tool": "nowhere"}, make("b", "made")]));
    for (loops, budget) in [("true", 2), ("true", 5), ("false", 2)] {
        let scene = Scene::answering(move |request, _| match purpose(request) {
            "sequential" => Reply::calls([("nowhere", json!({}))]),
            _ => never().into(),
        });
        let variables = [("PE_FALLBACK_TO_SEQUENTIAL", loops)];
        let (done, _) = run(&scene, &variables, &["--budget", &format!("llm_calls={budget}")]);
        done.exits(6).says("llm_calls");
        assert_eq!(scene.server.calls(), budget);
        assert!(!scene.world.exists("made"));
    }
}

#[test]
fn a_model_whose_patches_never_hold_is_asked_as_often_as_the_budget_says() {
    // A failure that is another one each time: nothing says that it came back.
    let scene = Scene::answering(|request, call| match purpose(request) {
        "plan" => written(json!([broken("a")])).into(),
        _ => patch(json!([{"type": "modify", "id": "a",
            "fields": {"args": {"path": format!("no-such-file-{call}")}}}]))
        .into(),
    });
    let words = ["--budget", "llm_calls=5", "--max-iterations", "20"];
    let (done, _) = run(&scene, &[], &words);
    assert_eq!(scene.server.calls(), 5);
    done.exits(6).says("llm_calls").says("`pe resume ");
    // Without a budget it is the iterations that end it.
    let scene = Scene::answering(|request, call| match purpose(request) {
        "plan" => written(json!([broken("a")])).into(),
        _ => patch(json!([{"type": "modify", "id": "a",
            "fields": {"args": {"path": format!("no-such-file-{call}")}}}]))
        .into(),
    });
    run(&scene, &[], &["--max-iterations", "3"]).0.exits(1);
    assert_eq!(scene.server.calls(), 3, "a plan and two patches");
}
