//! Splits a client's byte stream into lines, in bounded memory.

use crate::scan::{IdScanner, Scanned};

/// A line of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line, without its newline.
    Whole(&'a [u8]),
    /// A line over the bound: its length and the result of a scan.
    Oversize {
        /// The line's length in bytes.
        bytes: u64,
        /// Its top-level id and whether it is a request.
        scanned: Scanned,
    },
}

/// The splitter. Holds at most one unfinished line of `bytes_max` bytes.
#[derive(Debug)]
pub struct LineSplitter {
    bytes_max: usize,
    partial: Vec<u8>,
    /// Set while reading a line over the bound: its bytes so far, and the scanner that reads them.
    oversize: Option<(u64, IdScanner)>,
}

impl LineSplitter {
    /// A splitter whose lines are at most `bytes_max` bytes long.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, partial: Vec::new(), oversize: None }
    }

    /// Takes the stream's next bytes and calls `each` with every line that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(newline) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = bytes.split_at(newline);
            self.finish(head, &mut each);
            bytes = &tail[1..];
        }
        self.hold(bytes);
    }

    /// The stream has ended: the bytes after the last newline are a line too.
    pub fn end(&mut self, mut each: impl FnMut(Line<'_>)) {
        self.finish(&[], &mut each);
    }

    fn finish(&mut self, head: &[u8], each: &mut impl FnMut(Line<'_>)) {
        if self.oversize.is_none() && self.partial.is_empty() && head.len() <= self.bytes_max {
            return emit(head, each);
        }
        self.hold(head);
        if let Some((bytes, scanner)) = self.oversize.take() {
            return each(Line::Oversize { bytes, scanned: scanner.finish() });
        }
        emit(&self.partial, each);
        self.partial = Vec::new();
    }

    fn hold(&mut self, bytes: &[u8]) {
        if let Some((total, scanner)) = &mut self.oversize {
            *total += bytes.len() as u64;
            scanner.push(bytes);
        } else if self.partial.len() + bytes.len() <= self.bytes_max {
            self.partial.extend_from_slice(bytes);
        } else {
            let mut scanner = IdScanner::new();
            scanner.push(&self.partial);
            scanner.push(bytes);
            self.oversize = Some(((self.partial.len() + bytes.len()) as u64, scanner));
            self.partial = Vec::new();
        }
    }
}

/// Drops blank lines, which carry no message.
fn emit(line: &[u8], each: &mut impl FnMut(Line<'_>)) {
    if !line.iter().all(u8::is_ascii_whitespace) {
        each(Line::Whole(line));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(bytes_max: usize, pieces: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::new(bytes_max);
        let mut lines = Vec::new();
        let mut each = |line: Line<'_>| {
            lines.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::Oversize { bytes, scanned } => format!("{bytes}:{:?}", scanned.id),
            });
        };
        for piece in pieces {
            splitter.push(piece, &mut each);
        }
        splitter.end(&mut each);
        lines
    }

    #[test]
    fn lines_are_whole_in_any_pieces() {
        assert_eq!(split(99, &[b"ab", b"c\nd\n\r\n", b"\ne"]), ["abc", "d", "e"]);
    }

    #[test]
    fn a_line_over_the_bound_is_dropped_but_its_id_is_found() {
        let long = format!(r#"{{"method":"x","params":["{}"],"id":"seven"}}"#, "y".repeat(50));
        let expected = format!("{}:{:?}", long.len(), Some("\"seven\"".to_owned()));
        assert_eq!(split(20, &[long.as_bytes(), b"\nok\n"]), [expected, "ok".to_owned()]);
    }

    #[test]
    fn a_line_of_exactly_the_maximum_length_is_accepted() {
        assert_eq!(split(3, &[b"abc\n", b"a", b"bc\n"]), ["abc", "abc"]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_with_any_cuts(
            text in "[a-c\n]{0,80}", cut in 1usize..20, bytes_max in 1usize..10,
        ) {
            let whole = split(bytes_max, &[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(split(bytes_max, &pieces), whole);
        }
    }
}
