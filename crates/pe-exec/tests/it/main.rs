//! Integration tests of `pe-exec`: the semantics of steps, in virtual time and for real.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod support;

mod advice;
mod attempts;
mod drafting;
mod driver;
mod fallbacks;
mod growing;
mod loops;
mod order;
mod people;
mod properties;
mod recorded;
mod resume;
mod reuse;
mod revision;
mod shared;
mod simulation;
mod stopping;
mod streamed;
mod supervision;
mod tool_says;
mod triggers;
