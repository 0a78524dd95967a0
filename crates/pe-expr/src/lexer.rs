//! Source text to tokens, on demand.
//!
//! The parser asks for the next token and, after a dot, for the next path
//! segment, because `a.0.1` holds two indexes and `0.1` alone a float. The
//! lexer knows nothing of templates: `}` is always one token, and whether two
//! of them end an expression is for the parser to say.

use crate::error::{ErrorKind, Outcome, Span};

/// One token of source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'s> {
    /// An identifier or keyword.
    Name(&'s str),
    /// A string literal, its escapes resolved.
    Text(String),
    /// An integer literal.
    Integer(u64),
    /// A float literal; always finite.
    Float(f64),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the source.
    End,
}

/// Longest first: the first that matches is taken.
const SYMBOLS: [&str; 37] = [
    "===", "!==", "**", "//", "==", "!=", "<=", ">=", "<>", "&&", "||", ":=", "=>", "+", "-", "*",
    "/", "%", "<", ">", "=", "!", "(", ")", "[", "]", "{", "}", ",", ".", ":", "?", "|", "&", ";",
    "^", "~",
];

/// A position in a source.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'s> {
    source: &'s str,
    position: usize,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(source: &'s str, position: usize) -> Self {
        Lexer { source, position }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn source(&self) -> &'s str {
        self.source
    }

    pub(crate) fn rest(&self) -> &'s str {
        &self.source[self.position..]
    }

    pub(crate) fn skip_space(&mut self) {
        self.position = self.source.len() - self.rest().trim_start().len();
    }

    /// Takes `expected` if it comes next, space before it left out.
    pub(crate) fn accept(&mut self, expected: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(expected);
        if found {
            self.position += expected.len();
        }
        found
    }

    /// The next token and its place; a fault comes with the place of what is wrong.
    pub(crate) fn next(&mut self) -> Result<(Token<'s>, Span), (ErrorKind, Span)> {
        self.skip_space();
        let start = self.position;
        let result = self.token();
        let span = Span { start, end: self.position };
        match result {
            Ok(token) => Ok((token, span)),
            Err(kind) => Err((kind, span)),
        }
    }

    /// The name or number after a dot.
    pub(crate) fn segment(&mut self) -> Option<(&'s str, Span)> {
        self.skip_space();
        let start = self.position;
        let text = self.take_while(is_name_part);
        let span = Span { start, end: self.position };
        (!text.is_empty()).then_some((text, span))
    }

    fn token(&mut self) -> Outcome<Token<'s>> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(Token::End);
        };
        if first.is_ascii_digit() {
            return self.number();
        }
        if is_name_start(first) {
            return Ok(Token::Name(self.take_while(is_name_part)));
        }
        if first == '\'' || first == '"' {
            self.position += 1;
            return self.text(first).map(Token::Text);
        }
        let rest = self.rest();
        let byte = rest.as_bytes()[0];
        let matches = |symbol: &&&str| symbol.as_bytes()[0] == byte && rest.starts_with(**symbol);
        if let Some(symbol) = SYMBOLS.iter().find(matches) {
            self.position += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
        self.position += first.len_utf8();
        Err(syntax(format!("`{}` is not part of the language", first.escape_debug()), None))
    }

    fn take_while(&mut self, accepted: fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c| !accepted(c)).unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    fn number(&mut self) -> Outcome<Token<'s>> {
        let start = self.position;
        self.take_while(|c| c.is_ascii_digit());
        let mut float = false;
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            float = true;
            self.position += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        let rest = self.rest();
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                float = true;
                self.position += rest.len() - digits.len();
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let text = &self.source[start..self.position];
        let trailing = self.take_while(is_name_part);
        if !trailing.is_empty() {
            return Err(syntax(format!("`{text}{trailing}` is neither a number nor a name"), None));
        }
        if float {
            return match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Token::Float(number)),
                _ => Err(syntax("the number is too large for a float".into(), None)),
            };
        }
        text.parse().map(Token::Integer).map_err(|_| {
            syntax(
                "the number is too large for an integer".into(),
                Some("write it as a float, such as `1e30`".into()),
            )
        })
    }

    fn text(&mut self, quote: char) -> Outcome<String> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(stop) = rest.find([quote, '\\']) else {
                self.position = self.source.len();
                return Err(syntax("the string is never closed".into(), None));
            };
            text.push_str(&rest[..stop]);
            self.position += stop + 1;
            if rest[stop..].starts_with(quote) {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    /// The character after a backslash.
    fn escape(&mut self) -> Outcome<char> {
        let Some(letter) = self.rest().chars().next() else {
            return Err(syntax("the string is never closed".into(), None));
        };
        self.position += letter.len_utf8();
        Ok(match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '0' => '\0',
            '\\' | '\'' | '"' | '/' => letter,
            'x' => char::from(self.hex(2)? as u8),
            'u' => {
                let unit = self.hex(4)?;
                match char::from_u32(unit) {
                    Some(character) => character,
                    None => self.surrogate(unit)?,
                }
            }
            _ => {
                return Err(syntax(
                    format!("`\\{}` is not an escape", letter.escape_debug()),
                    Some("a backslash itself is written `\\\\`".into()),
                ));
            }
        })
    }

    fn hex(&mut self, digits: usize) -> Outcome<u32> {
        let number = self
            .rest()
            .get(..digits)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or_else(|| syntax(format!("the escape needs {digits} hexadecimal digits"), None))?;
        self.position += digits;
        Ok(number)
    }

    fn surrogate(&mut self, high: u32) -> Outcome<char> {
        let lone = || syntax("half of a surrogate pair is not a character".into(), None);
        if high >= 0xDC00 || !self.rest().starts_with("\\u") {
            return Err(lone());
        }
        self.position += 2;
        let low = self.hex(4)?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(lone());
        }
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).ok_or_else(lone)
    }
}

pub(crate) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(crate) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(crate) fn syntax(problem: String, hint: Option<String>) -> ErrorKind {
    ErrorKind::Syntax { problem, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[Token<'_>]) {
        let mut lexer = Lexer::new(source, 0);
        let mut found = Vec::new();
        loop {
            match lexer.next().map_err(|(kind, _)| kind).expect("tokens") {
                (Token::End, _) => break,
                (token, _) => found.push(token),
            }
        }
        assert_eq!(found, expected, "{source}");
    }

    fn check_error(source: &str, start: usize, expected: &str) {
        let mut lexer = Lexer::new(source, 0);
        let (kind, span) = loop {
            match lexer.next() {
                Ok((Token::End, _)) => panic!("no error in {source}"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(kind.to_string().contains(expected), "{source}: {kind}");
        assert_eq!(span.start, start, "{source}");
    }

    #[test]
    fn numbers() {
        check("0 12", &[Token::Integer(0), Token::Integer(12)]);
        check("1.5 2e3 1E-2", &[Token::Float(1.5), Token::Float(2000.0), Token::Float(0.01)]);
        check("18446744073709551615", &[Token::Integer(u64::MAX)]);
        check("1.a", &[Token::Integer(1), Token::Symbol("."), Token::Name("a")]);
        check_error("1 + 18446744073709551616", 4, "`1e30`");
        check_error("1e999", 0, "too large for a float");
        check_error("12ab", 0, "`12ab` is neither a number nor a name");
    }

    #[test]
    fn strings() {
        let text = |text: &str| Token::Text(text.into());
        check(r#"'a"b' "it's""#, &[text("a\"b"), text("it's")]);
        check(r"'\n\t\\\'\u00e9\x41\/'", &[text("\n\t\\'éA/")]);
        check(r"'\ud83d\ude00'", &[text("😀")]);
        check_error(r"1 'abc", 2, "never closed");
        check_error(r"'abc\", 0, "never closed");
        check_error(r"'\q'", 0, "`\\q` is not an escape");
        check_error(r"'\ud83d'", 0, "surrogate");
        check_error(r"'\ud83d\u0041'", 0, "surrogate");
        check_error(r"'\ude00'", 0, "surrogate");
        check_error(r"'\u00é'", 0, "4 hexadecimal digits");
        check_error(r"'\x+1'", 0, "2 hexadecimal digits");
    }

    #[test]
    fn symbols_and_names() {
        check(
            "a_1<=b//c",
            &[
                Token::Name("a_1"),
                Token::Symbol("<="),
                Token::Name("b"),
                Token::Symbol("//"),
                Token::Name("c"),
            ],
        );
        check("}}", &[Token::Symbol("}"), Token::Symbol("}")]);
        check("größe", &[Token::Name("größe")]);
        check_error("a @ b", 2, "`@` is not part of the language");
    }
}
