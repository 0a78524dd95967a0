//! A JSON value with templates in its strings: the parameters of a step.
//!
//! The value is kept as it is, next to a list of the strings that are
//! templates; rendering copies the value and fills those in. Keys are never
//! templates.

use serde_json::Value;

use crate::error::{Bound, ErrorKind, ExprError, Span};
use crate::expr::beginning;
use crate::limits::{EXPRESSIONS, Limits, Meter, POINTER_BYTES, VALUE_DEPTH};
use crate::reference::References;
use crate::scope::Scope;
use crate::size::{self, Elements};
use crate::slot::too_deep;
use crate::template::{Template, too_many};

/// How many times its byte limit a render with several templates may hold in all,
/// values that were only read included.
const COPIES: usize = 16;

/// A parsed parameter tree.
///
/// ```
/// use pe_expr::{Limits, MapScope, ParameterTemplate};
/// use serde_json::json;
///
/// let template = ParameterTemplate::parse(&json!({"url": "{{ goal }}/x", "n": [1, "{{ 1 + 1 }}"]}))?;
/// let scope = MapScope::new().with("goal", json!("http://a"));
/// let parameters = template.render(&scope, &Limits::default())?;
/// assert_eq!(parameters, json!({"url": "http://a/x", "n": [1, 2]}));
///
/// let (pointer, references) = template.references().next().expect("one string reads a variable");
/// assert_eq!((pointer, references.variables[0].0.as_str()), ("/url", "goal"));
/// # Ok::<(), pe_expr::ParameterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParameterTemplate {
    tree: Value,
    places: Vec<TemplatePlace>,
}

#[derive(Debug, Clone)]
struct TemplatePlace {
    pointer: String,
    depth: usize,
    template: Template,
}

/// A fault in one string of a parameter tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}, in the parameter at `{pointer}`")]
pub struct ParameterError {
    /// The JSON pointer of the string.
    pub pointer: String,
    /// The fault.
    #[source]
    pub error: ExprError,
}

impl ParameterTemplate {
    /// Parses under the default limits, which hold for each expression.
    ///
    /// # Errors
    /// The first fault in the tree's order.
    pub fn parse(tree: &Value) -> Result<Self, ParameterError> {
        Self::parse_owned(tree.clone())
    }

    /// Parses a tree that the caller has no more use for.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_owned(tree: Value) -> Result<Self, ParameterError> {
        let places = places(&tree, &Limits::default())?;
        Ok(ParameterTemplate { tree, places })
    }

    /// Parses under given limits. More than 1,000 expressions, values that nest
    /// deeper than 128, and templates below more than 4 KiB of keys are refused.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(tree: &Value, limits: &Limits) -> Result<Self, ParameterError> {
        Ok(ParameterTemplate { tree: tree.clone(), places: places(tree, limits)? })
    }

    /// The tree that was parsed.
    pub fn source(&self) -> &Value {
        &self.tree
    }

    /// Whether no string holds an expression, so that it renders to itself.
    pub fn is_literal(&self) -> bool {
        self.places.is_empty()
    }

    /// The strings that hold expressions: JSON pointer and template, in the tree's order.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.places.iter().map(|place| (place.pointer.as_str(), &place.template))
    }

    /// What they read, by JSON pointer; places are in the string there.
    pub fn references(&self) -> impl Iterator<Item = (&str, &References)> {
        self.templates()
            .map(|(pointer, template)| (pointer, template.references()))
            .filter(|(_, references)| !references.is_empty())
    }

    /// The tree with all expressions evaluated, under one charge.
    ///
    /// Values read by name are free here too, but where several strings are
    /// templates, all their values together hold at most sixteen times
    /// [`Limits::bytes`].
    ///
    /// # Errors
    /// The first fault in the tree's order.
    pub fn render(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, ParameterError> {
        let mut meter = Meter::new(limits);
        // What is read by name is free, but a thousand copies of it must be paid for somehow.
        let copies = Limits {
            bytes: limits.bytes.saturating_mul(COPIES),
            steps: u64::MAX,
            ..limits.clone()
        };
        let mut copied = Meter::new(&copies);
        let several = self.places.len() > 1;
        let mut tree = self.tree.clone();
        for place in &self.places {
            let fail = |error| ParameterError { pointer: place.pointer.clone(), error };
            let value = place.template.render_charged(scope, &mut meter).map_err(fail)?;
            let place_fault = |kind| fail(at_start(kind, place.template.source()));
            let depth = match several {
                true => size::charge(&value, &mut copied),
                false => size::depth(&value, &mut copied),
            };
            if place.depth + depth.map_err(place_fault)? > VALUE_DEPTH {
                return Err(place_fault(too_deep()));
            }
            if let Some(slot) = tree.pointer_mut(&place.pointer) {
                *slot = value;
            }
        }
        Ok(tree)
    }
}

/// The strings of a tree that hold expressions.
fn places(tree: &Value, limits: &Limits) -> Result<Vec<TemplatePlace>, ParameterError> {
    let mut walk = Walk::default();
    walk.value(tree, limits)?;
    while let Some((elements, parent, index)) = walk.open.last_mut() {
        let Some((key, value)) = elements.next() else {
            walk.pointer.truncate(*parent);
            walk.open.pop();
            continue;
        };
        walk.pointer.truncate(*parent);
        walk.pointer.push('/');
        match key {
            Some(key) if !key.contains(['~', '/']) => walk.pointer.push_str(key),
            Some(key) => walk.pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            None => walk.pointer.push_str(&index.to_string()),
        }
        *index += 1;
        walk.value(value, limits)?;
    }
    walk.places.shrink_to_fit();
    Ok(walk.places)
}

/// A walk over a tree, without recursion.
#[derive(Default)]
struct Walk<'v> {
    /// Elements to come, length of the parent's pointer, index of the next element.
    open: Vec<(Elements<'v>, usize, usize)>,
    pointer: String,
    places: Vec<TemplatePlace>,
    expressions: usize,
}

impl<'v> Walk<'v> {
    /// Looks at the value that the pointer leads to.
    fn value(&mut self, value: &'v Value, limits: &Limits) -> Result<(), ParameterError> {
        let pointer = &self.pointer;
        let fail = |error| ParameterError { pointer: pointer.clone(), error };
        if let Value::String(text) = value {
            if !text.contains("{{") {
                return Ok(());
            }
            if pointer.len() > POINTER_BYTES {
                let kind =
                    ErrorKind::TooLarge { what: Bound::Pointer, limit: POINTER_BYTES as u64 };
                return Err(fail(at_start(kind, beginning(text))));
            }
            let template = Template::parse_with(text, limits).map_err(fail)?;
            self.expressions += template.expressions();
            if self.expressions > EXPRESSIONS {
                return Err(fail(too_many(beginning(text))));
            }
            self.places.push(TemplatePlace {
                pointer: self.pointer.clone(),
                depth: self.open.len(),
                template,
            });
        } else if let Some(elements) = Elements::of(value) {
            if self.open.len() >= VALUE_DEPTH {
                return Err(fail(at_start(too_deep(), "")));
            }
            self.open.push((elements, self.pointer.len(), 0));
        }
        Ok(())
    }
}

fn at_start(kind: ErrorKind, text: &str) -> ExprError {
    ExprError::new(kind, Span { start: 0, end: 0 }, text.into())
}
