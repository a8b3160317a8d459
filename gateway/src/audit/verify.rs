//! Whether a trail is as it was written.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::chain::{LineHash, Link, hex};
use super::files::{Line, Lines, number_of};
use super::head::{self, HEAD};

/// What is wrong with a trail: the first of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, counted from 1; 0: the file as a whole.
    pub line: u64,
    /// The number that the record has, or should have.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, seq, what } = self;
        match line {
            0 => write!(f, "{file}: {what}"),
            line => write!(f, "{file}, line {line}, record {seq}: {what}"),
        }
    }
}

/// Bytes behind the last record: of a gateway that was killed, and whose next one has not begun yet; or of one that is writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TornEnd {
    /// The file.
    pub file: String,
    /// So many.
    pub bytes: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files.
    pub files: usize,
    /// Records in them.
    pub records: u64,
    /// Signed heads among them.
    pub heads: u64,
    /// The first and the last record.
    pub first_seq: Option<u64>,
    /// See `first_seq`.
    pub last_seq: Option<u64>,
    /// The record up to which the trail is signed.
    pub signed_seq: Option<u64>,
    /// The public key that signed it.
    pub public_key: Option<String>,
    /// Half-written ends of gateways that were killed, each of which a record names.
    pub torn: u64,
    /// The end of the newest file.
    pub torn_end: Option<TornEnd>,
    /// Records that the gateway could not write, as it says itself.
    pub lost: u64,
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// What is known of the trail besides its files.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The public key of its heads.
    pub key: Option<String>,
    /// Heads that were kept elsewhere: their lines.
    pub heads: Vec<String>,
}

/// The files to verify at `path`: those of a folder, or the one.
fn files_at(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        files.extend(Some(entry?.path()).filter(|path| number_of(path).is_some()));
    }
    Ok(files)
}

/// Verifies the trail whose files, or folders of files, are at `paths`.
///
/// # Errors
/// A file cannot be read.
pub fn verify(paths: &[PathBuf], expected: &Expected) -> io::Result<Report> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_at(path)?);
    }
    files.sort_by_key(|path| (number_of(path), path.clone()));
    let mut walk = Walk::new(expected);
    for (at, file) in files.iter().enumerate() {
        walk.file(file, at + 1 == files.len())?;
        if walk.report.fault.is_some() {
            return Ok(walk.report);
        }
    }
    walk.end();
    Ok(walk.report)
}

/// A record that was read, until the next one says whether it is as it was.
#[derive(Clone, Debug)]
struct Read {
    file: String,
    line: u64,
    link: Link,
    hash: LineHash,
}

/// Bytes that are no record.
struct Odd {
    file: String,
    line: u64,
    bytes: u64,
    hash: Sha256,
}

struct Walk<'a> {
    expected: &'a Expected,
    /// Heads that were kept, by number.
    heads: HashMap<u64, &'a str>,
    report: Report,
    last: Option<Read>,
    odd: Option<Odd>,
    last_number: Option<u64>,
    first_number: u64,
    /// Files up to this number were removed by the gateway.
    removed_through: u64,
    /// What is wrong where the next record tells that the last one is sound, and where it is not.
    suspects: Option<(Fault, Fault)>,
}

impl<'a> Walk<'a> {
    fn new(expected: &'a Expected) -> Self {
        let heads =
            expected.heads.iter().filter_map(|head| Some((Link::read(head.as_bytes())?.seq, head.as_str())));
        Self {
            expected,
            heads: heads.collect(),
            report: Report { public_key: expected.key.clone(), ..Report::default() },
            last: None,
            odd: None,
            last_number: None,
            first_number: 0,
            removed_through: 0,
            suspects: None,
        }
    }

    fn fault(&mut self, file: &str, line: u64, seq: u64, what: impl Into<String>) {
        let (file, what) = (file.to_owned(), what.into());
        if let Some((before, _)) = self.suspects.take() {
            self.report.fault.get_or_insert(before);
        }
        self.report.fault.get_or_insert(Fault { file, line, seq, what });
    }

    fn next_seq(&self) -> u64 {
        self.last.as_ref().map_or(1, |last| last.link.seq + 1)
    }

    fn file(&mut self, path: &Path, is_newest: bool) -> io::Result<()> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = number_of(path).unwrap_or(0);
        match self.last_number {
            Some(last) if number == last => {
                self.fault(&name, 0, 0, "there are two files of this number");
                return Ok(());
            }
            Some(last) if number > last + 1 => {
                let what = format!("{} files before this one are missing", number - last - 1);
                self.fault(&name, 0, 0, what);
                return Ok(());
            }
            Some(_) => {}
            None => self.first_number = number,
        }
        self.last_number = Some(number);
        self.report.files += 1;
        let (mut lines, mut line, mut at, mut is_first) = (Lines::open(path)?, Line::default(), 0, true);
        while self.report.fault.is_none() && lines.next(&mut line)? {
            at += 1;
            match Link::read(&line.bytes).filter(|_| line.is_whole) {
                Some(link) => self.record(&name, at, link, &line.bytes, &mut is_first),
                None => self.odd(&name, at, &line),
            }
        }
        if let Some(odd) = self.odd.take() {
            if is_newest {
                self.report.torn_end = Some(TornEnd { file: odd.file, bytes: odd.bytes });
            } else {
                let seq = self.next_seq();
                self.fault(&name, odd.line, seq, "the line is no record, and a later file follows");
            }
        } else if is_first && !is_newest {
            self.fault(&name, 0, 0, "the file has no record, and a later file follows");
        }
        Ok(())
    }

    fn odd(&mut self, file: &str, line: u64, read: &Line) {
        let odd = self.odd.get_or_insert_with(|| Odd {
            file: file.to_owned(),
            line,
            bytes: 0,
            hash: Sha256::new(),
        });
        odd.hash.update(&read.bytes);
        odd.bytes += read.bytes.len() as u64;
        if read.is_whole {
            odd.hash.update(b"\n");
            odd.bytes += 1;
        }
    }

    fn record(&mut self, file: &str, line: u64, link: Link, bytes: &[u8], is_first: &mut bool) {
        // A record is one JSON object: `Link::read` has seen that.
        let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let event = value["event"].as_str().unwrap_or_default();
        if let Some(odd) = self.odd.take() {
            let (length, hash) = (odd.bytes, hex(&odd.hash.finalize()));
            if event != "torn" || value["bytes"] != length || value["sha256"] != hash {
                let seq = self.next_seq();
                self.fault(&odd.file, odd.line, seq, "the line is no record: it was changed, or damaged");
                return;
            }
            self.report.torn += 1;
        } else if event == "torn" {
            self.fault(file, line, link.seq, "what this record says was half-written before it is missing");
            return;
        }
        if let Some(last) = self.last.clone() {
            // Of two records that do not fit together, the one is changed that does not fit its other neighbour, either.
            if let Some((before, this)) = self.suspects.take() {
                self.report.fault.get_or_insert(if link.prev == last.hash { before } else { this });
                return;
            }
            if let Some(fault) = misplaced(&last, file, line, link) {
                self.report.fault.get_or_insert(fault);
                return;
            }
            if link.prev != last.hash {
                let at = |read: &Read, what: &str| Fault {
                    file: read.file.clone(),
                    line: read.line,
                    seq: read.link.seq,
                    what: what.to_owned(),
                };
                let this = Read { file: file.to_owned(), line, link, hash: LineHash::of(bytes) };
                let before = at(&last, "the record was changed: the next one has the hash of another");
                self.suspects = Some((
                    before,
                    at(&this, "the record was changed: it does not fit the one before, nor the next"),
                ));
            }
        } else {
            self.report.first_seq = Some(link.seq);
            if number_is_first(self.first_number) && (link.seq != 1 || link.prev != LineHash::NONE) {
                self.fault(
                    file,
                    line,
                    link.seq,
                    "the trail does not begin with its first record: those before are missing",
                );
                return;
            }
        }
        if *is_first && event != "torn" {
            *is_first = false;
            if event != "file" || value["file"] != file {
                self.fault(
                    file,
                    line,
                    link.seq,
                    "the file does not begin with the record that says which file it is",
                );
                return;
            }
            if !value["head"].is_null()
                && self.last.is_some()
                && value["head"]["seq"].as_u64() >= Some(link.seq)
            {
                self.fault(file, line, link.seq, "the file begins with a head of a later record");
                return;
            }
        }
        self.look_into(file, line, link, bytes, event, &value);
        self.report.records += 1;
        self.report.last_seq = Some(link.seq);
        self.last = Some(Read { file: file.to_owned(), line, link, hash: LineHash::of(bytes) });
    }

    /// What the records of the trail about itself say.
    fn look_into(&mut self, file: &str, line: u64, link: Link, bytes: &[u8], event: &str, value: &Value) {
        if event == HEAD {
            match head::check(bytes, self.report.public_key.as_deref()) {
                Ok(key) => {
                    self.report.public_key = Some(key);
                    self.report.heads += 1;
                    self.report.signed_seq = Some(link.seq);
                }
                Err(why) => self.fault(file, line, link.seq, format!("the signed head does not hold: {why}")),
            }
        }
        if let Some(kept) = self.heads.remove(&link.seq)
            && kept.as_bytes() != bytes
        {
            let what = "this record is not the head that was kept: it, or one before it, was changed";
            self.fault(file, line, link.seq, what);
        }
        match event {
            "files_removed" => {
                self.removed_through = self.removed_through.max(value["through"].as_u64().unwrap_or(0));
            }
            "gap" => self.report.lost += value["records"].as_u64().unwrap_or(0),
            _ => {}
        }
    }

    /// What can be said only when all was read.
    fn end(&mut self) {
        if let Some((before, _)) = self.suspects.take() {
            self.report.fault.get_or_insert(before);
        }
        let (first, last) = (self.report.first_seq.unwrap_or(0), self.report.last_seq.unwrap_or(0));
        if self.report.records == 0 && !self.expected.heads.is_empty() {
            self.fault("(the trail)", 0, 0, "there is no record, and there is a head");
        }
        if self.first_number > 1 && self.first_number - 1 > self.removed_through {
            let file = self.first_number;
            self.fault("(the trail)", 0, 0, format!("the files before number {file} are missing, and no record says that the gateway removed them"));
        }
        for (seq, head) in std::mem::take(&mut self.heads) {
            // One that is older than what is kept tells nothing of it.
            if seq < first {
                continue;
            }
            if let Err(why) = head::check(head.as_bytes(), self.report.public_key.as_deref()) {
                self.fault("(the kept head)", 0, seq, format!("the head that was kept does not hold: {why}"));
            } else {
                let file = self.last.as_ref().map_or("(the trail)".to_owned(), |last| last.file.clone());
                let line = self.last.as_ref().map_or(0, |last| last.line);
                let what =
                    format!("the trail ends here, and a head was kept of record {seq}: the end is cut off");
                self.fault(&file, line, last, what);
            }
        }
    }
}

fn number_is_first(number: u64) -> bool {
    number <= 1
}

/// What is wrong where the record at `link` follows `last`.
fn misplaced(last: &Read, file: &str, line: u64, link: Link) -> Option<Fault> {
    let expected = last.link.seq + 1;
    let fault = |file: &str, line, seq, what: String| Some(Fault { file: file.to_owned(), line, seq, what });
    if link.seq > expected {
        let what = format!(
            "record {expected} is expected here: {} are missing, or their order was changed",
            link.seq - expected
        );
        return fault(file, line, link.seq, what);
    }
    if link.seq < expected {
        let what = format!("record {expected} is expected here: this one was repeated, moved or put in");
        return fault(file, line, link.seq, what);
    }
    None
}
