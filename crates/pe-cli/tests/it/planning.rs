//! `pe plan` and `pe prompt`: a goal becomes a file, by a model or by any chat.

use serde_json::json;

use crate::scene::{Scene, last_message, make, say, written};
use crate::world::World;

fn two_steps() -> String {
    written(json!([say("a", 20), say("b", "{{a}} in {{context.city}}")]))
}

#[test]
fn a_plan_is_written_and_nothing_is_executed() {
    let scene = Scene::new([written(json!([say("a", 20), make("b", "made")]))]);
    let done = scene.pe(&["plan", "find it out", "-o", "plan.yaml"]).exits(0);
    assert_eq!(done.stdout, "");
    done.says("the model is planning").says("2 steps written to plan.yaml").says("`pe run plan.");
    assert!(!scene.world.exists("made"));
    assert!(scene.runs().is_empty(), "planning is no run");
    scene.pe(&["validate", "plan.yaml", "--strictness", "strict"]).exits(0);
    scene.pe(&["run", "plan.yaml", "--yes"]).exits(0);
    assert!(scene.world.exists("made"));
    assert_eq!(scene.purposes(), ["plan"], "the file needs no model");
}

#[test]
fn the_name_says_the_notation_and_a_flag_wins() {
    let scene = Scene::new([two_steps()]);
    let read = |name: &str| std::fs::read_to_string(scene.world.path().join(name)).unwrap();
    for (words, name, starts) in [
        (&["-o", "plan.json"][..], "plan.json", "{"),
        (&["-o", "plan.yml"], "plan.yml", "goal: "),
        (&["-o", "plan"], "plan", "goal: "),
        (&["-o", "other.yaml", "--format", "json"], "other.yaml", "{"),
    ] {
        let words = [&["plan", "find it out", "-p", "city=Bern"], words].concat();
        scene.pe(&words).exits(0);
        let text = read(name);
        assert!(text.trim_start().starts_with(starts), "{name}: {text}");
        scene.pe(&["validate", name]).exits(0);
    }
    // What was given is part of the plan, so that it runs as it is.
    assert_eq!(scene.pe(&["run", "plan.json"]).exits(0).stdout, "20 in Bern\n");
    scene.pe(&["plan", "find it out"]).exits(0).prints("goal: find it out\n");
    let done = scene.pe(&["plan", "find it out", "--format", "json"]).exits(0);
    assert_eq!(done.json()["goal"], "find it out");
}

#[test]
fn a_file_that_is_there_is_not_replaced_and_nothing_is_paid_for() {
    let scene = Scene::new([two_steps()]);
    scene.world.write("plan.yaml", "mine");
    let done = scene.pe(&["plan", "find it out", "-o", "plan.yaml"]).exits(2);
    done.says("`plan.yaml` is there already").says("`--force`");
    assert_eq!(scene.server.calls(), 0);
    assert_eq!(std::fs::read(scene.world.path().join("plan.yaml")).unwrap(), b"mine");
    scene.pe(&["plan", "find it out", "-o", "plan.yaml", "--force"]).exits(0);
    scene.pe(&["validate", "plan.yaml"]).exits(0);
    // Nor is it asked where the file could not be written.
    let calls = scene.server.calls();
    scene.pe(&["plan", "find it out", "-o", "no/such/plan.yaml"]).exits(2).says("no/such");
    assert_eq!(scene.server.calls(), calls, "found out before it is paid for");
}

#[test]
fn without_a_plan_no_file_is_written() {
    let scene = Scene::new(["I would rather not."]);
    let done = scene.pe(&["plan", "find it out", "-o", "plan.yaml"]).exits(4);
    done.says("no plan was made").says("hint: ");
    assert_eq!(scene.server.calls(), 4);
    let scene2 = Scene::new([written(json!([{"id": "a", "tool": "nowhere"}]))]);
    let done = scene2.pe(&["plan", "find it out", "-o", "plan.yaml"]).exits(3);
    done.says("PE040").says("`nowhere`");
    let nobody = [("PE_BASE_URL", "http://127.0.0.1:1/v1")];
    let done = scene.pe_with(&nobody, &["plan", "find it out", "-o", "plan.yaml"]).exits(4);
    done.says("connection refused").says("three ways out").says("the same command works");
    assert!(!scene.world.exists("plan.yaml") && !scene2.world.exists("plan.yaml"));
    let calls = scene.server.calls();
    scene.pe(&["plan", "  "]).exits(2).says("the goal is empty");
    scene.pe(&["prompt", ""]).exits(2).says("the goal is empty");
    assert_eq!(scene.server.calls(), calls);
}

#[test]
fn a_plan_is_budgeted() {
    let scene = Scene::new(["no plan"]);
    let variables = [("PE_BUDGET", r#"{"llm_calls": 2}"#)];
    scene.pe_with(&variables, &["plan", "find it out"]).exits(6).says("llm_calls");
    assert_eq!(scene.server.calls(), 2);
}

#[test]
fn an_answer_of_any_chat_becomes_a_plan() {
    let scene = Scene::new(["-"]);
    let plan = two_steps();
    for (name, text) in [
        ("bare", plan.clone()),
        ("fenced", format!("Here is the {{plan}}:\n\n```json\n{plan}\n```\nGood luck {{you}}!")),
        ("prose", format!("I thought about it. {plan} That should do.")),
        ("thinking", format!("<think>{{\"steps\": []}} no…</think>\n{plan}")),
        ("list", serde_json::from_str::<serde_json::Value>(&plan).unwrap()["steps"].to_string()),
        ("python", plan.replace('"', "'").replace("20", "None")),
    ] {
        scene.world.write(name, &text);
        let file = format!("{name}.yaml");
        let words = ["plan", "find it out", "--from", name, "-o", &file, "-p", "city=Bern"];
        scene.pe(&words).exits(0).says("2 steps written");
        let expected = if name == "python" { "null in Bern\n" } else { "20 in Bern\n" };
        assert_eq!(scene.pe(&["run", &file]).exits(0).stdout, expected, "{name}");
    }
    // The plan that this program itself writes is an answer too.
    let own = scene.pe(&["plan", "g", "--from", "bare", "--format", "json"]).exits(0).stdout;
    scene.world.write("own", own);
    scene.pe(&["plan", "g", "--from", "own"]).exits(0).prints("step_id: b");
    assert_eq!(scene.server.calls(), 0);
    let world = World::new();
    let done = world.pe_reading(&["plan", "g", "--from", "-"], plan.as_bytes()).exits(0);
    done.prints("step_id: b");
}

#[test]
fn an_answer_that_is_no_plan_is_refused_with_what_was_found() {
    let world = World::new();
    for (text, code, found) in [
        ("I would rather not.", 3, "no JSON"),
        (r#"{"steps": []}"#, 3, "step"),
        (r#"{"steps": [{"id": "a", "tool": "echo", "args": {"value": "#, 3, "cut off"),
        (r#"{"steps": [{"id": "a", "tool": "ehco", "args": {}}]}"#, 3, "did you mean `echo`?"),
    ] {
        world.write("answer", text);
        let done = world.pe(&["plan", "g", "--from", "answer", "-o", "plan.yaml"]).exits(code);
        done.says(found);
        assert!(!world.exists("plan.yaml"), "{text}");
    }
    world.pe(&["plan", "g", "--from", "missing"]).exits(2).says("cannot read `missing`");
    world.pe(&["plan", "g", "--from", "answer", "--planner", "replay:x"]).exits(2);
}

#[test]
fn g2_the_prompt_shows_every_tool_and_the_schema() {
    let world = World::new();
    let done = world.pe(&["prompt", "find it out", "-p", "city=Bern"]).exits(0);
    let done = done.prints("find it out").prints("context.city: \"Bern\"");
    let tools = world.pe(&["tools", "--json"]).exits(0).json();
    let names: Vec<String> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().or(tool["function"]["name"].as_str()).unwrap().to_owned())
        .collect();
    assert!(names.len() > 5 && names.contains(&"llm".to_owned()), "{names:?}");
    for name in &names {
        assert!(done.stdout.contains(&format!("- {name}(")), "{name}: {}", done.stdout);
    }
    let at = done.stdout.find("JSON Schema:\n").unwrap() + "JSON Schema:\n".len();
    let schema: serde_json::Value = serde_json::from_str(done.stdout[at..].trim()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    done.says("pe plan ");
}

#[test]
fn the_request_of_prompt_is_the_one_that_is_sent() {
    let scene = Scene::new([two_steps()]);
    let request = scene.pe(&["prompt", "find it out", "--json"]).exits(0).json();
    scene.pe(&["plan", "find it out"]).exits(0);
    let sent = &scene.server.requests()[0];
    let said = |value: &serde_json::Value| -> Vec<(String, String)> {
        let text = |at: &serde_json::Value| at.as_str().unwrap().to_owned();
        let messages = value["messages"].as_array().unwrap().iter();
        messages.map(|message| (text(&message["role"]), text(&message["content"]))).collect()
    };
    assert_eq!(said(&request), said(&sent.body));
    let schema = &sent.body["response_format"]["json_schema"]["schema"];
    assert!(schema.is_object());
    assert!(request.to_string().contains(&schema.to_string()), "{request:#}");
    assert!(last_message(sent).contains("find it out"));
}

#[test]
fn from_the_prompt_to_the_answer_without_a_model_of_ones_own() {
    let world = World::new();
    let prompt = world.pe(&["prompt", "add two numbers"]).exits(0).stdout;
    // Somebody pastes it into a chat.
    assert!(prompt.contains("- echo("));
    let answer = written(json!([say("a", 20), say("b", 22), say("sum", "{{a + b}}")]));
    world.write("answer.txt", format!("Of course!\n```json\n{answer}\n```"));
    world.pe(&["plan", "add two numbers", "--from", "answer.txt", "-o", "plan.yaml"]).exits(0);
    assert_eq!(world.pe(&["run", "plan.yaml"]).exits(0).stdout, "42\n");
}

#[test]
fn a_prompt_that_cannot_be_used_is_named_with_its_key() {
    let world = crate::world::World::new();
    world.write("home/.config/pe/answer.md", "Say {{ nope }}.");
    world.write("home/.config/pe/config.toml", "[prompts]\nanswer = \"answer.md\"\n");
    let done = world.pe(&["prompt", "g"]).exits(2);
    done.says("prompts.answer").says("home/.config/pe/answer.md").says("`nope`");
}
