//! Bodies that may be compressed.
//!
//! Storage services mark gzip in a header or not at all, so it is told by its first bytes, which no JSON text
//! has.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

/// The first two bytes of every gzip stream.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes inflated at a time: deflate makes at most 1032 bytes of one, so a step gives at most 8
/// MiB.
const STEP_BYTES: usize = 8 << 10;

/// Turns the pieces of a body into plain pieces.
pub(crate) struct Inflate {
    state: State,
    /// What came and is not inflated yet.
    waiting: Bytes,
}

enum State {
    /// Fewer than two bytes have come.
    Unknown,
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Inflate {
    pub(crate) fn new() -> Self {
        Self { state: State::Unknown, waiting: Bytes::new() }
    }

    /// Takes the next piece. Call [`Inflate::next`] until it gives nothing before the next one.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.waiting =
            if self.waiting.is_empty() { piece } else { [&self.waiting[..], &piece[..]].concat().into() };
        if matches!(self.state, State::Unknown) && self.waiting.len() >= GZIP_MAGIC.len() {
            let gzip = self.waiting.starts_with(&GZIP_MAGIC);
            self.state =
                if gzip { State::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))) } else { State::Plain };
        }
    }

    /// The next plain piece, never empty; `None`: push more.
    ///
    /// # Errors
    /// The compressed stream is damaged.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.waiting.is_empty() {
            let plain = match &mut self.state {
                State::Unknown => return Ok(None),
                State::Plain => self.waiting.split_off(0),
                State::Gzip(decoder) => {
                    let step = self.waiting.split_to(self.waiting.len().min(STEP_BYTES));
                    decoder.write_all(&step)?;
                    std::mem::take(decoder.get_mut()).into()
                }
            };
            if !plain.is_empty() {
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    /// What is left after the last piece.
    ///
    /// # Errors
    /// The compressed stream ends too early.
    pub(crate) fn finish(&mut self) -> io::Result<Bytes> {
        match &mut self.state {
            State::Unknown => Ok(std::mem::take(&mut self.waiting)),
            State::Plain => Ok(Bytes::new()),
            State::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Inflates `body` in pieces of `size`; also the largest plain piece.
    fn inflate(body: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut inflate = Inflate::new();
        let (mut out, mut largest) = (Vec::new(), 0);
        for piece in body.chunks(size) {
            inflate.push(Bytes::copy_from_slice(piece));
            while let Some(plain) = inflate.next()? {
                largest = largest.max(plain.len());
                out.extend_from_slice(&plain);
            }
        }
        out.extend_from_slice(&inflate.finish()?);
        Ok((out, largest))
    }

    #[test]
    fn plain_and_compressed_bodies_come_out_the_same() {
        let text = br#"["1","two"],["3","four"]"#.repeat(100);
        let twice = [gzip(&text[..1200]), gzip(&text[1200..])].concat();
        for size in [1, 2, 7, 100_000] {
            assert_eq!(inflate(&text, size).unwrap().0, text);
            assert_eq!(inflate(&gzip(&text), size).unwrap().0, text);
            assert_eq!(inflate(&twice, size).unwrap().0, text, "members of one stream");
        }
        assert_eq!(inflate(b"", 1).unwrap().0, b"");
        assert_eq!(inflate(b"1", 1).unwrap().0, b"1");
    }

    #[test]
    fn a_bomb_comes_out_in_bounded_pieces() {
        let (out, largest) = inflate(&gzip(&vec![b' '; 16 << 20]), 1 << 20).unwrap();
        assert_eq!(out.len(), 16 << 20);
        assert!(largest <= 9 << 20, "{largest}");
    }

    #[test]
    fn damage_is_noticed() {
        let mut body = gzip(&b"abcdefgh".repeat(500));
        assert!(inflate(&body[..body.len() - 9], 50).is_err(), "cut short");
        let last = body.len() - 5;
        body[last] ^= 0xff;
        assert!(inflate(&body, 50).is_err(), "wrong checksum");
    }
}
