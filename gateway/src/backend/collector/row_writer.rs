//! One row on its way into a [`Collector`].

use std::fmt::{self, Write};

use super::{Collector, Cut, Flow};
use crate::backend::written::written_bytes;

/// The end of a cell's text; the highest bit marks NULL. Results stay far below 2 GiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellEnd(u32);

impl CellEnd {
    const NULL: u32 = 1 << 31;

    fn new(at: usize, is_null: bool) -> Self {
        let at = u32::try_from(at).unwrap_or(u32::MAX) & !Self::NULL;
        Self(if is_null { at | Self::NULL } else { at })
    }

    pub(super) fn at(self) -> usize {
        (self.0 & !Self::NULL) as usize
    }

    pub(super) fn is_null(self) -> bool {
        self.0 & Self::NULL != 0
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

    /// NULL.
    pub fn null(&mut self) {
        self.end_cell(true, "NULL".len());
    }

    /// A cell of this text; returns its bytes as it is written.
    pub fn text(&mut self, text: &str) -> usize {
        let written = written_bytes(text);
        self.collector.text.push_str(text);
        self.end_cell(false, written);
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

    /// A cell of formatted text, in which nothing is escaped (a number, a blob); returns its bytes.
    pub fn format(&mut self, text: fmt::Arguments<'_>) -> usize {
        let before = self.collector.text.len();
        // Writing to a string cannot fail.
        let _ = self.collector.text.write_fmt(text);
        let written = self.collector.text.len() - before;
        self.end_cell(false, written);
        written
    }

    fn end_cell(&mut self, is_null: bool, written: usize) {
        self.written += written + 1;
        self.collector.ends.push(CellEnd::new(self.collector.text.len(), is_null));
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
