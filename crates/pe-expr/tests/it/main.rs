//! The crate's behaviour from outside, as one binary.

mod documentation;
mod errors;
mod hostile;
mod kinds;
mod memory;
mod properties;
mod references;
mod semantics;
mod state;
mod templates;

/// Whether `cargo xtask test --long` asks for more cases.
fn is_long() -> bool {
    std::env::var_os("PE_TEST_LONG").is_some()
}
