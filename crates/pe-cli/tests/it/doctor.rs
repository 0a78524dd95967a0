//! `pe doctor`: everything that can be wrong is found, with its mend and an exit code.

use pe_testkit::{ChatServer, Fault, Received, Reply};
use serde_json::json;

use crate::world::{Done, World, echo, plan};

/// A server that answers each form as `answer` says.
fn serving(answer: impl Fn(&Received) -> Reply + Send + 'static) -> ChatServer {
    ChatServer::answering(move |request, _| answer(request))
}

/// A server that does whatever is asked of it.
fn willing() -> ChatServer {
    serving(|request| match request.format() {
        "text" if !request.raw.windows(4).any(|at| at == b"JSON") => Reply::text("ok"),
        _ => Reply::text("{\"ok\": true}"),
    })
}

fn doctor(world: &World, server: &ChatServer, variables: &[(&str, &str)]) -> Done {
    let address = server.base_url();
    let model = [("PE_BASE_URL", address.as_str()), ("PE_MODEL", "test-model")];
    world.pe_with(&[&model, variables].concat(), &["doctor", "--json"])
}

/// Status, finding and mend of one check.
fn check(done: &Done, name: &str) -> (String, String, String) {
    let document = done.json();
    let checks = document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {document:#}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("found"), text("mend"))
}

fn names(done: &Done) -> Vec<String> {
    let checks = done.json()["checks"].as_array().unwrap().clone();
    checks.iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_is_well_with_a_willing_model() {
    let world = World::new();
    let server = willing();
    let done = doctor(&world, &server, &[("PE_API_KEY", "hunter2-hunter2")]).exits(0);
    assert_eq!(done.json()["ok"], true);
    let expected = [
        "configuration",
        "tools",
        "database",
        "containment",
        "endpoint",
        "model",
        "answer",
        "json",
    ];
    assert_eq!(names(&done), expected);
    for name in expected {
        assert_eq!(check(&done, name).0, "ok", "{name}: {}", done.stdout);
    }
    assert!(check(&done, "endpoint").1.contains("lists 1 model with the key in `PE_API_KEY`"));
    assert!(check(&done, "tools").1.contains("2 with consent (write_file, run_command)"));
    assert!(check(&done, "json").1.starts_with("json_schema, json_object, text works"));
    assert!(!done.stdout.contains("hunter2") && !done.stderr.contains("hunter2"));
    // One answer and three forms, each with the key; the list is not counted as a call.
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.header("authorization"), Some("Bearer hunter2-hunter2"));
    }
    assert!(!world.exists("home/.local/share/pe"), "looking makes nothing");
    world
        .pe_with(&[("PE_BASE_URL", &server.base_url()), ("PE_MODEL", "test-model")], &["doctor"])
        .exits(0)
        .prints("STATE  CHECK")
        .says("well: 8 checks, 0 to look at, 0 to mend");
}

#[test]
fn nobody_there_is_exit_4_and_nothing_else_is_asked() {
    let world = World::new();
    let address = ChatServer::refused_url();
    let done = world.pe_with(&[("PE_BASE_URL", &address)], &["doctor", "--json"]).exits(4);
    assert_eq!(done.json()["ok"], false);
    let (status, found, mend) = check(&done, "endpoint");
    assert_eq!(status, "fail");
    assert!(found.contains(&address) && found.contains("refused"), "{found}");
    assert!(mend.contains("it comes from: PE_BASE_URL"), "{mend}");
    assert_eq!(names(&done).last().unwrap(), "endpoint", "what needs it is left out");
    let done = world.pe(&["doctor", "--base-url", &address]).exits(4);
    done.prints("mend: start it, or change the address (it comes from: --base-url)");
}

#[test]
fn a_model_that_is_not_there_is_named_with_those_that_are() {
    let world = World::new();
    let server = serving(|_| Reply::unknown_model("test-model"));
    server.set_models(["tess-model:7b", "another"]);
    let done = doctor(&world, &server, &[]).exits(4);
    let (status, found, mend) = check(&done, "model");
    assert_eq!((status.as_str(), check(&done, "answer").0.as_str()), ("fail", "fail"));
    assert_eq!(found, "`test-model` is not among tess-model:7b, another");
    assert_eq!(mend, "`PE_MODEL=tess-model:7b` asks that one");
    server.set_models(["test-model:latest"]);
    assert_eq!(check(&doctor(&world, &server, &[]).exits(4), "model").0, "ok", "as Ollama lists");

    let alias = willing();
    alias.set_models(["other"]);
    let done = doctor(&world, &alias, &[]).exits(0);
    assert!(check(&done, "model").1.starts_with("`test-model` is not listed, yet it answers"));
}

#[test]
fn the_forms_of_answer_are_tried_and_not_believed() {
    let world = World::new();
    let check_forms = |server: &ChatServer, variables: &[(&str, &str)], expected: [&str; 3]| {
        let done = doctor(&world, server, variables).exits(0);
        let (status, found, mend) = check(&done, "json");
        assert_eq!([status.as_str(), found.as_str(), mend.as_str()], expected);
    };
    let refuses = |refused: &'static [&'static str]| {
        serving(move |request| match request.format() {
            format if refused.contains(&format) => Reply::format_refused(),
            _ => Reply::text("{\"ok\": true}"),
        })
    };
    check_forms(
        &refuses(&["json_schema"]),
        &[],
        [
            "warn",
            "json_object, text works, json_schema is refused",
            "`PE_LLM_RESPONSE_FORMAT=json_object` asks for that at once, and saves a refused call",
        ],
    );
    check_forms(
        &refuses(&["json_schema"]),
        &[("PE_LLM_RESPONSE_FORMAT", "json_object")],
        ["ok", "json_object, text works, json_schema is refused", ""],
    );
    check_forms(
        &refuses(&["json_schema", "json_object"]),
        &[("PE_LLM_RESPONSE_FORMAT", "json_schema")],
        [
            "warn",
            "text works, json_schema is refused, json_object is refused; `response_format` says \
             json_schema",
            "`PE_LLM_RESPONSE_FORMAT=text` asks for what works",
        ],
    );
    // A server that takes the field and does not look at it.
    let ignores = serving(|request| match request.format() {
        "json_schema" => Reply::text("{\"fine\": 1}"),
        "json_object" => Reply::text("Sure! ok"),
        _ => Reply::text("```json\n{\"ok\": true}\n```"),
    });
    let mend = "`PE_LLM_RESPONSE_FORMAT=text` asks for that at once, and saves a refused call";
    let found = "text works, json_schema is not kept to, json_object gives no JSON";
    check_forms(&ignores, &[], ["warn", found, mend]);
    let babbles = serving(|_| Reply::text("I would rather not"));
    let mend = "a larger model follows instructions better; `PE_MODEL=NAME` names one";
    let found = "json_schema gives no JSON, json_object gives no JSON, text gives no JSON";
    check_forms(&babbles, &[], ["warn", found, mend]);
}

#[test]
fn a_missing_key_and_one_that_is_withheld_are_told_apart() {
    let world = World::new();
    let server = serving(|_| Reply::unauthorized());
    let done = doctor(&world, &server, &[]).exits(4);
    let (status, found, mend) = check(&done, "answer");
    assert_eq!(
        (status.as_str(), mend.as_str()),
        ("fail", "put the key of this endpoint into PE_API_KEY")
    );
    assert!(found.contains("401"), "{found}");
    let done = doctor(&world, &server, &[("PE_API_KEY", "wrong")]).exits(4);
    assert_eq!(check(&done, "answer").2, "put a key that holds here into `PE_API_KEY`");

    let variables = [("PE_BASE_URL", "https://a.test/v1"), ("PE_API_KEY", "hunter2-hunter2")];
    let words = ["doctor", "--json", "--base-url", &server.base_url(), "--model", "test-model"];
    let done = world.pe_with(&variables, &words).exits(4);
    let (_, _, mend) = check(&done, "answer");
    assert!(mend.contains("is not sent") && mend.contains("meant for https://a.test"), "{mend}");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), None);
    assert!(!String::from_utf8_lossy(&last.raw).contains("hunter2"));
}

#[test]
fn faults_end_in_time_and_are_named() {
    let world = World::new();
    let wait = [("PE_LLM_TIMEOUT_MS", "300"), ("PE_LLM_IDLE_TIMEOUT_MS", "300")];
    for (reply, calls, said) in [
        (Reply::fault(Fault::Silence), 1, "300 ms"),
        (Reply::fault(Fault::HangUp), 1, "the connection broke"),
        (Reply::fault(Fault::NoChoices), 1, "without a choice"),
        (Reply::fault(Fault::Huge(100 << 20)), 1, "longer than"),
        (Reply::error(500, "oh no", None, None), 3, "500"),
        (Reply::redirect("https://evil.test/v1"), 1, "redirects"),
        (Reply::too_many_requests().header("retry-after", "0"), 3, "429"),
    ] {
        let server = ChatServer::start([reply]);
        let done = doctor(&world, &server, &wait).exits(4);
        let (status, found, mend) = check(&done, "answer");
        assert!(status == "fail" && found.contains(said) && !mend.is_empty(), "{said}: {found}");
        assert_eq!(server.calls(), calls, "{said}");
        assert_eq!(check(&done, "model").0, "ok", "the list was fine");
    }
}

#[test]
fn what_is_wrong_here_is_exit_1() {
    let world = World::new();
    let server = willing();
    world.write("dir/x", "");
    let database = |path: &str| {
        let address = server.base_url();
        let variables = [("PE_BASE_URL", address.as_str()), ("PE_MODEL", "test-model")];
        world.pe_with(&variables, &["doctor", "--json", "--db", path])
    };
    world.write("foreign.db", "this is no database, and long enough to be looked at as one");
    let done = database("foreign.db").exits(1);
    let (status, found, mend) = check(&done, "database");
    assert!(status == "fail" && found.contains("foreign.db"), "{found}");
    assert!(mend.contains("--db FILE"), "{mend}");
    assert_eq!(check(&database("dir/x/pe.db").exits(1), "database").0, "fail");

    world.write("plan.json", plan(json!([echo("a", 1)])).to_string());
    world.pe(&["run", "plan.json", "--db", "own.db"]).exits(0);
    let (status, found, _) = check(&database("own.db").exits(0), "database");
    assert!(status == "ok" && found.contains("own.db, format "), "{found}");

    world.write("home/.config/pe/config.toml", "[llm]\ntimeout_ms = \"soon\"\n");
    let done = doctor(&world, &server, &[]).exits(1);
    let (status, found, _) = check(&done, "configuration");
    assert!(status == "fail" && found.contains("`llm.timeout_ms`: expected"), "{found}");
    assert_eq!(names(&done), ["configuration"]);

    world.write("home/.config/pe/config.toml", "[prompts]\nplan = \"gone.md\"\n");
    let done = doctor(&world, &server, &[]).exits(1);
    assert!(check(&done, "configuration").1.contains("gone.md"), "{}", done.stdout);

    world.write("home/.config/pe/config.toml", "[llm]\ntimeout = 3\n");
    let done = doctor(&world, &server, &[]).exits(0);
    let (status, found, _) = check(&done, "configuration");
    assert!(status == "warn" && found.contains("did you mean `timeout_ms`?"), "{found}");
}

#[test]
fn a_server_of_another_kind_is_noticed() {
    let world = World::new();
    let server = serving(|_| Reply::page(200, "Welcome"));
    let address = server.base_url().replace("/v1", "/other");
    let variables = [("PE_BASE_URL", address.as_str()), ("PE_MODEL", "test-model")];
    let done = world.pe_with(&variables, &["doctor", "--json"]).exits(4);
    let (status, found, mend) = check(&done, "answer");
    assert!(status == "fail" && found.contains("is `PE_BASE_URL`"), "{found}");
    assert!(mend.contains("PE_BASE_URL"), "{mend}");
}
