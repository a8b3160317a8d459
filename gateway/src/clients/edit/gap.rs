//! What lies between two values of a JSON text: white space, comments and a comma.

use std::ops::Range;

/// A part of a gap that is not white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it is.
    pub(super) range: Range<usize>,
    /// Whether it is a comma; else a comment.
    pub(super) is_comma: bool,
}

/// The pieces of `range`, in order. There must be no value in it.
pub(super) fn pieces(text: &str, range: Range<usize>) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let rest = &text[at..range.end];
        let length = if rest.starts_with("//") {
            rest.find('\n').map_or(rest, |end| &rest[..end]).trim_end_matches('\r').len()
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with(',') {
            1
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        found.push(Piece { range: at..at + length, is_comma: rest.starts_with(',') });
        at += length;
    }
    found
}

/// The comma of `range`, if it has one.
pub(super) fn comma(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    pieces(text, range).into_iter().find(|piece| piece.is_comma).map(|piece| piece.range)
}

/// The end of the last piece of `range`, or its start.
pub(super) fn last_end(text: &str, range: Range<usize>) -> usize {
    pieces(text, range.clone()).last().map_or(range.start, |piece| piece.range.end)
}

/// The end of the comments in `range` that begin on its first line, or its start.
pub(super) fn end_of_line_comments(text: &str, range: Range<usize>) -> usize {
    let mut end = range.start;
    for piece in pieces(text, range) {
        if piece.is_comma || text[end..piece.range.start].contains('\n') {
            break;
        }
        let is_over = text[piece.range.clone()].contains('\n');
        end = piece.range.end;
        if is_over {
            break;
        }
    }
    end
}
