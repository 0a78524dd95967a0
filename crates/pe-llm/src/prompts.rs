//! Prompts: what a model is told, as files that a person can replace.
//!
//! Each prompt is a template with a message of the program and one of the person; which
//! variables there are is listed in `docs/prompts.md`. A file of one's own is checked when it
//! is loaded, and its rendering is bounded. Everything that others wrote (the goal, tools,
//! outputs, errors) is data: it is placed by `data` and cannot leave its place.
//!
//! What is deliberately absent: reading files, and what an answer means.

use std::collections::BTreeMap;

use minijinja::Value;
use pe_model::{ChatMessage, nearest};

mod catalog;
pub(crate) mod data;
pub(crate) mod secrets;
mod signature;
mod template;
mod tokens;

pub(crate) use catalog::write_catalog;
pub use catalog::{CatalogCut, CatalogText};
pub use tokens::{ANSWER_ROOM, DEFAULT_WINDOW, estimate_tokens};
pub(crate) use tokens::{NOTE_ROOM, answer_room, of_messages};

use template::Source;

/// The rules of the notation in which plans are written; they go with the parser and are not
/// to be replaced.
pub(crate) const NOTATION: &str = include_str!("prompts/notation.md");

/// Which prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prompt {
    /// Decompose a goal into a plan.
    Plan,
    /// Mend a plan that does not hold, or write anew what cannot be read.
    Repair,
    /// Change a plan whose execution failed or went astray.
    Adapt,
    /// Write the final answer.
    Answer,
    /// Work on a goal call by call.
    Sequential,
}

impl Prompt {
    /// All prompts.
    pub const ALL: [Self; 5] =
        [Self::Plan, Self::Repair, Self::Adapt, Self::Answer, Self::Sequential];

    /// The prompt's name, as in `[prompts]` of a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Repair => "repair",
            Self::Adapt => "adapt",
            Self::Answer => "answer",
            Self::Sequential => "sequential",
        }
    }

    /// The variables that its file may use.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Plan => {
                &["goal", "tools", "tools_note", "notation", "context", "examples", "max_steps"]
            }
            Self::Repair => &["findings", "unreadable", "cut_off", "repeated", "max_steps"],
            Self::Adapt => &[
                "goal",
                "tools",
                "tools_note",
                "notation",
                "context",
                "plan",
                "failures",
                "done",
                "in_doubt",
                "earlier",
                "max_steps",
            ],
            Self::Answer => &["goal", "results", "failures"],
            Self::Sequential => &["goal", "context"],
        }
    }

    /// The variables without which it does not do its work.
    pub fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Plan => &["goal", "tools", "notation"],
            Self::Repair => &["findings", "unreadable"],
            Self::Adapt => &["goal", "tools", "notation", "plan", "failures"],
            Self::Answer => &["goal", "results"],
            Self::Sequential => &["goal"],
        }
    }

    fn builtin(self) -> &'static str {
        match self {
            Self::Plan => include_str!("prompts/plan.md"),
            Self::Repair => include_str!("prompts/repair.md"),
            Self::Adapt => include_str!("prompts/adapt.md"),
            Self::Answer => include_str!("prompts/answer.md"),
            Self::Sequential => include_str!("prompts/sequential.md"),
        }
    }
}

/// Why a prompt file is not used, or could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// There is no prompt of that name.
    #[error("there is no prompt `{name}`{}; prompts are plan, repair, adapt, answer, sequential", did_you_mean(*.near))]
    UnknownPrompt {
        /// The name.
        name: String,
        /// The prompt that was probably meant.
        near: Option<&'static str>,
    },
    /// The file is longer than what is read.
    #[error("prompt `{name}` has {bytes} bytes; at most {most} are read")]
    TooLong {
        /// The prompt.
        name: &'static str,
        /// Its length.
        bytes: usize,
        /// The most bytes.
        most: usize,
    },
    /// The file has more than two parts.
    #[error("prompt `{name}` has more than one line `{divider}`; keep one of them")]
    Parts {
        /// The prompt.
        name: &'static str,
        /// The line between the two messages.
        divider: &'static str,
    },
    /// The template cannot be read.
    #[error("prompt `{name}`, line {line}: {problem}")]
    Syntax {
        /// The prompt.
        name: &'static str,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The template uses a variable that the prompt does not have.
    #[error("prompt `{name}` has no variable `{variable}`{}; it has {known}", did_you_mean(*.near))]
    UnknownVariable {
        /// The prompt.
        name: &'static str,
        /// The variable.
        variable: String,
        /// The variable that was probably meant.
        near: Option<&'static str>,
        /// All variables of the prompt.
        known: String,
    },
    /// The rendered text is longer than what is sent.
    #[error("prompt `{name}` renders to more than {most} bytes; place each value once")]
    TooLarge {
        /// The prompt.
        name: &'static str,
        /// The most bytes.
        most: usize,
    },
    /// The template takes too many steps.
    #[error("prompt `{name}` takes too many steps to render; use fewer loops")]
    TooMuchWork {
        /// The prompt.
        name: &'static str,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// All prompts, checked.
#[derive(Debug, Clone)]
pub struct Prompts {
    sources: BTreeMap<Prompt, Source>,
    warnings: Vec<String>,
}

impl Default for Prompts {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Prompts {
    /// The prompts that come with the program.
    pub fn builtin() -> Self {
        let checked = |prompt: Prompt| {
            let source = template::check(prompt, prompt.builtin())
                .expect("because the prompts that come along are tested");
            (prompt, source)
        };
        Self { sources: Prompt::ALL.into_iter().map(checked).collect(), warnings: Vec::new() }
    }

    /// The prompts that come along, some of them replaced: pairs of a prompt's name and the
    /// text of its file.
    ///
    /// # Errors
    /// A [`PromptError`] that names the prompt.
    pub fn with_overrides<N, T>(files: &[(N, T)]) -> Result<Self, PromptError>
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let mut prompts = Self::builtin();
        for (name, text) in files {
            let name = name.as_ref();
            let known = Prompt::ALL.map(Prompt::as_str);
            let Some(prompt) = Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == name)
            else {
                let near = nearest(name, known);
                return Err(PromptError::UnknownPrompt { name: data::line(name, 64), near });
            };
            let source = template::check(prompt, text.as_ref())?;
            for missing in &source.missing {
                prompts.warnings.push(format!(
                    "prompt `{name}` does not use `{missing}`, without which the model lacks what it needs"
                ));
            }
            prompts.sources.insert(prompt, source);
        }
        // What fails whatever the values are is to be found now.
        for prompt in Prompt::ALL {
            let blank: Vec<(&str, Value)> =
                prompt.variables().iter().map(|name| (*name, Value::from(""))).collect();
            prompts.messages(prompt, blank)?;
        }
        Ok(prompts)
    }

    /// What is doubtful about the files that were given.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The text of a prompt's file, as it comes with the program.
    pub fn builtin_text(prompt: Prompt) -> &'static str {
        prompt.builtin()
    }

    /// Renders a prompt. A file that cannot be rendered with these values gives way to the one
    /// that comes along.
    pub(crate) fn rendered(&self, prompt: Prompt, values: Vec<(&str, Value)>) -> Vec<ChatMessage> {
        self.messages(prompt, values.clone())
            .or_else(|_| Self::builtin().messages(prompt, values))
            .unwrap_or_default()
    }

    /// Renders a prompt; variables that are not given are empty.
    fn messages(
        &self,
        prompt: Prompt,
        values: Vec<(&str, Value)>,
    ) -> Result<Vec<ChatMessage>, PromptError> {
        let mut all: BTreeMap<&str, Value> =
            prompt.variables().iter().map(|name| (*name, Value::from(""))).collect();
        all.extend(values);
        let values = Value::from_pairs(all);
        let Some(source) = self.sources.get(&prompt) else { return Ok(Vec::new()) };
        let mut messages = Vec::with_capacity(2);
        let system = template::render(prompt, &source.system, &values)?;
        if !system.is_empty() {
            messages.push(ChatMessage::system(system));
        }
        let user = template::render(prompt, &source.user, &values)?;
        if !user.is_empty() || messages.is_empty() {
            messages.push(ChatMessage::user(user));
        }
        Ok(messages)
    }
}
