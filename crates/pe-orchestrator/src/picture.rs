//! Pictures of plans, with the edges that validation finds: those that a plan declares and
//! those that its expressions make.

use pe_model::{Catalog, Plan, Strictness};
use pe_validate::{EdgeKind as Found, Limits, Outline, check, outline};
use pe_view::{EdgeKind, PlanView, ViewEdge};

/// How a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Lines of text.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// A graph for Graphviz.
    Dot,
    /// A picture for browsers.
    Svg,
}

impl Picture {
    pub(crate) fn of(self, plan: &Plan) -> String {
        let view = view_of(plan);
        match self {
            Self::Text => pe_view::text(&view),
            Self::Mermaid => pe_view::mermaid(&view),
            Self::Dot => pe_view::dot(&view),
            Self::Svg => pe_view::svg(&view),
        }
    }
}

/// The plan as the views take it; with one that does not hold, why.
pub(crate) fn view_of(plan: &Plan) -> PlanView<'_> {
    let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
    // Which tools there are is of no matter for a picture.
    let checked = check(plan.clone(), &Catalog::default(), &limits);
    let Outline { edges, missing, faults } = match &checked.plan {
        Some(valid) => Outline { edges: valid.graph().step_edges(), ..Outline::default() },
        None => outline(plan, &checked.report),
    };
    PlanView::new(plan).with_edges(view_edges(edges)).with_missing(missing).with_faults(faults)
}

fn view_edges(edges: Vec<(usize, usize, Found)>) -> Vec<ViewEdge> {
    let kind = |found| match found {
        Found::Trigger => EdgeKind::Success,
        Found::Ordering | Found::Settling => EdgeKind::Ordering,
        Found::Fallback => EdgeKind::Fallback,
    };
    let edges = edges.into_iter();
    edges.map(|(from, to, found)| ViewEdge { from, to, kind: kind(found) }).collect()
}
