//! The operators, how tightly they bind, and how they are written.

/// An operator before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    Not,
    Minus,
    Plus,
}

/// An operator on two numbers (or, for some, strings and lists).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
}

/// An operator that compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}

/// An operator that does not evaluate its right side when the left one decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
}

/// How tightly an operator binds, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precedence {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
}

/// Any operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Infix {
    Binary(Binary),
    Comparison(Comparison),
    Logic(Logic),
}

impl Infix {
    /// The operator that a symbol or keyword stands for (`not in` apart).
    pub(crate) fn from_text(text: &str) -> Option<Infix> {
        Some(match text {
            "or" | "||" => Infix::Logic(Logic::Or),
            "and" | "&&" => Infix::Logic(Logic::And),
            "==" => Infix::Comparison(Comparison::Equal),
            "!=" => Infix::Comparison(Comparison::NotEqual),
            "<" => Infix::Comparison(Comparison::Less),
            "<=" => Infix::Comparison(Comparison::LessEqual),
            ">" => Infix::Comparison(Comparison::Greater),
            ">=" => Infix::Comparison(Comparison::GreaterEqual),
            "in" => Infix::Comparison(Comparison::In),
            "+" => Infix::Binary(Binary::Add),
            "-" => Infix::Binary(Binary::Subtract),
            "*" => Infix::Binary(Binary::Multiply),
            "/" => Infix::Binary(Binary::Divide),
            "//" => Infix::Binary(Binary::FloorDivide),
            "%" => Infix::Binary(Binary::Modulo),
            _ => return None,
        })
    }

    pub(crate) fn precedence(self) -> Precedence {
        match self {
            Infix::Logic(Logic::Or) => Precedence::Or,
            Infix::Logic(Logic::And) => Precedence::And,
            Infix::Comparison(_) => Precedence::Comparison,
            Infix::Binary(Binary::Add | Binary::Subtract) => Precedence::Sum,
            Infix::Binary(_) => Precedence::Product,
        }
    }
}

impl Binary {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::FloorDivide => "//",
            Binary::Modulo => "%",
        }
    }
}

impl Comparison {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterEqual => ">=",
            Comparison::In => "in",
            Comparison::NotIn => "not in",
        }
    }
}

impl Logic {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Logic::And => "and",
            Logic::Or => "or",
        }
    }
}

impl Prefix {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Prefix::Not => "not",
            Prefix::Minus => "-",
            Prefix::Plus => "+",
        }
    }
}
