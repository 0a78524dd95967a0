//! The crate's behaviour from outside, as one binary.

mod documentation;
mod errors;
mod hostile;
mod properties;
mod references;
mod semantics;
mod state;
mod templates;
