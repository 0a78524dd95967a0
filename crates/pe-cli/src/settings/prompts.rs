//! `[prompts]`: files that stand in for the built-in prompts.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::failure::Failure;

/// Files with prompts to use instead of the built-in ones; paths are relative to the
/// configuration file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct PromptsTable {
    /// Decomposes a goal into a plan.
    plan: Option<PathBuf>,
    /// Mends a plan that does not hold.
    repair: Option<PathBuf>,
    /// Changes a plan whose execution failed.
    adapt: Option<PathBuf>,
    /// Writes the final answer.
    answer: Option<PathBuf>,
    /// Chooses the next call of the sequential loop.
    sequential: Option<PathBuf>,
}

/// The prompts that there are.
pub(super) const NAMES: [&str; 5] = ["plan", "repair", "adapt", "answer", "sequential"];

/// Longer files than this are no prompts.
const LONGEST: u64 = 64 * 1024;

/// A file that stands in for a built-in prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptFile {
    /// Which prompt: one of `plan`, `repair`, `adapt`, `answer`, `sequential`.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) path: PathBuf,
    /// Who says so.
    pub(crate) origin: Origin,
}

impl PromptFile {
    /// The text of the prompt. It is read when a model is to be asked and not before, so that a
    /// file that has gone keeps nobody from looking at runs.
    ///
    /// # Errors
    /// A usage failure that names the file and the key.
    pub(crate) fn read(&self) -> Result<String, Failure> {
        read(&self.path).with_context(|| self.in_words()).map_err(Failure::usage)
    }

    /// What cannot be done with the file, where it is named, for messages.
    pub(crate) fn in_words(&self) -> String {
        format!("{}: cannot use `{}` as a prompt", self.origin.in_words(), self.path.display())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    // Opening a pipe would wait for its writer.
    ensure!(std::fs::metadata(path)?.is_file(), "it is not a file");
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LONGEST, "it has more than {LONGEST} bytes");
    let text = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("it is not UTF-8"))?;
    ensure!(!text.trim().is_empty(), "it is empty");
    Ok(text)
}
