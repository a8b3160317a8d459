//! The splitter and the scanner: the lines of a stream however it is cut, and what they agree on with a JSON
//! parser.

use serde_json::Value;
use snowgate_link::lines::{Line, LineSplitter};
use snowgate_link::scan::{IdScanner, Scanned, scan};

use super::input::Input;

/// The number of cuts; they are used again from the first.
const CUTS_MAX: u8 = 16;

/// An id's JSON text is found up to this many bytes.
const ID_BYTES_MAX: usize = 256;

/// A line of the splitter, owned.
#[derive(Debug, PartialEq)]
enum OwnedLine {
    Whole(Vec<u8>),
    Oversize { bytes: u64, scanned: Scanned },
}

impl OwnedLine {
    fn of(line: &Line<'_>) -> Self {
        match line {
            Line::Whole(line) => Self::Whole(line.to_vec()),
            Line::Oversize { bytes, scanned } => Self::Oversize { bytes: *bytes, scanned: scanned.clone() },
        }
    }
}

/// Input: the longest line that is kept, the number of cuts, the cuts, the stream.
pub fn lines(data: &[u8]) {
    let mut input = Input::new(data);
    let bytes_max = input.length();
    let cuts = usize::from(input.byte() % CUTS_MAX);
    let cuts = input.take(cuts);
    let stream = input.rest();

    assert_eq!(split(stream, bytes_max, cuts), expected(stream, bytes_max), "lines of at most {bytes_max}");
    for line in stream.split(|&byte| byte == b'\n') {
        assert_eq!(scan_cut(line, cuts), scan(line), "cutting makes a difference");
        expect_same_id(line);
    }
}

/// The stream in pieces of these lengths (none: in one piece).
fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut cuts = cuts.iter().map(|&cut| usize::from(cut).max(1)).cycle();
    std::iter::from_fn(move || {
        let (piece, rest) = stream.split_at(cuts.next().unwrap_or(stream.len()).min(stream.len()));
        stream = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn split(stream: &[u8], bytes_max: usize, cuts: &[u8]) -> Vec<OwnedLine> {
    let mut splitter = LineSplitter::new(bytes_max);
    let mut lines = Vec::new();
    for piece in pieces(stream, cuts) {
        splitter.push(piece, |line| lines.push(OwnedLine::of(&line)));
    }
    splitter.end(|line| lines.push(OwnedLine::of(&line)));
    lines
}

/// What the splitter must return: every line but blank ones, and of one over the bound its length and a scan.
fn expected(stream: &[u8], bytes_max: usize) -> Vec<OwnedLine> {
    let lines = stream.split(|&byte| byte == b'\n');
    let expected = lines.filter_map(|line| {
        if line.len() > bytes_max {
            return Some(OwnedLine::Oversize { bytes: line.len() as u64, scanned: scan(line) });
        }
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        (!is_blank).then(|| OwnedLine::Whole(line.to_vec()))
    });
    expected.collect()
}

fn scan_cut(line: &[u8], cuts: &[u8]) -> Scanned {
    let mut scanner = IdScanner::new();
    pieces(line, cuts).for_each(|piece| scanner.push(piece));
    scanner.finish()
}

/// An id that was found is JSON, because it is copied into an answer; and an id that a parser finds is found.
fn expect_same_id(line: &[u8]) {
    let found = scan(line);
    let id = found.id.as_deref().map(|id| {
        let id: Value = serde_json::from_str(id).unwrap_or_else(|error| panic!("{id} is not JSON: {error}"));
        assert!(id.is_number() || id.is_string(), "{id} is not an id");
        id
    });
    let Ok(Value::Object(message)) = serde_json::from_slice(line) else { return };
    if !is_plain(line) {
        return;
    }
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    assert_eq!(found.has_method, message.get("method").is_some_and(is_scalar), "whether there is a method");
    let has_id = match message.get("id") {
        Some(Value::String(text)) => text.len() + 2 <= ID_BYTES_MAX,
        Some(Value::Number(number)) => number.is_i64(),
        _ => false,
    };
    assert!(!has_id || id.is_some(), "the id was not found");
    assert!(id.is_none() || id.as_ref() == message.get("id"), "another id was found");
}

/// Whether the scanner promises to read it as a parser does: nothing is escaped, and no key comes twice.
fn is_plain(line: &[u8]) -> bool {
    let count = |key: &[u8]| line.windows(key.len()).filter(|window| *window == key).count();
    !line.contains(&b'\\') && count(b"\"id\"") <= 1 && count(b"\"method\"") <= 1
}
