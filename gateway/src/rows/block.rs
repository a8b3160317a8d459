//! Some rows in one buffer.

use std::fmt::{self, Write};

/// A longer value is cut, in bytes: the end of a cell has 29 bits.
pub const CELL_BYTES_MAX: usize = 256 << 20;

/// What a value is beside its text: what reads rows by their types needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CellKind {
    /// SQL NULL.
    Null,
    /// Text, and what has no other form than a text: dates, bytes, documents.
    #[default]
    Text,
    /// A whole number, or one with digits behind the point: exact.
    Number,
    /// A binary floating-point number, written so that it reads back as itself.
    Real,
    /// `true` or `false`.
    Boolean,
    /// Bytes, written as hexadecimal digits; those of SQLite as its literal, `X'00FF'`.
    Bytes,
    /// Text whose bytes are not all UTF-8: the others are U+FFFD.
    Malformed,
}

impl CellKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Null, Self::Text, Self::Number, Self::Real, Self::Boolean, Self::Bytes, Self::Malformed];
}

/// The end of a cell's text; its highest three bits are the cell's kind. A block stays below 512 MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellEnd(u32);

impl CellEnd {
    const KIND_SHIFT: u32 = 29;
    const AT: u32 = (1 << Self::KIND_SHIFT) - 1;

    pub(crate) fn new(at: usize, kind: CellKind) -> Self {
        let at = u32::try_from(at).unwrap_or(u32::MAX) & Self::AT;
        Self(at | (kind as u32) << Self::KIND_SHIFT)
    }

    pub(crate) fn at(self) -> usize {
        (self.0 & Self::AT) as usize
    }

    pub(crate) fn kind(self) -> CellKind {
        CellKind::ALL[(self.0 >> Self::KIND_SHIFT) as usize % CellKind::ALL.len()]
    }

    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn of_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// Rows whose cells are texts with their kinds. All text is one buffer: large blocks of memory, and not many small ones.
#[derive(Clone, Debug, Default)]
pub struct RowBlock {
    pub(crate) text: String,
    /// Where each cell of `text` ends, row by row.
    pub(crate) ends: Vec<CellEnd>,
    /// How many of `ends` are there after each row.
    pub(crate) rows: Vec<u32>,
}

impl RowBlock {
    /// Adds a cell to the row that is being written. One of more than [`CELL_BYTES_MAX`] is cut.
    pub fn cell(&mut self, kind: CellKind, text: &str) {
        self.text.push_str(&text[..text.floor_char_boundary(CELL_BYTES_MAX)]);
        self.end_cell(kind);
    }

    /// Adds NULL.
    pub fn null(&mut self) {
        self.end_cell(CellKind::Null);
    }

    /// Adds a cell of formatted text.
    pub fn format(&mut self, kind: CellKind, text: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
        self.end_cell(kind);
    }

    fn end_cell(&mut self, kind: CellKind) {
        self.ends.push(CellEnd::new(self.text.len(), kind));
    }

    /// The row is complete.
    pub fn end_row(&mut self) {
        self.rows.push(u32::try_from(self.ends.len()).unwrap_or(u32::MAX));
    }

    /// Adds the rows of `other`.
    pub fn append(&mut self, other: &Self) {
        for row in other.rows() {
            row.for_each(|(kind, text)| self.cell(kind, text));
            self.end_row();
        }
    }

    /// Rows in it.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of its texts.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Memory that it takes about, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<CellEnd>() + self.rows.len() * size_of::<u32>()
    }

    /// Forgets its rows; its memory stays, up to `bytes_max`.
    pub fn clear(&mut self, bytes_max: usize) {
        self.text.clear();
        self.text.shrink_to(bytes_max);
        self.ends.clear();
        self.ends.shrink_to(bytes_max / size_of::<CellEnd>());
        self.rows.clear();
    }

    /// The rows: the cells of each with what they are. The text of NULL is empty.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = (CellKind, &str)> + Clone> {
        let mut before = 0;
        self.rows.iter().map(move |&until| {
            let cells = before..until as usize;
            before = until as usize;
            cells.map(|cell| (self.ends[cell].kind(), self.text_of(cell)))
        })
    }

    /// The cell at `at`, counted from the first of all rows.
    #[cfg(feature = "parquet")]
    pub(crate) fn cell_at(&self, at: usize) -> (CellKind, &str) {
        (self.ends[at].kind(), self.text_of(at))
    }

    /// The text of the cell at `at`, counted from the first; empty for NULL.
    pub(crate) fn text_of(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].at());
        &self.text[start..self.ends[at].at()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_written() {
        let mut block = RowBlock::default();
        block.cell(CellKind::Text, "a|b");
        block.null();
        block.end_row();
        block.format(CellKind::Number, format_args!("{}", 7));
        block.cell(CellKind::Text, "");
        block.end_row();
        let rows: Vec<Vec<_>> = block.rows().map(Iterator::collect).collect();
        assert_eq!(
            rows,
            [
                [(CellKind::Text, "a|b"), (CellKind::Null, "")],
                [(CellKind::Number, "7"), (CellKind::Text, "")]
            ]
        );
        block.clear(0);
        assert_eq!((block.row_count(), block.text_bytes()), (0, 0));
    }
}
