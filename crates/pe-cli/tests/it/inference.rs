//! `pe` against a real inference server: a model of random weights whose answers are held to the
//! schema by the server. They fit it, and mean nothing.

use pe_testkit::InferenceServer;
use serde_json::json;

use crate::world::{Done, World, plan};

fn pe(world: &World, server: &InferenceServer, stream: &str, words: &[&str]) -> Done {
    let mut command = world.command(words);
    command.env("PE_BASE_URL", server.base_url()).env("PE_MODEL", "chance");
    command.env("PE_LLM_STREAM", stream);
    Done::of(command.output().unwrap())
}

#[test]
fn a_plan_comes_of_it_streamed_and_not_or_a_clean_refusal() {
    let Some(server) = InferenceServer::shared() else { return };
    let world = World::new();
    for stream in ["true", "false"] {
        let mut plans = 0;
        for goal in ["count the files", "say hello", "what is in here?", "read the notes"] {
            let words = ["plan", goal, "-o", "plan.yaml", "--force"];
            let done = pe(&world, server, stream, &words);
            match done.code {
                Some(0) => {
                    world.pe(&["validate", "plan.yaml"]).exits(0);
                    plans += 1;
                }
                Some(3) => drop(done.says("repair rounds").says("nothing was executed")),
                Some(4) => drop(done.says("could not be read")),
                code => panic!("exit {code:?}: {}", done.stderr),
            }
        }
        assert!(plans > 0, "no goal came to a plan (stream: {stream})");
    }
}

#[test]
fn an_answer_that_has_no_room_is_noticed_and_is_no_result() {
    let Some(server) = InferenceServer::shared() else { return };
    let arguments = json!({"prompt": "Tell a story.", "max_tokens": 3});
    let world = World::with_plan(&plan(json!([
        {"step_id": "a", "tool": "llm", "parameters": arguments}
    ])));
    let done = pe(&world, server, "true", &["run", "plan.json"]).exits(1);
    done.says("the model's answer was cut off");
}

#[test]
fn doctor_finds_it_well() {
    let Some(server) = InferenceServer::shared() else { return };
    let world = World::new();
    pe(&world, server, "true", &["doctor"]).exits(0).prints("is listed").prints("json_schema");
}
