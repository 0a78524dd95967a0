//! Pure, deterministic views of plans: text, Mermaid, DOT, SVG and diffs.
//!
//! A [`PlanView`] is a plan, executed or not, with the edges that its validation found.
//! [`text()`], [`mermaid()`], [`dot()`] and [`svg()`] render it; [`diff()`] compares two plans, scores
//! both and says which is better, [`diff_text()`] says so to people.
//!
//! ```
//! use pe_model::{Format, PlanFile};
//! use pe_view::{PlanView, text};
//!
//! let file = PlanFile::parse(
//!     br#"{"goal": "Research quantum computing", "steps": [
//!         {"step_id": "step_1", "action": "Search web", "tool": "search"},
//!         {"step_id": "step_2", "action": "Analyze results", "tool": "analyze",
//!          "dependencies": ["step_1"]}]}"#,
//!     Format::Json,
//! )?;
//! assert_eq!(
//!     text(&PlanView::new(&file.plan)),
//!     "Plan: Research quantum computing
//! Status: created
//! Steps:
//!   → [step_1] Search web (search)
//!   ○ [step_2] Analyze results (analyze) (after: step_1)
//!
//! Progress: 0.0%
//! "
//! );
//! # Ok::<(), pe_model::ReadError>(())
//! ```
//!
//! Every plan renders, however broken: with cycles, duplicate or dangling ids, a hundred
//! thousand steps, and text that was written to break the output.
//!
//! What is deliberately absent: IO, colours for terminals, anything read from the
//! environment, and judgement on whether a plan can run (`pe-validate`).

mod label;
mod view;

mod text;

mod drawing;

mod dot;
mod mermaid;
mod svg;

mod diff;
mod review;
mod score;

pub use diff::{
    BetterPlan, Change, DiffEdge, ModifiedStep, MovedEdges, PlanDiff, PlanTiming, diff, diff_views,
};
pub use dot::dot;
pub use label::glyph;
pub use mermaid::mermaid;
pub use review::diff_text;
pub use score::ScorePart;
pub use svg::svg;
pub use text::{text, text_with};
pub use view::{CriticalPath, EdgeKind, PlanView, ViewEdge, executed};
