//! A statement without its literals, by which statistics tell statements apart.
//!
//! Texts, numbers, dates, blobs and comments are out; lists of values and rows are one value and one row; blanks and the
//! case of keywords are made alike; names stay. One pass over the tokens, so time grows with the length; what is read
//! ([`READ_BYTES_MAX`]) and what comes of it ([`PATTERN_BYTES_MAX`]) is bounded.
//!
//! **Invariant:** nothing of a literal is in a pattern, also where the text is broken. So where quotes may be out of step
//! (a text without its end, or one that a word touches), the pattern ends before the first of them; where a text can be
//! read in two ways, it ends there; and a name between double quotes that stands where a value does is taken for one.

mod keywords;
mod pieces;
mod writer;

use crate::Dialect;
use pieces::{Piece, Pieces, What};
use writer::Writer;

/// Bytes of a statement that are read: what is behind them is not in its pattern.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a pattern, its `…` included.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// The pattern of `sql`. Never fails.
pub fn pattern(sql: &str, dialect: Dialect) -> String {
    let read = &sql[..sql.floor_char_boundary(READ_BYTES_MAX)];
    let mut writer = Writer::new(read.len() < sql.len());
    let mut pieces = Pieces::new(read, dialect).peekable();
    while let Some(piece) = pieces.next() {
        let next = pieces.peek();
        if piece.what == What::Unfinished || is_out_of_step(&piece, next) {
            return writer.broken();
        }
        writer.note(&piece, next);
    }
    writer.end()
}

/// Whether a text or a quoted name touches what it cannot: then its quotes may be those of others.
fn is_out_of_step(piece: &Piece<'_>, next: Option<&Piece<'_>>) -> bool {
    let Some(next) = next.filter(|next| next.begin == piece.end) else { return false };
    let is_plain = |what| matches!(what, What::Word | What::Number);
    match (piece.what, next.what) {
        (What::Text, next) => is_plain(next) || matches!(next, What::Text | What::Quoted),
        (What::Quoted, next) => is_plain(next) || next == What::Text,
        (What::Word, What::Text) => !piece.is_prefix() && keywords::of(piece.text).is_none(),
        (What::Number, What::Text) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
