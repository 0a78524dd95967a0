//! Stderr: what the program has to say besides its answer, and what the terminal can do.

use std::io::{self, IsTerminal as _, Write as _};

use console::{Style, Term};

use crate::args::Color;
use crate::failure::Failure;
use crate::findings::Canvas;
use crate::words;

/// The columns that are taken where no terminal says how many it has.
pub(crate) const WIDTH: usize = 80;

/// What is known about the three streams.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    /// Nothing but errors and what needs a person is said.
    pub(crate) quiet: bool,
    /// Whether stderr is coloured.
    pub(crate) color: bool,
    /// Whether stdout is coloured.
    pub(crate) stdout_color: bool,
    /// Whether stderr is a terminal that can be drawn on.
    pub(crate) is_live: bool,
    /// Whether somebody can be asked: stdin and stderr are terminals.
    pub(crate) can_ask: bool,
    /// Whether stdout is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Columns of the terminal, else [`WIDTH`].
    pub(crate) width: usize,
    /// Rows of the terminal, else 24.
    pub(crate) height: usize,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Good.
    Good,
    /// Wants attention.
    Caution,
    /// Bad.
    Bad,
    /// Of little weight.
    Faint,
    /// Stands out.
    Strong,
}

impl Console {
    /// The process's streams, with what the command line and the environment ask for.
    pub(crate) fn new(color: Color, quiet: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let stderr_is_terminal = io::stderr().is_terminal();
        let stdout_is_terminal = io::stdout().is_terminal();
        let colored = |is_terminal| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !dumb && !set("NO_COLOR"),
        };
        let (height, width) = Term::stderr().size_checked().unwrap_or((24, WIDTH as u16));
        Self {
            quiet,
            color: colored(stderr_is_terminal),
            stdout_color: colored(stdout_is_terminal),
            is_live: stderr_is_terminal && !dumb,
            can_ask: stderr_is_terminal && io::stdin().is_terminal(),
            stdout_is_terminal,
            width: usize::from(width).clamp(20, 240),
            height: usize::from(height).max(4),
        }
    }

    /// The same for what goes to stdout: no colours, and no bound on the width of a pipe, where
    /// one line a row is what the next program wants.
    pub(crate) fn for_stdout(&self) -> Self {
        let width = if self.stdout_is_terminal { self.width } else { usize::MAX };
        Self { color: false, width, ..self.clone() }
    }

    /// What findings are drawn on that go to stdout; a pipe has as many columns as a terminal
    /// that does not say how many it has.
    pub(crate) fn stdout_canvas(&self) -> Canvas {
        let size = Term::stdout().size_checked().filter(|_| self.stdout_is_terminal);
        let width = size.map_or(WIDTH, |(_, width)| usize::from(width));
        Canvas { width: width.clamp(20, 240), color: self.stdout_color }
    }

    /// The same for stderr, where a program that reads it wants lines and no drawing.
    pub(crate) fn stderr_canvas(&self) -> Option<Canvas> {
        self.is_live.then_some(Canvas { width: self.width, color: self.color })
    }

    /// Says something that must be heard. A stderr that is closed is nobody's error.
    pub(crate) fn say(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", text.trim_end_matches('\n'));
    }

    /// Asks a question, and gives the line that answers it; none at the end of the input.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question}");
        let _ = stderr.flush();
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(bytes) if bytes > 0 => Some(line),
            _ => {
                let _ = writeln!(stderr);
                None
            }
        }
    }

    /// Takes away a line that nobody completed, so that what is said next has a line of its own.
    pub(crate) fn end_line(&self) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}", if self.is_live { "\r\x1b[2K" } else { "\n" });
        let _ = stderr.flush();
    }

    /// Says something that `--quiet` leaves out.
    pub(crate) fn inform(&self, text: &str) {
        if !self.quiet && !text.is_empty() {
            self.say(text);
        }
    }

    /// Warns.
    pub(crate) fn warn(&self, text: &str) {
        let text = words::printable(text);
        self.inform(&format!("{} {text}", self.paint(Tone::Caution, "warning:")));
    }

    /// Says why the program ends, and the next move.
    pub(crate) fn fail(&self, failure: &Failure) {
        let chain = format!("{:#}", failure.error);
        self.say(&format!("{} {}", self.paint(Tone::Bad, "error:"), words::printable(&chain)));
        if let Some(hint) = &failure.hint {
            self.say(&format!("{} {}", self.paint(Tone::Strong, "hint:"), words::printable(hint)));
        }
    }

    /// The text in the colour of a tone, where there are colours.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let style = Style::new().force_styling(self.color);
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Caution => style.yellow(),
            Tone::Bad => style.red(),
            Tone::Faint => style.dim(),
            Tone::Strong => style.bold(),
        };
        style.apply_to(text).to_string()
    }
}
