//! Values as text.

use std::borrow::Cow;
use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Error, Row, ffi};

use super::budget;
use crate::backend::{Collector, Flow, RowWriter};

/// Bytes of a blob that are shown; a longer one is cut, and its length is added.
const BLOB_BYTES_SHOWN: usize = 64;
/// A text up to this long is never shortened: the note would be no shorter.
const TEXT_BYTES_MIN: usize = 24;

/// Adds the first `columns` values of `row` to `collector`. No more is copied than the collector has room
/// for, plus less than 200 bytes per column. Columns behind them have numbers of values that are not read.
pub(super) fn push(collector: &mut Collector, row: &Row<'_>, columns: usize) -> Result<Flow, Error> {
    let room = usize::try_from(collector.room()).unwrap_or(usize::MAX);
    let mut cells = Shortener { row: collector.begin_row(), room, shortened: 0 };
    for column in 0..columns {
        // To read a value SQLite may have to copy it, and rusqlite cannot say that it did not.
        let value = budget::leniently(|| row.get_ref(column))?;
        if budget::is_over() {
            return Err(no_memory());
        }
        cells.add(value);
    }
    let Shortener { row: mut cells, shortened, .. } = cells;
    for column in columns..row.as_ref().column_count() {
        cells.note_unread(row.get(column)?);
    }
    Ok(cells.end(shortened))
}

/// What SQLite says when it gets no memory.
pub(super) fn no_memory() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_NOMEM), None)
}

/// Writes the values of one row as text within a number of bytes.
struct Shortener<'a> {
    row: RowWriter<'a>,
    /// Bytes left.
    room: usize,
    /// Values that were cut.
    shortened: u64,
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
            ValueRef::Integer(number) => self.format(format_args!("{number}")),
            ValueRef::Real(number) => self.format(format_args!("{}", Real(number))),
            ValueRef::Text(bytes) => self.text(bytes),
            ValueRef::Blob(bytes) => self.format(format_args!("{}", Blob(bytes))),
        }
    }

    fn format(&mut self, text: fmt::Arguments<'_>) {
        let bytes = self.row.format(text);
        self.room = self.room.saturating_sub(bytes + 1);
    }

    /// A text that does not fit is cut between two characters and ends with its full length; of later ones
    /// that do not fit, only the length is kept.
    fn text(&mut self, bytes: &[u8]) {
        let room = self.room.max(TEXT_BYTES_MIN);
        // U+FFFD is longer than what it replaces: a text may outgrow its room only once it is text.
        let (text, is_malformed) = lossy(bytes, room);
        if is_malformed {
            self.row.note_malformed();
        }
        if bytes.len() <= room && text.len() <= room {
            self.row.text(&text);
            self.room = self.room.saturating_sub(text.len() + 1);
            return;
        }
        self.shortened += 1;
        let shown = whole_characters(&text, bytes.len() > room, self.room);
        self.room = 0;
        self.format(format_args!("{shown}... ({} bytes)", bytes.len()));
    }
}

/// The first `room` bytes as text, and whether one of them is not UTF-8; a character that is cut in two there is.
fn lossy(bytes: &[u8], room: usize) -> (Cow<'_, str>, bool) {
    let looked_at = &bytes[..bytes.len().min(room)];
    let is_malformed = match str::from_utf8(looked_at) {
        Ok(_) => false,
        Err(error) => error.error_len().is_some() || bytes.len() <= room,
    };
    (String::from_utf8_lossy(looked_at), is_malformed)
}

/// As much of `text` as fits in `room`; if it is `cut`, without the U+FFFD of a character that was cut in
/// two.
fn whole_characters(text: &str, cut: bool, room: usize) -> &str {
    let shown = &text[..text.floor_char_boundary(room)];
    if cut { shown.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { shown }
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

struct Blob<'a>(&'a [u8]);

impl fmt::Display for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(BLOB_BYTES_SHOWN)];
        f.write_str("X'")?;
        for byte in shown {
            write!(f, "{byte:02X}")?;
        }
        if shown.len() == self.0.len() { f.write_str("'") } else { write!(f, "..' ({} bytes)", self.0.len()) }
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
            let mut cells = Shortener { row: collector.begin_row(), room, shortened: 0 };
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
    }

    proptest! {
        #[test]
        fn a_row_costs_its_room_and_a_constant_a_column(
            texts in prop::collection::vec("\\PC{0,80}", 0..8), room in 0usize..200,
        ) {
            let values: Vec<_> = texts.iter().map(|text| ValueRef::Text(text.as_bytes())).collect();
            let (cells, count) = shortened(room, &values);
            let bytes: usize = cells.iter().flatten().map(String::len).sum();
            prop_assert!(bytes <= room + 50 * texts.len());
            let whole = cells.iter().zip(&texts).filter(|(cell, text)| cell.as_ref() == Some(*text)).count();
            prop_assert_eq!(whole + usize::try_from(count).unwrap(), texts.len());
        }

        #[test]
        fn reals_read_back_as_themselves(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(Real(number).to_string().parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
