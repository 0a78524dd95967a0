//! How wide text is, without a font: an estimate that is rather too wide than too narrow.
//!
//! Measured against DejaVu Sans, the widest of the usual fonts. East Asian characters and
//! emoji count double. What the estimate is not sure of is to be squeezed by whoever draws it.

/// The width of an East Asian character and of an emoji in parts of the font size.
const CJK: f64 = 1.05;
const EMOJI: f64 = 1.3;

/// How wide a text is in pixels at a font size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Whether the text has characters whose width depends on the font alone.
pub(super) fn is_unsure(text: &str) -> bool {
    let sure =
        |c: char| matches!(c, '\0'..='\u{24f}' | '\u{370}'..='\u{52f}' | '\u{2000}'..='\u{27bf}');
    !text.chars().all(|c| sure(c) || em(c) == 0.0 || em(c) == CJK || em(c) == EMOJI)
}

/// Cuts a text to a width, with `…` at its end if something is missing.
pub(super) fn fit(text: &str, size: f64, max: f64) -> String {
    if width(text, size) <= max {
        return text.to_owned();
    }
    let room = max - em('…') * size;
    format!("{}…", text[..prefix(text, size, room)].trim_end_matches([' ', '\u{200d}']))
}

/// Breaks a text into lines of at most this width, the last of which is cut if need be.
pub(super) fn wrap(text: &str, size: f64, max: f64, lines: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut rest = text;
    while wrapped.len() + 1 < lines && width(rest, size) > max {
        let end = prefix(rest, size, max);
        // A blank, or the end of a part of a long name, unless the line were half empty then.
        let whole = |c: char| c == ' ' || "_-/.,".contains(c);
        let at = match rest[..end].rfind(whole) {
            _ if rest[end..].starts_with(' ') => end,
            Some(at) if at * 2 > end => at + 1,
            _ => end,
        };
        // Each line takes at least one character, however narrow it is.
        let at = at.max(rest.chars().next().map_or(0, char::len_utf8));
        wrapped.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    wrapped.push(fit(rest, size, max));
    wrapped
}

/// The length in bytes of what fits.
fn prefix(text: &str, size: f64, max: f64) -> usize {
    let mut room = max / size;
    for (at, c) in text.char_indices() {
        room -= em(c);
        if room < 0.0 {
            return at;
        }
    }
    text.len()
}

/// The width of a character in parts of the font size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.32,
        ' ' | 'f' | 'r' | 't' | 'I' | '.' | ',' | ':' | ';' | '!' | '(' | ')' | '[' | ']' | '/'
        | '\\' | '-' | '·' => 0.41,
        'm' | '@' | '%' | 'W' => 1.0,
        'w' | 'M' | '+' | '=' | '<' | '>' | '#' | '~' | '^' | 'G' | 'O' | 'Q' | 'D' | 'N' | 'H' => {
            0.84
        }
        'A'..='Z' => 0.72,
        '\0'..='\u{7f}' => 0.64,
        // Marks that stand above or below, joiners, variation selectors.
        '\u{300}'..='\u{36f}'
        | '\u{200c}'
        | '\u{200d}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' => 0.0,
        '\u{80}'..='\u{24f}' | '\u{370}'..='\u{3ff}' => 0.72,
        '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}' => EMOJI,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ffe6}'
        | '\u{16fe0}'..='\u{1b2ff}'
        | '\u{20000}'..='\u{3fffd}' => CJK,
        '\u{590}'..='\u{6ff}' | '\u{e00}'..='\u{eff}' => 0.65,
        '\u{fdfd}' | '\u{12000}'..='\u{1254f}' => 2.0,
        _ => 0.9,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_count_double() {
        assert!(width("日本語", 10.0) > 1.6 * width("abc", 10.0));
        assert_eq!(width("e\u{301}", 10.0), width("e", 10.0));
    }

    #[test]
    fn text_is_broken_at_blanks_and_cut_at_the_end() {
        assert_eq!(wrap("one two three", 10.0, 50.0, 3), ["one two", "three"]);
        assert_eq!(wrap("one two three", 10.0, 50.0, 1), ["one tw…"]);
        assert_eq!(wrap("read_the_file", 10.0, 60.0, 2), ["read_the_", "file"]);
        assert_eq!(wrap("wwww", 10.0, 1.0, 2), ["w", "…"]);
        assert_eq!(wrap("", 10.0, 50.0, 2), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in ".{0,80}", max in 30.0..300.0_f64) {
            for line in wrap(&text, 12.0, max, 3) {
                prop_assert!(width(&line, 12.0) <= max, "{}", line);
            }
        }
    }
}
