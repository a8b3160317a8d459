//! Values as text.

use std::fmt::Write;

use rusqlite::types::ValueRef;

use crate::backend::Cell;

/// Bytes of a blob that are shown; a longer one is cut and says how long it is.
const BLOB_BYTES_SHOWN: usize = 64;

/// A value as the text of a cell.
///
/// - NULL is `None`; an INTEGER its digits; TEXT as it is, bytes that are not UTF-8 replaced by U+FFFD.
/// - REAL is the shortest text that reads back as the same number, `1.0` for a whole one, `Inf` and `-Inf`.
/// - BLOB is SQLite's literal, `X'00FF'`; of one longer than 64 bytes the first 64, as `X'00FF..' (1000 bytes)`.
pub(super) fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(real(number)),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Some(blob(bytes)),
    }
}

fn real(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Inf".into() } else { "-Inf".into() };
    }
    format!("{number:?}")
}

fn blob(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(BLOB_BYTES_SHOWN)];
    let mut text = String::with_capacity(shown.len() * 2 + 24);
    text.push_str("X'");
    for byte in shown {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    if shown.len() == bytes.len() {
        text.push('\'');
    } else {
        let _ = write!(text, "..' ({} bytes)", bytes.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: ValueRef<'_>) -> String {
        cell(value).unwrap()
    }

    #[test]
    fn each_type_has_its_form() {
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
    fn a_long_blob_is_cut_and_says_so() {
        let shown = text(ValueRef::Blob(&[0xAB; 1000]));
        assert!(shown.starts_with("X'ABAB") && shown.ends_with("AB..' (1000 bytes)"), "{shown}");
        assert!(text(ValueRef::Blob(&[1; 64])).ends_with("01'"));
    }

    proptest! {
        #[test]
        fn reals_read_back_as_themselves(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(real(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
