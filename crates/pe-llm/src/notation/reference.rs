//! References in their short form: `{{a.url}}` for `{{ results.a.url }}`.
//!
//! A name that the expression language does not know is an error in a plan, so it is free to
//! stand for a step here. Invariant: what [`short_text`] and [`short_expression`] write,
//! [`long_text`] and [`long_expression`] turn back into the very same text; where the short form
//! would be read as something else, `{{=` (or a leading `=` in an expression) says that the text
//! stands for itself.

use pe_expr::{Expr, References, Root, Template};

/// The variables of the expression language; a step of such a name is always written long.
const VARIABLES: [&str; 8] =
    ["results", "steps", "context", "goal", "item", "index", "iteration", "result"];

/// How freely a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The short notation: `{{=` escapes, `{{1}}` is step number 1.
    Notation,
    /// A step in the plan's own form: every text is what it is in a plan file.
    Plan,
}

/// A parameter's text as the plan has it.
pub(crate) fn long_text(text: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Plan || !text.contains("{{") {
        return text.to_owned();
    }
    if text.contains("{{=") {
        return text.replace("{{=", "{{");
    }
    let numbered = each_simple(text, |id| id.as_bytes()[0].is_ascii_digit());
    match Template::parse(&numbered) {
        Ok(template) => lengthened(&numbered, template.references(), true),
        // What does not parse may be a step id that is no name, as in `{{get-page.2}}`.
        Err(_) => each_simple(&numbered, |_| true),
    }
}

/// A parameter's text in its short form.
pub(crate) fn short_text(text: &str) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    if let Ok(template) = Template::parse(text) {
        let short = shortened(text, template.references(), true);
        if long_text(&short, Dialect::Notation) == text {
            return short;
        }
    }
    if long_text(text, Dialect::Notation) == text {
        return text.to_owned();
    }
    text.replace("{{", "{{=")
}

/// An expression as the plan has it.
pub(crate) fn long_expression(text: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Plan {
        return text.to_owned();
    }
    if let Some(itself) = text.strip_prefix('=') {
        return itself.to_owned();
    }
    // No expression begins with two braces: they are a template's, written out of habit.
    let bare = text.trim();
    let bare = match bare.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
        Some(inner) if !inner.contains("{{") => inner.trim(),
        _ => text,
    };
    match Expr::parse(bare) {
        Ok(expression) => lengthened(bare, expression.references(), false),
        Err(_) => bare.to_owned(),
    }
}

/// An expression in its short form.
pub(crate) fn short_expression(text: &str) -> String {
    if let Ok(expression) = Expr::parse(text) {
        let short = shortened(text, expression.references(), false);
        if long_expression(&short, Dialect::Notation) == text {
            return short;
        }
    }
    if long_expression(text, Dialect::Notation) == text {
        return text.to_owned();
    }
    format!("={text}")
}

/// Puts `results.` before every name that the language does not know.
fn lengthened(text: &str, references: &References, braces: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut done = 0;
    let mut unknown: Vec<_> = references
        .variables
        .iter()
        .filter(|(name, _)| !VARIABLES.contains(&name.as_str()))
        .map(|(_, span)| span.start)
        .collect();
    unknown.sort_unstable();
    for start in unknown {
        if start < done {
            continue;
        }
        let before = text[..start].trim_end_matches(' ');
        if braces
            && before.ends_with("{{")
            && before.len() >= done
            && let Some((path, length)) = simple_reference(&text[start..])
        {
            out.push_str(&text[done..before.len()]);
            out.push_str(&format!(" results{path} "));
            done = start + length;
        } else {
            out.push_str(&text[done..start]);
            out.push_str("results.");
            done = start;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// Takes `results.` away wherever a step's name follows it.
fn shortened(text: &str, references: &References, braces: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut spans: Vec<_> = references
        .steps
        .iter()
        .filter(|reference| reference.root == Root::Results)
        .map(|reference| (reference.span.start, reference.span.end, &reference.step))
        .collect();
    spans.sort_unstable();
    for (start, end, step) in spans {
        if start < done || VARIABLES.contains(&step.as_str()) {
            continue;
        }
        let quoted = format!("results[\"{step}\"]");
        let (name, rest) = match text[start..end].strip_prefix("results.") {
            Some(rest) => ("", rest),
            None => match text[start..end].strip_prefix(quoted.as_str()) {
                Some(rest) if braces => (step.as_str(), rest),
                _ => continue,
            },
        };
        let whole = braces && text[..start].ends_with("{{ ") && text[end..].starts_with(" }}");
        if !name.is_empty() && !whole {
            continue;
        }
        out.push_str(&text[done..start - usize::from(whole)]);
        out.push_str(name);
        out.push_str(rest);
        done = end + usize::from(whole);
    }
    out.push_str(&text[done..]);
    out
}

/// Lengthens the plain references, to steps of some ids, by what they look like.
fn each_simple(text: &str, of: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, inside) = rest.split_at(open + 2);
        out.push_str(before);
        let spaces = inside.len() - inside.trim_start_matches(' ').len();
        match simple_reference(&inside[spaces..]) {
            Some((path, length)) if of(&inside[spaces..]) => {
                out.push_str(&format!(" results{path} "));
                rest = &inside[spaces + length..];
            }
            _ => rest = inside,
        }
    }
    out.push_str(rest);
    out
}

/// Reads `id.path` up to `}}`: the path after `results`, and its length with trailing spaces.
fn simple_reference(text: &str) -> Option<(String, usize)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let length = text.bytes().take_while(|&byte| is_part(byte)).count();
    let id = &text[..length];
    if id.is_empty() || id.ends_with('-') || VARIABLES.contains(&id) {
        return None;
    }
    // `item-1` is arithmetic.
    if id.split('-').any(|part| VARIABLES.contains(&part)) {
        return None;
    }
    let is_name = !id.contains('-') && !id.as_bytes()[0].is_ascii_digit();
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    let path = match is_name || is_number {
        true => format!(".{id}"),
        false => format!("[\"{id}\"]"),
    };
    // Each byte is looked at once, however many references begin and do not end.
    let rest = &text[length..];
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']' | b'"' | b'\'')
    };
    let tail = &rest[..rest.bytes().take_while(|&byte| plain(byte)).count()];
    let spaces = rest[tail.len()..].bytes().take_while(|&byte| byte == b' ').count();
    let tail_length = tail.len() + spaces;
    if !rest[tail_length..].starts_with("}}") {
        return None;
    }
    let bytes = tail.as_bytes();
    // `1.5` is a number.
    if is_number && bytes.len() > 1 && bytes[0] == b'.' && bytes[1].is_ascii_digit() {
        return None;
    }
    let starts_well = bytes.first().is_none_or(|&byte| byte == b'.' || byte == b'[');
    starts_well.then(|| (format!("{path}{tail}"), length + tail_length))
}
