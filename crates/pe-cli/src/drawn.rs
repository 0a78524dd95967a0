//! A plan to be looked at: read leniently, with every edge that its validation can find.
//!
//! The JSON of a run is a plan too: the executed one.

use pe_model::{Catalog, Plan, PlanFile, RunReport, Strictness, read_value};
use pe_validate::{Limits, ValidPlan, check};
use pe_view::{EdgeKind, PlanView, ViewEdge, executed};

use crate::document::Document;
use crate::failure::Failure;

/// A plan and its edges.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The document's name.
    pub(crate) name: String,
    plan: Plan,
    edges: Option<Vec<ViewEdge>>,
}

impl Drawn {
    /// Reads a plan or the JSON of a run.
    ///
    /// # Errors
    /// When the document is neither. An invalid plan is no error.
    pub(crate) fn read(document: Document) -> Result<Self, Failure> {
        let Document { name, format, bytes } = document;
        let cannot = |what: &str, error: String| {
            Failure::invalid(format!("cannot read `{name}` as {what}: {error}"))
        };
        let bytes = bytes.map_err(|error| cannot("a plan", error.to_string()))?;
        let value =
            read_value(&bytes, format).map_err(|error| cannot("a plan", with_place(&error)))?;
        if value.is_object() && ["run_id", "steps"].iter().all(|key| value.get(key).is_none()) {
            return Err(Failure::invalid(format!(
                "`{name}` is neither a plan nor the JSON of a run: it has no `steps`"
            )));
        }
        let plan = if value.get("run_id").is_some() {
            let report: RunReport = serde_json::from_value(value)
                .map_err(|error| cannot("the JSON of a run", error.to_string()))?;
            executed(&report)
        } else {
            let file = PlanFile::from_value(value);
            file.map_err(|error| cannot("a plan", error.to_string()))?.plan
        };
        let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
        let edges = check(plan.clone(), &Catalog::default(), &limits).plan.map(|plan| edges(&plan));
        Ok(Self { name, plan, edges })
    }

    /// What the views are made of.
    pub(crate) fn view(&self) -> PlanView<'_> {
        view(&self.plan, self.edges.clone())
    }
}

/// A valid plan, as the views take it.
pub(crate) fn view_of(plan: &ValidPlan) -> PlanView<'_> {
    view(plan.plan(), Some(edges(plan)))
}

fn view(plan: &Plan, edges: Option<Vec<ViewEdge>>) -> PlanView<'_> {
    match edges {
        Some(edges) => PlanView::new(plan).with_edges(edges),
        None => PlanView::new(plan),
    }
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

fn with_place(error: &pe_model::ReadError) -> String {
    match error.position() {
        Some((line, column)) => format!("line {line}, column {column}: {error}"),
        None => error.to_string(),
    }
}
