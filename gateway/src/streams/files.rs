//! Families of log files: one a day, a further one if a day's grows too large; the oldest are removed.
//!
//! Two gateways may write one
//! family for a while (the one that ends, and the one that has taken its place): both append whole lines, both look at the file's
//! size and whether it is still there, and the one that finds it full goes on in the newest one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StreamName;
use super::clock::{date, today};
use super::tail::{AppendError, Tail};
use crate::config::Retention;
use crate::os::{FileStamp, append_private, make_folder_private, set_length};

const SUFFIX: &str = ".log";

/// Of the files of the audit trail, which are read here, and written elsewhere: `audit.00000001.jsonl`.
const AUDIT_SUFFIX: &str = ".jsonl";
const SECONDS_PER_DAY: u64 = 86_400;

/// The newest file of the stream in `log_dir`; `None` if there is none or the folder cannot be read.
pub fn newest_log(log_dir: &Path, stream: StreamName) -> Option<PathBuf> {
    let prefix = stream.prefix();
    list(log_dir, prefix).ok()?.pop().map(|name| log_dir.join(name.with(prefix)))
}

/// `<prefix><year>-<month>-<day>.log`, or `<prefix><date>.<number>.log` for a day's further files. Ordered by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    /// The day; empty in the audit trail, whose numbers go on.
    pub(super) date: String,
    /// The number within the day, from 0.
    pub(super) number: u32,
}

impl FileName {
    /// That of a file of the family; `None`: it is none.
    pub(super) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let inner = text.strip_prefix(prefix)?;
        if let Some(number) = inner.strip_suffix(AUDIT_SUFFIX) {
            return Some(Self { date: String::new(), number: number.parse().ok()? });
        }
        let inner = inner.strip_suffix(SUFFIX)?;
        let (date, number) = match inner.split_once('.') {
            Some((date, number)) => (date, number.parse().ok()?),
            None => (inner, 0),
        };
        let is_date = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_date.then(|| Self { date: date.to_owned(), number })
    }

    /// The file's name.
    pub(super) fn with(&self, prefix: &str) -> String {
        match self.number {
            number if self.date.is_empty() => format!("{prefix}{number:08}{AUDIT_SUFFIX}"),
            0 => format!("{prefix}{}{SUFFIX}", self.date),
            number => format!("{prefix}{}.{number}{SUFFIX}", self.date),
        }
    }
}

/// The family's files, oldest first.
pub(super) fn list(folder: &Path, prefix: &str) -> io::Result<Vec<FileName>> {
    let entries = fs::read_dir(folder)?.filter_map(Result::ok);
    let mut names: Vec<FileName> =
        entries.filter_map(|entry| FileName::parse(prefix, entry.file_name().to_str()?)).collect();
    names.sort_unstable();
    Ok(names)
}

/// Removes the family's files that are too old, and the oldest ones of more than `files_max`. Returns the bytes of the rest.
/// Best effort: a file that cannot be removed now is tried again at the next roll.
pub(super) fn prune(folder: &Path, prefix: &str, files_max: usize, age_max: Option<Duration>) -> u64 {
    let names = list(folder, prefix).unwrap_or_default();
    let surplus = names.len().saturating_sub(files_max);
    let oldest = age_max.map(|age| date(today().saturating_sub(age.as_secs() / SECONDS_PER_DAY)));
    let is_old = |name: &FileName| oldest.as_ref().is_some_and(|oldest| name.date < *oldest);
    let mut bytes = 0;
    for (index, name) in names.iter().enumerate() {
        let path = folder.join(name.with(prefix));
        if index < surplus || is_old(name) {
            let _ = fs::remove_file(path);
        } else {
            bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
        }
    }
    bytes
}

/// The writer of a family's lines. One thread uses it, so a line is never split between files.
#[derive(Debug)]
pub(super) struct RollingFile {
    folder: PathBuf,
    prefix: &'static str,
    retention: Retention,
    name: FileName,
    tail: Tail,
    bytes: u64,
    /// Those of the family's other files.
    other_bytes: u64,
}

impl RollingFile {
    /// Creates `folder` (0700) if it is missing, and opens today's file (0600) at its end.
    pub(super) fn open(folder: &Path, prefix: &'static str, retention: Retention) -> io::Result<Self> {
        make_folder_private(folder)?;
        let name = newest_of(&date(today()), folder, prefix)?;
        let (file, bytes) = open_private(&folder.join(name.with(prefix)))?;
        let all = prune(folder, prefix, retention.files_max, retention.age_max);
        let tail = Tail::new(file);
        let other_bytes = all.saturating_sub(bytes);
        Ok(Self { folder: folder.to_owned(), prefix, retention, name, tail, bytes, other_bytes })
    }

    /// The file that is written.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(self.name.with(self.prefix))
    }

    /// Bytes of all files of the family.
    pub(super) fn family_bytes(&self) -> u64 {
        self.other_bytes + self.bytes
    }

    /// Removes what is too old by now.
    pub(super) fn prune(&mut self) {
        let all = prune(&self.folder, self.prefix, self.retention.files_max, self.retention.age_max);
        self.other_bytes = all.saturating_sub(self.bytes);
    }

    /// Appends whole lines, to several files if they fill the first.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        self.refresh();
        let mut written = 0;
        while written < lines.len() {
            if let Some(name) = self.next_name(date(today())) {
                // If the new file cannot be opened, lines still go to the old one.
                let _ = self.roll(name);
            }
            let rest = &lines[written..];
            let part = &rest[..whole_lines(rest, self.retention.file_bytes_max.saturating_sub(self.bytes))];
            let result = self.tail.append(part);
            let done = result.as_ref().map_or_else(|failed| failed.written, |()| part.len());
            self.bytes += done as u64;
            written += done;
            result.map_err(|failed| AppendError { written, error: failed.error })?;
        }
        Ok(())
    }

    /// Looks whether the file is still the one of its name, and how long it is: another gateway may write it, too.
    fn refresh(&mut self) {
        match FileStamp::at(&self.path()) {
            Ok(found) if found.id.is_of(self.tail.file()) => self.bytes = found.bytes,
            _ => {
                // Where that does not work, either, the error of the next write says why.
                if let Ok(again) = Self::open(&self.folder, self.prefix, self.retention) {
                    *self = again;
                }
            }
        }
    }

    fn roll(&mut self, name: FileName) -> io::Result<()> {
        // Before, so that there are never more than that.
        let others = self.retention.files_max.saturating_sub(1);
        self.other_bytes = prune(&self.folder, self.prefix, others, self.retention.age_max);
        let (file, bytes) = open_private(&self.folder.join(name.with(self.prefix)))?;
        (self.tail, self.bytes, self.name) = (Tail::new(file), bytes, name);
        Ok(())
    }

    /// The file for the next line, if that is another one.
    fn next_name(&self, today: String) -> Option<FileName> {
        if today != self.name.date {
            return Some(FileName { date: today, number: 0 });
        }
        if self.bytes < self.retention.file_bytes_max {
            return None;
        }
        let newest = newest_of(&today, &self.folder, self.prefix).unwrap_or_else(|_| self.name.clone());
        // Another gateway may have begun it.
        if newest > self.name {
            return Some(newest);
        }
        Some(FileName { date: today, number: self.name.number + 1 })
    }
}

/// The length of the lines at the beginning of `lines` that fit into `room`, and the one that exceeds it.
fn whole_lines(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    memchr::memchr(b'\n', &lines[room.saturating_sub(1)..])
        .map_or(lines.len(), |at| room.saturating_sub(1) + at + 1)
}

fn newest_of(date: &str, folder: &Path, prefix: &str) -> io::Result<FileName> {
    let newest = list(folder, prefix)?.into_iter().rfind(|name| name.date == date);
    Ok(newest.unwrap_or_else(|| FileName { date: date.to_owned(), number: 0 }))
}

fn open_private(path: &Path) -> io::Result<(File, u64)> {
    let mut file = append_private(path)?;
    let length = file.metadata()?.len();
    let bytes = whole_bytes(&mut file, length).unwrap_or(length);
    if bytes < length {
        set_length(&file, bytes)?;
    }
    Ok((file, bytes))
}

/// Bytes up to the end of the last whole line: a gateway that is killed while the disk is full may leave half a line.
fn whole_bytes(file: &mut File, length: u64) -> io::Result<u64> {
    const LINE_BYTES_MAX: u64 = 1024 * 1024;
    if length == 0 {
        return Ok(0);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last == [b'\n'] {
        return Ok(length);
    }
    let from = length.saturating_sub(LINE_BYTES_MAX);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(LINE_BYTES_MAX).read_to_end(&mut end)?;
    // What is longer than any line is none of ours.
    let no_line = if from == 0 { 0 } else { length };
    Ok(memchr::memrchr(b'\n', &end).map_or(no_line, |at| from + at as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "gateway.";

    fn retention(file_bytes_max: u64) -> Retention {
        Retention { file_bytes_max, ..Retention::default() }
    }

    fn open(folder: &Path, file_bytes_max: u64) -> RollingFile {
        RollingFile::open(folder, MAIN, retention(file_bytes_max)).unwrap()
    }

    #[test]
    fn the_newest_log_is_found_by_date_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let newest = |folder: &Path| newest_log(folder, StreamName::Main);
        assert_eq!(newest(dir.path()), None);
        assert_eq!(newest(&dir.path().join("missing")), None);
        for name in ["gateway.2026-01-02.9.log", "gateway.2026-01-02.10.log", "gateway.2025-12-31.log"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::write(dir.path().join("gateway.zzz.log"), "").unwrap();
        fs::write(dir.path().join("error.2026-01-03.log"), "").unwrap();
        assert_eq!(newest(dir.path()), Some(dir.path().join("gateway.2026-01-02.10.log")));
    }

    #[test]
    fn files_roll_by_size_and_the_oldest_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("gateway.2020-01-01.log"), "old").unwrap();
        for other in ["stderr.log", "access.2020-01-01.log"] {
            fs::write(dir.path().join(other), "not ours").unwrap();
        }
        let mut file = open(dir.path(), 10);
        for _ in 0..20 {
            file.append(b"0123456789\n").unwrap();
        }
        let names = list(dir.path(), MAIN).unwrap();
        assert_eq!(names.len(), retention(10).files_max);
        assert!(names.iter().all(|name| name.date != "2020-01-01"));
        assert!(dir.path().join("stderr.log").exists() && dir.path().join("access.2020-01-01.log").exists());
        assert_eq!(file.family_bytes(), 7 * 11);
    }

    #[test]
    fn many_lines_at_once_are_spread_over_files_and_none_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), 10);
        file.append(b"1234\n1234\n12345678901234\n1\n2\n").unwrap();
        let text = |name: FileName| fs::read_to_string(dir.path().join(name.with(MAIN))).unwrap();
        let files: Vec<String> = list(dir.path(), MAIN).unwrap().into_iter().map(text).collect();
        assert_eq!(files, ["1234\n1234\n", "12345678901234\n", "1\n2\n"]);
    }

    #[test]
    fn a_file_goes_when_its_days_are_over() {
        let dir = tempfile::tempdir().unwrap();
        let day = |days: u64| format!("gateway.{}.log", date(today() - days));
        for days in [1, 2, 3] {
            fs::write(dir.path().join(day(days)), "old").unwrap();
        }
        let age_max = Some(Duration::from_secs(2 * SECONDS_PER_DAY));
        RollingFile::open(dir.path(), MAIN, Retention { age_max, ..retention(10) }).unwrap();
        let left = |days| dir.path().join(day(days)).exists();
        assert_eq!((left(1), left(2), left(3)), (true, true, false));
    }

    #[test]
    fn a_restart_continues_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            open(dir.path(), 100).append(b"line\n").unwrap();
        }
        let newest = newest_log(dir.path(), StreamName::Main).unwrap();
        assert_eq!(fs::read_to_string(newest).unwrap(), "line\nline\n");
    }

    #[test]
    fn half_a_line_that_an_earlier_gateway_left_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = open(dir.path(), 100).path();
        for (before, after) in [("one\ntw", "one\nthree\n"), ("o", "three\n"), ("one\n", "one\nthree\n")] {
            fs::write(&path, before).unwrap();
            open(dir.path(), 100).append(b"three\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn two_gateways_share_a_family_and_keep_its_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let (mut old, mut new) = (open(dir.path(), 10), open(dir.path(), 10));
        for _ in 0..6 {
            old.append(b"old\n").unwrap();
            new.append(b"new\n").unwrap();
        }
        let names = list(dir.path(), MAIN).unwrap();
        assert_eq!(names.len(), 4);
        for name in names {
            let text = fs::read_to_string(dir.path().join(name.with(MAIN))).unwrap();
            assert!(text.len() <= 12 && text.lines().all(|line| line.len() == 3), "{text}");
        }
    }

    #[test]
    fn a_folder_that_was_removed_comes_back() {
        if crate::os::test_support::lacks_in_wine("removes no folder in which a file is open") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut file = open(&folder, 100);
        file.append(b"one\n").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "two\n");
        fs::rename(file.path(), folder.join("away")).unwrap();
        file.append(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "three\n");
    }

    #[test]
    fn a_new_day_begins_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(dir.path(), 10);
        assert_eq!(file.next_name(date(today())), None);
        let next = file.next_name("9999-01-01".to_owned()).unwrap();
        assert_eq!(next.with(MAIN), "gateway.9999-01-01.log");
    }

    #[test]
    fn folder_and_file_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a").join("logs");
        let file = open(&folder, 10);
        let mode = |path: &Path| crate::os::FileAccess::at(path).unwrap().mode;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&file.path()), 0o600);
    }
}
