//! A walk over JSON text by its brackets, strings and commas; it stops where that makes no
//! sense any more.

use super::{Found, Open, Style, Wanted, next_value};

/// Finds the wanted values.
pub(super) fn walk(text: &str, wanted: &mut Wanted) {
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while let Some(&byte) = bytes.get(at) {
        if wanted.missing == 0 {
            return;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => at += 1,
            b'{' | b'[' => {
                let node = next_value(&mut open, wanted);
                wanted.found(node, Found::Bracket(at));
                open.push(match byte {
                    b'{' => Open::Map { node, value: None, expects_key: true },
                    _ => Open::List { node, next: 0 },
                });
                at += 1;
            }
            b'}' | b']' => {
                open.pop();
                at += 1;
            }
            b'"' => {
                let Some(end) = string_end(bytes, at) else { return };
                if let Some(Open::Map { node, value, expects_key: expects @ true }) =
                    open.last_mut()
                {
                    *value = node.and_then(|node| key(wanted, node, &text[at..end]));
                    *expects = false;
                    wanted.found_key(*value, at..end);
                } else {
                    let node = next_value(&mut open, wanted);
                    wanted.found(node, Found::Scalar(at..end, Style::DoubleQuoted));
                }
                at = end;
            }
            _ => {
                let node = next_value(&mut open, wanted);
                let rest = bytes[at..].iter();
                let ends = |byte: &&u8| !b" \t\r\n,:{}[]\"".contains(byte);
                let end = at + rest.take_while(ends).count().max(1);
                wanted.found(node, Found::Scalar(at..end, Style::Bare));
                at = end;
            }
        }
    }
}

/// One past the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The wanted node under a quoted key.
fn key(wanted: &Wanted, node: usize, quoted: &str) -> Option<usize> {
    if quoted.contains('\\') {
        let key: String = serde_json::from_str(quoted).ok()?;
        return wanted.child(Some(node), &key);
    }
    wanted.child(Some(node), &quoted[1..quoted.len() - 1])
}
