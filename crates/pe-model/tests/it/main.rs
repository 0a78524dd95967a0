//! Integration tests of `pe-model`: what other crates rely on.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod fold;
mod patch;
mod round_trip;
