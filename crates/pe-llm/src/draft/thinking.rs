//! The tags of thinking blocks.

/// The names that models give the tag.
const NAMES: [&str; 9] = [
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reflection",
    "analysis",
    "scratchpad",
    "seed:think",
];
/// The longest tag, in bytes.
const LONGEST: usize = 24;

/// What stands at a `<`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// More text must tell.
    Unknown,
    /// No tag of a thinking block.
    None,
    /// An opening tag of this many bytes.
    Opens(usize),
    /// A closing tag of this many bytes.
    Closes(usize),
}

/// Reads the tag at the beginning of a text that begins with `<`.
pub(crate) fn tag(text: &str, ended: bool) -> Tag {
    let bytes = &text.as_bytes()[..text.len().min(LONGEST)];
    let Some(end) = bytes.iter().position(|&byte| byte == b'>') else {
        let settled =
            ended || text.len() >= LONGEST || bytes[1..].iter().any(|byte| !is_name(*byte));
        return if settled { Tag::None } else { Tag::Unknown };
    };
    let name = text[1..end].trim();
    let (closes, name) = match name.strip_prefix('/') {
        Some(name) => (true, name),
        None => (false, name),
    };
    if !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Tag::None;
    }
    if closes { Tag::Closes(end + 1) } else { Tag::Opens(end + 1) }
}

/// The end of the last closing tag of a text.
pub(crate) fn last_close(text: &str) -> Option<usize> {
    text.rmatch_indices("</").find_map(|(at, _)| match tag(&text[at..], true) {
        Tag::Closes(length) => Some(at + length),
        _ => None,
    })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b':' | b'_' | b' ')
}
