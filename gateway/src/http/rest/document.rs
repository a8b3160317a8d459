//! A document of rows (`mcp/rows` has its form), made into what a client asked for piece by piece: no more of it is held
//! in another form than one piece.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::rows::{unique_names, write_csv_row};

/// Bytes of a piece: it ends with the row that exceeds them.
const PIECE_BYTES: usize = 64 * 1024;

/// What is said of the rows, before them.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct About {
    columns: Vec<Column>,
    /// Rows in the document.
    pub(super) row_count: u64,
    /// Whether something is missing.
    pub(super) truncated: bool,
    /// Rows that are not in it.
    pub(super) more_rows: Option<u64>,
    /// Whether there may be still more.
    #[serde(default)]
    pub(super) more_rows_at_least: bool,
    /// Rows that the statement changed.
    pub(super) rows_changed: Option<u64>,
    /// The backend's id of the query.
    pub(super) query_id: Option<String>,
    /// All of this in words.
    pub(super) note: String,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
struct Column {
    name: String,
}

impl About {
    /// Reads the beginning of `document`.
    pub(super) fn read(document: &str) -> Option<Self> {
        let head = document.lines().next()?;
        if head.ends_with("]}") {
            return serde_json::from_str(head).ok();
        }
        serde_json::from_str(&format!("{head}]}}")).ok()
    }

    /// Whether there are columns: a statement that returns no rows has none.
    pub(super) fn has_rows(&self) -> bool {
        !self.columns.is_empty()
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// RFC 4180: NULL is nothing, an empty text is `""`.
    Csv,
    /// A JSON object a line. A name that comes again has a number: `a`, `a_2`.
    Ndjson,
}

/// Writes the rows of a document in another form.
#[derive(Debug)]
pub(super) struct Rewriter {
    lines: Lines,
    /// As they stand before the values: JSON strings, with a colon, for NDJSON.
    names: Vec<String>,
    /// Where the next row begins.
    at: usize,
    is_begun: bool,
}

impl Rewriter {
    pub(super) fn new(document: &str, about: &About, lines: Lines) -> Self {
        let names = match lines {
            Lines::Csv => about.columns.iter().map(|column| column.name.clone()).collect(),
            Lines::Ndjson => members(about),
        };
        let at = document.find('\n').map_or(document.len(), |at| at + 1);
        Self { lines, names, at, is_begun: false }
    }

    /// The next piece; `None`: there is no more.
    pub(super) fn next(&mut self, document: &str) -> Option<String> {
        let mut piece = String::new();
        if !self.is_begun && self.lines == Lines::Csv {
            write_csv_row(&mut piece, self.names.iter().map(|name| Some(Cow::Borrowed(name.as_str()))));
        }
        self.is_begun = true;
        while piece.len() < PIECE_BYTES {
            let rest = &document[self.at..];
            let line = rest.lines().next().unwrap_or_default();
            self.at += (line.len() + 1).min(rest.len());
            let row = line.strip_suffix(',').unwrap_or(line);
            // The last line closes the list.
            let Ok(cells) = serde_json::from_str::<Vec<&RawValue>>(row) else { break };
            match self.lines {
                Lines::Csv => write_csv_row(&mut piece, cells.into_iter().map(|cell| text_of(cell.get()))),
                Lines::Ndjson => self.object(&mut piece, &cells),
            }
        }
        (!piece.is_empty()).then_some(piece)
    }

    fn object(&self, piece: &mut String, cells: &[&RawValue]) {
        piece.push('{');
        for (at, (name, cell)) in self.names.iter().zip(cells).enumerate() {
            if at > 0 {
                piece.push(',');
            }
            piece.push_str(name);
            piece.push_str(cell.get());
        }
        piece.push_str("}\n");
    }
}

/// The names as members of an object, each once: `"a":`, `"a_2":`.
fn members(about: &About) -> Vec<String> {
    let names = unique_names(about.columns.iter().map(|column| column.name.as_str()));
    names.into_iter().map(|name| format!("{}:", serde_json::Value::from(name))).collect()
}

/// The text of a value; `None`: NULL.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    match json {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str::<Text<'_>>(text).ok().map(|Text(text)| text),
        other => Some(Cow::Borrowed(other)),
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "{\"columns\":[{\"name\":\"id\",\"type\":\"integer\"},{\"name\":\"a,b\",\"type\":\"text\"}],\
        \"row_count\":3,\"truncated\":true,\"more_rows\":2,\"note\":\"(3 rows)\",\"rows\":[\n\
        [1,\"x\"],\n[null,\"\"],\n[2.5,\"a \\\"b\\\"\\n,\"]\n]}";

    fn rewritten(document: &str, lines: Lines) -> String {
        let about = About::read(document).unwrap();
        let mut rewriter = Rewriter::new(document, &about, lines);
        let mut text = String::new();
        while let Some(piece) = rewriter.next(document) {
            text.push_str(&piece);
        }
        text
    }

    #[test]
    fn rows_become_csv() {
        assert_eq!(
            rewritten(DOCUMENT, Lines::Csv),
            "id,\"a,b\"\r\n1,x\r\n,\"\"\r\n2.5,\"a \"\"b\"\"\n,\"\r\n"
        );
    }

    #[test]
    fn a_row_of_one_null_is_a_line() {
        let document = "{\"columns\":[{\"name\":\"a\"}],\"row_count\":1,\"truncated\":false,\"note\":\"\",\"rows\":[\n[null]\n]}";
        assert_eq!(rewritten(document, Lines::Csv), "a\r\n\"\"\r\n");
    }

    #[test]
    fn rows_become_objects() {
        assert_eq!(
            rewritten(DOCUMENT, Lines::Ndjson),
            "{\"id\":1,\"a,b\":\"x\"}\n{\"id\":null,\"a,b\":\"\"}\n{\"id\":2.5,\"a,b\":\"a \\\"b\\\"\\n,\"}\n"
        );
    }

    #[test]
    fn no_rows_leave_the_header() {
        let document = "{\"columns\":[{\"name\":\"a\",\"type\":null}],\"row_count\":0,\"truncated\":false,\"note\":\"\",\"rows\":[]}";
        assert_eq!(rewritten(document, Lines::Csv), "a\r\n");
        assert_eq!(rewritten(document, Lines::Ndjson), "");
        let about = About::read(DOCUMENT).unwrap();
        assert_eq!((about.row_count, about.truncated, about.more_rows), (3, true, Some(2)));
        assert!(about.has_rows());
    }

    #[test]
    fn a_long_document_comes_in_pieces() {
        let rows: Vec<String> = (0..20_000).map(|at| format!("[{at},\"{}\"]", "x".repeat(20))).collect();
        let document = format!(
            "{{\"columns\":[{{\"name\":\"a\"}},{{\"name\":\"b\"}}],\"row_count\":20000,\"truncated\":false,\"note\":\"\",\"rows\":[\n{}\n]}}",
            rows.join(",\n")
        );
        let about = About::read(&document).unwrap();
        let mut rewriter = Rewriter::new(&document, &about, Lines::Ndjson);
        let (mut pieces, mut lines) = (0, 0);
        while let Some(piece) = rewriter.next(&document) {
            assert!(piece.len() < PIECE_BYTES + 100);
            pieces += 1;
            lines += piece.lines().count();
        }
        assert!(pieces > 5 && lines == 20_000, "{pieces} {lines}");
    }
}
