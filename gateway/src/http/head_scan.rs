//! Looks at the outside of an HTTP/1 request's head, beside the parser: whether it says its body's length twice.
//!
//! The parser goes by RFC 9112 (section 6.3): of `Transfer-Encoding` and `Content-Length` the first counts, equal lengths
//! are one, and the connection is closed afterwards. A proxy in front may read such a request in another way, and nothing
//! honest sends one. So it is refused; the parser no longer shows that it was there.

/// Bytes of a header's name that are looked at: as many as the longer of the two has, and one more.
const NAME_BYTES: usize = 18;

/// The head that arrives, or the last one.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// The beginning of the line, in small letters, up to its colon.
    name: Vec<u8>,
    /// Whether the colon was seen.
    has_name: bool,
    /// Bytes of the line, but for its end.
    line: usize,
    /// Whether a line that is not empty was seen.
    has_begun: bool,
    is_done: bool,
    lengths: usize,
    encodings: usize,
}

impl HeadScan {
    /// Looks at the next bytes; those behind the head are ignored.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_done {
                return;
            }
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ => {
                    self.line += 1;
                    self.has_name |= byte == b':';
                    if !self.has_name && self.name.len() < NAME_BYTES {
                        self.name.push(byte.to_ascii_lowercase());
                    }
                }
            }
        }
    }

    fn end_line(&mut self) {
        // Empty lines before a request are ignored, by the parser, too.
        self.is_done = self.line == 0 && self.has_begun;
        self.has_begun |= self.line > 0;
        if self.has_name {
            match self.name.trim_ascii_end() {
                b"content-length" => self.lengths += 1,
                b"transfer-encoding" => self.encodings += 1,
                _ => {}
            }
        }
        self.name.clear();
        (self.has_name, self.line) = (false, 0);
    }

    /// Whether the head says its body's length more than once. The next head begins.
    pub(super) fn take_is_ambiguous(&mut self) -> bool {
        let is_ambiguous = self.lengths + self.encodings > 1;
        *self = Self::default();
        is_ambiguous
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ambiguous(head: &str) -> bool {
        let whole = {
            let mut scan = HeadScan::default();
            scan.feed(head.as_bytes());
            scan.take_is_ambiguous()
        };
        let mut scan = HeadScan::default();
        head.bytes().for_each(|byte| scan.feed(&[byte]));
        assert_eq!(scan.take_is_ambiguous(), whole, "cut anywhere");
        whole
    }

    #[test]
    fn a_length_that_is_said_twice_is_found() {
        for twice in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\nContent-Length:1\nTransfer-Encoding:chunked\n\n",
            "\r\nPOST / HTTP/1.1\r\nTRANSFER-ENCODING: a\r\nX: y\r\nTransfer-Encoding : b\r\n\r\n",
        ] {
            assert!(is_ambiguous(twice), "{twice:?}");
        }
    }

    #[test]
    fn what_is_honest_is_not() {
        for once in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nX-Content-Length: 1\r\nContent-Length-X: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "GET /?content-length:content-length: HTTP/1.1\r\nX: content-length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "content-length\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(!is_ambiguous(once), "{once:?}");
        }
    }
}
