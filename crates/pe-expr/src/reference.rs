//! What an expression reads, known without evaluating it.
//!
//! The validator turns these into edges of the plan's graph, so the list must
//! never leave out a step that evaluation could read: whatever is not plainly
//! one step is a reference to the whole map.

use crate::error::Span;

/// Everything that an expression or template reads, each kind in source order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Steps read by name: `results.a.url`, `steps["a"].status`.
    pub steps: Vec<StepReference>,
    /// `results` or `steps` read as a whole: `len(results)`, `results[goal]`.
    pub whole: Vec<WholeReference>,
    /// Every other variable, each time that it is used.
    pub variables: Vec<(String, Span)>,
}

/// The map through which a step is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// `results`: outputs of completed and recovered steps.
    Results,
    /// `steps`: state of all steps.
    Steps,
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `.name` or `["name"]`.
    Key(String),
    /// `[0]`, `[-1]` or `.0`.
    Index(i64),
}

/// A step read by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReference {
    /// Through which map.
    pub root: Root,
    /// The step's id.
    pub step: String,
    /// What is read of it, cut at the first part that is not literal.
    pub path: Vec<Segment>,
    /// Inside `exists(...)` or the first argument of `default(...)`.
    pub guarded: bool,
    /// From the root to the end of `path`.
    pub span: Span,
}

/// A use of `results` or `steps` that may read any step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeReference {
    /// Which map.
    pub root: Root,
    /// Inside `exists(...)` or the first argument of `default(...)`.
    pub guarded: bool,
    /// The name of the map.
    pub span: Span,
}

impl References {
    /// Whether nothing is read.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.whole.is_empty() && self.variables.is_empty()
    }

    /// Adds what another expression reads.
    pub fn extend(&mut self, other: &References) {
        self.steps.extend_from_slice(&other.steps);
        self.whole.extend_from_slice(&other.whole);
        self.variables.extend_from_slice(&other.variables);
    }
}

/// One use of a variable while its path is still being read.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) path: Vec<Segment>,
    pub(crate) span: Span,
    pub(crate) guarded: bool,
}

impl FromIterator<Use> for References {
    fn from_iter<I: IntoIterator<Item = Use>>(uses: I) -> Self {
        let mut references = References::default();
        for Use { name, name_span, path, span, guarded } in uses {
            let root = match name.as_str() {
                "results" => Root::Results,
                "steps" => Root::Steps,
                _ => {
                    references.variables.push((name, name_span));
                    continue;
                }
            };
            let mut path = path.into_iter();
            let step = match path.next() {
                Some(Segment::Key(step)) => Some(step),
                // A map looks an index up as a key, here as in evaluation.
                Some(Segment::Index(number)) if number >= 0 => Some(number.to_string()),
                _ => None,
            };
            match step {
                Some(step) => references.steps.push(StepReference {
                    root,
                    step,
                    path: path.collect(),
                    guarded,
                    span,
                }),
                None => references.whole.push(WholeReference { root, guarded, span: name_span }),
            }
        }
        references.steps.shrink_to_fit();
        references.variables.shrink_to_fit();
        references
    }
}
