//! Finding rows in a stream of JSON: `["1","a"],["2",null]`, cut anywhere.

use bytes::Bytes;
use memchr::{memchr2, memchr3};

use crate::error::{Error, Operation};

/// Cuts pieces of JSON into rows. It holds one piece and the beginning of one row, whatever the stream's
/// length.
pub(super) struct Splitter {
    /// What came and is not cut yet; begins where `partial` ends.
    piece: Bytes,
    /// The beginning of a row whose end has not come.
    partial: Vec<u8>,
    /// Brackets that are open at the end of what was scanned.
    depth: usize,
    /// Whether that is inside a text,
    in_text: bool,
    /// and just behind a backslash.
    escaped: bool,
    row_bytes_max: usize,
}

/// What is wrong with a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SplitError {
    /// Something between rows that is neither a row nor a comma.
    NotARow,
    /// A row larger than the bound, in bytes.
    RowTooLarge(usize),
}

impl SplitError {
    pub(super) fn into_error(self, operation: Operation) -> Error {
        match self {
            Self::NotARow => Error::malformed(operation, "the result has something that is not a row"),
            Self::RowTooLarge(bytes_max) => Error::TooLarge { operation, what: "a row", bytes_max },
        }
    }
}

impl Splitter {
    pub(super) fn new(row_bytes_max: usize) -> Self {
        Self {
            piece: Bytes::new(),
            partial: Vec::new(),
            depth: 0,
            in_text: false,
            escaped: false,
            row_bytes_max,
        }
    }

    /// A splitter of rows that stand in a list: `[["1"],["2"]]`. Anything else has no rows.
    pub(super) fn of_list(list: &Bytes, row_bytes_max: usize) -> Self {
        let mut splitter = Self::new(row_bytes_max);
        if list.first() == Some(&b'[') && list.last() == Some(&b']') {
            splitter.push(list.slice(1..list.len() - 1));
        }
        splitter
    }

    /// Takes the next piece; the one before must have been used up.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "rows of the piece before were not taken");
        self.piece = piece;
    }

    /// The next whole row, brackets included; `None`: push more.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, SplitError> {
        if self.partial.is_empty() && !self.at_row()? {
            return Ok(None);
        }
        let end = self.scan();
        let taken = end.unwrap_or(self.piece.len());
        if self.partial.len() + taken > self.row_bytes_max {
            return Err(SplitError::RowTooLarge(self.row_bytes_max));
        }
        let part = self.piece.split_to(taken);
        if end.is_none() {
            self.partial.extend_from_slice(&part);
            return Ok(None);
        }
        if self.partial.is_empty() {
            return Ok(Some(part));
        }
        self.partial.extend_from_slice(&part);
        Ok(Some(std::mem::take(&mut self.partial).into()))
    }

    /// Whether the stream may end here: not within a row.
    pub(super) fn is_between_rows(&self) -> bool {
        self.partial.is_empty() && self.piece.is_empty()
    }

    /// Drops what stands between rows; whether a row follows.
    fn at_row(&mut self) -> Result<bool, SplitError> {
        let between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let start = self.piece.iter().position(|byte| !between(byte)).unwrap_or(self.piece.len());
        self.piece = self.piece.split_off(start);
        match self.piece.first() {
            None => Ok(false),
            Some(b'[') => Ok(true),
            Some(_) => Err(SplitError::NotARow),
        }
    }

    /// Scans the piece up to the end of the row that it begins in: the place behind its closing bracket.
    fn scan(&mut self) -> Option<usize> {
        let mut at = 0;
        while at < self.piece.len() {
            at = if self.in_text { self.scan_text(at)? } else { self.scan_structure(at)? };
            if self.depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// Goes on inside a text: behind its end, or behind a backslash and what it escapes.
    fn scan_text(&mut self, at: usize) -> Option<usize> {
        if std::mem::take(&mut self.escaped) {
            return Some(at + 1);
        }
        let found = at + memchr2(b'"', b'\\', &self.piece[at..])?;
        if self.piece[found] == b'"' {
            self.in_text = false;
        } else {
            self.escaped = true;
        }
        Some(found + 1)
    }

    /// Goes on outside of texts: behind the next bracket or quote.
    fn scan_structure(&mut self, at: usize) -> Option<usize> {
        let found = at + memchr3(b'"', b'[', b']', &self.piece[at..])?;
        match self.piece[found] {
            b'"' => self.in_text = true,
            b'[' => self.depth += 1,
            _ => self.depth -= 1,
        }
        Some(found + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `stream`, cut into pieces of `size`.
    fn split(stream: &[u8], size: usize, row_bytes_max: usize) -> Result<Vec<String>, SplitError> {
        let mut splitter = Splitter::new(row_bytes_max);
        let mut rows = Vec::new();
        for piece in stream.chunks(size) {
            splitter.push(Bytes::copy_from_slice(piece));
            while let Some(row) = splitter.next()? {
                rows.push(String::from_utf8(row.to_vec()).unwrap());
            }
        }
        assert!(splitter.is_between_rows(), "an unfinished row");
        Ok(rows)
    }

    #[test]
    fn rows_are_found_wherever_the_stream_is_cut() {
        let rows = [
            r#"["1","a"]"#,
            r#"[null,"]["]"#,
            r#"["quote \" bracket ] backslash \\","x\\\\"]"#,
            r#"["{\"a\": [1, {\"b\": []}]}",[1,[2]]]"#,
            r#"["ä\u00e4 \ud83d\ude00"]"#,
            "[]",
            r#"[1.5, true ,{"k": [ "]" ]}]"#,
        ];
        let stream = format!(" {} \n", rows.join(" ,\n"));
        for size in 1..stream.len() + 1 {
            assert_eq!(split(stream.as_bytes(), size, 1000).unwrap(), rows, "pieces of {size}");
        }
    }

    #[test]
    fn a_row_has_a_bound() {
        let row = br#"["0123456789"]"#;
        for size in [1, 5, 100] {
            assert!(split(row, size, row.len()).is_ok());
            assert_eq!(split(row, size, row.len() - 1), Err(SplitError::RowTooLarge(row.len() - 1)));
        }
    }

    #[test]
    fn what_is_no_row_is_an_error() {
        for odd in [&b"x"[..], b"[1],{", b"\"a\"", b"]", b"[1]]"] {
            assert_eq!(split(odd, 10, 100), Err(SplitError::NotARow));
        }
        let mut unfinished = Splitter::new(100);
        unfinished.push(Bytes::from_static(b"[\"a"));
        assert_eq!(unfinished.next(), Ok(None));
        assert!(!unfinished.is_between_rows());
    }

    #[test]
    fn a_list_has_its_rows() {
        let mut list = Splitter::of_list(&Bytes::from_static(b"[[\"1\"],[\"2\"]]"), 100);
        assert_eq!(list.next().unwrap().unwrap(), "[\"1\"]");
        assert_eq!(list.next().unwrap().unwrap(), "[\"2\"]");
        assert_eq!(list.next(), Ok(None));
        for empty in ["[]", "", "[", "null"] {
            assert_eq!(
                Splitter::of_list(&Bytes::from_static(empty.as_bytes()), 100).next(),
                Ok(None),
                "{empty}"
            );
        }
    }
}
