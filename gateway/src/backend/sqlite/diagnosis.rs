//! What is wrong with a file that SQLite cannot open, in words: SQLite itself says little more than "file is
//! not a database".
//!
//! The header's fields are those of <https://sqlite.org/fileformat2.html>, 1.3.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use super::file::beside;
use crate::os::System;

/// Bytes that are looked at, at most.
const LOOKED_AT_BYTES_MAX: u64 = 4096;
/// A database's first bytes.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// The bytes of the header.
const HEADER_BYTES: usize = 100;

/// What is wrong, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) what: String,
    pub(super) next_step: String,
}

fn diagnosis(what: impl Into<String>, next_step: impl Into<String>) -> Diagnosis {
    Diagnosis { what: what.into(), next_step: next_step.into() }
}

/// Why the file at `path` could not be opened, which SQLite reported as `error`; `None` if there is nothing to
/// add to that. `read_only`: the gateway does not write to files.
pub(super) fn diagnose(path: &Path, error: &Error, read_only: bool) -> Option<Diagnosis> {
    use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase, OutOfMemory};
    let code = error.sqlite_error_code()?;
    if matches!(code, DatabaseBusy | DatabaseLocked | OutOfMemory | ErrorCode::OperationInterrupted) {
        return None;
    }
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(cause) => return Some(missing(path, &cause)),
    };
    if let Some(kind) = other_kind(&found) {
        return Some(diagnosis(format!("it is {kind}, not a file"), "name the database file itself"));
    }
    if error.sqlite_error().is_some_and(|failure| is_hot_journal(failure.extended_code)) {
        return Some(hot_journal(path, read_only));
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT_BYTES_MAX).read_to_end(&mut head));
    if let Err(cause) = read {
        return Some(unreadable(path, &cause));
    }
    match code {
        _ if head.is_empty() => None,
        _ if !head.starts_with(MAGIC) => (code == NotADatabase).then(|| foreign(&head)),
        CannotOpen | ErrorCode::ReadOnly => lacks_index(path, &head),
        DatabaseCorrupt | NotADatabase | ErrorCode::Unknown => damaged(&head, found.len()),
        _ => None,
    }
}

/// Whether `code`, an extended one, says that a transaction of another program has to be rolled back first.
pub(super) fn is_hot_journal(code: i32) -> bool {
    code == ffi::SQLITE_READONLY_ROLLBACK
}

/// What something other than a regular file is; opening a pipe would wait for its other end.
pub(super) fn other_kind(found: &Metadata) -> Option<&'static str> {
    match found.file_type() {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        _ => Some("a pipe, socket or device"),
    }
}

fn missing(path: &Path, cause: &std::io::Error) -> Diagnosis {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
    match cause.kind() {
        ErrorKind::NotFound if is_link => {
            diagnosis("it is a link to a file that does not exist", "mend the link, or remove it")
        }
        ErrorKind::NotFound => diagnosis("the file does not exist", "check the path"),
        _ => unreadable(path, cause),
    }
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Diagnosis {
    let next_step = match cause.kind() {
        ErrorKind::PermissionDenied => {
            let command = System::OWN.command_to_read(path);
            format!("let the gateway's user read it and its folder ({command})")
        }
        _ => "check that the file and its folder can be read".to_owned(),
    };
    diagnosis(format!("it cannot be read: {cause}"), next_step)
}

/// A transaction that a crash, or a copy of the files at the wrong moment, has left behind.
pub(super) fn hot_journal(path: &Path, read_only: bool) -> Diagnosis {
    let file = System::OWN.quoted(path);
    let next_step = if read_only {
        format!(
            "open it once with write access, which recovers it: sqlite3 {file} \"pragma user_version\"; or set \
             read_only = false under [sqlite] in config.toml. Do not delete the journal"
        )
    } else {
        format!(
            "make {file}, its journal and its folder writable for the gateway, which recovers it then. Do not \
             delete the journal"
        )
    };
    let what = "it was left in the middle of a transaction: its hot journal (the file ending in -journal) must be \
                rolled back first, and that needs write access";
    diagnosis(what, next_step)
}

/// A log that cannot be read without its index, which cannot be made.
fn lacks_index(path: &Path, head: &[u8]) -> Option<Diagnosis> {
    let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let is_wal = head.get(18) == Some(&2);
    (is_wal && has_log && !beside(path, "-shm").exists()).then(|| {
        diagnosis(
            "its latest changes are in its log (the file ending in -wal), which needs an index (-shm) beside it that \
             cannot be made",
            "make its folder writable for the gateway, or copy the file with its -wal to a folder that is",
        )
    })
}

/// A file that begins as no database does.
fn foreign(head: &[u8]) -> Diagnosis {
    const REMOVE: &str = "move it to another folder, or give it another extension";
    let text = std::str::from_utf8(head.trim_ascii_start()).unwrap_or_else(|error| {
        // The last character may be cut in two.
        let whole = &head.trim_ascii_start()[..error.valid_up_to()];
        if head.len() - whole.len() < 4 { std::str::from_utf8(whole).unwrap_or_default() } else { "" }
    });
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let start = text.get(..text.floor_char_boundary(20)).unwrap_or_default().to_ascii_lowercase();
    let is_text = !text.is_empty() && !text.chars().any(|c| c.is_control() && !"\t\r\n\u{c}".contains(c));
    let no = |what: &str, next_step: &str| diagnosis(format!("it is no SQLite file, but {what}"), next_step);
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return no("an HTML page", "download the database again: what was saved is a web page");
    }
    if start.starts_with("version https://git-") {
        return no("a pointer of Git LFS", "fetch the file itself with `git lfs pull`");
    }
    if text.starts_with("** This file contains an SQLite 2") {
        return no("a database of SQLite 2", "convert it with the sqlite and sqlite3 shells (.dump)");
    }
    match head {
        [b'P', b'K', 3, 4, ..] => no("a zip archive", "unpack it"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0xfd, b'7', b'z', ..] => {
            no("a compressed file", "unpack it")
        }
        _ if head.iter().all(|byte| *byte == 0) => no("filled with zeros", "restore it from a backup"),
        _ if is_text => no("a text file", REMOVE),
        _ => diagnosis(
            "it is encrypted or no SQLite file",
            "if it is encrypted (by SQLCipher, for example), export it unencrypted with the program that made it; \
             otherwise move it to another folder",
        ),
    }
}

/// A database with a header that says why it cannot be read.
fn damaged(head: &[u8], bytes: u64) -> Option<Diagnosis> {
    const RESTORE: &str =
        "restore it from a backup, or save what can be saved with `.recover` of the sqlite3 shell";
    const NEWER: &str = "open it with the program that made it, and save it in SQLite's current format";
    let Some(header) = head.get(..HEADER_BYTES) else {
        return Some(diagnosis(format!("it is cut off after {bytes} bytes"), RESTORE));
    };
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u32::from(size),
    };
    if !(512..=65_536).contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return Some(diagnosis(format!("its header is damaged (a page size of {page_bytes})"), RESTORE));
    }
    if header[19] > 2 || number(44) > 4 {
        return Some(diagnosis("it has a format that only a newer SQLite reads", NEWER));
    }
    // The count is that of the last change, unless an old SQLite has written the file since.
    let should = u64::from(number(28)) * u64::from(page_bytes);
    if number(24) == number(92) && bytes < should {
        return Some(diagnosis(format!("it is cut off: {bytes} of its {should} bytes are there"), RESTORE));
    }
    Some(diagnosis("it is damaged", RESTORE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(head: &[u8]) -> String {
        foreign(head).what
    }

    #[test]
    fn what_begins_as_no_database_is_named() {
        for (head, named) in [
            (&b"<!DOCTYPE html>\n<html>"[..], "an HTML page"),
            (b"\n  <HTML lang=en>", "an HTML page"),
            (b"\xef\xbb\xbf<html>", "an HTML page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
            (b"PK\x03\x04rest", "a zip archive"),
            (b"\x1f\x8b\x08rest", "a compressed file"),
            (b"Dear SQLite,\n\tI am a letter.", "a text file"),
            ("Grüße".as_bytes(), "a text file"),
            (&"ü".as_bytes().repeat(100)[..199], "a text file"),
            (b"** This file contains an SQLite 2.1 database **", "a database of SQLite 2"),
            (&[0; 100], "filled with zeros"),
        ] {
            assert_eq!(what(head), format!("it is no SQLite file, but {named}"), "{head:?}");
        }
        assert_eq!(what(&[0xD1, 0x03, 0x9C, 0xFF, 0x17, 0x88]), "it is encrypted or no SQLite file");
        assert_eq!(what(b"ab\x01\x02"), "it is encrypted or no SQLite file");
    }

    fn header() -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_header_says_what_is_wrong() {
        let whole = header();
        let bytes = whole.len() as u64;
        let said = |change: &dyn Fn(&mut Vec<u8>), bytes: u64| {
            let mut head = whole.clone();
            change(&mut head);
            damaged(&head, bytes).unwrap().what
        };
        assert_eq!(said(&|_| {}, bytes), "it is damaged");
        assert_eq!(said(&|_| {}, 5000), format!("it is cut off: 5000 of its {bytes} bytes are there"));
        assert_eq!(said(&|head| head.truncate(50), 50), "it is cut off after 50 bytes");
        assert!(said(&|head| head[17] = 7, bytes).contains("page size"));
        assert!(said(&|head| head[19] = 3, bytes).contains("newer SQLite"));
        assert!(said(&|head| head[47] = 9, bytes).contains("newer SQLite"));
    }
}
