//! Tokens to a program: operator precedence with a stack of its own.
//!
//! There is no recursion here. Two states alternate: an operand is due
//! ([`Parser::operand`]) or something that may follow one
//! ([`Parser::continuation`]). Operators wait on `entries` until one that
//! binds less tightly, or a bracket, makes them emit their operation. What is
//! still open (brackets and prefix operators) is the nesting.

mod brackets;
mod foreign;
mod operators;

use std::sync::Arc;

use serde_json::Value;

use crate::error::{Bound, ErrorKind, ExprError, Span};
use crate::function::Function;
use crate::lexer::{Lexer, Token, syntax};
use crate::limits::Limits;
use crate::operator::{Comparison, Infix, Precedence, Prefix};
use crate::program::{Op, Place, Program};
use crate::reference::{Segment, Use};

/// What ends an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The end of the text.
    Input,
    /// `}}`.
    Braces,
}

/// Parses the expression at `start` of `text`; also tells where the text after it begins.
pub(crate) fn parse(
    text: &Arc<str>,
    start: usize,
    ending: Ending,
    limits: &Limits,
) -> Result<(Program, usize), ExprError> {
    let parser = Parser {
        lexer: Lexer::new(text, start),
        start,
        ending,
        limits,
        // Room for a condition of the usual length.
        code: Vec::with_capacity(16),
        constants: Vec::with_capacity(4),
        entries: Vec::with_capacity(8),
        operands: Vec::with_capacity(4),
        uses: Vec::with_capacity(4),
        depth: 0,
        guards: 0,
    };
    let mut parsed =
        parser.run().map_err(|(kind, span)| ExprError::new(kind, span, text.clone()))?;
    // Compiled expressions are kept by the hundred thousand, and most are short.
    parsed.code.shrink_to_fit();
    parsed.constants.shrink_to_fit();
    let program = Program {
        text: text.clone(),
        span: parsed.span,
        code: parsed.code,
        constants: parsed.constants,
        references: parsed.uses.into_iter().collect(),
    };
    Ok((program, parsed.end))
}

/// What is wrong, and where.
type Fault = (ErrorKind, Span);

struct Parser<'s> {
    lexer: Lexer<'s>,
    start: usize,
    ending: Ending,
    limits: &'s Limits,
    code: Vec<(Op, Place)>,
    constants: Vec<Value>,
    entries: Vec<Entry>,
    operands: Vec<Operand>,
    uses: Vec<Use>,
    depth: usize,
    guards: usize,
}

struct Parsed {
    code: Vec<(Op, Place)>,
    constants: Vec<Value>,
    uses: Vec<Use>,
    span: Span,
    end: usize,
}

/// An operand that has been read; its value is what the code so far leaves on the stack.
struct Operand {
    span: Span,
    /// The variable at its root, while the path from there is literal.
    reference: Option<usize>,
}

/// Something that waits for what follows.
enum Entry {
    Frame(Frame),
    /// After `value if`: the code of the value, which runs after the condition.
    If {
        value: Vec<(Op, Place)>,
        value_span: Span,
        span: Span,
    },
    /// After `value if condition else`: the jump over the part that comes.
    Else {
        jump: usize,
        code_start: usize,
        value_span: Span,
    },
    Prefix {
        prefix: Prefix,
        precedence: Precedence,
        span: Span,
    },
    Infix {
        infix: Infix,
        /// Jumps to patch to the end of the operation.
        jumps: Vec<usize>,
    },
}

/// An open bracket, or the source as a whole.
struct Frame {
    bracket: Bracket,
    open: Span,
    /// Where the code of the current element begins.
    code_start: usize,
    elements: usize,
}

enum Bracket {
    Source,
    Group,
    List,
    Map(Vec<String>),
    Index,
    Call { function: Function, guard: Option<usize>, landed: Option<usize> },
}

/// What comes after an operand and its continuation.
enum Next {
    Operand,
    Continuation,
    End,
}

impl<'s> Parser<'s> {
    fn run(mut self) -> Result<Parsed, Fault> {
        let open = Span { start: self.start, end: self.start };
        self.entries.push(Entry::Frame(Frame {
            bracket: Bracket::Source,
            open,
            code_start: 0,
            elements: 0,
        }));
        let mut next = Next::Operand;
        loop {
            next = match next {
                Next::Operand => self.operand()?,
                Next::Continuation => self.continuation()?,
                Next::End => break,
            };
        }
        let span = self.operands.pop().map_or(open, |operand| operand.span);
        Ok(Parsed {
            end: self.lexer.position(),
            code: self.code,
            constants: self.constants,
            uses: self.uses,
            span,
        })
    }

    fn next(&mut self) -> Result<(Token<'s>, Span), Fault> {
        let result = self.lexer.next();
        if self.lexer.position() - self.start > self.limits.source_bytes {
            let kind =
                ErrorKind::TooLarge { what: Bound::Source, limit: self.limits.source_bytes as u64 };
            let here = Span { start: self.start, end: self.start + self.limits.source_bytes };
            return Err((kind, here));
        }
        result
    }

    /// Reads an operand, or something that an operand follows.
    fn operand(&mut self) -> Result<Next, Fault> {
        let (token, span) = self.next()?;
        match token {
            Token::Integer(number) => self.constant(number.into(), span),
            Token::Float(number) => self.constant(number.into(), span),
            Token::Text(text) => self.constant(text.into(), span),
            Token::Name(name) => return self.name(name, span),
            Token::Symbol("-") => return self.prefix(Prefix::Minus, Precedence::Sign, span),
            Token::Symbol("+") => return self.prefix(Prefix::Plus, Precedence::Sign, span),
            Token::Symbol("!") => {
                let precedence = match self.operator_before() {
                    Some(before) if before > Precedence::Not => Precedence::Sign,
                    _ => Precedence::Not,
                };
                return self.prefix(Prefix::Not, precedence, span);
            }
            Token::Symbol("(") => return self.open(Bracket::Group, span),
            Token::Symbol("[") => return self.open(Bracket::List, span),
            Token::Symbol("{") => {
                self.open(Bracket::Map(Vec::new()), span)?;
                return self.map_key();
            }
            Token::Symbol(closer @ (")" | "]")) if self.may_close(closer) => {
                return self.close(closer, span);
            }
            other => return Err((foreign::instead_of_operand(&other), span)),
        }
        Ok(Next::Continuation)
    }

    fn name(&mut self, name: &'s str, span: Span) -> Result<Next, Fault> {
        match name {
            "null" | "None" => self.constant(Value::Null, span),
            "true" | "True" => self.constant(Value::Bool(true), span),
            "false" | "False" => self.constant(Value::Bool(false), span),
            "not" => {
                if self.operator_before().is_some_and(|before| before > Precedence::Not) {
                    let problem = "`not` binds less tightly than the operator before it";
                    let hint = "put `not ...` in parentheses";
                    return Err((syntax(problem.into(), Some(hint.into())), span));
                }
                return self.prefix(Prefix::Not, Precedence::Not, span);
            }
            "and" | "or" | "in" | "if" | "else" | "is" | "lambda" | "for" => {
                return Err((foreign::instead_of_operand(&Token::Name(name)), span));
            }
            _ if self.lexer.accept("(") => {
                let Some(function) = Function::from_name(name) else {
                    return Err((foreign::unknown_function(name), span));
                };
                let guard = matches!(function, Function::Exists | Function::Default).then(|| {
                    self.guards += 1;
                    self.emit(Op::Guard(0), span, span)
                });
                let bracket = Bracket::Call { function, guard, landed: None };
                return self.open(bracket, span);
            }
            _ => {
                self.emit(Op::Load(name.into()), span, span);
                self.uses.push(Use {
                    name: name.to_owned(),
                    name_span: span,
                    path: Vec::new(),
                    span,
                    guarded: self.guards > 0,
                });
                self.operands.push(Operand { span, reference: Some(self.uses.len() - 1) });
            }
        }
        Ok(Next::Continuation)
    }

    fn constant(&mut self, value: Value, span: Span) {
        self.constants.push(value);
        self.emit(Op::Constant(self.constants.len() - 1), span, span);
        self.operands.push(Operand { span, reference: None });
    }

    /// Reads what may follow an operand.
    fn continuation(&mut self) -> Result<Next, Fault> {
        let (token, span) = self.next()?;
        match token {
            Token::Symbol(".") => return self.dot(span),
            Token::Symbol("[") => return self.open(Bracket::Index, span),
            Token::Symbol("(") => return Err((foreign::not_callable(), span)),
            Token::Symbol(",") => return self.comma(span),
            Token::Symbol("}") if self.ends_here()? => {
                self.lexer.accept("}");
                return Ok(Next::End);
            }
            Token::Symbol(closer @ (")" | "]" | "}")) => return self.close(closer, span),
            Token::End => return self.end(span),
            Token::Name("if") => return self.begin_condition(span),
            Token::Name("else") => return self.end_condition(span),
            Token::Name("not") => {
                if let (Token::Name("in"), _) = self.next()? {
                    return self.infix(Infix::Comparison(Comparison::NotIn));
                }
                let problem = "`not` after a value must be followed by `in`";
                return Err((syntax(problem.into(), None), span));
            }
            Token::Symbol(text) | Token::Name(text) => {
                if let Some(infix) = Infix::from_text(text) {
                    return self.infix(infix);
                }
            }
            _ => {}
        }
        Err((foreign::instead_of_operator(&token), span))
    }

    /// Whether this `}` and the next end the expression, nothing being open.
    fn ends_here(&mut self) -> Result<bool, Fault> {
        if self.ending != Ending::Braces {
            return Ok(false);
        }
        self.finish()?;
        let open = matches!(self.entries.last(), Some(Entry::Frame(frame)) if !matches!(frame.bracket, Bracket::Source));
        Ok(!open && self.lexer.rest().starts_with('}'))
    }

    fn dot(&mut self, dot: Span) -> Result<Next, Fault> {
        let Some((name, span)) = self.lexer.segment() else {
            let problem = "a name must follow the dot";
            return Err((syntax(problem.into(), None), dot));
        };
        let number = name.parse::<i64>().ok().filter(|number| number.to_string() == name);
        let segment = match number {
            Some(number) => Segment::Index(number),
            None => Segment::Key(name.to_owned()),
        };
        self.member(segment, dot.to(span));
        if self.lexer.accept("(") {
            let whole = self.operands.last().map_or(span, |operand| operand.span);
            let object = &self.source(whole)[..dot.start - whole.start];
            return Err((foreign::method(name, object), span));
        }
        Ok(Next::Continuation)
    }

    /// Extends the last operand by a literal segment.
    fn member(&mut self, segment: Segment, focus: Span) {
        let Some(operand) = self.operands.last_mut() else {
            return;
        };
        operand.span = operand.span.to(focus);
        if let Some(read) = operand.reference {
            self.uses[read].path.push(segment.clone());
            self.uses[read].span = operand.span;
        }
        let whole = operand.span;
        self.emit(Op::Member(Box::new(segment)), whole, focus);
    }

    fn emit(&mut self, op: Op, whole: Span, focus: Span) -> usize {
        self.code.push((op, Place { whole, focus }));
        self.code.len() - 1
    }

    /// Makes the jump at `index` lead to the end of the code.
    fn land(&mut self, index: usize) {
        let distance = self.code.len() - index - 1;
        match &mut self.code[index].0 {
            Op::Chain(_, jump)
            | Op::Decide(_, jump)
            | Op::Unless(jump)
            | Op::Jump(jump)
            | Op::Guard(jump)
            | Op::Landed(jump) => *jump = distance,
            other => debug_assert!(false, "not a jump: {other:?}"),
        }
    }

    fn source(&self, span: Span) -> &'s str {
        self.lexer.source().get(span.start..span.end).unwrap_or("")
    }

    fn deeper(&mut self, span: Span) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.limits.nesting {
            let kind =
                ErrorKind::TooLarge { what: Bound::Nesting, limit: self.limits.nesting as u64 };
            return Err((kind, span));
        }
        Ok(())
    }

    fn pop_operand(&mut self) -> Operand {
        self.operands.pop().unwrap_or(Operand {
            span: Span { start: self.start, end: self.start },
            reference: None,
        })
    }
}
