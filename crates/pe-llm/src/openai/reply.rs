//! What a server answers, read leniently, whole or in chunks.
//!
//! Only `choices` matters. Ids, dates, roles, indexes and usage may be missing, null or of
//! another type; what a model thought aloud (`reasoning_content` and its like) is not read.
//! Of several choices only the first is, since one is asked for.
//!
//! Why a model stopped:
//! - A word that is known under any of its names is what it says.
//! - An unknown or missing word in a whole answer is a stop if there is a text: the body was
//!   read to its end and parsed, so nothing can be missing that the server meant to send.
//! - A stream that ends without a known word is cut off. Streams break silently, and an
//!   answer that was cut looks like one that was not.

use pe_model::{FinishReason, ModelAnswer, RequestedCall, TokenCount};
use serde::Deserialize;

use super::loose::{Few, Loose, Spoken};

/// The most calls in one answer.
const MOST_CALLS: usize = 128;

/// A response body, or one chunk of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Envelope {
    choices: Few<Choice, 16>,
    usage: Loose,
    model: Loose,
    pub(super) error: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    finish_reason: Loose,
    message: Option<Message>,
    delta: Option<Message>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Spoken,
    refusal: Spoken,
    tool_calls: Few<Call, MOST_CALLS>,
    function_call: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    index: Loose,
    id: Loose,
    function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Loose,
    arguments: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: Loose,
    completion_tokens: Loose,
    total_tokens: Loose,
}

impl Counts {
    /// No prompt has no tokens: a zero there is a server that does not count.
    fn read(&self) -> TokenCount {
        let prompt = self.prompt_tokens.count().filter(|tokens| *tokens > 0);
        let rest = || self.total_tokens.count()?.checked_sub(prompt?);
        let completion = self.completion_tokens.count().or_else(rest);
        TokenCount { prompt, completion: completion.filter(|_| prompt.is_some()) }
    }
}

/// An answer that grows from chunks, or is made from one whole body.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    content: String,
    calls: Vec<PartialCall>,
    finish: Option<String>,
    tokens: TokenCount,
    model: String,
    /// Whether there was a choice at all.
    has_choice: bool,
    /// The longest answer, in bytes of text and arguments.
    limit: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct PartialCall {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// The answer is longer than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Assembly {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether the server has said why the model stopped.
    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    pub(super) fn has_choice(&self) -> bool {
        self.has_choice
    }

    /// Takes a chunk in and gives the text that it adds.
    pub(super) fn push(&mut self, envelope: Envelope) -> Result<&str, TooLong> {
        let from = self.content.len();
        if let Ok(Some(usage)) = serde_json::from_str::<Option<Counts>>(&envelope.usage.text) {
            self.tokens = usage.read();
        }
        if self.model.is_empty() {
            self.model = envelope.model.text.chars().take(200).collect();
        }
        if let Some(choice) = envelope.choices.0.into_iter().next() {
            self.has_choice = true;
            if let Some(reason) = choice.finish_reason.some() {
                self.finish = Some(reason.to_owned());
            }
            if let Some(whole) = choice.message {
                self.take(whole, true)?;
            }
            if let Some(part) = choice.delta {
                self.take(part, false)?;
            }
        }
        Ok(&self.content[from..])
    }

    fn take(&mut self, message: Message, is_whole: bool) -> Result<(), TooLong> {
        let Message { content, refusal, tool_calls, function_call } = message;
        for text in [content.0, refusal.0] {
            self.charge(text.len())?;
            self.content.push_str(&text);
        }
        for call in tool_calls.0 {
            let function = call.function.unwrap_or_default();
            let at = match is_whole {
                true => None,
                false => self.belongs_to(call.index.count(), &call.id.text, &function),
            };
            self.take_call(at, call.index.count(), call.id.text, function)?;
        }
        if let Some(function) = function_call {
            let at = (!is_whole && !self.calls.is_empty()).then_some(0);
            self.take_call(at, Some(0), String::new(), function)?;
        }
        Ok(())
    }

    /// The call that a chunk goes on with; none when it begins one.
    ///
    /// The index says it, and where servers send whole calls all under one index their ids do.
    /// Without an index an id of its own begins a call, and without both a second name does.
    fn belongs_to(&self, index: Option<u64>, id: &str, function: &Function) -> Option<usize> {
        let same_id = |call: &PartialCall| id.is_empty() || call.id.is_empty() || call.id == id;
        if index.is_some() {
            return self.calls.iter().rposition(|call| call.index == index && same_id(call));
        }
        if !id.is_empty() {
            return self.calls.iter().rposition(|call| call.id == id);
        }
        let last = self.calls.last()?;
        let begins = !function.name.text.is_empty() && !last.name.is_empty();
        (!begins).then(|| self.calls.len() - 1)
    }

    fn take_call(
        &mut self,
        at: Option<usize>,
        index: Option<u64>,
        id: String,
        function: Function,
    ) -> Result<(), TooLong> {
        let Function { name, arguments } = function;
        self.charge(name.text.len() + arguments.text.len() + id.len())?;
        let at = at.unwrap_or(self.calls.len());
        if at == self.calls.len() {
            if at == MOST_CALLS {
                return Err(TooLong);
            }
            self.calls.push(PartialCall { index, ..PartialCall::default() });
        }
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name != name.text {
            call.name.push_str(&name.text);
        }
        match arguments.is_string {
            true => call.arguments.push_str(&arguments.text),
            false if arguments.text.is_empty() => {}
            // A value is the whole; pieces of text before it were of the same call.
            false => call.arguments = arguments.text,
        }
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), TooLong> {
        self.bytes += bytes;
        if self.bytes > self.limit { Err(TooLong) } else { Ok(()) }
    }

    /// The answer, when nothing more comes.
    pub(super) fn into_answer(self, streamed: bool) -> ModelAnswer {
        let said_something = !self.content.is_empty() || !self.calls.is_empty();
        let finish = match self.finish.as_deref().and_then(known_reason) {
            Some(FinishReason::Stop) if !self.calls.is_empty() => FinishReason::ToolCalls,
            Some(reason) => reason,
            None if streamed || !said_something => FinishReason::CutOff,
            None if !self.calls.is_empty() => FinishReason::ToolCalls,
            None => FinishReason::Stop,
        };
        let mut tool_calls: Vec<RequestedCall> = Vec::with_capacity(self.calls.len());
        for (at, call) in self.calls.into_iter().enumerate() {
            let is_new = |id: &str| tool_calls.iter().all(|earlier| earlier.id != id);
            let id = if !call.id.is_empty() && is_new(&call.id) {
                call.id
            } else {
                (at + 1..).map(|n| format!("call_{n}")).find(|id| is_new(id)).unwrap_or_default()
            };
            let arguments = match call.arguments.trim().is_empty() {
                // No arguments are the empty map, however a model writes that.
                true => "{}".to_owned(),
                false => call.arguments,
            };
            tool_calls.push(RequestedCall { id, name: call.name, arguments });
        }
        let Self { content, tokens, model, .. } = self;
        ModelAnswer { content, tool_calls, finish, tokens, model }
    }
}

/// What a server's word means; the words of other protocols come through gateways.
fn known_reason(word: &str) -> Option<FinishReason> {
    Some(match word.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" | "completed" => {
            FinishReason::Stop
        }
        "tool_calls" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => FinishReason::Length,
        "content_filter" | "safety" | "recitation" | "blocklist" | "prohibited_content"
        | "refusal" => FinishReason::ContentFilter,
        "error" => FinishReason::CutOff,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
