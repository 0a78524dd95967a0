//! What is shown while a plan runs: events on stdout where they are asked for, progress on
//! stderr.
//!
//! One thread owns both, so that neither the run waits for a slow reader nor two lines mix.
//! It folds the events, as every reader of a run does, and stands still while a person is
//! being asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pe_exec::Observer;
use pe_model::{Event, EventKind, RunId, RunState};
use pe_orchestrator::{LoopObserver, Notice};
use tokio::sync::oneshot;

use crate::args::OutputKind;
use crate::console::{Console, Tone};
use crate::output::Output;
use crate::when::{between, now};

mod live;
mod narration;
mod notices;

use live::Live;
pub(crate) use narration::Narrator;
pub(crate) use notices::told;

/// How often the live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// Says what people call a run.
pub(crate) type Names = Box<dyn Fn(&RunId) -> Option<String> + Send>;

/// What progress looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    None,
    /// A line an event.
    Lines,
    /// Running steps, drawn over and over; lines only for what goes wrong.
    Live,
}

impl Look {
    /// What suits the streams: two things are not drawn on one terminal at once.
    pub(crate) fn fitting(console: &Console, output: OutputKind) -> Self {
        let mixes = output == OutputKind::Jsonl && console.stdout_is_terminal;
        match console {
            Console { quiet: true, .. } => Self::None,
            _ if mixes => Self::None,
            Console { is_live: true, .. } => Self::Live,
            _ => Self::Lines,
        }
    }
}

/// Hands things over to the thread that shows them.
#[derive(Debug, Clone)]
pub(crate) struct Presenter {
    sender: Sender<Message>,
    /// Whether a line on the terminal waits to be completed by a person.
    open_line: Arc<AtomicBool>,
}

enum Message {
    Events(Vec<Event>),
    State(Box<RunState>),
    Say(String),
    Notice(Vec<(Tone, String)>),
    Pause(oneshot::Sender<()>),
    Resume,
    Finish,
}

/// Resolves once everything has been shown; an error when stdout could not be written.
pub(crate) type Shown = oneshot::Receiver<anyhow::Result<()>>;

impl Presenter {
    /// Starts the thread. `output`: where each event goes as a line of JSON.
    pub(crate) fn start(
        console: Console,
        look: Look,
        names: Names,
        output: Option<Output>,
    ) -> anyhow::Result<(Arc<Self>, Shown)> {
        let (sender, receiver) = channel();
        let (done, shown) = oneshot::channel();
        let open_line = Arc::new(AtomicBool::new(false));
        let screen = Screen {
            live: (look == Look::Live).then(|| Live::new(console.clone())),
            look,
            console,
            output,
            narrator: Narrator::new(names),
            state: None,
            began: Instant::now(),
            held: Vec::new(),
            open_line: Arc::clone(&open_line),
            is_paused: false,
            failure: None,
        };
        std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let _ = done.send(screen.run(&receiver));
        })?;
        Ok((Arc::new(Self { sender, open_line }), shown))
    }

    /// Says something between two frames, or in the place of an open question.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.send(Message::Say(text.into()));
    }

    /// Clears the live view and keeps still until the guard is dropped.
    pub(crate) async fn pause(&self) -> Pause {
        let (ack, still) = oneshot::channel();
        let pause = Pause { sender: self.sender.clone(), open_line: Arc::clone(&self.open_line) };
        self.send(Message::Pause(ack));
        // A thread that has ended shows nothing either.
        let _ = still.await;
        pause
    }

    /// Shows what is left and ends the thread.
    pub(crate) fn finish(&self) {
        self.send(Message::Finish);
    }

    fn send(&self, message: Message) {
        // The thread outlives the run; were it gone, there would be nothing to show it on.
        let _ = self.sender.send(message);
    }
}

impl LoopObserver for Presenter {
    fn notice(&self, notice: &Notice) {
        let lines = told(notice);
        if !lines.is_empty() {
            self.send(Message::Notice(lines));
        }
    }
}

impl Observer for Presenter {
    fn observe(&self, events: &[Event]) {
        self.send(Message::Events(events.to_vec()));
    }

    fn resumed(&self, state: &RunState) {
        self.send(Message::State(Box::new(state.clone())));
    }
}

/// While this lives, stderr belongs to somebody else.
#[derive(Debug)]
pub(crate) struct Pause {
    sender: Sender<Message>,
    open_line: Arc<AtomicBool>,
}

impl Pause {
    /// A line is begun that a person is to complete. Until they have, what is said takes it away.
    pub(crate) fn begin_line(&self) {
        self.open_line.store(true, Ordering::Release);
    }

    /// The person has completed the line.
    pub(crate) fn end_line(&self) {
        self.open_line.store(false, Ordering::Release);
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let _ = self.sender.send(Message::Resume);
    }
}

/// A moment of the wall clock, which may be long ago where another process runs the run.
fn instant(moment: Timestamp) -> Instant {
    let ago = Duration::from_millis(between(moment, now()));
    Instant::now().checked_sub(ago).unwrap_or_else(Instant::now)
}

/// The thread's side.
struct Screen {
    console: Console,
    look: Look,
    live: Option<Live>,
    output: Option<Output>,
    narrator: Narrator,
    state: Option<RunState>,
    began: Instant,
    /// Lines that came while somebody was being asked.
    held: Vec<(Tone, String)>,
    open_line: Arc<AtomicBool>,
    is_paused: bool,
    failure: Option<anyhow::Error>,
}

impl Screen {
    fn run(mut self, messages: &Receiver<Message>) -> anyhow::Result<()> {
        loop {
            let message = match messages.recv_timeout(FRAME) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Finish),
            };
            match message {
                Some(Message::Events(events)) => self.take(&events),
                Some(Message::State(state)) => self.state = Some(*state),
                Some(Message::Say(text)) => {
                    self.resume();
                    self.line(Tone::Strong, text);
                }
                Some(Message::Notice(_)) if self.look == Look::None => {}
                Some(Message::Notice(lines)) => {
                    lines.into_iter().for_each(|(tone, line)| self.line(tone, line));
                }
                Some(Message::Pause(ack)) => {
                    self.is_paused = true;
                    self.clear();
                    let _ = ack.send(());
                }
                Some(Message::Resume) => self.resume(),
                Some(Message::Finish) => {
                    self.resume();
                    self.clear();
                    return self.failure.map_or(Ok(()), Err);
                }
                None => {}
            }
            self.draw();
        }
    }

    fn take(&mut self, events: &[Event]) {
        for event in events {
            if let Some(output) = &mut self.output
                && let Err(error) = output.json_line(event)
            {
                // Said once, at the end; the run goes on.
                self.output = None;
                self.failure = Some(error);
            }
            if self.look == Look::None {
                continue;
            }
            if let EventKind::RunStarted { started_at: at, .. }
            | EventKind::RunResumed { resumed_at: at, .. } = &event.kind
            {
                self.began = instant(*at);
            }
            match &mut self.state {
                None => self.state = RunState::begin(event).ok(),
                Some(state) => {
                    let applied = state.apply(event);
                    debug_assert!(applied.is_ok(), "{applied:?}");
                }
            }
            if let Some(state) = &self.state
                && let Some((tone, line)) = self.narrator.narrate(event, state)
            {
                self.line(tone, line);
            }
        }
    }

    fn line(&mut self, tone: Tone, line: String) {
        if self.is_paused {
            self.held.push((tone, line));
            return;
        }
        let shown = match tone {
            Tone::Faint | Tone::Good | Tone::Strong => line,
            Tone::Caution | Tone::Bad => self.console.paint(tone, &line),
        };
        match &mut self.live {
            Some(_) if matches!(tone, Tone::Faint | Tone::Good) => {}
            Some(live) => live.line(&shown),
            None => self.console.say(&shown),
        }
    }

    fn resume(&mut self) {
        self.is_paused = false;
        if self.open_line.swap(false, Ordering::AcqRel) {
            self.console.end_line();
        }
        for (tone, line) in std::mem::take(&mut self.held) {
            self.line(tone, line);
        }
    }

    fn draw(&mut self) {
        if let (Some(live), Some(state), false) = (&mut self.live, &self.state, self.is_paused) {
            live.draw(state, state.base_ms + self.began.elapsed().as_millis() as u64);
        }
    }

    fn clear(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear();
        }
    }
}
