//! One row on its way into a [`Collector`].

use std::fmt;

use super::{Collector, Cut, Flow};
use crate::backend::written::written_bytes;
use crate::rows::CellKind;

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
        let (text_before, cells_before) = (collector.block.text.len(), collector.block.ends.len());
        Self { collector, text_before, cells_before, written: 0, malformed: 0, unread: 0, is_kept: false }
    }

    /// What the values of a column are, as far as the backend has said.
    pub fn kind_of(&self, column: usize) -> CellKind {
        self.collector.column_type(column).map(|of| of.kind).unwrap_or_default()
    }

    /// NULL.
    pub fn null(&mut self) {
        self.collector.block.null();
        self.written += "NULL".len() + 1;
    }

    /// A cell of this text; returns its bytes as it is written.
    pub fn text(&mut self, text: &str) -> usize {
        self.text_of(CellKind::Text, text)
    }

    /// A cell of this text, which is a value of `kind`; returns its bytes as it is written.
    pub fn text_of(&mut self, kind: CellKind, text: &str) -> usize {
        let written = written_bytes(text);
        self.collector.block.cell(kind, text);
        self.malformed += u64::from(kind == CellKind::Malformed);
        self.written += written + 1;
        written
    }

    /// In place of `count` of the row's values there is a text, as they are too long to be read.
    pub fn note_unread(&mut self, count: u64) {
        self.unread += count;
    }

    /// A cell of formatted text of `kind`, in which nothing is escaped (a number, a blob); returns its bytes.
    pub fn format(&mut self, kind: CellKind, text: fmt::Arguments<'_>) -> usize {
        let block = &mut self.collector.block;
        let before = block.text.len();
        block.format(kind, text);
        let written = block.text.len() - before;
        self.written += written + 1;
        written
    }

    /// The row is complete; `shortened` of its values were too long for [`Collector::room`]: a first row is
    /// kept as it is, a later one is cut.
    pub fn end(mut self, shortened: u64) -> Flow {
        let collector = &mut *self.collector;
        let row_bytes = self.written as u64;
        let over_rows = collector.block.row_count() as u64 >= collector.caps.rows_max;
        let too_long = shortened > 0 || collector.bytes + row_bytes > collector.caps.bytes_max;
        let over_bytes = collector.block.row_count() > 0 && too_long;
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
        collector.block.end_row();
        self.is_kept = true;
        let collector = &*self.collector;
        if collector.block.row_count() as u64 >= collector.caps.rows_max {
            Flow::CountOnly
        } else {
            Flow::More
        }
    }
}

impl Drop for RowWriter<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.collector.block.text.truncate(self.text_before);
            self.collector.block.ends.truncate(self.cells_before);
        }
    }
}
