//! A model that says what a test wrote down.
//!
//! It answers from a list or from a function, keeps every request, and takes its time in
//! tokio's clock, so that a test under `tokio::time::pause` waits for nothing. A list that is
//! over fails the call with a message of its own: a test that asks too often shall see it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pe_model::{
    BoxFuture, Delta, DeltaSink, ErrorClass, FinishReason, LlmClient, ModelAnswer, ModelError,
    ModelErrorKind, ModelName, ModelRequest, RequestedCall, TokenCount,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

/// How long the pieces of an answer are when a test does not cut it itself, in characters:
/// about a token.
const PIECE: usize = 4;

/// One answer, or one failure, and the time that it takes.
#[derive(Debug, Clone)]
pub struct Scripted {
    outcome: Result<ModelAnswer, ModelError>,
    delay: Duration,
    pieces: Option<Vec<String>>,
    pieces_per_second: Option<f64>,
    fails_after: Option<(usize, ModelError)>,
}

impl Scripted {
    /// A text.
    pub fn text(content: impl Into<String>) -> Self {
        ModelAnswer::text(content).into()
    }

    /// Calls of tools: names and arguments.
    pub fn calls<'n>(calls: impl IntoIterator<Item = (&'n str, Value)>) -> Self {
        let call = |(at, (name, arguments)): (usize, (&str, Value))| RequestedCall {
            id: format!("call_{}", at + 1),
            name: name.to_owned(),
            arguments: arguments.to_string(),
        };
        let tool_calls = calls.into_iter().enumerate().map(call).collect();
        ModelAnswer { tool_calls, finish: FinishReason::ToolCalls, ..ModelAnswer::text("") }.into()
    }

    /// A failure.
    pub fn error(kind: ModelErrorKind, class: ErrorClass, message: impl Into<String>) -> Self {
        ModelError::new(kind, class, message).into()
    }

    /// Waits this long before the first word, or before the failure, in milliseconds.
    pub fn delay_ms(mut self, ms: u64) -> Self {
        self.delay = Duration::from_millis(ms);
        self
    }

    /// Writes at this rate, a piece at a time; without a sink the answer takes as long.
    pub fn pieces_per_second(mut self, rate: f64) -> Self {
        self.pieces_per_second = Some(rate);
        self
    }

    /// Cuts the text like this, which must be the text when put together.
    pub fn pieces<S: Into<String>>(mut self, pieces: impl IntoIterator<Item = S>) -> Self {
        self.pieces = Some(pieces.into_iter().map(Into::into).collect());
        self
    }

    /// Fails after so many pieces were passed on.
    pub fn fails_after(mut self, pieces: usize, error: ModelError) -> Self {
        self.fails_after = Some((pieces, error));
        self
    }

    /// Says what the answer cost: tokens sent and received.
    pub fn usage(mut self, prompt: u64, completion: u64) -> Self {
        if let Ok(answer) = &mut self.outcome {
            answer.tokens = TokenCount { prompt: Some(prompt), completion: Some(completion) };
        }
        self
    }

    /// Says why the model stopped.
    pub fn finish(mut self, finish: FinishReason) -> Self {
        if let Ok(answer) = &mut self.outcome {
            answer.finish = finish;
        }
        self
    }

    async fn play(self, sink: Option<DeltaSink<'_>>) -> Result<ModelAnswer, ModelError> {
        let start = Instant::now() + self.delay;
        sleep_until(start).await;
        let answer = self.outcome?;
        let pieces = self.pieces.unwrap_or_else(|| cut(&answer.content));
        let at = |count: usize| match self.pieces_per_second {
            Some(rate) => start + Duration::from_secs_f64(count as f64 / rate),
            None => start,
        };
        let Some(sink) = sink else {
            sleep_until(at(pieces.len())).await;
            return match self.fails_after {
                Some((_, error)) => Err(error),
                None => Ok(answer),
            };
        };
        for (count, piece) in pieces.iter().enumerate() {
            if let Some((after, error)) = &self.fails_after
                && count == *after
            {
                return Err(error.clone());
            }
            sleep_until(at(count + 1)).await;
            sink(Delta::Text(piece));
        }
        // A failure that was set after more pieces than there are comes at the end.
        match self.fails_after {
            Some((_, error)) => Err(error),
            None => Ok(answer),
        }
    }
}

/// The pieces of a text that nobody cut.
fn cut(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(PIECE).map(|piece| piece.iter().collect()).collect()
}

impl From<ModelAnswer> for Scripted {
    fn from(answer: ModelAnswer) -> Self {
        Self {
            outcome: Ok(answer),
            delay: Duration::ZERO,
            pieces: None,
            pieces_per_second: None,
            fails_after: None,
        }
    }
}

impl From<ModelError> for Scripted {
    fn from(error: ModelError) -> Self {
        Self { outcome: Err(error), ..Self::text("") }
    }
}

impl From<&str> for Scripted {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Scripted {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

type Script = Box<dyn FnMut(&ModelRequest, usize) -> Scripted + Send>;

/// A model that answers from a script.
pub struct ScriptedClient {
    name: ModelName,
    state: Mutex<State>,
}

struct State {
    script: Script,
    requests: Vec<ModelRequest>,
}

impl ScriptedClient {
    /// Answers in this order, once each.
    pub fn new<S: Into<Scripted>>(script: impl IntoIterator<Item = S>) -> Self {
        let mut script: VecDeque<Scripted> = script.into_iter().map(Into::into).collect();
        let length = script.len();
        Self::answering(move |request, call| match script.pop_front() {
            Some(next) => next,
            None => {
                let message = format!(
                    "call {} (purpose {:?}) of a scripted model that knows {length} answers",
                    call + 1,
                    request.purpose
                );
                Scripted::error(ModelErrorKind::NotRecorded, ErrorClass::NotFound, message)
            }
        })
    }

    /// Answers what the function says to a request and the number of the call, from 0.
    pub fn answering(
        script: impl FnMut(&ModelRequest, usize) -> Scripted + Send + 'static,
    ) -> Self {
        let name = ModelName { model: "scripted".to_owned(), endpoint: "scripted".to_owned() };
        let state = State { script: Box::new(script), requests: Vec::new() };
        Self { name, state: Mutex::new(state) }
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.state().requests.clone()
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.state().requests.len()
    }

    /// A test that panicked in its script has failed; what was recorded is still true.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ScriptedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedClient").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl LlmClient for ScriptedClient {
    fn name(&self) -> ModelName {
        self.name.clone()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let scripted = {
                let mut state = self.state();
                let call = state.requests.len();
                state.requests.push(request.clone());
                (state.script)(request, call)
            };
            scripted.play(sink).await
        })
    }
}
