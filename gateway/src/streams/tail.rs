//! The end of a log file that could not be written: no line stays torn.
//!
//! A disk that fills up takes the first part of a write. What is there of the last line is cut off again, or, where that cannot be
//! done (another gateway has appended meanwhile, the file system refuses), the rest of the line is kept and written first.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};

use crate::os::set_length;

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// The rest of a line whose beginning is at the end of the file.
    rest: Vec<u8>,
}

/// What became of lines that could not all be written.
#[derive(Debug)]
pub(super) struct AppendError {
    /// Bytes of them that stay in the file; or the rest of a line that will follow.
    pub(super) written: usize,
    pub(super) error: io::Error,
}

impl Tail {
    pub(super) fn new(file: File) -> Self {
        Self { file, rest: Vec::new() }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        self.finish().map_err(|error| AppendError { written: 0, error })?;
        let (written, result) = write(&mut self.file, lines);
        let Err(error) = result else { return Ok(()) };
        let whole = memchr::memrchr(b'\n', &lines[..written]).map_or(0, |at| at + 1);
        if whole == written || self.cut(written - whole) {
            return Err(AppendError { written: whole, error });
        }
        let end = memchr::memchr(b'\n', &lines[written..]).map_or(lines.len(), |at| written + at + 1);
        self.rest = lines[written..end].to_vec();
        Err(AppendError { written: end, error })
    }

    /// Writes what is missing of the last line.
    fn finish(&mut self) -> io::Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let (written, result) = write(&mut self.file, &self.rest);
        self.rest.drain(..written);
        result
    }

    /// Takes the last bytes off the file, if they are still the ones that were written last.
    fn cut(&mut self, bytes: usize) -> bool {
        let cut = || -> io::Result<bool> {
            // Behind a write to a file that is appended to, the position is the end of what was written.
            let end = (&self.file).stream_position()?;
            if self.file.metadata()?.len() != end {
                return Ok(false);
            }
            set_length(&self.file, end - bytes as u64)?;
            Ok(true)
        };
        cut().unwrap_or(false)
    }
}

/// As `write_all`, but says how far it came.
fn write(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_line_comes_before_the_next_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one\ntw").unwrap();
        let mut tail = Tail::new(File::options().append(true).open(&path).unwrap());
        tail.rest = b"o\n".to_vec();
        tail.append(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn only_what_was_written_last_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let open = || File::options().append(true).create(true).open(&path).unwrap();
        let (mut tail, mut other) = (Tail::new(open()), open());
        tail.append(b"one\ntw").unwrap();
        assert!(tail.cut(2));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
        tail.append(b"tw").unwrap();
        other.write_all(b"another's\n").unwrap();
        assert!(!tail.cut(2));
    }
}
