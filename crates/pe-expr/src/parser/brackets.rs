//! The parser's brackets: groups, lists, maps, indexes and calls.

use serde_json::Value;

use super::{Bracket, Ending, Entry, Fault, Frame, Next, Op, Operand, Parser, foreign};
use crate::error::{ErrorKind, Span};
use crate::function::Function;
use crate::lexer::{Token, syntax};
use crate::operator::Prefix;
use crate::reference::Segment;

impl Bracket {
    fn symbols(&self) -> (&'static str, &'static str) {
        match self {
            Bracket::Source => ("{{", "}}"),
            Bracket::Group | Bracket::Call { .. } => ("(", ")"),
            Bracket::List | Bracket::Index => ("[", "]"),
            Bracket::Map(_) => ("{", "}"),
        }
    }
}

impl Parser<'_> {
    pub(super) fn open(&mut self, bracket: Bracket, open: Span) -> Result<Next, Fault> {
        self.deeper(open)?;
        self.entries.push(Entry::Frame(Frame {
            bracket,
            open,
            code_start: self.code.len(),
            elements: 0,
        }));
        Ok(Next::Operand)
    }

    /// Whether a closing bracket may stand where an operand is due: `[]`, `f(1,)`.
    pub(super) fn may_close(&self, closer: &str) -> bool {
        match self.entries.last() {
            Some(Entry::Frame(frame)) => {
                matches!(frame.bracket, Bracket::List | Bracket::Call { .. })
                    && frame.bracket.symbols().1 == closer
            }
            _ => false,
        }
    }

    /// Reads the key of a map and its colon, or the end of the map.
    pub(super) fn map_key(&mut self) -> Result<Next, Fault> {
        let (token, span) = self.next()?;
        let key = match token {
            Token::Text(text) => text,
            Token::Name(name) => name.to_owned(),
            Token::Symbol("}") => return self.close("}", span),
            other => return Err((foreign::instead_of_key(&other), span)),
        };
        if !self.lexer.accept(":") {
            let problem = format!("the key `{}` has no `:` and value", crate::error::shorten(&key));
            return Err((syntax(problem, None), span));
        }
        if let Some(Entry::Frame(Frame { bracket: Bracket::Map(keys), .. })) =
            self.entries.last_mut()
        {
            keys.push(key);
        }
        Ok(Next::Operand)
    }

    pub(super) fn comma(&mut self, span: Span) -> Result<Next, Fault> {
        self.finish()?;
        let code_start = self.code.len();
        let Some(Entry::Frame(frame)) = self.entries.last_mut() else {
            return Err((foreign::comma_outside(), span));
        };
        frame.elements += 1;
        frame.code_start = code_start;
        match &mut frame.bracket {
            Bracket::List => Ok(Next::Operand),
            Bracket::Map(_) => self.map_key(),
            Bracket::Call { function, guard, .. } => {
                let ended = guard.take_if(|_| *function == Function::Default);
                if let Some(guard) = ended {
                    let landed = self.emit(Op::Landed(0), span, span);
                    self.land(guard);
                    self.guards -= 1;
                    let code_start = self.code.len();
                    if let Some(Entry::Frame(frame)) = self.entries.last_mut() {
                        frame.code_start = code_start;
                        if let Bracket::Call { landed: slot, .. } = &mut frame.bracket {
                            *slot = Some(landed);
                        }
                    }
                }
                Ok(Next::Operand)
            }
            Bracket::Index => Err((foreign::two_indexes(), span)),
            Bracket::Group | Bracket::Source => Err((foreign::comma_outside(), span)),
        }
    }

    /// Closes the innermost bracket.
    pub(super) fn close(&mut self, closer: &str, span: Span) -> Result<Next, Fault> {
        self.finish()?;
        let Some(Entry::Frame(frame)) = self.entries.pop() else {
            return Err((syntax(format!("`{closer}` closes nothing"), None), span));
        };
        let (opener, expected) = frame.bracket.symbols();
        if matches!(frame.bracket, Bracket::Source) {
            let problem = match self.ending {
                Ending::Braces if closer == "}" => {
                    "one `}` where `}}` should end the expression".into()
                }
                _ => format!("`{closer}` closes nothing"),
            };
            return Err((syntax(problem, None), span));
        }
        if expected != closer {
            let problem = format!("`{closer}` found where `{expected}` should close `{opener}`");
            return Err((syntax(problem, None), span));
        }
        self.depth -= 1;
        let whole = frame.open.to(span);
        // Keys, or whether the last element is not followed by a comma.
        let elements = match &frame.bracket {
            Bracket::Map(keys) => keys.len(),
            _ => frame.elements + usize::from(self.code.len() > frame.code_start),
        };
        match frame.bracket {
            Bracket::Source => {}
            Bracket::Group => {
                self.pop_operand();
                self.push_value(whole);
            }
            Bracket::List => {
                self.replace(elements, whole);
                self.emit(Op::List(elements), whole, whole);
            }
            Bracket::Map(keys) => {
                if let Some(twice) = repeated(&keys) {
                    let problem =
                        format!("the key `{}` is there twice", crate::error::shorten(twice));
                    return Err((syntax(problem, None), whole));
                }
                self.replace(elements, whole);
                self.emit(Op::Map(keys.into()), whole, whole);
            }
            Bracket::Index => self.close_index(frame.code_start, whole),
            Bracket::Call { function, guard, landed } => {
                let (least, most) = function.arity();
                if elements < least || elements > most {
                    let kind = ErrorKind::Arity {
                        function: function.name(),
                        expected: function.arity_text(),
                        found: elements,
                        usage: function.usage(),
                    };
                    return Err((kind, whole));
                }
                self.replace(elements, whole);
                match function {
                    Function::Exists => self.close_exists(guard, whole),
                    Function::Default => landed.into_iter().for_each(|landed| self.land(landed)),
                    _ => {
                        self.emit(Op::Call(function, elements), whole, whole);
                    }
                }
            }
        }
        Ok(Next::Continuation)
    }

    /// The end of the text.
    pub(super) fn end(&mut self, span: Span) -> Result<Next, Fault> {
        self.finish()?;
        let Some(Entry::Frame(frame)) = self.entries.last() else {
            return Ok(Next::End);
        };
        if matches!(frame.bracket, Bracket::Source) && self.ending == Ending::Input {
            return Ok(Next::End);
        }
        let (opener, closer) = frame.bracket.symbols();
        let (opener, place) = match frame.bracket {
            Bracket::Source => (opener.to_owned(), span),
            Bracket::Call { function, .. } => (format!("{}(", function.name()), frame.open),
            _ => (opener.to_owned(), frame.open),
        };
        let problem = format!("this `{opener}` is never closed by `{closer}`");
        Err((syntax(problem, None), place))
    }

    /// `exists(path)`: true where the path led somewhere, else false.
    fn close_exists(&mut self, guard: Option<usize>, whole: Span) {
        let Some(guard) = guard else {
            return;
        };
        self.emit(Op::Drop, whole, whole);
        self.constants.push(Value::Bool(true));
        self.emit(Op::Constant(self.constants.len() - 1), whole, whole);
        let landed = self.emit(Op::Landed(0), whole, whole);
        self.land(guard);
        self.guards -= 1;
        self.constants.push(Value::Bool(false));
        self.emit(Op::Constant(self.constants.len() - 1), whole, whole);
        self.land(landed);
    }

    fn close_index(&mut self, code_start: usize, bracket: Span) {
        self.pop_operand();
        if let Some(segment) = self.literal_index(code_start) {
            self.code.truncate(code_start);
            self.member(segment, bracket);
            return;
        }
        let Some(operand) = self.operands.last_mut() else {
            return;
        };
        operand.span = operand.span.to(bracket);
        operand.reference = None;
        let whole = operand.span;
        self.emit(Op::Index, whole, bracket);
    }

    /// The index whose code begins there, if it is a string or integer literal.
    fn literal_index(&self, code_start: usize) -> Option<Segment> {
        let (constant, negative) = match &self.code[code_start..] {
            [(Op::Constant(constant), _)] => (*constant, false),
            [(Op::Constant(constant), _), (Op::Prefix(Prefix::Minus), _)] => (*constant, true),
            _ => return None,
        };
        match &self.constants[constant] {
            Value::String(key) if !negative => Some(Segment::Key(key.clone())),
            Value::Number(number) => {
                let index = number.as_i64()?;
                Some(Segment::Index(if negative { -index } else { index }))
            }
            _ => None,
        }
    }

    /// Replaces the last operands by one.
    fn replace(&mut self, count: usize, span: Span) {
        let left = self.operands.len().saturating_sub(count);
        self.operands.truncate(left);
        self.operands.push(Operand { span, reference: None });
    }
}

/// A key that is there more than once.
fn repeated(keys: &[String]) -> Option<&str> {
    let mut sorted: Vec<&str> = keys.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
