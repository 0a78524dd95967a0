//! The parser's operators: when they emit, and the conditional.

use super::{Entry, Fault, Frame, Next, Op, Operand, Parser};
use crate::error::Span;
use crate::lexer::syntax;
use crate::operator::{Infix, Precedence, Prefix};

impl Entry {
    /// How tightly a waiting operator binds; nothing for what is not an operator.
    fn precedence(&self) -> Option<Precedence> {
        match self {
            Entry::Prefix { precedence, .. } => Some(*precedence),
            Entry::Infix { infix, .. } => Some(infix.precedence()),
            _ => None,
        }
    }
}

impl Parser<'_> {
    /// The precedence of the operator whose operand is due.
    pub(super) fn operator_before(&self) -> Option<Precedence> {
        self.entries.last().and_then(Entry::precedence)
    }

    pub(super) fn prefix(
        &mut self,
        prefix: Prefix,
        precedence: Precedence,
        span: Span,
    ) -> Result<Next, Fault> {
        self.deeper(span)?;
        self.entries.push(Entry::Prefix { prefix, precedence, span });
        Ok(Next::Operand)
    }

    pub(super) fn infix(&mut self, infix: Infix) -> Result<Next, Fault> {
        let mut jumps = Vec::new();
        match infix {
            Infix::Comparison(_) => {
                self.reduce(Precedence::Sum);
                if let Some(Entry::Infix { infix: Infix::Comparison(first), jumps: earlier }) =
                    self.entries.pop_if(|entry| entry.precedence() == Some(Precedence::Comparison))
                {
                    let whole = self.merge();
                    jumps = earlier;
                    jumps.push(self.emit(Op::Chain(first, 0), whole, whole));
                }
            }
            Infix::Logic(logic) => {
                self.reduce(infix.precedence());
                let left = self.operands.last().map_or(self.end_span(), |operand| operand.span);
                jumps.push(self.emit(Op::Decide(logic, 0), left, left));
            }
            Infix::Binary(_) => self.reduce(infix.precedence()),
        }
        self.entries.push(Entry::Infix { infix, jumps });
        Ok(Next::Operand)
    }

    /// Emits all waiting operators that bind at least as tightly as `least`.
    fn reduce(&mut self, least: Precedence) {
        while let Some(entry) =
            self.entries.pop_if(|entry| entry.precedence().is_some_and(|waiting| waiting >= least))
        {
            match entry {
                Entry::Prefix { prefix, span, .. } => {
                    self.depth -= 1;
                    let operand = self.pop_operand();
                    let whole = span.to(operand.span);
                    self.emit(Op::Prefix(prefix), whole, operand.span);
                    self.push_value(whole);
                }
                Entry::Infix { infix, jumps } => {
                    let right =
                        self.operands.last().map_or(self.end_span(), |operand| operand.span);
                    let whole = self.merge();
                    match infix {
                        Infix::Binary(binary) => self.emit(Op::Binary(binary), whole, right),
                        Infix::Comparison(comparison) => {
                            self.emit(Op::Compare(comparison), whole, right)
                        }
                        Infix::Logic(logic) => self.emit(Op::Boolean(logic), right, right),
                    };
                    for jump in jumps {
                        self.land(jump);
                    }
                }
                _ => {}
            }
        }
    }

    /// Emits all that waits up to the nearest open bracket.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        loop {
            self.reduce(Precedence::Or);
            match self.entries.last() {
                Some(Entry::Else { jump, value_span, .. }) => {
                    let (jump, value_span) = (*jump, *value_span);
                    self.entries.pop();
                    self.land(jump);
                    let otherwise = self.pop_operand();
                    self.push_value(value_span.to(otherwise.span));
                }
                Some(Entry::If { span, .. }) => {
                    let problem = "this `if` has no `else`";
                    let hint = "a conditional is written `a if condition else b`";
                    return Err((syntax(problem.into(), Some(hint.into())), *span));
                }
                _ => return Ok(()),
            }
        }
    }

    /// `value if`: sets the value's code aside, to run after the condition.
    pub(super) fn begin_condition(&mut self, span: Span) -> Result<Next, Fault> {
        self.reduce(Precedence::Or);
        let code_start = match self.entries.last() {
            Some(Entry::Frame(Frame { code_start, .. }) | Entry::Else { code_start, .. }) => {
                *code_start
            }
            _ => {
                let problem = "a second `if` before the `else` of the first";
                let hint = "put the inner conditional in parentheses";
                return Err((syntax(problem.into(), Some(hint.into())), span));
            }
        };
        let value_span = self.pop_operand().span;
        self.entries.push(Entry::If { value: self.code.split_off(code_start), value_span, span });
        Ok(Next::Operand)
    }

    /// `value if condition else`: the condition, a jump, the value, a jump.
    pub(super) fn end_condition(&mut self, span: Span) -> Result<Next, Fault> {
        self.reduce(Precedence::Or);
        let Some(Entry::If { value, value_span, .. }) =
            self.entries.pop_if(|entry| matches!(entry, Entry::If { .. }))
        else {
            return Err((syntax("this `else` has no `if`".into(), None), span));
        };
        let condition = self.pop_operand().span;
        let unless = self.emit(Op::Unless(0), condition, condition);
        self.code.extend(value);
        let jump = self.emit(Op::Jump(0), span, span);
        self.land(unless);
        self.entries.push(Entry::Else { jump, code_start: self.code.len(), value_span });
        Ok(Next::Operand)
    }

    /// Replaces the two last operands by one; returns its place.
    fn merge(&mut self) -> Span {
        let right = self.pop_operand();
        let left = self.pop_operand();
        let whole = left.span.to(right.span);
        self.push_value(whole);
        whole
    }

    pub(super) fn push_value(&mut self, span: Span) {
        self.operands.push(Operand { span, reference: None });
    }

    fn end_span(&self) -> Span {
        let end = self.lexer.position();
        Span { start: end, end }
    }
}
