//! The short notation: what a model writes instead of a plan file.
//!
//! A step is `{"id", "tool", "args"}`, and any other field only where it matters; edges come
//! from the references in it. [`write_step`] and [`write_notation`] write it, [`read_step`]
//! reads it back (and the plan's own form, and what models make of either), [`plan_schema`]
//! describes it. Invariant: reading what was written gives the same definition, field by field.
//! `docs/notation.md` describes it for people. State (status, results) is not part of it.

mod arguments;
mod fields;
mod reading;
mod reference;
mod schema;
mod values;
mod writing;

pub(crate) use arguments::read_json_text;
pub(crate) use fields::{Field, canonical};
pub use reading::read_step;
pub(crate) use reading::{implied_dependencies, looks_like_step, read};
pub use schema::plan_schema;
pub use writing::{write_notation, write_step};
