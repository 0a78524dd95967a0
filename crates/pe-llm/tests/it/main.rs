//! Integration tests of `pe-llm`.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod adapting;
mod answers;
#[cfg(feature = "openai")]
mod client;
#[cfg(feature = "openai")]
mod client_faults;
#[cfg(feature = "openai")]
mod client_stack;
#[cfg(feature = "openai")]
mod client_tls;
mod corpus;
mod deviation;
mod drafts;
mod gates;
mod hostile;
mod imports;
#[cfg(feature = "openai")]
mod inference;
mod meter;
mod notation;
mod patience;
mod planning;
mod prompts;
mod recording;
mod repairing;
mod schemas;
mod secrets;
mod sequential;
mod support;
mod truncation;
