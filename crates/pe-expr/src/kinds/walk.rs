//! One walk over a program with kinds in the place of values.
//!
//! Jumps lead forwards only, and at the end of a jump the stack is as it was but for its
//! top. So each operation is looked at once: a jump leaves the kinds that it takes along
//! where it lands, and they are added to those that come there from above.

use serde_json::Value;

use super::{Kinds, Read, call, operation};
use crate::program::{Op, Place, Program};
use crate::reference::{References, Segment};

/// The kinds that the program's value can have.
pub(crate) fn kinds(program: &Program, known: &dyn Fn(&Read<'_>) -> Kinds) -> Kinds {
    let mut walk = Walk {
        program,
        known,
        stack: Vec::new(),
        landing: vec![None; program.code.len() + 1],
        at: 0,
    };
    while let Some((op, place)) = program.code.get(walk.at) {
        walk.at += 1;
        walk.follow(op, place);
        if let Some(landing) = walk.landing.get(walk.at).copied().flatten() {
            let top = walk.pop();
            walk.stack.push(top | landing);
        }
    }
    walk.pop()
}

struct Walk<'a> {
    program: &'a Program,
    known: &'a dyn Fn(&Read<'_>) -> Kinds,
    stack: Vec<Kinds>,
    /// What jumps bring to each operation.
    landing: Vec<Option<Kinds>>,
    at: usize,
}

impl<'a> Walk<'a> {
    fn follow(&mut self, op: &'a Op, place: &Place) {
        let result = match op {
            Op::Constant(index) => {
                Kinds::of(self.program.constants.get(*index).unwrap_or(&Value::Null))
            }
            Op::Load(name) => self.load(name, place),
            Op::Member(segment) => operation::member(self.pop(), segment),
            Op::Index => {
                let index = self.pop();
                operation::index(self.pop(), index)
            }
            Op::List(count) => self.built(*count, Kinds::LIST),
            Op::Map(keys) => self.built(keys.len(), Kinds::MAP),
            Op::Prefix(prefix) => operation::prefix(*prefix, self.pop()),
            Op::Binary(operator) => {
                let right = self.pop();
                operation::binary(*operator, self.pop(), right)
            }
            Op::Compare(operator) => {
                let right = self.pop();
                operation::comparison(*operator, self.pop(), right)
            }
            Op::Chain(operator, jump) => {
                let right = self.pop();
                let possible = operation::comparison(*operator, self.pop(), right);
                self.land(*jump, possible);
                if possible.is_empty() { Kinds::NONE } else { right }
            }
            Op::Decide(_, jump) => {
                let left = self.pop();
                self.land(*jump, left.intersection(Kinds::BOOLEAN));
                return;
            }
            Op::Boolean(_) => self.pop().intersection(Kinds::BOOLEAN),
            Op::Jump(jump) | Op::Landed(jump) => {
                let value = self.pop();
                self.land(*jump, value);
                return;
            }
            Op::Unless(_) | Op::Drop => {
                self.stack.pop();
                return;
            }
            Op::Guard(_) => return,
            Op::Call(function, count) => call::call(*function, &self.split(*count)),
        };
        self.stack.push(result);
    }

    /// A variable, with the literal path that is read of it.
    fn load(&mut self, name: &'a str, place: &Place) -> Kinds {
        match name {
            "results" | "steps" => {
                let References { steps, .. } = &self.program.references;
                let start = place.whole.start;
                match steps.binary_search_by_key(&start, |step| step.span.start) {
                    Ok(found) => {
                        // The step's name and the path: an operation each.
                        self.at += 1 + steps[found].path.len();
                        (self.known)(&Read::Step(&steps[found]))
                    }
                    Err(_) => Kinds::MAP,
                }
            }
            "goal" => Kinds::STRING,
            "index" | "iteration" => Kinds::INTEGER,
            _ => {
                let path = self.path();
                (self.known)(&Read::Variable { name, path: &path })
            }
        }
    }

    /// The members that follow, up to where a jump brings another value.
    fn path(&mut self) -> Vec<&'a Segment> {
        let mut path = Vec::new();
        while let Some((Op::Member(segment), _)) = self.program.code.get(self.at)
            && self.landing[self.at].is_none()
        {
            path.push(segment.as_ref());
            self.at += 1;
        }
        path
    }

    /// A list or map, which is built when all its elements have values.
    fn built(&mut self, count: usize, kind: Kinds) -> Kinds {
        if self.split(count).iter().any(|element| element.is_empty()) { Kinds::NONE } else { kind }
    }

    fn land(&mut self, jump: usize, kinds: Kinds) {
        if let Some(landing) = self.landing.get_mut(self.at + jump) {
            *landing = Some(landing.unwrap_or(Kinds::NONE) | kinds);
        }
    }

    fn pop(&mut self) -> Kinds {
        self.stack.pop().unwrap_or(Kinds::NONE)
    }

    fn split(&mut self, count: usize) -> Vec<Kinds> {
        self.stack.split_off(self.stack.len().saturating_sub(count))
    }
}
