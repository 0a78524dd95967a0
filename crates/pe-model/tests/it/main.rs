//! Integration tests of `pe-model`: what other crates rely on.

mod fold;
mod round_trip;
