//! Checks of the validator from outside.
#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]
