//! Pictures of plans, with the edges that validation finds: those that a plan declares and
//! those that its expressions make.

use pe_model::{Catalog, Plan, StepId, Strictness};
use pe_validate::{Checked, EdgeKind as Found, Limits, Outline, ValidPlan, check, outline};
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

/// What views and comparisons need to know of a plan, whether it holds or not.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The edges that it declares and those that its expressions make.
    pub edges: Vec<ViewEdge>,
    /// Steps that are read and are not there, by the place of the reader.
    pub missing: Vec<(usize, StepId)>,
    /// Why it cannot run, by the place of the step; without one it is the whole plan.
    pub faults: Vec<(Option<usize>, &'static str)>,
    /// The plan as it could be run, were all its tools there.
    pub valid: Option<ValidPlan>,
}

impl Outlook {
    /// Judges a plan leniently; which tools there are is of no matter here.
    pub fn new(plan: &Plan) -> Self {
        let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
        let Checked { report, plan: valid, .. } = check(plan.clone(), &Catalog::default(), &limits);
        let Outline { edges, missing, faults } = match &valid {
            Some(valid) => Outline { edges: valid.graph().step_edges(), ..Outline::default() },
            None => outline(plan, &report),
        };
        Self { edges: view_edges(edges), missing, faults, valid }
    }

    /// The plan as the views take it; with one that does not hold, why.
    pub fn view<'p>(&self, plan: &'p Plan) -> PlanView<'p> {
        PlanView::new(plan)
            .with_edges(self.edges.clone())
            .with_missing(self.missing.clone())
            .with_faults(self.faults.clone())
    }
}

pub(crate) fn view_of(plan: &Plan) -> PlanView<'_> {
    Outlook::new(plan).view(plan)
}

/// A valid plan, as the views take it.
pub fn view_of_valid(plan: &ValidPlan) -> PlanView<'_> {
    PlanView::new(plan.plan()).with_edges(view_edges(plan.graph().step_edges()))
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
