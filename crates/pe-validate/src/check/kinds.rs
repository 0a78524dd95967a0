//! Kinds of values: what an expression can give against what its place takes, and paths
//! into outputs against what tools say that they return.

use pe_expr::{Kinds, Read, Root, Segment, StepReference};
use pe_model::{PlanStep, StepType, nearest};

use super::Checker;
use super::expressions::{Field, Reader};
use super::shape::{NoWay, Shape};
use crate::Code;
use crate::compile::Expressions;

/// What `steps.<id>` holds, and of what kind it is; `output` is the tool's affair.
const STATE: [(&str, Kinds); 6] = [
    ("status", Kinds::STRING),
    ("output", Kinds::ANY),
    ("error", Kinds::ANY),
    ("attempts", Kinds::INTEGER),
    ("execution_time_ms", Kinds::ANY),
    ("iterations", Kinds::ANY),
];

/// What an expression must give.
#[derive(Clone, Copy)]
struct Taken {
    kinds: Kinds,
    /// Who takes it, for the message.
    by: &'static str,
}

const CONDITION: Taken = Taken { kinds: Kinds::BOOLEAN, by: "a condition" };
const LIST: Taken = Taken { kinds: Kinds::LIST, by: "`loop_over`" };

impl Reader<'_> {
    /// What the tool of a step says that it returns, where a step's result is just that.
    fn output(&self, place: usize) -> Option<Shape<'_>> {
        let step = &self.facts.plan.steps[place];
        // A fallback may be another tool, with another output.
        let spec = self.facts.catalog.get(&step.tool);
        spec.filter(|_| !self.facts.has_fallback(place)).map(|spec| Shape::new(&spec.output))
    }

    /// The kinds of what is read, as far as tools declare it.
    fn declared(&self, read: &Read<'_>) -> Kinds {
        match read {
            Read::Step(reference) => self.declared_step(reference),
            // The outcome of the step itself, of one iteration in a loop.
            Read::Variable { name: "result", path } => {
                let spec = self.facts.catalog.get(&self.step.tool);
                let shape = spec.map(|spec| Shape::new(&spec.output));
                along(shape, path.iter().copied())
            }
            Read::Variable { .. } => Kinds::ANY,
        }
    }

    fn declared_step(&self, reference: &StepReference) -> Kinds {
        let Some(place) = self.facts.place(&reference.step) else { return Kinds::ANY };
        let mut path = reference.path.iter();
        if reference.root == Root::Steps {
            return match path.next() {
                Some(Segment::Key(key)) if path.next().is_none() => {
                    STATE.iter().find(|(name, _)| name == key).map_or(Kinds::ANY, |(_, kind)| *kind)
                }
                _ => Kinds::ANY,
            };
        }
        if makes_list(&self.facts.plan.steps[place]) {
            match path.next() {
                None if self.facts.has_fallback(place) => return Kinds::ANY,
                None => return Kinds::LIST,
                Some(Segment::Index(_)) => {}
                Some(Segment::Key(_)) => return Kinds::ANY,
            }
        }
        along(self.output(place), path)
    }
}

/// The kinds at the end of a path, where there is anything to be known.
fn along<'p>(shape: Option<Shape<'_>>, path: impl Iterator<Item = &'p Segment>) -> Kinds {
    let mut path = path;
    let end = shape.and_then(|shape| path.try_fold(shape, |shape, part| shape.part(part).ok()));
    end.map_or(Kinds::ANY, |shape| shape.kinds())
}

/// Whether the step's result is the list of its iterations' outputs.
fn makes_list(step: &PlanStep) -> bool {
    step.step_type == StepType::Loop && step.loop_over.is_some()
}

impl Checker {
    /// Holds a step's expressions against what their places take.
    pub(super) fn kinds(&mut self, reader: &Reader<'_>, expressions: &Expressions) {
        let Expressions { parameters, condition, expect, loop_over, loop_until } = expressions;
        for (field, expr, taken) in [
            ("condition", condition, CONDITION),
            ("expect", expect, CONDITION),
            ("loop_over", loop_over, LIST),
            ("loop_until", loop_until, CONDITION),
        ] {
            if let Some(expr) = expr {
                let gives = expr.kinds(&|read| reader.declared(read));
                self.held(reader, Field(field, ""), taken, gives);
            }
        }
        let spec = reader.facts.catalog.get(&reader.step.tool);
        let Some(spec) = spec.filter(|spec| !spec.parameters.is_null()) else { return };
        let whole = parameters.templates().filter(|(_, template)| template.is_whole());
        for (pointer, template) in whole {
            let shape = pointer.split('/').skip(1).try_fold(
                Shape::new(&spec.parameters),
                |shape, token| {
                    let token = token.replace("~1", "/").replace("~0", "~");
                    // A list's element is told from a map's by what the schema says.
                    let part = match token.parse() {
                        Ok(index) if shape.kinds() == Kinds::LIST => Segment::Index(index),
                        _ => Segment::Key(token),
                    };
                    shape.part(&part).ok()
                },
            );
            // A name or a part that the tool does not have is told already.
            let Some(shape) = shape else { continue };
            let taken = Taken { kinds: shape.kinds(), by: "the tool" };
            if taken.kinds != Kinds::ANY {
                let gives = template.kinds(&|read| reader.declared(read));
                self.held(reader, Field("parameters", pointer), taken, gives);
            }
        }
    }

    /// The step is not refused for it: what a tool declares may be wrong, and a condition that
    /// gives no boolean fails with that message when it is evaluated.
    fn held(&mut self, reader: &Reader<'_>, field: Field<'_>, taken: Taken, gives: Kinds) {
        if gives.intersects(taken.kinds) {
            return;
        }
        let id = &reader.step.step_id;
        let message = match gives.is_empty() {
            true => format!("`{field}` of step `{id}` can never give a value"),
            false => format!(
                "`{field}` of step `{id}` gives {gives}, and {} takes {}",
                taken.by, taken.kinds
            ),
        };
        let at = (reader.place, id);
        self.at_step(Code::WrongKind, at, &field.to_string(), message).suggestion =
            conversion(gives, taken.kinds).map(str::to_owned);
    }

    /// Holds a path into a step's state against what states hold.
    pub(super) fn state_path(&mut self, reader: &Reader<'_>, field: Field<'_>, path: &[Segment]) {
        let names = STATE.map(|(name, _)| name);
        if let Some(Segment::Key(key)) = path.first()
            && !names.contains(&key.as_str())
        {
            let own = &reader.step.step_id;
            let message = format!(
                "`{field}` of step `{own}` reads `{key}` of a step's state, which has only {}",
                names.join(", ")
            );
            self.at_step(Code::UnknownOutput, (reader.place, own), &field.to_string(), message)
                .suggestion = match key.as_str() {
                "result" | "results" | "data" => Some("did you mean `output`?".to_owned()),
                _ => nearest(key, names).map(|near| format!("did you mean `{near}`?")),
            };
        }
    }

    /// Holds a path into an output against what the producing tool says that it returns.
    pub(super) fn output_path(
        &mut self,
        reader: &Reader<'_>,
        field: Field<'_>,
        on: usize,
        path: &[Segment],
    ) {
        let producer = &reader.facts.plan.steps[on];
        let own = &reader.step.step_id;
        let at = (reader.place, own);
        let mut path = path.iter();
        if makes_list(producer) && !reader.facts.has_fallback(on) {
            match path.next() {
                Some(Segment::Key(key)) => {
                    let message = format!(
                        "`{field}` of step `{own}` reads `{key}` of step `{}`, whose result is a \
                         list: one output for each element",
                        producer.step_id
                    );
                    self.at_step(Code::UnknownOutput, at, &field.to_string(), message).suggestion =
                        Some(format!(
                            "`pluck(results.{}, '{key}')` gives them all, `[0]` the first",
                            producer.step_id
                        ));
                    return;
                }
                Some(Segment::Index(_)) => {}
                None => return,
            }
        }
        let Some(mut shape) = reader.output(on) else { return };
        for segment in path {
            let no_way = match shape.part(segment) {
                Ok(part) => {
                    shape = part;
                    continue;
                }
                Err(no_way) => no_way,
            };
            let part = match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => index.to_string(),
            };
            let (message, suggestion) = match no_way {
                NoWay::NoField(known) => {
                    let message = format!(
                        "`{field}` of step `{own}` reads `{part}`, which tool `{}` does not return",
                        producer.tool
                    );
                    (message, self.near(&part, known.len(), known.iter().copied()))
                }
                NoWay::NoParts(kinds) => {
                    let message = format!(
                        "`{field}` of step `{own}` reads `{part}` of what tool `{}` returns as \
                         {kinds}",
                        producer.tool
                    );
                    (message, None)
                }
            };
            self.at_step(Code::UnknownOutput, at, &field.to_string(), message).suggestion =
                suggestion;
            return;
        }
    }
}

/// What makes one kind of another, where that is plain.
fn conversion(gives: Kinds, takes: Kinds) -> Option<&'static str> {
    let suggestion = if takes.contains(Kinds::STRING) {
        "`str(..)` makes a text of it, `json(..)` its JSON"
    } else if takes.intersects(Kinds::NUMBER) && gives == Kinds::STRING {
        "`int(..)` or `float(..)` makes a number of it"
    } else if takes == Kinds::BOOLEAN {
        "compare it with something"
    } else if takes == Kinds::LIST && gives == Kinds::STRING {
        "`split(..)` makes a list of it"
    } else {
        return None;
    };
    Some(suggestion)
}
