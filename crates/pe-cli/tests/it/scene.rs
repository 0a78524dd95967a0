//! A world with a model: `pe` in a directory of its own, and a chat server that it asks.

use std::path::Path;
use std::process::Command;

use pe_testkit::{ChatServer, Received, Reply};
use serde_json::{Value, json};

use crate::world::{Done, World};

/// The key that goes with every call, and may be nowhere else.
pub(crate) const KEY: &str = "hunter2-hunter2-hunter2";

/// The directory and the server.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) server: ChatServer,
}

impl Scene {
    /// A model that says this, in this order, the last again and again.
    pub(crate) fn new<R: Into<Reply>>(script: impl IntoIterator<Item = R>) -> Self {
        Self { world: World::new(), server: ChatServer::start(script) }
    }

    /// A model that says what the function makes of a request and the number of the call.
    pub(crate) fn answering(
        script: impl FnMut(&Received, usize) -> Reply + Send + 'static,
    ) -> Self {
        Self { world: World::new(), server: ChatServer::answering(script) }
    }

    /// `pe` with the model in its environment, which tries nothing again.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.command(words);
        command.env("PE_BASE_URL", self.server.base_url());
        command.env("PE_MODEL", "test-model").env("PE_API_KEY", KEY);
        command.env("PE_LLM_MAX_RETRIES", "0").env("NO_COLOR", "1");
        command
    }

    pub(crate) fn pe(&self, words: &[&str]) -> Done {
        self.pe_with(&[], words)
    }

    pub(crate) fn pe_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Done {
        Done::of(self.command(words).envs(variables.iter().copied()).output().unwrap())
    }

    /// What each call was for, in order.
    pub(crate) fn purposes(&self) -> Vec<&'static str> {
        self.server.requests().iter().map(purpose).collect()
    }

    /// What `pe ls` knows.
    pub(crate) fn runs(&self) -> Vec<Value> {
        self.pe(&["ls", "--json"]).exits(0).json().as_array().unwrap().clone()
    }

    /// What people call the last run.
    pub(crate) fn last_run(&self) -> String {
        self.runs()[0]["name"].as_str().unwrap().to_owned()
    }
}

/// What a request is for, as its words tell.
pub(crate) fn purpose(request: &Received) -> &'static str {
    let messages = request.body["messages"].as_array().unwrap();
    let said = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    let (first, last) = (said(&messages[0]), said(messages.last().unwrap()));
    match first {
        _ if request.body.get("tools").is_some() => "sequential",
        first if first.starts_with("You turn a goal into a plan") => {
            if messages.len() > 2 {
                "repair"
            } else {
                "plan"
            }
        }
        first if first.starts_with("A plan is being carried out") => "adapt",
        first if first.starts_with("You write the final answer") => "answer",
        _ => {
            assert!(!last.is_empty());
            "step"
        }
    }
}

/// The text of the last message of a request.
pub(crate) fn last_message(request: &Received) -> String {
    let messages = request.body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap_or_default().to_owned()
}

/// A plan as a model writes it.
pub(crate) fn written(steps: Value) -> String {
    json!({"steps": steps}).to_string()
}

/// A patch as a model writes it.
pub(crate) fn patch(modifications: Value) -> String {
    json!({"reason": "another way", "modifications": modifications}).to_string()
}

/// A step that gives back a value, as a model writes it.
pub(crate) fn say(id: &str, value: impl Into<Value>) -> Value {
    json!({"id": id, "tool": "echo", "args": {"value": value.into()}})
}

/// A step that makes a file, as a model writes it. It needs consent.
pub(crate) fn make(id: &str, path: &str) -> Value {
    json!({"id": id, "tool": "write_file", "args": {"path": path, "content": id}})
}

/// A step that fails.
pub(crate) fn broken(id: &str) -> Value {
    json!({"id": id, "tool": "read_file", "args": {"path": "no-such-file"}})
}

/// Every file below a directory that contains a text, byte for byte.
pub(crate) fn found(directory: &Path, text: &str) -> Vec<String> {
    let mut hits = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            hits.extend(found(&path, text));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                hits.push(path.display().to_string());
            }
        }
    }
    hits
}
