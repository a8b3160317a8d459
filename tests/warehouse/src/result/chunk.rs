//! Chunks: which rows are in which, and how they are sent.

use std::io::Write;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Rows;

/// How the bytes of a chunk are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// gzip, and a header says so.
    Gzip,
    /// gzip, and no header says so.
    UnlabelledGzip,
    /// Not at all.
    Plain,
}

/// How an answer names the key that chunks are asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// As `chunkHeaders`, ready to be sent.
    Headers,
    /// As `qrmk`, from which a client makes the headers.
    Qrmk,
    /// Both.
    Both,
}

/// How a result is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging {
    /// Rows in the answer itself,
    pub(crate) inline: usize,
    /// and chunks for the rest.
    pub(crate) chunks: usize,
    pub(crate) encoding: Encoding,
    pub(crate) key: KeyForm,
}

impl Paging {
    /// Everything in the answer.
    pub(crate) fn inline(rows: usize) -> Self {
        Self { inline: rows, chunks: 0, encoding: Encoding::Gzip, key: KeyForm::Headers }
    }

    /// The rows of chunk `index`, of `total` in all. Chunks are as even as can be.
    pub(crate) fn range(&self, total: usize, index: usize) -> Range<usize> {
        let rest = total.saturating_sub(self.inline);
        let border = |index: usize| self.inline + rest * index / self.chunks.max(1);
        border(index)..border(index + 1)
    }
}

/// The bytes of the chunk with these rows, and their length before they were compressed.
pub(crate) fn chunk_body(rows: &Rows, range: Range<usize>, encoding: Encoding) -> (Vec<u8>, usize) {
    let json = rows.json(range).into_bytes();
    let length = json.len();
    match encoding {
        Encoding::Plain => (json, length),
        Encoding::Gzip | Encoding::UnlabelledGzip => (gzip(&json), length),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_exactly_one_place() {
        for (total, inline, chunks) in [(10, 3, 3), (10, 0, 4), (7, 7, 1), (1_000_000, 100, 40), (2, 0, 5)] {
            let paging = Paging { chunks, ..Paging::inline(inline) };
            let mut next = inline;
            for index in 0..chunks {
                let range = paging.range(total, index);
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, total, "{total} rows, {inline} inline, {chunks} chunks");
        }
    }
}
