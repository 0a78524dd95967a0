//! Pictures of plans, with the edges that validation finds: those that a plan declares and
//! those that its expressions make.

use pe_model::{Catalog, Plan, Strictness};
use pe_validate::{Limits, ValidPlan, check};
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
}

impl Picture {
    pub(crate) fn of(self, plan: &Plan) -> String {
        let view = view_of(plan);
        match self {
            Self::Text => pe_view::text(&view),
            Self::Mermaid => pe_view::mermaid(&view),
            Self::Dot => pe_view::dot(&view),
        }
    }
}

/// The plan as the views take it; one that does not hold has the edges that it declares.
pub(crate) fn view_of(plan: &Plan) -> PlanView<'_> {
    let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
    // Which tools there are is of no matter for a picture.
    let valid = check(plan.clone(), &Catalog::default(), &limits).plan;
    PlanView { edges: valid.as_ref().map(edges), ..PlanView::new(plan) }
}

fn edges(plan: &ValidPlan) -> Vec<ViewEdge> {
    use pe_validate::EdgeKind as Found;
    let kind = |found| match found {
        Found::Trigger => EdgeKind::Success,
        Found::Ordering | Found::Settling => EdgeKind::Ordering,
        Found::Fallback => EdgeKind::Fallback,
    };
    let edges = plan.graph().step_edges().into_iter();
    edges.map(|(from, to, found)| ViewEdge { from, to, kind: kind(found) }).collect()
}
