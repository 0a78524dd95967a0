//! Pure checks: a plan, a tool catalog and limits give a report and, when it holds, a plan
//! that can be executed.
//!
//! [`check_file`] starts from a file's bytes and knows lines and columns; [`check`] starts
//! from a [`Plan`](pe_model::Plan). Both return every finding at once. Only a [`ValidPlan`]
//! can be executed, and only these two functions make one that has steps.
//!
//! ```
//! use pe_model::{Catalog, Format, ToolSpec};
//! use pe_validate::{Limits, check_file};
//!
//! let catalog: Catalog = [ToolSpec { name: "echo".into(), ..ToolSpec::default() }].into_iter().collect();
//! let text = br#"{"goal": "g", "steps": [{"step_id": "a", "tool": "ehco"}]}"#;
//! let checked = check_file(text, Format::Json, &catalog, &Limits::default());
//! assert!(!checked.report.is_valid && checked.plan.is_none());
//! assert_eq!(checked.report.missing_tools, ["ehco"]);
//! assert_eq!(checked.report.findings[0].suggestion.as_deref(), Some("did you mean `echo`?"));
//! ```
//!
//! Inside, one pass over the steps (`check`) notes findings and what each step needs of the
//! others; `graph` makes edges of that, or finds the circles; `compile` makes the typed steps;
//! `locate` gives findings their lines and columns. Everything is linear in the plan but what
//! is bounded by a number: circles, suggestions, and descendants of readers of all results.
//! Nothing recurses over a plan. Codes are described in `docs/findings.md`.
//!
//! What a plan means beyond the words of its file:
//!
//! - A fallback may refer to the step that it stands in for, and to the step that this one
//!   stands in for, and so on: they have failed when it starts, so this makes no edge.
//! - A fallback further on is left out of critical paths, and counts for the depth.
//!
//! What is deliberately absent: IO, clocks, the tools themselves, and any mending of plans.

mod finding;
mod limits;
mod report;

mod check;
mod compile;
mod effort;
mod graph;
mod locate;
mod valid_plan;

pub use check::{Checked, Outline, check, check_file, outline, validate};
pub use effort::is_checkable;
pub use finding::{Code, Finding, Severity};
pub use graph::{EdgeKind, Link, StepGraph};
pub use limits::Limits;
pub use report::ValidationReport;
pub use valid_plan::{LoopKind, StepKind, ValidPlan, ValidStep};
