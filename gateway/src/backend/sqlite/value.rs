//! Values as text.

use std::borrow::Cow;
use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Error, Row, ffi};

use super::budget;
use crate::backend::{CELL_BYTES_MIN, CellKind, Collector, Flow, RowWriter, fitting, written_bytes};
use crate::rows::RowBlock;

/// Bytes of a blob that are shown; a longer one is cut, and its length is added.
const BLOB_BYTES_SHOWN: usize = 64;
/// Bytes of what stands around the bytes of a blob that is cut: `X'..' (N bytes)`.
const BLOB_NOTE_BYTES: usize = 24;

/// Adds the first `columns` values of `row` to `collector`, as far as it keeps them. No more is copied than the
/// collector has room for. Columns behind them have numbers of values that are not read. Also returns whether all is shown whole.
pub(super) fn push(collector: &mut Collector, row: &Row<'_>, columns: usize) -> Result<(Flow, bool), Error> {
    let room = usize::try_from(collector.room()).unwrap_or(usize::MAX);
    let kept = columns.min(collector.columns_kept());
    // A later row that does not fit is cut as a whole.
    let kept_back = if collector.row_count() == 0 { kept * CELL_BYTES_MIN } else { 0 };
    let room = room.saturating_sub(kept_back);
    let mut cells = Shortener { row: collector.begin_row(), room, shortened: 0, is_whole: true };
    for column in 0..kept {
        // To read a value SQLite may have to copy it, and rusqlite cannot say that it did not.
        let value = budget::leniently(|| row.get_ref(column))?;
        if budget::is_over() {
            return Err(no_memory());
        }
        cells.add(value);
    }
    let Shortener { row: mut cells, shortened, is_whole, .. } = cells;
    for column in columns..row.as_ref().column_count() {
        cells.note_unread(row.get(column)?);
    }
    Ok((cells.end(shortened), is_whole))
}

/// Adds the first `columns` values of `row` to `block`, whole: blobs with all their digits.
pub(super) fn copy(block: &mut RowBlock, row: &Row<'_>, columns: usize) -> Result<(), Error> {
    for column in 0..columns {
        let value = budget::leniently(|| row.get_ref(column))?;
        if budget::is_over() {
            return Err(no_memory());
        }
        match value {
            ValueRef::Null => block.null(),
            ValueRef::Integer(number) => block.format(CellKind::Number, format_args!("{number}")),
            ValueRef::Real(number) => block.format(CellKind::Real, format_args!("{}", Real(number))),
            ValueRef::Text(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let is_malformed = matches!(text, Cow::Owned(_));
                block.cell(if is_malformed { CellKind::Malformed } else { CellKind::Text }, &text);
            }
            ValueRef::Blob(bytes) => {
                block.format(CellKind::Bytes, format_args!("{}", Blob { bytes, shown: bytes.len() }));
            }
        }
    }
    Ok(())
}

/// What SQLite says when it gets no memory.
pub(super) fn no_memory() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_NOMEM), None)
}

/// Writes the values of one row as text within a number of bytes.
struct Shortener<'a> {
    row: RowWriter<'a>,
    /// Bytes left, as they are written, beside the [`CELL_BYTES_MIN`] that each cell has for itself.
    room: usize,
    /// Values that were cut.
    shortened: u64,
    /// Whether each value is there with all its bytes.
    is_whole: bool,
}

impl Shortener<'_> {
    /// Adds a value as the text of a cell.
    ///
    /// - NULL is NULL; an INTEGER its digits; TEXT as it is, bytes that are not UTF-8 replaced by U+FFFD.
    /// - REAL is the shortest text that reads back as the same number, `1.0` for a whole one, `Inf` and
    ///   `-Inf`.
    /// - BLOB is SQLite's literal, `X'00FF'`; of one longer than 64 bytes the first 64, as `X'00FF..' (1000
    ///   bytes)`.
    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.row.null(),
            ValueRef::Integer(number) => self.format(CellKind::Number, format_args!("{number}")),
            ValueRef::Real(number) => self.format(CellKind::Real, format_args!("{}", Real(number))),
            ValueRef::Text(bytes) => self.text(bytes),
            ValueRef::Blob(bytes) => self.blob(bytes),
        }
    }

    /// Bytes that the next cell may take.
    fn cell_bytes_max(&self) -> usize {
        self.room.saturating_add(CELL_BYTES_MIN - 1)
    }

    /// A cell of these bytes has been written; what it left of its own is there for the others, until one of them
    /// does not fit.
    fn use_room(&mut self, written: usize) {
        let left = self.room.saturating_add(CELL_BYTES_MIN).saturating_sub(written + 1);
        self.room = if self.shortened == 0 { left } else { 0 };
    }

    fn format(&mut self, kind: CellKind, text: fmt::Arguments<'_>) {
        let written = self.row.format(kind, text);
        self.use_room(written);
    }

    /// Of a blob that does not fit, fewer bytes are shown.
    fn blob(&mut self, bytes: &[u8]) {
        let whole = BLOB_NOTE_BYTES + 2 * bytes.len().min(BLOB_BYTES_SHOWN);
        let left = self.cell_bytes_max();
        self.is_whole &= bytes.len() <= BLOB_BYTES_SHOWN && whole <= left;
        if whole <= left || bytes.len() <= (left - 3) / 2 {
            return self.format(CellKind::Bytes, format_args!("{}", Blob { bytes, shown: BLOB_BYTES_SHOWN }));
        }
        self.shortened += u64::from(bytes.len() <= BLOB_BYTES_SHOWN);
        let shown = left.saturating_sub(BLOB_NOTE_BYTES) / 2;
        self.format(CellKind::Bytes, format_args!("{}", Blob { bytes, shown }));
    }

    /// A text that does not fit is cut between two characters and ends with its full length; of later ones
    /// that do not fit, only the length is kept.
    fn text(&mut self, bytes: &[u8]) {
        let left = self.cell_bytes_max();
        // U+FFFD is longer than what it replaces, and some characters are escaped: a text may outgrow its room
        // only once it is text.
        let looked_at = &bytes[..bytes.len().min(left)];
        let (whole, is_malformed) = whole_characters(looked_at, looked_at.len() < bytes.len());
        let text = String::from_utf8_lossy(whole);
        let kind = if is_malformed { CellKind::Malformed } else { CellKind::Text };
        let fits = bytes.len() <= left && (bytes.len() <= left / 6 || written_bytes(&text) <= left);
        let written = if fits {
            self.row.text_of(kind, &text)
        } else {
            self.shortened += 1;
            self.is_whole = false;
            self.row.text_of(kind, &format!("{}... ({} bytes)", fitting(&text, self.room), bytes.len()))
        };
        self.use_room(written);
    }
}

/// `bytes` without those of a last character that is cut in two, if they are `cut`, and whether one of the rest is
/// not UTF-8.
fn whole_characters(bytes: &[u8], cut: bool) -> (&[u8], bool) {
    if str::from_utf8(bytes).is_ok() {
        return (bytes, false);
    }
    // An end that is cut in two is one that only lacks bytes: at most 3 are there.
    let cut_end = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let lacks_bytes = cut && str::from_utf8(cut_end).is_err_and(|error| error.error_len().is_none());
    let whole = if lacks_bytes { &bytes[..bytes.len() - cut_end.len()] } else { bytes };
    (whole, str::from_utf8(whole).is_err())
}

struct Real(f64);

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number:?}"),
        }
    }
}

/// A blob's first bytes, `shown` at most.
struct Blob<'a> {
    bytes: &'a [u8],
    shown: usize,
}

impl fmt::Display for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(self.shown)];
        f.write_str("X'")?;
        for byte in shown {
            write!(f, "{byte:02X}")?;
        }
        if shown.len() == self.bytes.len() {
            f.write_str("'")
        } else {
            write!(f, "..' ({} bytes)", self.bytes.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::{Caps, Cell};

    fn cell(value: ValueRef<'_>) -> Cell {
        shortened(1000, &[value]).0.remove(0)
    }

    fn text(value: ValueRef<'_>) -> String {
        cell(value).unwrap()
    }

    #[test]
    fn values_of_each_type_are_formatted() {
        assert_eq!(cell(ValueRef::Null), None);
        assert_eq!(text(ValueRef::Integer(i64::MIN)), "-9223372036854775808");
        assert_eq!(text(ValueRef::Real(2.0)), "2.0");
        assert_eq!(text(ValueRef::Real(173_665.47)), "173665.47");
        assert_eq!(text(ValueRef::Real(f64::NEG_INFINITY)), "-Inf");
        assert_eq!(text(ValueRef::Text(b"a\xFFb")), "a\u{FFFD}b");
        assert_eq!(text(ValueRef::Blob(&[0, 255])), "X'00FF'");
        assert_eq!(text(ValueRef::Blob(&[])), "X''");
    }

    #[test]
    fn a_long_blob_is_cut_and_shows_its_length() {
        let shown = text(ValueRef::Blob(&[0xAB; 1000]));
        assert!(shown.starts_with("X'ABAB") && shown.ends_with("AB..' (1000 bytes)"), "{shown}");
        assert!(text(ValueRef::Blob(&[1; 64])).ends_with("01'"));
    }

    fn shortened(room: usize, values: &[ValueRef<'_>]) -> (Vec<Cell>, u64) {
        let caps = Caps { rows_max: 1, bytes_max: u64::MAX, count_rows_max: 1 };
        let mut collector = Collector::new(caps);
        let shortened = {
            let mut cells = Shortener { row: collector.begin_row(), room, shortened: 0, is_whole: true };
            values.iter().for_each(|value| cells.add(*value));
            let Shortener { row, shortened, .. } = cells;
            row.end(shortened);
            shortened
        };
        (collector.to_rows().remove(0), shortened)
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_how_long_it_is() {
        let long = "é".repeat(500);
        let values = [
            ValueRef::Text(long.as_bytes()),
            ValueRef::Integer(7),
            ValueRef::Text(long.as_bytes()),
            ValueRef::Null,
        ];
        let (cells, count) = shortened(101, &values);
        let first = format!("{}... (1000 bytes)", "é".repeat(50));
        assert_eq!(cells, [Some(first), Some("7".into()), Some("... (1000 bytes)".into()), None]);
        assert_eq!(count, 2);
        assert_eq!(shortened(1000, &values[..1]), (vec![Some(long.clone())], 0));
        assert_eq!(shortened(0, &[ValueRef::Text(b"a short text")]).1, 0);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_outgrow_the_room() {
        let (cells, count) = shortened(100, &[ValueRef::Text(&[0xFF; 90])]);
        assert_eq!((cells[0].as_deref().unwrap().len(), count), (99 + "... (90 bytes)".len(), 1));
        let (cells, _) = shortened(100, &[ValueRef::Text(&[0xFF; 70_000])]);
        assert_eq!(cells[0].as_deref().unwrap(), format!("{}... (70000 bytes)", "\u{FFFD}".repeat(33)));
    }

    #[test]
    fn only_the_character_that_is_cut_in_two_is_left_out() {
        for (bytes, cut, whole) in [
            (&b"a\xFF\xC3"[..], true, (&b"a\xFF"[..], true)),
            (b"a\xC3", true, (b"a", false)),
            (b"a\xC3", false, (b"a\xC3", true)),
            (b"a\xFF\xFF", true, (b"a\xFF\xFF", true)),
            (b"\xF0\x9F\x98", true, (b"", false)),
            (b"ab", true, (b"ab", false)),
        ] {
            assert_eq!(whole_characters(bytes, cut), whole, "{bytes:?} {cut}");
        }
    }

    #[test]
    fn a_blob_that_does_not_fit_shows_fewer_bytes() {
        let (cells, count) = shortened(10, &[ValueRef::Blob(&[1; 30]), ValueRef::Blob(&[2; 100])]);
        assert_eq!(cells, [Some("X'0101010101..' (30 bytes)".into()), Some("X'..' (100 bytes)".into())]);
        assert_eq!(count, 1);
    }

    proptest! {
        #[test]
        fn a_row_costs_its_room_and_a_constant_a_column(
            texts in prop::collection::vec("(\\PC|[|\n\\\\]){0,80}", 0..8), room in 0usize..200,
        ) {
            let values: Vec<_> = texts.iter().map(|text| ValueRef::Text(text.as_bytes())).collect();
            let (cells, count) = shortened(room, &values);
            let bytes: usize = cells.iter().flatten().map(|cell| written_bytes(cell) + 1).sum();
            prop_assert!(bytes <= room + CELL_BYTES_MIN * texts.len());
            let whole = cells.iter().zip(&texts).filter(|(cell, text)| cell.as_ref() == Some(*text)).count();
            prop_assert_eq!(whole + usize::try_from(count).unwrap(), texts.len());
        }

        #[test]
        fn reals_read_back_as_themselves(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(Real(number).to_string().parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
