//! The person at the terminal: agrees to calls, reviews plans, answers questions.
//!
//! One thing is asked at a time, on stderr, and answered on stdin; progress stands still
//! meanwhile.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use pe_exec::{ApprovalRequest, Approver, Decision};
use pe_model::{BoxFuture, Format, Plan, PlanFile, ToolSet, render_definition};
use pe_orchestrator::{Person, Proposal, Question, Reviewer, Verdict};
use tokio::sync::{Mutex, mpsc};

use crate::consent::question;
use crate::console::{Console, Tone};
use crate::progress::{Pause, Presenter};
use crate::review::shown;
use crate::words::{one_line, printable};

/// What a person has answered so far.
#[derive(Default)]
struct Answers {
    /// Whether the answer to a question of consent was once "all".
    all: bool,
    lines: Lines,
}

/// Asks the person at the terminal.
pub(crate) struct Terminal {
    console: Console,
    tools: ToolSet,
    presenter: Arc<Presenter>,
    /// Held while a question is open.
    answers: Mutex<Answers>,
}

impl Terminal {
    /// Asks on stderr and reads from stdin, both of which must be terminals.
    pub(crate) fn new(console: Console, tools: ToolSet, presenter: Arc<Presenter>) -> Self {
        Self { console, tools, presenter, answers: Mutex::default() }
    }

    async fn consent(&self, request: ApprovalRequest) -> Decision {
        let mut answers = self.answers.lock().await;
        if answers.all {
            return Decision::Approve;
        }
        let pause = self.presenter.pause().await;
        answers.lines.forget();
        self.console.say(&question(&request, &self.tools, &self.console));
        loop {
            let line = answers.lines.ask("[y]es / [n]o / [a]ll: ", &pause).await;
            let Some(line) = line else { return Decision::Unanswered };
            match Answer::read(&line) {
                Some(Answer::Yes) => return Decision::Approve,
                Some(Answer::No) => return Decision::Reject,
                Some(Answer::All) => {
                    answers.all = true;
                    return Decision::Approve;
                }
                None => {}
            }
        }
    }

    async fn review_plan(&self, proposal: Proposal) -> Verdict {
        let mut answers = self.answers.lock().await;
        let pause = self.presenter.pause().await;
        answers.lines.forget();
        self.console.say(&shown(&proposal, &self.tools, &self.console));
        let may_accept = proposal.findings.is_none();
        let prompt =
            if may_accept { "[a]ccept / [e]dit / [r]eject: " } else { "[e]dit / [r]eject: " };
        loop {
            let Some(line) = answers.lines.ask(prompt, &pause).await else {
                return Verdict::Reject;
            };
            match line.trim().to_lowercase().as_str() {
                "a" | "accept" | "y" | "yes" if may_accept => return Verdict::Accept,
                "r" | "reject" | "n" | "no" => return Verdict::Reject,
                "e" | "edit" => match edited(proposal.plan.clone()).await {
                    Ok(plan) => return Verdict::Edited(Box::new(plan)),
                    Err(error) => {
                        let text = printable(&format!("{error:#}")).into_owned();
                        self.console.say(&self.console.paint(Tone::Bad, &text));
                    }
                },
                _ => {}
            }
        }
    }

    async fn answer(&self, asked: Question) -> Option<String> {
        let mut answers = self.answers.lock().await;
        let pause = self.presenter.pause().await;
        answers.lines.forget();
        let id = self.console.paint(Tone::Strong, &one_line(asked.step_id.as_str()));
        let mut text = format!("{id} asks: {}", printable(&asked.question));
        for (place, choice) in asked.choices.iter().enumerate() {
            text += &format!("\n  {}. {}", place + 1, one_line(choice));
        }
        self.console.say(&text);
        loop {
            let line = answers.lines.ask("> ", &pause).await?;
            let line = line.trim_end_matches(['\r', '\n']);
            match chosen(line, &asked.choices) {
                Some(answer) => return Some(answer),
                None => self.console.say("answer with a number or a choice of the list"),
            }
        }
    }
}

/// What a line means: any text, or one of the choices, by number or in its own words.
fn chosen(line: &str, choices: &[String]) -> Option<String> {
    if choices.is_empty() {
        return Some(line.to_owned());
    }
    let line = line.trim();
    let exact = choices.iter().find(|choice| *choice == line);
    let by_number = || choices.get(line.parse::<usize>().ok()?.checked_sub(1)?);
    let by_word = || choices.iter().find(|choice| choice.eq_ignore_ascii_case(line));
    exact.or_else(by_number).or_else(by_word).cloned()
}

/// Has a plan edited in the person's editor.
async fn edited(plan: Plan) -> anyhow::Result<Plan> {
    let edit = tokio::task::spawn_blocking(move || {
        let written = render_definition(&plan, Format::Yaml);
        let directory = tempfile::tempdir().context("cannot make a directory for the plan")?;
        let path = directory.path().join("plan.yaml");
        std::fs::write(&path, written).context("cannot write the plan for the editor")?;
        open_editor(&path)?;
        let bytes = std::fs::read(&path).context("cannot read the edited plan")?;
        let file = PlanFile::parse(&bytes, Format::Yaml).context("the edited plan is no plan")?;
        Ok(file.plan)
    });
    edit.await.context("the editor's task ended early")?
}

/// Runs `$VISUAL`, else `$EDITOR`, else `vi`, and waits for it.
fn open_editor(path: &Path) -> anyhow::Result<()> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // An editor may come with flags.
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status =
        Command::new(program).args(words).arg(path).status().with_context(|| {
            format!("cannot start the editor `{editor}`; `EDITOR` names another")
        })?;
    anyhow::ensure!(status.success(), "the editor `{editor}` ended with {status}; nothing changed");
    Ok(())
}

impl Approver for Terminal {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(self.consent(request))
    }
}

impl Reviewer for Terminal {
    fn review(&self, proposal: Proposal) -> BoxFuture<'_, Verdict> {
        Box::pin(self.review_plan(proposal))
    }
}

impl Person for Terminal {
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<String>> {
        Box::pin(self.answer(question))
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

/// The lines of stdin. One thread reads them for all questions, because reading a terminal
/// cannot be broken off; it reads only when asked, so that an editor has the terminal to
/// itself, and does not keep the program from ending.
#[derive(Default)]
struct Lines {
    thread: Option<Thread>,
    /// Whether the thread is reading.
    is_reading: bool,
}

struct Thread {
    wanted: std::sync::mpsc::Sender<()>,
    read: mpsc::UnboundedReceiver<String>,
}

impl Lines {
    /// Forgets what was typed before a question was shown.
    fn forget(&mut self) {
        if let Some(thread) = &mut self.thread
            && thread.read.try_recv().is_ok()
        {
            self.is_reading = false;
        }
    }

    /// The line that completes a prompt, or `None` at the end of input.
    async fn ask(&mut self, prompt: &str, pause: &Pause) -> Option<String> {
        pause.begin_line();
        {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "{prompt}");
            let _ = stderr.flush();
        }
        let line = self.next().await?;
        pause.end_line();
        Some(line)
    }

    async fn next(&mut self) -> Option<String> {
        if self.thread.is_none() {
            self.thread = Some(Thread::start()?);
        }
        let thread = self.thread.as_mut()?;
        if !self.is_reading {
            thread.wanted.send(()).ok()?;
            self.is_reading = true;
        }
        let line = thread.read.recv().await?;
        self.is_reading = false;
        Some(line)
    }
}

impl Thread {
    fn start() -> Option<Self> {
        let (sender, read) = mpsc::unbounded_channel();
        let (wanted, asked) = std::sync::mpsc::channel();
        let reading = move || {
            let mut text = String::new();
            while asked.recv().is_ok() && io::stdin().read_line(&mut text).is_ok_and(|n| n > 0) {
                if sender.send(std::mem::take(&mut text)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("answer".to_owned()).spawn(reading).ok()?;
        Some(Self { wanted, read })
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
    fn a_choice_is_named_by_number_or_in_its_own_words() {
        let choices = ["Red", "2", "blue"].map(str::to_owned);
        for (line, answer) in [
            ("1", Some("Red")),
            ("red", Some("Red")),
            // A choice that looks like a number is meant as it is.
            ("2", Some("2")),
            ("3", Some("blue")),
            ("0", None),
            ("4", None),
            ("green", None),
            ("", None),
        ] {
            assert_eq!(chosen(line, &choices).as_deref(), answer, "{line:?}");
        }
        assert_eq!(chosen(" any text ", &[]).as_deref(), Some(" any text "));
    }
}
