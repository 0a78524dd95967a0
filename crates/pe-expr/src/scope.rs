//! What names stand for: the crate's one port.
//!
//! A caller with a large state (all outputs of a run) implements [`Scope`] and
//! [`Entries`] over a borrow of it, so that reading `results.a.url` touches one
//! output and copies nothing. [`MapScope`] is for plain values.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The names that plans know, offered when a name is not found.
const PLAN_NAMES: [&str; 8] =
    ["results", "steps", "context", "goal", "item", "index", "iteration", "result"];

/// What a name stands for while an expression is evaluated.
///
/// Values must not nest deeper than 128 levels, as `serde_json` guarantees for
/// parsed text. An evaluation may ask for the same name many times.
pub trait Scope {
    /// The meaning of `name`, or `None` when it has none here.
    fn variable(&self, name: &str) -> Option<Binding<'_>>;

    /// The names worth suggesting when one is unknown; those without a meaning are left out.
    fn names(&self) -> Vec<&str> {
        PLAN_NAMES.to_vec()
    }
}

/// The meaning of a name or a key.
pub enum Binding<'a> {
    /// A value, borrowed where possible.
    Value(Cow<'a, Value>),
    /// A map that is read key by key.
    Map(Box<dyn Entries<'a> + 'a>),
}

/// A lazily read map, such as `results`, `steps` or `steps.x`.
///
/// `'a` is the lifetime of the state behind it, not of the view, so that what
/// is read outlives the view. Keys come in a fixed order.
pub trait Entries<'a> {
    /// How many keys there are.
    fn len(&self) -> usize;

    /// The value of a key.
    fn get(&self, key: &str) -> Option<Binding<'a>>;

    /// All keys, in order.
    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a>;

    /// Whether there is no key.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a Value> for Binding<'a> {
    fn from(value: &'a Value) -> Self {
        Binding::Value(Cow::Borrowed(value))
    }
}

impl From<Value> for Binding<'_> {
    fn from(value: Value) -> Self {
        Binding::Value(Cow::Owned(value))
    }
}

/// A scope of plain values.
///
/// ```
/// use pe_expr::{Expr, Limits, MapScope};
/// use serde_json::json;
///
/// let scope = MapScope::new().with("item", json!({"n": 2})).with("index", json!(0));
/// let value = Expr::parse("item.n + index")?.evaluate(&scope, &Limits::default())?;
/// assert_eq!(value, json!(2));
/// # Ok::<(), pe_expr::ExprError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapScope {
    values: Map<String, Value>,
}

impl MapScope {
    /// A scope without names.
    pub fn new() -> Self {
        MapScope::default()
    }

    /// The scope with one more name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// Gives a name a value, in place of any that it had.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.values.insert(name.into(), value);
    }
}

impl FromIterator<(String, Value)> for MapScope {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        MapScope { values: values.into_iter().collect() }
    }
}

impl Scope for MapScope {
    fn variable(&self, name: &str) -> Option<Binding<'_>> {
        self.values.get(name).map(Binding::from)
    }

    fn names(&self) -> Vec<&str> {
        self.values.keys().map(String::as_str).collect()
    }
}
