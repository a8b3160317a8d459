//! One row on its way into a [`Collector`].

use std::fmt::{self, Write};

use super::{Collector, Cut, Flow};
use crate::backend::written::written_bytes;

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
    /// Bytes, written as hexadecimal digits.
    Bytes,
}

impl CellKind {
    const ALL: [Self; 6] = [Self::Null, Self::Text, Self::Number, Self::Real, Self::Boolean, Self::Bytes];
}

/// The end of a cell's text; its highest three bits are the cell's kind. Results stay far below 512 MiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellEnd(u32);

impl CellEnd {
    const KIND_SHIFT: u32 = 29;
    const AT: u32 = (1 << Self::KIND_SHIFT) - 1;

    fn new(at: usize, kind: CellKind) -> Self {
        let at = u32::try_from(at).unwrap_or(u32::MAX) & Self::AT;
        Self(at | (kind as u32) << Self::KIND_SHIFT)
    }

    pub(super) fn at(self) -> usize {
        (self.0 & Self::AT) as usize
    }

    pub(super) fn kind(self) -> CellKind {
        CellKind::ALL[(self.0 >> Self::KIND_SHIFT) as usize % CellKind::ALL.len()]
    }

    pub(super) fn is_null(self) -> bool {
        self.kind() == CellKind::Null
    }
}

/// A row that is being written; one that is dropped before [`RowWriter::end`] leaves nothing.
#[derive(Debug)]
pub struct RowWriter<'a> {
    collector: &'a mut Collector,
    text_before: usize,
    cells_before: usize,
    /// Bytes of the row as it is written, separators included.
    written: usize,
    malformed: u64,
    unread: u64,
    is_kept: bool,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(collector: &'a mut Collector) -> Self {
        let (text_before, cells_before) = (collector.text.len(), collector.ends.len());
        Self { collector, text_before, cells_before, written: 0, malformed: 0, unread: 0, is_kept: false }
    }

    /// What the values of a column are, as far as the backend has said.
    pub fn kind_of(&self, column: usize) -> CellKind {
        self.collector.column_type(column).map(|of| of.kind).unwrap_or_default()
    }

    /// NULL.
    pub fn null(&mut self) {
        self.end_cell(CellKind::Null, "NULL".len());
    }

    /// A cell of this text; returns its bytes as it is written.
    pub fn text(&mut self, text: &str) -> usize {
        self.text_of(CellKind::Text, text)
    }

    /// A cell of this text, which is a value of `kind`; returns its bytes as it is written.
    pub fn text_of(&mut self, kind: CellKind, text: &str) -> usize {
        let written = written_bytes(text);
        self.collector.text.push_str(text);
        self.end_cell(kind, written);
        written
    }

    /// The cell that is written next is a text whose bytes are not UTF-8.
    pub fn note_malformed(&mut self) {
        self.malformed += 1;
    }

    /// In place of `count` of the row's values there is a text, as they are too long to be read.
    pub fn note_unread(&mut self, count: u64) {
        self.unread += count;
    }

    /// A cell of formatted text of `kind`, in which nothing is escaped (a number, a blob); returns its bytes.
    pub fn format(&mut self, kind: CellKind, text: fmt::Arguments<'_>) -> usize {
        let before = self.collector.text.len();
        // Writing to a string cannot fail.
        let _ = self.collector.text.write_fmt(text);
        let written = self.collector.text.len() - before;
        self.end_cell(kind, written);
        written
    }

    fn end_cell(&mut self, kind: CellKind, written: usize) {
        self.written += written + 1;
        self.collector.ends.push(CellEnd::new(self.collector.text.len(), kind));
    }

    /// The row is complete; `shortened` of its values were too long for [`Collector::room`]: a first row is
    /// kept as it is, a later one is cut.
    pub fn end(mut self, shortened: u64) -> Flow {
        let collector = &mut *self.collector;
        let row_bytes = self.written as u64;
        let over_rows = collector.rows.len() as u64 >= collector.caps.rows_max;
        let too_long = shortened > 0 || collector.bytes + row_bytes > collector.caps.bytes_max;
        let over_bytes = !collector.rows.is_empty() && too_long;
        if collector.cut != Cut::Nothing || over_rows || over_bytes {
            if collector.cut == Cut::Nothing {
                collector.bytes_hit = over_bytes && !over_rows;
            }
            return collector.count(1);
        }
        collector.bytes += row_bytes;
        collector.shortened += shortened;
        collector.malformed += self.malformed;
        collector.unread += self.unread;
        collector.rows.push(u32::try_from(collector.ends.len()).unwrap_or(u32::MAX));
        self.is_kept = true;
        let collector = &*self.collector;
        if collector.rows.len() as u64 >= collector.caps.rows_max { Flow::CountOnly } else { Flow::More }
    }
}

impl Drop for RowWriter<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.collector.text.truncate(self.text_before);
            self.collector.ends.truncate(self.cells_before);
        }
    }
}
