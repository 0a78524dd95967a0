//! Any bytes as a plan file in YAML, held to the promises of the mutation tests.
//!
//! Run by `cargo xtask fuzz SECONDS plan_yaml`.

#![no_main]

#[path = "../../tests/it/promises.rs"]
mod promises;

use libfuzzer_sys::fuzz_target;
use pe_model::Format;

fuzz_target!(|bytes: &[u8]| promises::of_a_file(bytes, Format::Yaml));
