//! How long a cell is once it is written in a result (the text that a client gets): the byte cap counts that.
//!
//! `\`, `|` and line breaks are written as two characters; the text "NULL", and what quotes make of it, in quotes.

/// Bytes that a row keeps for each of its cells, separator included, whatever the cells before it take: enough for
/// any number, and for the length of a value that is not shown.
pub(crate) const CELL_BYTES_MIN: usize = 25;

/// Texts are looked at in pieces of this many bytes: few enough for a sum in one byte, which many can be added
/// to at once.
const PIECE_BYTES: usize = 255;

/// Bytes of `cell` as it is written.
pub(crate) fn written_bytes(cell: &str) -> usize {
    cell.len() + escapes(cell) + if is_like_null(cell) { 2 } else { 0 }
}

/// How many characters of `cell` are escaped.
pub(crate) fn escapes(cell: &str) -> usize {
    let of = |piece: &[u8]| usize::from(piece.iter().map(|byte| u8::from(is_escaped(*byte))).sum::<u8>());
    cell.as_bytes().chunks(PIECE_BYTES).map(of).sum()
}

/// The beginning of `cell` that is written in `room` bytes: whole characters.
pub(crate) fn fitting(cell: &str, room: usize) -> &str {
    let mut left = room;
    let takes = |byte: &u8| if is_escaped(*byte) { 2 } else { 1 };
    let end = cell.bytes().position(|byte| {
        let rest = left.checked_sub(takes(&byte));
        left = rest.unwrap_or(0);
        rest.is_none()
    });
    &cell[..cell.floor_char_boundary(end.unwrap_or(cell.len()))]
}

/// Whether it is the text "NULL", or what one that looks like it is shown as.
pub(crate) fn is_like_null(mut cell: &str) -> bool {
    while let Some(inner) = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        cell = inner;
    }
    cell == "NULL"
}

fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'\\' | b'|' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_quotes_count() {
        for (cell, bytes) in [
            ("", 0),
            ("plain é", 8),
            ("a|b\nc\\\r", 11),
            ("NULL", 6),
            ("\"NULL\"", 8),
            (&"|".repeat(1000), 2000),
            (&"é|".repeat(700), 2800),
        ] {
            assert_eq!(written_bytes(cell), bytes, "{cell}");
        }
    }

    #[test]
    fn what_fits_is_cut_between_characters_and_between_escapes() {
        for (cell, room, fits) in [
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("a|c", 2, "a"),
            ("a|c", 3, "a|"),
            ("éé", 3, "é"),
            ("|", 0, ""),
        ] {
            assert_eq!(fitting(cell, room), fits, "{cell} {room}");
        }
    }
}
