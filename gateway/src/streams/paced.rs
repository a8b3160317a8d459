//! Lines written in batches, so that a request neither wakes the log's thread nor costs a system call.

use std::io::{self, Write};
use std::time::Duration;

/// The pause after a batch. Lines that come meanwhile are the next one; a gateway that is killed loses them.
const PAUSE: Duration = Duration::from_millis(20);

/// A batch's bytes, but for its last line.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Collects lines and writes them together. The log's thread flushes when no line is left, and then sleeps
/// here: lines that come meanwhile find it awake and need no wake-up, which would cost more than the line.
pub struct Paced<W> {
    inner: W,
    batch: Vec<u8>,
}

impl<W: Write> Paced<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, batch: Vec::new() }
    }

    fn write_batch(&mut self) -> io::Result<()> {
        let written = self.inner.write_all(&self.batch);
        // What cannot be written now is lost: a full disk must not fill the memory.
        self.batch.clear();
        written
    }
}

impl<W: Write> Write for Paced<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.batch.extend_from_slice(line);
        if self.batch.len() >= BATCH_BYTES_MAX {
            self.write_batch()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.write_batch().and_then(|()| self.inner.flush());
        std::thread::sleep(PAUSE);
        flushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_together_and_at_once_when_there_are_many() {
        #[derive(Default)]
        struct Writes(Vec<usize>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut paced = Paced::new(Writes::default());
        (0..3).for_each(|_| paced.write_all(b"line\n").unwrap());
        assert_eq!(paced.inner.0, Vec::<usize>::new());
        paced.flush().unwrap();
        assert_eq!(paced.inner.0, [15]);
        paced.write_all(&[b'x'; BATCH_BYTES_MAX]).unwrap();
        assert_eq!(paced.inner.0, [15, BATCH_BYTES_MAX]);
    }
}
