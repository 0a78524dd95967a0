//! Talking with models: what is asked, how it is asked, and what the answers mean.
//!
//! A model is an [`LlmClient`](pe_model::LlmClient): one call is one exchange. Everything around
//! an exchange is a client that wraps another one: [`Metered`] reserves in a budget what a call
//! may cost, [`Patient`] tries again and finds out which form of answer an endpoint knows,
//! [`Recorder`] keeps a conversation and [`Replay`] plays it back. `OpenAi` (feature `openai`, on
//! by default) is an endpoint.
//!
//! A [`Planner`] asks for plans, patches and answers with [`Prompts`] that a person can override.
//! A model writes plans in a short [notation](write_notation), whose JSON Schema
//! ([`plan_schema`]) is made of the tool catalog. What it writes is read tolerantly
//! ([`DraftParser`]), judged strictly (`pe-validate`), and sent back with findings until it holds
//! or the rounds are used up.
//!
//! ```
//! use pe_llm::parse_draft;
//! use pe_model::FinishReason;
//!
//! let words = "Sure! Here is the plan:\n```json\n{'steps': [{'id': 1, 'tool': 'search',}]}\n```";
//! let draft = parse_draft(words, FinishReason::Stop)?;
//! assert_eq!(draft.steps[0].tool, "search");
//! assert!(parse_draft("{\"steps\": [{\"id\": ", FinishReason::Stop).is_err(), "never guessed");
//! # Ok::<(), pe_llm::DraftError>(())
//! ```
//!
//! What is deliberately absent: runs. Nothing here executes, records or waits for a step.

mod notation;

mod draft;

mod prompts;

mod adaptation;
mod answer;
mod planner;
mod sequential;

mod meter;
#[cfg(feature = "openai")]
mod openai;
mod patience;
mod recording;

pub use adaptation::{
    AdaptError, AdaptTask, Adapted, Deviation, FailedPlan, FailedStep, FailureAnalysis,
    PatchProblem, PlanFingerprint, deviation, unrecovered_failures,
};
pub use answer::{AnswerTask, final_words};
pub use draft::{
    Draft, DraftError, DraftParser, MAX_ANSWER_BYTES, Place, extract_json, parse_draft,
};
pub use meter::{
    FEWEST_ANSWER_TOKENS, Limit, MOST_ANSWER_TOKENS, Meter, Metered, Prices, estimate_prompt_tokens,
};
pub use notation::{plan_schema, read_step, write_notation, write_step};
#[cfg(feature = "openai")]
pub use openai::{OpenAi, OpenAiConfig};
pub use patience::{OnWait, Patient};
pub use planner::{PlanProgress, PlanTask, Planned, Planner, PlanningError, PromptSize};
pub use prompts::{
    ANSWER_ROOM, CatalogCut, CatalogText, DEFAULT_WINDOW, Prompt, PromptError, Prompts,
    estimate_tokens,
};
pub use recording::{RECORDING_FORMAT, Recorder, RecordingError, Replay};
pub use sequential::sequential_request;
