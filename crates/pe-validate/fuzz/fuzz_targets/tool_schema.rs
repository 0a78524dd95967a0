//! Any bytes as a tool catalog or the schema of a tool: no panic, no hang, nothing fetched.
//!
//! Run by `cargo xtask fuzz SECONDS tool_schema`.

#![no_main]

#[path = "../../tests/it/promises.rs"]
mod promises;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| promises::of_a_catalog(bytes));
