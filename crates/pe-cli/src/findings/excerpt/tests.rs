//! What is shown of lines of all kinds.

use super::*;

/// Cuts around `fault` in `source` and draws what the mark covers in the second line.
#[track_caller]
fn check(source: &str, fault: &str, room: usize, expected: &str) {
    let start = source.find(fault).unwrap();
    let Excerpt { text, marked } = cut(source, start..start + fault.len(), room);
    let width = measure_text_width(&text);
    assert!(width <= room, "{width} columns: {text}");
    let before = measure_text_width(&text[..marked.start]);
    let carets = measure_text_width(&text[marked]);
    let drawn = format!("{text}\n{}{}", " ".repeat(before), "^".repeat(carets));
    assert_eq!(drawn, expected, "\n{drawn}\n");
}

#[test]
fn a_line_that_fits_is_shown_whole() {
    check("a\nbcd e\nf", "cd", 20, "bcd e\n ^^");
    check("\u{feff}{\"a\": 1}\r\n", "1", 20, "{\"a\": 1}\n      ^");
    check("a\nb", "\n", 20, "a\n ");
    check("", "", 20, "\n");
}

#[test]
fn columns_are_those_of_a_terminal() {
    check("\tx: 漢字 y", "y", 30, "    x: 漢字 y\n            ^");
    check("漢字 y", "字", 30, "漢字 y\n  ^^");
    check("e\u{301}e\u{301} x", "x", 30, "e\u{301}e\u{301} x\n   ^");
    check("😀 x", "x", 30, "😀 x\n   ^");
    check("\x1b[2J \u{202e}x\u{7}", "x", 40, "\\u{1b}[2J \\u{202e}x\\u{7}\n                  ^");
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let line = |fault: &str| format!("{}{fault}{}", "<".repeat(100), ">".repeat(100));
    check(&line("ab"), "ab", 20, "…<<<<<<<<ab>>>>>>>>…\n         ^^");
    check(&line("ab")[95..], "ab", 20, "<<<<<ab>>>>>>>>>>>…\n     ^^");
    check(&line("ab")[..105], "ab", 20, "…<<<<<<<<<<<<<ab>>>\n              ^^");
    check(&line(&"x".repeat(50)), &"x".repeat(50), 20, "…<<<<xxxxxxxxxxxxxx…\n     ^^^^^^^^^^^^^^");
    check(
        &line(&"漢".repeat(50)),
        &"漢".repeat(50),
        20,
        "…<<<<漢漢漢漢漢漢漢…\n     ^^^^^^^^^^^^^^",
    );
    check(&"x".repeat(90), &"x".repeat(90), 20, "xxxxxxxxxxxxxxxxxx…\n^^^^^^^^^^^^^^^^^^");
    // Half of a wide character cannot be shown.
    check(&format!("{}x", "漢".repeat(50)), "x", 20, "…漢漢漢漢漢漢漢漢x\n                 ^");
}

#[test]
fn of_several_lines_the_first_is_marked() {
    check("a: {\n  b\n}", "{\n  b\n}", 20, "a: {\n   ^");
}

#[test]
fn what_has_no_width_is_bounded_too() {
    let source = format!("{}x{}", "\u{301}".repeat(100_000), "\u{301}".repeat(100_000));
    let start = source.find('x').unwrap();
    let shown = cut(&source, start..start + 1, 20);
    assert!(shown.text.len() < 1_000, "{} bytes", shown.text.len());
}

#[test]
fn places_are_found_in_one_walk() {
    let text = "\u{feff}aü\r\nb漢c";
    for ((line, column), expected) in [
        ((1, 1), 3),
        ((1, 2), 4),
        ((1, 3), 6),
        ((1, 9), 7),
        ((2, 1), 8),
        ((2, 3), 12),
        ((2, 4), 13),
        ((9, 9), 13),
    ] {
        assert_eq!(offsets(text, &[(2, 1), (line, column)]), [8, expected], "{line}:{column}");
    }
}
