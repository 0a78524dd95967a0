//! Tables in as many columns as a terminal has; the last column takes what is left and wraps.

use console::{measure_text_width, pad_str};

use crate::words::fit;

/// Rows of cells under a header.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
    cuts: bool,
}

/// Between two columns.
const GAP: usize = 2;
/// The last column is never narrower than this; rather the lines get too long.
const NARROWEST: usize = 16;
/// No column but the last is wider than this.
const WIDEST: usize = 32;
/// No column is made narrower than this.
const LEAST: usize = 6;

impl<const N: usize> Table<N> {
    /// An empty table.
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new(), cuts: false }
    }

    /// The last column is cut where it would have to wrap: one line a row.
    pub(crate) fn cut(mut self) -> Self {
        self.cuts = true;
        self
    }

    /// Adds a row; cells may be coloured and hold no line ends.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, every line within `width` columns where that is possible.
    pub(crate) fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        let before: usize = widths[..N - 1].iter().map(|width| width + GAP).sum();
        let last = width.saturating_sub(before).max(NARROWEST);
        let mut text = String::new();
        let header = self.header.map(str::to_owned);
        for row in std::iter::once(&header).chain(&self.rows) {
            let lines = match self.cuts {
                true => vec![fit(&row[N - 1], last).into_owned()],
                false => fold(&row[N - 1], last),
            };
            let mut folded = lines.into_iter();
            let mut line = String::new();
            for (cell, &width) in row[..N - 1].iter().zip(&widths) {
                line += &pad_str(cell, width, console::Alignment::Left, Some("…"));
                line += &" ".repeat(GAP);
            }
            line += &folded.next().unwrap_or_default();
            text += line.trim_end();
            text.push('\n');
            for rest in folded {
                text += &" ".repeat(before);
                text += &rest;
                text.push('\n');
            }
        }
        text
    }

    /// The widths of all columns but the last, which is given room at the widest one's cost.
    fn widths(&self, width: usize) -> [usize; N] {
        let mut widths: [usize; N] = std::array::from_fn(|column| {
            let cells = self.rows.iter().map(|row| measure_text_width(&row[column]));
            let widest = cells.max().unwrap_or(0).min(WIDEST);
            widest.max(measure_text_width(self.header[column]))
        });
        let columns = &mut widths[..N - 1];
        while columns.iter().map(|column| column + GAP).sum::<usize>() + NARROWEST > width {
            match columns.iter_mut().max() {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// The text in lines of at most `width` columns, broken at blanks where there are any.
pub(crate) fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = 0;
    for word in text.split(' ') {
        let mut word = word;
        let needed = measure_text_width(word);
        if taken > 0 && taken + 1 + needed > width {
            lines.push(String::new());
            taken = 0;
        }
        let line = lines.last_mut().expect("because there is always a line");
        if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        // A word that is longer than a line is broken anywhere.
        while measure_text_width(word) > width {
            let at = cut(word, width);
            lines.last_mut().expect("because there is always a line").push_str(&word[..at]);
            lines.push(String::new());
            word = &word[at..];
            taken = 0;
        }
        lines.last_mut().expect("because there is always a line").push_str(word);
        taken += measure_text_width(word);
    }
    lines
}

/// How many bytes of `word` fit into `width` columns; at least one character.
fn cut(word: &str, width: usize) -> usize {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    let mut fitting = ends.take_while(|&end| measure_text_width(&word[..end]) <= width);
    let first = word.chars().next().map_or(0, char::len_utf8);
    fitting.by_ref().last().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_wide_letters_and_the_last_one_wraps() {
        let mut table = Table::new(["ID", "NOTE"]);
        table.row(["abc".to_owned(), "one two three four five".to_owned()]);
        table.row(["漢字".to_owned(), "漢字漢字漢字漢字漢字漢字".to_owned()]);
        table.row([String::new(), String::new()]);
        assert_eq!(
            table.render(22),
            "ID    NOTE\nabc   one two three\n      four five\n漢字  漢字漢字漢字漢字\n      漢字漢字\n\n"
        );
    }

    #[test]
    fn a_column_that_is_cut_takes_one_line() {
        let mut table = Table::new(["ID", "NOTE"]).cut();
        table.row(["a".to_owned(), "漢字漢字漢字漢字漢字".to_owned()]);
        assert_eq!(table.render(20), "ID  NOTE\na   漢字漢字漢字漢…\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut table = Table::new(["A", "B", "C"]);
        table.row(["x".repeat(100), "y".repeat(40), "word ".repeat(40)]);
        for width in 30..120 {
            let text = table.render(width);
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{width}:\n{text}");
        }
        assert_eq!(table.render(usize::MAX).lines().count(), 2, "no width, no wrapping");
    }
}
