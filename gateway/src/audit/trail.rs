//! The trail as it is written: one line behind the other, in files that begin with the head of the one before.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;
use snowgate_link::os;

use super::chain::{LineHash, Link};
use super::files::{LINE_BYTES_MAX, numbers, path_of};
use super::head::{self, HeadKey};
use super::time::text_of;
use crate::config::Retention;
use crate::os::{FileStamp, make_folder_private};

/// Bytes at the end of a file that are read to find its last record: behind it is what was being written when a gateway was
/// killed, a batch at most.
const TAIL_BYTES_MAX: u64 = 4 * LINE_BYTES_MAX as u64;

/// Where the next line belongs.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The next line's.
    link: Link,
    /// Bytes of the file up to there.
    bytes: u64,
}

/// The trail, open at its end. Only the holder of the gateway's lock has one.
#[derive(Debug)]
pub(super) struct Trail {
    folder: PathBuf,
    state: PathBuf,
    key: HeadKey,
    retention: Retention,
    number: u64,
    file: File,
    /// Behind the last line that is in the file.
    written: Place,
    /// Behind the last line of `buffer`.
    next: Place,
    buffer: Vec<u8>,
    /// The last signed head, and whether nothing was written behind it.
    head: Option<String>,
    is_at_head: bool,
}

/// Where a process was in a trail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    number: u64,
    link: Link,
}

/// Bytes behind the last record of a file.
#[derive(Debug)]
struct Torn {
    bytes: u64,
    hash: LineHash,
}

impl Trail {
    /// The trail in `folder`, whose key and newest head are in `state`. What a gateway left half-written stays in the file, and
    /// a record says so. `known`: where this process was, should the files be gone.
    pub(super) fn open(
        folder: &Path,
        state: &Path,
        retention: Retention,
        known: Option<Known>,
    ) -> io::Result<Self> {
        make_folder_private(folder)?;
        let key = HeadKey::open_or_make(state)?;
        let found = numbers(folder)?;
        let begun = known.map_or(1, |known| known.number + 1);
        let number = found.last().copied().unwrap_or(begun);
        let mut file = open_end(&path_of(folder, number))?;
        let end = End::of(&mut file)?;
        let kept = head::kept(state).unwrap_or_default();
        let is_new = end.last.is_none();
        let behind_head = || {
            let line = kept.as_deref()?;
            Link::read(line.as_bytes())
                .map(|link| Link { seq: link.seq + 1, prev: LineHash::of(line.as_bytes()) })
        };
        // Where files are gone, it goes on behind what is known: who verifies it sees that they are missing.
        let gone = || known.map(|known| known.link).or_else(behind_head);
        let first = || Link { seq: 1, prev: LineHash::NONE };
        let mut link = end.last.or_else(gone).unwrap_or_else(first);
        if is_new && let Some(before) = found.iter().rev().nth(1) {
            let mut file = open_end(&path_of(folder, *before))?;
            link = End::of(&mut file)?.last.unwrap_or(link);
        }
        let place = Place { link, bytes: file.metadata()?.len() };
        let mut trail = Self {
            folder: folder.to_owned(),
            state: state.to_owned(),
            key,
            retention,
            number,
            file,
            written: place,
            next: place,
            buffer: Vec::new(),
            head: kept,
            is_at_head: false,
        };
        if end.lacks_line_feed {
            trail.push_raw(b"\n");
        }
        if let Some(torn) = end.torn {
            // The line feed just pushed belongs to what the record is about.
            let fields = json!({"bytes": torn.bytes, "sha256": torn.hash.hex(), "file": trail.file_name()});
            trail.push(&said("torn", &fields));
        }
        if is_new {
            trail.push_file_record();
        }
        trail.commit()?;
        Ok(trail)
    }

    /// The file's name.
    pub(super) fn file_name(&self) -> String {
        let path = path_of(&self.folder, self.number);
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where it is now.
    pub(super) fn known(&self) -> Known {
        Known { number: self.number, link: self.written.link }
    }

    /// Lines that it ever had.
    pub(super) fn records(&self) -> u64 {
        self.written.link.seq - 1
    }

    /// The last signed head.
    pub(super) fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }

    /// Whether the last line is a signed head.
    pub(super) fn is_at_head(&self) -> bool {
        self.is_at_head
    }

    /// Whether the next line belongs into the next file.
    pub(super) fn is_full(&self) -> bool {
        self.next.bytes >= self.retention.file_bytes_max
    }

    /// Adds a line, which is in the file after [`Trail::commit`].
    pub(super) fn push(&mut self, fields: &str) {
        let line = self.next.link.line(fields);
        self.next.link = Link { seq: self.next.link.seq + 1, prev: LineHash::of(line.as_bytes()) };
        self.push_raw(line.as_bytes());
        self.push_raw(b"\n");
        self.is_at_head = false;
    }

    fn push_raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.next.bytes += bytes.len() as u64;
    }

    /// Writes what was added. After an error none of it is in the trail, and it is to be added again.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let is_in_place = FileStamp::of_entry(&path_of(&self.folder, self.number))
            .and_then(|at| Ok(at.id == FileStamp::of(&self.file)?.id));
        let written = match is_in_place {
            Ok(true) => self.file.write_all(&self.buffer),
            Ok(false) => Err(io::Error::other("another file is in its place")),
            Err(error) => Err(error),
        };
        self.buffer.clear();
        if let Err(error) = written {
            self.next = self.written;
            // A line that is half there would stand before the next one. What cannot be cut off is found at the next opening.
            self.file.set_len(self.written.bytes)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        self.written = self.next;
        Ok(())
    }

    /// Signs what is in the file.
    pub(super) fn sign(&mut self) -> io::Result<()> {
        let fields = self.key.sign(&self.next.link, &text_of(SystemTime::now()));
        let line = self.next.link.line(&fields);
        self.push(&fields);
        self.commit()?;
        // What is signed is to be there after a power failure, too.
        self.file.sync_data()?;
        self.is_at_head = true;
        head::keep(&self.state, &line)?;
        self.head = Some(line);
        Ok(())
    }

    /// Ends this file with a head, and begins the next. Everything is committed.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.sign()?;
        let number = self.number + 1;
        self.file = open_end(&path_of(&self.folder, number))?;
        self.number = number;
        self.next.bytes = self.file.metadata()?.len();
        self.written = self.next;
        self.push_file_record();
        self.prune()?;
        self.commit()
    }

    /// The first record of a file: which one it is, and the head of the one before.
    fn push_file_record(&mut self) {
        let head = self.head.as_deref().and_then(|head| serde_json::from_str::<serde_json::Value>(head).ok());
        let fields = json!({"file": self.file_name(), "head": head, "public_key": self.key.public()});
        self.push(&said("file", &fields));
    }

    /// Removes the files that are too many or too old, and says so first.
    fn prune(&mut self) -> io::Result<()> {
        let Ok(numbers) = numbers(&self.folder) else { return Ok(()) };
        let surplus = numbers.len().saturating_sub(self.retention.files_max);
        let is_old = |number: &u64| {
            let changed = fs::metadata(path_of(&self.folder, *number)).and_then(|file| file.modified());
            let age = changed.ok().and_then(|at| at.elapsed().ok()).unwrap_or(Duration::ZERO);
            self.retention.age_max.is_some_and(|max| age > max)
        };
        let old = numbers
            .iter()
            .filter(|number| **number < self.number)
            .take_while(|number| is_old(number))
            .count();
        let removed = &numbers[..surplus.max(old)];
        let Some(last) = removed.last() else { return Ok(()) };
        let name = path_of(&self.folder, *last);
        let through = name.file_name().map(|name| name.to_string_lossy().into_owned());
        self.push(&said("files_removed", &json!({"files": removed.len(), "through": last, "file": through})));
        self.commit()?;
        for number in removed {
            // What cannot be removed now is tried again at the next rotation.
            let _ = fs::remove_file(path_of(&self.folder, *number));
        }
        Ok(())
    }
}

/// The fields of a record of the trail about itself.
pub(super) fn said(event: &str, fields: &serde_json::Value) -> String {
    let time = text_of(SystemTime::now());
    let object = fields.to_string();
    let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let comma = if members.is_empty() { "" } else { "," };
    format!("\"time\":\"{time}\",\"kind\":\"trail\",\"event\":\"{event}\"{comma}{members}")
}

fn open_end(path: &Path) -> io::Result<File> {
    let mut file = os::open_private(path, false)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// How a file ends.
#[derive(Debug)]
struct End {
    /// Where the line behind its last record belongs; `None`: it has no record.
    last: Option<Link>,
    torn: Option<Torn>,
    lacks_line_feed: bool,
}

impl End {
    /// Looks at the end of `file`, and leaves it there.
    fn of(file: &mut File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(TAIL_BYTES_MAX);
        file.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
        file.seek(SeekFrom::End(0))?;
        let mut sound = 0;
        let mut last: Option<Link> = None;
        let mut at = 0;
        // The first line of a long file is not seen whole, and is no record.
        for line in tail.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let Some(link) = Link::read(text) else { continue };
            // One that lacks nothing but its line feed is sound if it is the next one.
            if line.len() == text.len() && last.is_none_or(|last| last != link) {
                continue;
            }
            last = Some(Link { seq: link.seq + 1, prev: LineHash::of(text) });
            sound = at;
        }
        let lacks_line_feed = tail.last().is_some_and(|byte| *byte != b'\n');
        let torn = (sound < tail.len()).then(|| {
            let mut bytes = tail[sound..].to_vec();
            bytes.extend(lacks_line_feed.then_some(b'\n'));
            Torn { bytes: bytes.len() as u64, hash: LineHash::of(&bytes) }
        });
        Ok(Self { last, torn, lacks_line_feed })
    }
}
