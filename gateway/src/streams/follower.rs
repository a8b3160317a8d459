//! Reads the files of a stream in order, and goes on as they grow and roll, without missing or doubling a line.
//!
//! Each file that is there is opened when it is first seen, and read to its end even if it is removed meanwhile. A file that came
//! and went between two looks is missed: its number is skipped, and that is said. Two gateways may write at once, so a file is
//! read on while a newer one is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::files::{FileName, list};
use crate::os::FileStamp;

/// Files that are kept open, from the newest; older ones do not grow any more.
const FILES_OPEN_MAX: usize = 16;

/// Files that are opened in one look; the others wait for the next.
const FILES_OPENED_MAX: usize = 256;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Where what is read goes.
pub trait Reader {
    /// Whole lines.
    ///
    /// # Errors
    /// They cannot be passed on; nothing more is read.
    fn lines(&mut self, lines: &[u8]) -> io::Result<()>;

    /// So many files were removed before they were read.
    fn missed(&mut self, files: u64);

    /// A file is there and cannot be read.
    fn unreadable(&mut self, file: &Path, error: &io::Error);
}

/// The files of a family.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    prefix: String,
    files: BTreeMap<FileName, Option<Growing>>,
    /// The newest that was seen.
    newest: Option<FileName>,
    /// Whether there were any files at the first look.
    has_looked: bool,
    piece: Vec<u8>,
}

/// A file that may grow.
#[derive(Debug)]
struct Growing {
    file: File,
    /// Bytes read.
    read: u64,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl Follower {
    /// Of the files in `folder` whose names begin with `prefix`.
    pub fn new(folder: &Path, prefix: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            prefix: prefix.to_owned(),
            files: BTreeMap::new(),
            newest: None,
            has_looked: false,
            piece: Vec::new(),
        }
    }

    /// Whether a file was ever there.
    pub fn has_found_any(&self) -> bool {
        self.newest.is_some()
    }

    /// Reads what is new. Returns whether anything was.
    ///
    /// # Errors
    /// What `reader` returns; or the folder is there and cannot be read.
    pub fn look(&mut self, reader: &mut impl Reader) -> io::Result<bool> {
        let names = match list(&self.folder, &self.prefix) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            // One that is not there, or not any more, may come.
            names => names.unwrap_or_default(),
        };
        // All of them before any is read: reading takes time, and the oldest go first.
        self.open(&names, reader);
        let mut is_any = false;
        for (name, growing) in &mut self.files {
            let Some(open) = growing else { continue };
            is_any |= open.read_on(&mut self.piece, reader)?;
            let is_there = names.binary_search(name).is_ok();
            if is_there && let Some(other) = replaced(&self.folder.join(name.with(&self.prefix)), &open.file)
            {
                *open = Growing::new(other);
                is_any |= open.read_on(&mut self.piece, reader)?;
            }
        }
        self.files.retain(|name, _| names.binary_search(name).is_ok());
        let surplus = self.files.len().saturating_sub(FILES_OPEN_MAX);
        self.files.values_mut().take(surplus).for_each(|growing| *growing = None);
        Ok(is_any)
    }

    fn open(&mut self, names: &[FileName], reader: &mut impl Reader) {
        let is_news = |name: &&FileName| !self.files.contains_key(*name);
        let news: Vec<FileName> = names.iter().filter(is_news).take(FILES_OPENED_MAX).cloned().collect();
        for name in news {
            // Older than what was read: it was made by hand, or comes from the gateway that ends.
            let is_next = self.newest.as_ref().is_none_or(|newest| name > *newest);
            let skipped = if is_next && self.has_looked { self.skipped(&name) } else { 0 };
            let path = self.folder.join(name.with(&self.prefix));
            let (open, is_gone) = match File::open(&path) {
                Ok(file) => (Some(Growing::new(file)), false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (None, true),
                Err(error) => {
                    reader.unreadable(&path, &error);
                    (None, false)
                }
            };
            let missed = skipped + u64::from(is_gone);
            if missed > 0 {
                reader.missed(missed);
            }
            if is_next {
                self.newest = Some(name.clone());
            }
            self.files.insert(name, open);
        }
        self.has_looked = true;
    }

    /// Files between the newest that was seen and `name`.
    fn skipped(&self, name: &FileName) -> u64 {
        let first = match &self.newest {
            Some(newest) if newest.date == name.date => newest.number + 1,
            _ => 0,
        };
        u64::from(name.number.saturating_sub(first))
    }
}

/// The file of this name, if that is another one by now.
fn replaced(path: &Path, file: &File) -> Option<File> {
    let now = FileStamp::at(path).ok()?;
    if now.id.is_of(file) { None } else { File::open(path).ok() }
}

impl Growing {
    fn new(file: File) -> Self {
        Self { file, read: 0, rest: Vec::new() }
    }

    fn read_on(&mut self, piece: &mut Vec<u8>, reader: &mut impl Reader) -> io::Result<bool> {
        let length = self.file.metadata().map_or(self.read, |metadata| metadata.len());
        if length < self.read {
            self.go_back(length);
        }
        let mut is_any = false;
        loop {
            piece.resize(PIECE_BYTES, 0);
            // What cannot be read now is tried again at the next look.
            let count = self.file.read(piece).unwrap_or(0);
            if count == 0 {
                return Ok(is_any);
            }
            is_any = true;
            self.read += count as u64;
            let read = &piece[..count];
            match memchr::memrchr(b'\n', read) {
                Some(at) if self.rest.is_empty() => {
                    reader.lines(&read[..=at])?;
                    self.rest.extend_from_slice(&read[at + 1..]);
                }
                Some(at) => {
                    self.rest.extend_from_slice(&read[..=at]);
                    reader.lines(&self.rest)?;
                    self.rest.clear();
                    self.rest.extend_from_slice(&read[at + 1..]);
                }
                None => self.rest.extend_from_slice(read),
            }
        }
    }

    /// The file has become shorter: the writer has cut a line that was half written, or it was emptied by hand.
    fn go_back(&mut self, length: u64) {
        let whole = self.read - self.rest.len() as u64;
        let read = if length >= whole { length } else { 0 };
        self.rest.truncate(usize::try_from(read.saturating_sub(whole)).unwrap_or(0));
        if self.file.seek(SeekFrom::Start(read)).is_ok() {
            self.read = read;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[derive(Default)]
    struct Noted {
        text: String,
        missed: u64,
    }

    impl Reader for Noted {
        fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
            assert_eq!(lines.last(), Some(&b'\n'));
            self.text.push_str(std::str::from_utf8(lines).unwrap());
            Ok(())
        }

        fn missed(&mut self, files: u64) {
            self.missed += files;
        }

        fn unreadable(&mut self, file: &Path, error: &io::Error) {
            panic!("{}: {error}", file.display());
        }
    }

    struct Fixture {
        dir: tempfile::TempDir,
        follower: Follower,
        noted: Noted,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let follower = Follower::new(&dir.path().join("logs"), "access.");
            Self { dir, follower, noted: Noted::default() }
        }

        fn path(&self, number: u32) -> PathBuf {
            let name = FileName { date: "2026-01-31".to_owned(), number };
            self.dir.path().join("logs").join(name.with("access."))
        }

        fn append(&self, number: u32, text: &str) {
            fs::create_dir_all(self.dir.path().join("logs")).unwrap();
            let mut file = File::options().append(true).create(true).open(self.path(number)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        /// What is new, and how many files were missed.
        fn look(&mut self) -> (String, u64) {
            self.follower.look(&mut self.noted).unwrap();
            (std::mem::take(&mut self.noted.text), std::mem::take(&mut self.noted.missed))
        }
    }

    #[test]
    fn lines_come_once_and_whole_across_files() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.look(), (String::new(), 0));
        fixture.append(0, "a\nb");
        assert_eq!(fixture.look(), ("a\n".to_owned(), 0));
        fixture.append(0, "c\n");
        fixture.append(1, "d\n");
        fixture.append(2, "e\n");
        assert_eq!(fixture.look(), ("bc\nd\ne\n".to_owned(), 0));
        // The gateway that ends still writes the older file.
        fixture.append(1, "f\n");
        assert_eq!(fixture.look(), ("f\n".to_owned(), 0));
        assert_eq!(fixture.look(), (String::new(), 0));
    }

    #[test]
    fn what_was_seen_is_read_even_when_it_is_removed_and_what_was_not_is_said() {
        let mut fixture = Fixture::new();
        fixture.append(3, "a\n");
        assert_eq!(fixture.look(), ("a\n".to_owned(), 0));
        fixture.append(3, "b\n");
        fs::remove_file(fixture.path(3)).unwrap();
        fixture.append(4, "c\n");
        assert_eq!(fixture.look(), ("b\nc\n".to_owned(), 0));
        fixture.append(7, "d\n");
        assert_eq!(fixture.look(), ("d\n".to_owned(), 2));
    }

    #[test]
    fn many_files_are_opened_a_few_at_a_time() {
        let mut fixture = Fixture::new();
        let files = u32::try_from(FILES_OPENED_MAX).unwrap() + 1;
        (0..files).for_each(|number| fixture.append(number, "a\n"));
        let (first, second) = (fixture.look(), fixture.look());
        assert_eq!((first.0.len(), second), (FILES_OPENED_MAX * 2, ("a\n".to_owned(), 0)));
    }

    // Windows renames no folder in which a file is open.
    #[cfg(unix)]
    #[test]
    fn a_folder_that_goes_and_comes_is_followed() {
        let mut fixture = Fixture::new();
        fixture.append(0, "a\n");
        assert_eq!(fixture.look().0, "a\n");
        fixture.append(0, "b\n");
        let logs = fixture.dir.path().join("logs");
        fs::rename(&logs, fixture.dir.path().join("away")).unwrap();
        fixture.append(0, "new\n");
        assert_eq!(fixture.look(), ("b\nnew\n".to_owned(), 0));
        fs::remove_dir_all(&logs).unwrap();
        assert_eq!(fixture.look(), (String::new(), 0));
    }

    #[test]
    fn a_line_that_is_cut_again_is_not_read() {
        let mut fixture = Fixture::new();
        fixture.append(0, "a\nbroken");
        assert_eq!(fixture.look().0, "a\n");
        File::options().write(true).open(fixture.path(0)).unwrap().set_len(2).unwrap();
        assert_eq!(fixture.look().0, "");
        fixture.append(0, "b\n");
        assert_eq!(fixture.look().0, "b\n");
    }
}
