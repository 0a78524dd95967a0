//! Prompt files as templates: what they may hold, and how they are rendered within bounds.
//!
//! A file may place values (`{{ goal }}`), choose (`{% if examples %}`) and repeat
//! (`{% for .. %}`), no more: nothing that computes, so that no file can build what does not
//! fit in memory. A template engine alone bounds its steps, not what a step builds.

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use pe_model::nearest;

use super::{Prompt, PromptError};

/// The longest prompt file, in bytes.
const MAX_SOURCE: usize = 64 * 1024;
/// The longest rendered message, in bytes.
const MAX_RENDERED: usize = 4 * 1024 * 1024;
/// The most steps of a rendering.
const FUEL: u64 = 200_000;
/// The longest tag, in bytes; chains of operators recurse in the engine's parser.
const MAX_TAG: usize = 200;
/// The deepest blocks.
const MAX_BLOCKS: usize = 16;
/// Between the message of the program and that of the person.
const DIVIDER: &str = "=== user ===";

/// A prompt file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The program's message.
    pub(crate) system: String,
    /// The person's message.
    pub(crate) user: String,
    /// Variables that the prompt should hold and does not.
    pub(crate) missing: Vec<&'static str>,
}

/// Checks a prompt file and cuts it in two.
pub(crate) fn check(prompt: Prompt, text: &str) -> Result<Source, PromptError> {
    let name = prompt.as_str();
    if text.len() > MAX_SOURCE {
        return Err(PromptError::TooLong { name, bytes: text.len(), most: MAX_SOURCE });
    }
    scan(name, text)?;
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line.trim() == DIVIDER {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let (system, user) = match parts.as_slice() {
        [system, user] => (system.clone(), user.clone()),
        [user] => (String::new(), user.clone()),
        _ => return Err(PromptError::Parts { name, divider: DIVIDER }),
    };
    let mut used = std::collections::BTreeSet::new();
    let environment = environment();
    let mut line_offset = 0;
    for part in [&system, &user] {
        let template =
            environment.template_from_str(part).map_err(|error| PromptError::Syntax {
                name,
                line: line_offset + error.line().unwrap_or(0),
                problem: error.detail().unwrap_or("it cannot be read").to_owned(),
            })?;
        used.extend(template.undeclared_variables(false));
        line_offset += part.lines().count() + 1;
    }
    let known = prompt.variables();
    if let Some(stranger) = used.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(PromptError::UnknownVariable {
            name,
            variable: super::data::line(stranger, 64),
            near: nearest(stranger, known.iter().copied()),
            known: known.join(", "),
        });
    }
    let missing =
        prompt.needed().iter().copied().filter(|needed| !used.contains(*needed)).collect();
    Ok(Source { system: system.trim().to_owned(), user: user.trim().to_owned(), missing })
}

/// Renders one part of a checked prompt file.
pub(crate) fn render(
    prompt: Prompt,
    source: &str,
    values: &minijinja::Value,
) -> Result<String, PromptError> {
    let name = prompt.as_str();
    let environment = environment();
    let fault = |error: minijinja::Error| match error.kind() {
        ErrorKind::OutOfFuel => PromptError::TooMuchWork { name },
        ErrorKind::WriteFailure => PromptError::TooLarge { name, most: MAX_RENDERED },
        _ => PromptError::Syntax {
            name,
            line: error.line().unwrap_or(0),
            problem: error.to_string(),
        },
    };
    let template = environment.template_from_str(source).map_err(fault)?;
    let mut out = Bounded(Vec::new());
    template.render_captured_to(values.clone(), &mut out).map_err(fault)?;
    let text = String::from_utf8_lossy(&out.0).trim().to_owned();
    Ok(squeezed(&text))
}

/// An environment that knows nothing: no filters, no functions, no other files.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment
}

/// A writer that refuses what is too much.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Looks at each tag before the engine does.
fn scan(name: &'static str, text: &str) -> Result<(), PromptError> {
    let mut blocks = 0_usize;
    let mut at = 0;
    while let Some(found) = text[at..].find("{{").into_iter().chain(text[at..].find("{%")).min() {
        let begin = at + found;
        let line = text[..begin].matches('\n').count() + 1;
        let syntax = |problem: String| PromptError::Syntax { name, line, problem };
        let is_block = text[begin..].starts_with("{%");
        let close = if is_block { "%}" } else { "}}" };
        let Some(length) = text[begin + 2..].find(close) else {
            return Err(syntax(format!("a tag is not closed with `{close}`")));
        };
        let inside = text[begin + 2..begin + 2 + length].trim_matches(['-', '+', ' ']);
        if inside.len() > MAX_TAG {
            return Err(syntax(format!(
                "a tag has {} bytes; at most {MAX_TAG} are read",
                inside.len()
            )));
        }
        if is_block {
            let word = inside.split_whitespace().next().unwrap_or_default();
            match word {
                "if" | "for" => blocks += 1,
                "elif" | "else" => {}
                "endif" | "endfor" => blocks = blocks.saturating_sub(1),
                other => {
                    return Err(syntax(format!(
                        "`{}` is no tag of prompts; use if, elif, else, for, endif, endfor",
                        super::data::line(other, 32)
                    )));
                }
            }
            if blocks > MAX_BLOCKS {
                return Err(syntax(format!("blocks nest deeper than {MAX_BLOCKS}")));
            }
        }
        if let Some(sign) = inside.chars().find(|sign| "*~+%|{#\"'".contains(*sign)) {
            return Err(syntax(format!(
                "`{sign}` in a tag: prompts place values and compute nothing"
            )));
        }
        at = begin + 2 + length + 2;
    }
    Ok(())
}

/// Blank lines once: what was not chosen leaves none behind.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines() {
        blank = if line.trim().is_empty() { blank + 1 } else { 0 };
        if blank < 2 {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out
}
