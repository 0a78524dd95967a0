//! One line of a file, cut around a fault so that it fits, with the place of the fault in it.
//!
//! Only what is shown is copied: a file may be one line of many megabytes. Columns are those of
//! a terminal: wide characters take two, combining ones none, tabs four.

use std::ops::Range;

use console::measure_text_width;
use pe_validate::Finding;

use crate::words::printable;

const TAB: &str = "    ";
const CUT: &str = "…";

/// What is shown of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Safe for a terminal, without line ends.
    pub(super) text: String,
    /// The fault in it, in bytes; empty where there is nothing to mark.
    pub(super) marked: Range<usize>,
}

/// The excerpts of findings, each within `room` columns; none where a finding has no place.
pub(super) fn excerpts(source: &str, findings: &[&Finding], room: usize) -> Vec<Option<Excerpt>> {
    let ends = findings.iter().map(|finding| {
        let start = (finding.line?, finding.column?);
        Some([start, (finding.end_line?, finding.end_column?).max(start)])
    });
    let ends: Vec<Option<[(usize, usize); 2]>> = ends.collect();
    let places: Vec<(usize, usize)> = ends.iter().flatten().flatten().copied().collect();
    let mut offsets = offsets(source, &places).into_iter();
    let mut next = || offsets.next().unwrap_or(source.len());
    ends.iter().map(|ends| ends.map(|_| cut(source, next()..next(), room))).collect()
}

/// The byte offsets of places, lines and columns from 1, in one walk over the text.
fn offsets(text: &str, places: &[(usize, usize)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&at| places[at]);
    let mut offsets = vec![text.len(); places.len()];
    let mut order = order.into_iter().peekable();
    let (mut line, mut column) = (1, 1);
    for (offset, character) in text.char_indices() {
        // A byte order mark has no width.
        if offset == 0 && character == '\u{feff}' {
            continue;
        }
        let here = |at: &usize| {
            places[*at] <= (line, column) || (character == '\n' && places[*at].0 == line)
        };
        while let Some(at) = order.next_if(here) {
            offsets[at] = offset;
        }
        if order.peek().is_none() {
            break;
        }
        match character {
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
    }
    offsets
}

/// A character as it is shown.
struct Cell {
    text: String,
    width: usize,
}

impl Cell {
    fn new(character: char) -> Self {
        let mut bytes = [0; 4];
        let text = match character {
            '\t' => TAB.to_owned(),
            other => printable(other.encode_utf8(&mut bytes)).into_owned(),
        };
        Self { width: measure_text_width(&text), text }
    }
}

/// A row of cells that grows at one end while there is room.
#[derive(Default)]
struct Cells {
    cells: Vec<Cell>,
    width: usize,
    is_cut: bool,
}

impl Cells {
    /// As many as fit.
    fn take(characters: impl Iterator<Item = char>, room: usize) -> Self {
        let mut taken = Self::default();
        for character in characters {
            let cell = Cell::new(character);
            if taken.width + cell.width > room || taken.cells.len() > room * 4 {
                taken.is_cut = true;
                break;
            }
            taken.width += cell.width;
            taken.cells.push(cell);
        }
        taken
    }

    /// Takes from the end until it fits.
    fn shorten(&mut self, room: usize) {
        while self.width > room
            && let Some(cell) = self.cells.pop()
        {
            self.width -= cell.width;
            self.is_cut = true;
        }
    }
}

/// Cuts out the line around a fault; of a fault of several lines its first line.
fn cut(source: &str, Range { start, end }: Range<usize>, room: usize) -> Excerpt {
    let on_line = |c: &char| *c != '\n';
    // No more than this is looked at, and less is shown.
    let reach = start.saturating_add(32 * room);
    let rest = &source[start..source.floor_char_boundary(reach)];
    // A carriage return before a line's end belongs to the end.
    let length = rest.find('\n').map_or(rest.len(), |end| rest[..end].trim_end_matches('\r').len());
    let end = end.clamp(start, start + length);
    let room = room - 2 * measure_text_width(CUT);
    let mut fault = Cells::take(source[start..end].chars(), room);
    let mut after = match fault.is_cut {
        true => Cells { is_cut: true, ..Cells::default() },
        false => Cells::take(source[end..start + length].chars(), room - fault.width),
    };
    let before = source[..start].chars().rev().take_while(on_line);
    let mut before = Cells::take(before.filter(|&c| c != '\u{feff}'), room);
    if before.width + fault.width + after.width > room {
        // Something of the line must be seen before a fault that is as long as the line.
        fault.shorten(room - before.width.min(room / 4));
        let left = room - fault.width;
        let enough = left / 2;
        if after.width > enough {
            after.shorten(left - before.width.min(left - enough));
        }
        before.shorten(left - after.width);
        if fault.is_cut {
            after = Cells { is_cut: true, ..Cells::default() };
        }
    }
    // What combines with the character before it cannot come first.
    while before.is_cut && before.cells.last().is_some_and(|cell| cell.width == 0) {
        before.cells.pop();
    }
    let mut text = String::new();
    let mut put = |cells: &mut dyn Iterator<Item = &Cell>| {
        cells.for_each(|cell| text.push_str(&cell.text));
        text.len()
    };
    let mark = Cell { text: CUT.to_owned(), width: 1 };
    if before.is_cut {
        put(&mut std::iter::once(&mark));
    }
    let start = put(&mut before.cells.iter().rev());
    let end = put(&mut fault.cells.iter());
    put(&mut after.cells.iter());
    if after.is_cut {
        put(&mut std::iter::once(&mark));
    }
    Excerpt { text, marked: start..end }
}

#[cfg(test)]
mod tests;
