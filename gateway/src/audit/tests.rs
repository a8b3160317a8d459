//! The trail as a whole: written, torn, continued, tampered with, found again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::files::{numbers, path_of};
use super::trail::{Trail, said};
use super::*;
use crate::config::Retention;

/// Copies that are tampered with.
const COPIES: usize = 1_000;

const SMALL: Retention = Retention { file_bytes_max: 4_096, files_max: 100, age_max: None };

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        folder(self.0.path())
    }

    fn open(&self, retention: Retention) -> Trail {
        Trail::open(&self.folder(), self.0.path(), retention, None).unwrap()
    }

    fn write(&self, retention: Retention, records: u64) -> Trail {
        let mut trail = self.open(retention);
        for number in 0..records {
            if trail.is_full() {
                trail.rotate().unwrap();
            }
            trail.push(&said("note", &json!({"number": number, "text": "x".repeat(40)})));
            trail.commit().unwrap();
        }
        trail
    }

    fn expected(&self) -> Expected {
        let key = HeadKey::open(self.0.path()).unwrap().unwrap().public().to_owned();
        Expected { key: Some(key), heads: kept_head(self.0.path()).unwrap().into_iter().collect() }
    }

    fn verify(&self) -> Report {
        verify(&[self.folder()], &self.expected()).unwrap()
    }
}

#[test]
fn a_trail_goes_on_over_files_and_gateways() {
    let home = Home::new();
    for _ in 0..3 {
        home.write(SMALL, 30).sign().unwrap();
    }
    let report = home.verify();
    assert_eq!(report.fault, None);
    assert!(report.files > 3 && report.records > 90 && report.signed_seq == report.last_seq, "{report:?}");
    let found = search(&home.folder(), &SearchQuery::default(), 10).unwrap();
    let numbers: Vec<u64> = found.records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    let last = report.last_seq.unwrap();
    assert_eq!(numbers, (last - 9..=last).collect::<Vec<_>>());
    assert!(found.has_more);
    let notes = SearchQuery { kind: Some("note".into()), ..SearchQuery::default() };
    assert_eq!(search(&home.folder(), &notes, 1_000).unwrap().records.len(), 90);
}

#[test]
fn a_search_says_that_there_is_more_only_where_a_further_record_fits() {
    let home = Home::new();
    home.write(SMALL, 60);
    assert!(numbers(&home.folder()).unwrap().len() > 2);
    let notes = SearchQuery { kind: Some("note".into()), ..SearchQuery::default() };
    for limit in 1..=61 {
        let found = search(&home.folder(), &notes, limit).unwrap();
        assert_eq!((found.records.len(), found.has_more), (limit.min(60), limit < 60), "{limit}");
        assert_eq!(found.records.last().unwrap()["number"], 59);
    }
}

#[test]
fn files_that_are_too_many_go_and_the_trail_says_so() {
    let home = Home::new();
    let few = Retention { files_max: 3, ..SMALL };
    home.write(few, 200).sign().unwrap();
    let left = numbers(&home.folder()).unwrap();
    assert_eq!(left.len(), 3);
    assert_eq!(home.verify().fault, None);
    fs::remove_file(path_of(&home.folder(), left[0])).unwrap();
    assert!(home.verify().fault.unwrap().what.contains("no record says"), "{:?}", home.verify());
}

#[test]
fn a_torn_end_is_named_and_the_chain_goes_on() {
    let home = Home::new();
    home.write(SMALL, 5);
    let path = path_of(&home.folder(), 1);
    let whole = fs::read(&path).unwrap();
    let line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in line..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let before = home.verify();
        assert_eq!(before.fault, None, "{cut}");
        let is_torn = cut > line && cut < whole.len();
        assert_eq!(before.torn_end.map(|torn| torn.bytes), is_torn.then_some((cut - line) as u64));
        home.write(SMALL, 1);
        let after = home.verify();
        assert_eq!((after.fault, after.torn_end), (None, None), "{cut}");
        // A line that lacks its line feed alone is completed.
        assert_eq!(after.torn, u64::from(is_torn && cut < whole.len() - 1), "{cut}");
        // And a gateway that is killed while it names the torn end.
        let named = fs::read(&path).unwrap();
        fs::write(&path, &named[..named.len() - 30]).unwrap();
        home.write(SMALL, 1);
        assert_eq!(home.verify().fault, None, "{cut}");
    }
}

#[test]
fn a_folder_that_was_removed_is_missed() {
    if crate::os::test_support::lacks_in_wine("removes no folder in which a file is open") {
        return;
    }
    let home = Home::new();
    let mut trail = home.write(SMALL, 5);
    trail.sign().unwrap();
    fs::remove_dir_all(home.folder()).unwrap();
    trail.push(&said("note", &json!({})));
    assert!(trail.commit().is_err());
    let known = Some(trail.known());
    let mut trail = Trail::open(&home.folder(), home.0.path(), SMALL, known).unwrap();
    trail.push(&said("note", &json!({})));
    trail.commit().unwrap();
    assert!(home.verify().fault.is_some());
}

/// A generator of numbers, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }
}

fn lines_of(path: &Path) -> Vec<Vec<u8>> {
    fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Tampers with one file of the copy in `folder`; returns what was done.
fn tamper(folder: &Path, numbers: &mut Numbers, kind: usize) -> String {
    let all = super::files::numbers(folder).unwrap();
    let number = all[numbers.below(all.len())];
    let path = path_of(folder, number);
    let mut lines = lines_of(&path);
    let (at, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
    let what = match kind {
        0 => {
            let mut bytes = lines.concat();
            let (byte, bit) = (numbers.below(bytes.len()), numbers.below(8));
            bytes[byte] ^= 1 << bit;
            lines = vec![bytes];
            format!("bit {bit} of byte {byte}")
        }
        1 => {
            let bytes = lines.concat();
            let cut = numbers.below(bytes.len());
            lines = vec![bytes[..cut].to_vec()];
            format!("cut at {cut}")
        }
        2 => {
            let other = if at == other { (at + 1) % lines.len() } else { other };
            lines.swap(at, other);
            format!("lines {at} and {other} swapped")
        }
        3 => {
            lines.remove(at);
            format!("line {at} removed")
        }
        4 => {
            let line = lines[other].clone();
            lines.insert(at, line);
            format!("line {other} again at {at}")
        }
        _ => {
            fs::remove_file(&path).unwrap();
            return format!("file {number} removed");
        }
    };
    fs::write(&path, lines.concat()).unwrap();
    format!("file {number}: {what}")
}

#[test]
fn whatever_was_tampered_with_is_found() {
    let home = Home::new();
    home.write(SMALL, 60).sign().unwrap();
    let (expected, original) = (home.expected(), home.folder());
    assert_eq!(home.verify().fault, None);
    let copy = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(14);
    for round in 0..COPIES {
        for number in super::files::numbers(&original).unwrap() {
            fs::copy(path_of(&original, number), path_of(copy.path(), number)).unwrap();
        }
        let what = tamper(copy.path(), &mut numbers, round % 6);
        let report = verify(&[copy.path().to_owned()], &expected).unwrap();
        assert!(report.fault.is_some(), "{round}: {what}: {report:?}");
    }
}

#[test]
fn the_record_that_was_changed_is_the_one_that_is_named() {
    let home = Home::new();
    home.write(Retention::default(), 20).sign().unwrap();
    let path = path_of(&home.folder(), 1);
    let original = lines_of(&path);
    let named = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = original.clone();
        change(&mut lines);
        fs::write(&path, lines.concat()).unwrap();
        let fault = home.verify().fault.unwrap();
        (fault.line, fault.what)
    };
    let replace = |line: &Vec<u8>, from: &str, to: &str| {
        String::from_utf8(line.clone()).unwrap().replacen(from, to, 1).into_bytes()
    };
    // A value, and the hash of the one before.
    assert_eq!(named(&|lines| lines[7] = replace(&lines[7], "xxx", "xyx")).0, 8);
    assert_eq!(named(&|lines| lines[7][20] ^= 1).0, 8);
    let (line, what) = named(&|lines| drop(lines.remove(7)));
    assert!(line == 8 && what.contains("1 are missing"), "{line} {what}");
    let (line, what) = named(&|lines| lines.insert(9, lines[7].clone()));
    assert!(line == 10 && what.contains("repeated"), "{line} {what}");
    let (line, what) = named(&|lines| lines.truncate(10));
    assert!(line == 10 && what.contains("cut off"), "{line} {what}");
}

#[test]
fn one_who_has_the_folder_and_not_the_key_cannot_write_it_anew() {
    let (home, forger) = (Home::new(), Home::new());
    home.write(SMALL, 20).sign().unwrap();
    let expected = home.expected();
    forger.write(SMALL, 20).sign().unwrap();
    let report = verify(&[forger.folder()], &expected).unwrap();
    assert!(report.fault.unwrap().what.contains("another key"));
}

#[test]
fn folder_and_files_are_private() {
    let home = Home::new();
    home.write(SMALL, 1).sign().unwrap();
    let mode = |path: &Path| crate::os::FileAccess::at(path).unwrap().mode;
    assert_eq!(mode(&home.folder()), 0o700);
    assert_eq!(mode(&path_of(&home.folder(), 1)), 0o600);
    for file in ["audit.key", "audit.head"] {
        assert_eq!(mode(&home.0.path().join(file)), 0o600, "{file}");
    }
}
