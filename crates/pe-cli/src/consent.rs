//! Consent: who is asked before a call that needs an operator's word, and how.

use std::io::{self, Write as _};
use std::sync::Arc;

use pe_exec::{ApprovalRequest, Approver, Decision};
use pe_model::{BoxFuture, PendingCall, RunState, StepStatus, ToolSet, WaitingFor};
use tokio::sync::{Mutex, oneshot};

use crate::console::{Console, Tone};
use crate::progress::Presenter;
use crate::words::{fit, one_line, printable, quoted};

/// Says yes to everything: `--yes`.
#[derive(Debug)]
pub(crate) struct AlwaysYes;

impl Approver for AlwaysYes {
    fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(std::future::ready(Decision::Approve))
    }
}

/// Asks the person at the terminal, one question at a time.
pub(crate) struct Terminal {
    console: Console,
    tools: ToolSet,
    presenter: Arc<Presenter>,
    /// Whether the answer was once "all"; held while a question is open.
    all: Mutex<bool>,
}

impl Terminal {
    /// Asks on stderr and reads from stdin, both of which must be terminals.
    pub(crate) fn new(console: Console, tools: ToolSet, presenter: Arc<Presenter>) -> Self {
        Self { console, tools, presenter, all: Mutex::new(false) }
    }

    async fn ask(&self, request: ApprovalRequest) -> Decision {
        let mut all = self.all.lock().await;
        if *all {
            return Decision::Approve;
        }
        let _pause = self.presenter.pause().await;
        self.console.say(&question(&request, &self.tools, &self.console));
        loop {
            prompt();
            // Dropped when the run stops; the thread then waits for a line that nobody reads.
            let Some(line) = read_line().await else {
                self.console.say("");
                return Decision::Unanswered;
            };
            match Answer::read(&line) {
                Some(Answer::Yes) => return Decision::Approve,
                Some(Answer::No) => return Decision::Reject,
                Some(Answer::All) => {
                    *all = true;
                    return Decision::Approve;
                }
                None => {}
            }
        }
    }
}

impl Approver for Terminal {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(self.ask(request))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    All,
}

impl Answer {
    fn read(line: &str) -> Option<Self> {
        Some(match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Self::Yes,
            "n" | "no" => Self::No,
            "a" | "all" => Self::All,
            _ => return None,
        })
    }
}

fn prompt() {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "[y]es / [n]o / [a]ll: ");
    let _ = stderr.flush();
}

/// A line from stdin, or `None` at its end. A thread reads it, because reading a terminal
/// cannot be broken off; it does not keep the program from ending.
async fn read_line() -> Option<String> {
    let (sender, line) = oneshot::channel();
    let read = move || {
        let mut text = String::new();
        let read = io::stdin().read_line(&mut text);
        let _ = sender.send(read.ok().filter(|&bytes| bytes > 0).map(|_| text));
    };
    std::thread::Builder::new().name("answer".to_owned()).spawn(read).ok()?;
    line.await.ok().flatten()
}

/// What is asked: the step and every call that it would make.
fn question(request: &ApprovalRequest, tools: &ToolSet, console: &Console) -> String {
    let id = console.paint(Tone::Strong, &one_line(request.step_id.as_str()));
    let action = one_line(&request.action);
    let action = if action.is_empty() { action } else { format!(": {action}") };
    let what = match request.waiting_for {
        WaitingFor::Approval => "approval",
        WaitingFor::Consent => "consent",
    };
    let mut text = format!("{id} asks for {what}{action}");
    for call in &request.calls {
        text += &format!("\n  {}", shown(call, tools));
    }
    text
}

/// A call on one line: the command line where it is one, else the arguments.
fn shown(call: &PendingCall, tools: &ToolSet) -> String {
    const LONGEST: usize = 2_000;
    let tool = one_line(&call.tool);
    let text = match argv(call, tools) {
        Some(argv) => argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        None => serde_json::to_string(&*call.arguments).unwrap_or_default(),
    };
    // Blanks inside words count, so that they are shown as they are, but for line ends.
    let text = printable(&text).replace('\n', "\\n").replace('\t', "\\t");
    let cut = fit(&text, LONGEST);
    let rest =
        if cut.len() < text.len() { format!(" ({} bytes)", text.len()) } else { String::new() };
    format!("{tool}: {cut}{rest}")
}

fn argv(call: &PendingCall, tools: &ToolSet) -> Option<Vec<String>> {
    tools.get(&call.tool)?.argv(&call.arguments).filter(|argv| !argv.is_empty())
}

/// So many calls of a step are told afterwards; a question shows all of them.
const CALLS_TOLD: usize = 5;

/// What is said about steps that nobody agreed to, with the flags that would have.
pub(crate) fn unanswered(state: &RunState, tools: &ToolSet) -> Vec<String> {
    let steps = state.plan.steps.iter().zip(state.steps());
    let waiting = steps.filter(|(_, step)| step.status == StepStatus::Waiting);
    waiting
        .map(|(plan, step)| {
            let id = one_line(plan.step_id.as_str());
            let calls = step.pending_calls.iter().take(CALLS_TOLD);
            let mut calls: String =
                calls.map(|call| format!("\n  {}", shown(call, tools))).collect();
            if step.pending_calls.len() > CALLS_TOLD {
                calls += &format!("\n  and {} more", step.pending_calls.len() - CALLS_TOLD);
            }
            let what = step.reason.map_or("a person", |reason| reason.as_str());
            let mut rules: Vec<String> = Vec::new();
            for call in &step.pending_calls {
                let rule = format!("--allow {}", quoted_rule(&rule(call, tools)));
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
            format!(
                "step `{id}` waits for {what}; `{}` or `--yes` gives it{calls}",
                rules.join(" ")
            )
        })
        .collect()
}

/// The rule that would have allowed a call: a command's first two words, else the tool.
fn rule(call: &PendingCall, tools: &ToolSet) -> String {
    const WORDS: usize = 2;
    let plain = |word: &&String| !word.is_empty() && !word.contains(char::is_whitespace);
    let argv = argv(call, tools).unwrap_or_default();
    let words: Vec<String> =
        argv.iter().take(WORDS).take_while(plain).map(|word| one_line(word)).collect();
    if words.is_empty() { one_line(&call.tool) } else { words.join(" ") }
}

fn quoted_rule(rule: &str) -> String {
    if rule.contains(' ') || *quoted(rule) != *rule {
        format!("'{}'", rule.replace('\'', r"'\''"))
    } else {
        rule.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_words_or_letters_and_nothing_else() {
        for (line, answer) in [
            ("y\n", Some(Answer::Yes)),
            ("YES", Some(Answer::Yes)),
            (" n ", Some(Answer::No)),
            ("all", Some(Answer::All)),
            ("", None),
            ("yep", None),
        ] {
            assert_eq!(Answer::read(line), answer, "{line:?}");
        }
    }

    #[test]
    fn a_call_cannot_be_made_to_look_like_another() {
        let arguments = serde_json::json!({"path": "a\u{202e}b\n[y]es"});
        let call = PendingCall {
            iteration: 0,
            tool: "write_file".to_owned(),
            arguments: Arc::new(arguments.as_object().cloned().unwrap()),
        };
        assert_eq!(shown(&call, &ToolSet::new()), r#"write_file: {"path":"a\u{202e}b\n[y]es"}"#);
    }
}
