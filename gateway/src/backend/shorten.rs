//! Values that are too long for a result.

use crate::backend::{CELL_BYTES_MIN, Cell, fitting, written_bytes};

/// The cells of `row` within `room_bytes`, as they are written, and how many of them are not whole. A text that
/// does not fit is cut between two characters and ends with its full length; of later ones that do not fit only
/// that is left.
pub(crate) fn shorten(row: Vec<Cell>, room_bytes: u64) -> (Vec<Cell>, u64) {
    let kept_back = row.len() * CELL_BYTES_MIN;
    let mut room = usize::try_from(room_bytes).unwrap_or(usize::MAX).saturating_sub(kept_back);
    let mut shortened = 0;
    let mut fit = |text: String| {
        let (text, is_whole) = fitted(text, room);
        shortened += u64::from(!is_whole);
        let left = room.saturating_add(CELL_BYTES_MIN).saturating_sub(written_bytes(&text) + 1);
        room = if shortened == 0 { left } else { 0 };
        text
    };
    let cells = row.into_iter().map(|cell| cell.map(&mut fit)).collect();
    (cells, shortened)
}

/// `text`, or as much of it as fits in `room` bytes and those that every cell has for itself.
fn fitted(text: String, room: usize) -> (String, bool) {
    if written_bytes(&text) < room.saturating_add(CELL_BYTES_MIN) {
        return (text, true);
    }
    (format!("{}... ({} bytes)", fitting(&text, room), text.len()), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[Option<&str>]) -> Vec<Cell> {
        cells.iter().map(|cell| cell.map(str::to_owned)).collect()
    }

    #[test]
    fn what_fits_stays() {
        let cells = row(&[Some("a text of some thirty bytes..."), None, Some("")]);
        assert_eq!(shorten(cells.clone(), 31 + 2 * 25), (cells, 0));
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_how_long_it_was() {
        let long = "ü".repeat(50);
        let (cells, shortened) = shorten(row(&[Some(&long), Some(&long), Some("short"), None]), 31 + 4 * 25);
        let expected = format!("{}... (100 bytes)", "ü".repeat(15));
        assert_eq!(cells, row(&[Some(&expected), Some("... (100 bytes)"), Some("short"), None]));
        assert_eq!(shortened, 2);
    }
}
