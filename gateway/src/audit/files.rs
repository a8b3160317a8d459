//! The files of a trail: `audit.00000001.jsonl` and so on, read line by line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = "audit.";
const SUFFIX: &str = ".jsonl";

/// A longer line is no record, in bytes: a statement of 64 KiB whose every byte is escaped, and what is around it.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;

/// The file of this number.
pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{number:08}{SUFFIX}"))
}

/// The number in a file's name.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The numbers of the trail's files, oldest first. No folder: none.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        numbers.extend(number_of(&entry?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// One line of a file.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Without its line feed. Of one that is too long, the beginning.
    pub(super) bytes: Vec<u8>,
    /// Whether a line feed ends it.
    pub(super) is_whole: bool,
}

/// The lines of a file, one in memory at a time.
pub(super) struct Lines {
    file: BufReader<File>,
    /// Set by a line that lacks its line feed: a gateway may be writing the rest of it, which is no line of its own.
    is_over: bool,
}

impl Lines {
    /// Those of the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(64 * 1024, File::open(path)?), is_over: false })
    }

    /// Reads the next one into `line`; returns whether there was one.
    pub(super) fn next(&mut self, line: &mut Line) -> io::Result<bool> {
        line.bytes.clear();
        if self.is_over {
            return Ok(false);
        }
        let limit = LINE_BYTES_MAX as u64 + 1;
        (&mut self.file).take(limit).read_until(b'\n', &mut line.bytes)?;
        line.is_whole = line.bytes.last() == Some(&b'\n');
        if line.is_whole {
            line.bytes.pop();
        } else {
            self.is_over = line.bytes.len() <= LINE_BYTES_MAX;
        }
        Ok(line.is_whole || !line.bytes.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ordered_by_number_and_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(numbers(&folder.path().join("missing")).unwrap(), Vec::<u64>::new());
        for name in ["audit.00000010.jsonl", "audit.00000009.jsonl", "audit.key", "audit.x.jsonl", "note"] {
            fs::write(folder.path().join(name), "a\nb").unwrap();
        }
        assert_eq!(numbers(folder.path()).unwrap(), [9, 10]);
        let mut lines = Lines::open(&path_of(folder.path(), 9)).unwrap();
        let mut line = Line::default();
        assert!(lines.next(&mut line).unwrap() && line.is_whole && line.bytes == b"a");
        assert!(lines.next(&mut line).unwrap() && !line.is_whole && line.bytes == b"b");
        // The gateway goes on writing.
        fs::write(path_of(folder.path(), 9), "a\nb, and more\nc\n").unwrap();
        assert!(!lines.next(&mut line).unwrap());
    }
}
