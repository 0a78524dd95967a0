//! The total, bounded expression and template language of plan files.
//!
//! Plans are written by models and by strangers, so an expression can do
//! nothing but read values and build new ones: no loops, no user functions, no
//! IO, no clock, no randomness. Whatever the source and the values, parsing and
//! evaluation end, within [`Limits`], in a value or a typed [`ExprError`].
//!
//! Text goes in through [`Expr::parse`] (conditions, loops), [`Template`] (one
//! string) or [`ParameterTemplate`] (a JSON tree of them). What it reads is
//! known before it runs ([`References`]): the validator makes edges of the
//! plan's graph from that. Which kinds of values it can give is known as well
//! ([`Kinds`]): the validator holds them against schemas. Values come in through a [`Scope`], which may be a
//! view over a large state, and go out as [`serde_json::Value`].
//!
//! ```
//! use pe_expr::{Expr, Limits, MapScope};
//! use serde_json::json;
//!
//! let condition = Expr::parse("len(results) > 0 and results.search.score >= 0.5")?;
//! assert_eq!(condition.references().steps[0].step, "search");
//!
//! let scope = MapScope::new().with("results", json!({"search": {"score": 0.7}}));
//! assert!(condition.evaluate_bool(&scope, &Limits::default())?);
//!
//! let error = Expr::parse("1/0 > 1")?.evaluate(&scope, &Limits::default()).unwrap_err();
//! assert_eq!(error.to_string(), "division by zero at column 3 in `1/0 > 1`");
//! # Ok::<(), pe_expr::ExprError>(())
//! ```
//!
//! Inside, source becomes tokens (`lexer`), tokens become a flat program
//! (`parser`, `program`) and a stack machine runs it (`machine`, `builtin`),
//! paying a meter (`limits`) before it allocates. Nothing recurses over the
//! source, so no nesting and no chain can overflow the stack. The language
//! itself is described for its users in `docs/expressions.md`.

mod error;
mod limits;

mod function;
mod lexer;
mod operator;
mod parser;
mod program;
mod reference;
mod suggest;

mod arithmetic;
mod builtin;
mod compare;
mod json;
mod kinds;
mod machine;
mod scope;
mod size;
mod slot;

mod expr;
mod parameters;
mod template;

pub use error::{Arithmetic, Bound, ErrorKind, ExprError, Span};
pub use expr::Expr;
pub use function::function_names;
pub use kinds::{Kinds, Read};
pub use limits::Limits;
pub use parameters::{ParameterError, ParameterTemplate};
pub use reference::{References, Root, Segment, StepReference, WholeReference};
pub use scope::{Binding, Entries, MapScope, Scope};
pub use template::Template;
