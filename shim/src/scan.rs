//! Reads the top level of a JSON object without parsing it.
//!
//! The shim never parses what it forwards. It needs an id only where it must answer a request itself: a line
//! over the size bound, or a gateway that cannot be reached. A byte-wise scanner of constant memory is enough
//! for that, and works on a line that is never in memory as a whole. [`crate::flat`] reads hellos with the
//! same scanner.

use crate::json_string::unquote;

/// An id's text is kept up to this many bytes; a longer one counts as not found.
const ID_BYTES_MAX: usize = 256;

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The top-level `id` as JSON text: an integer or a string. `None`: it is missing or `null`.
    pub id: Option<String>,
    /// Whether there is a top-level `method`: a request or notification rather than a response.
    pub has_method: bool,
}

/// Scans one line.
pub fn scan(line: &[u8]) -> Scanned {
    let mut scanner = IdScanner::new();
    scanner.push(line);
    scanner.finish()
}

/// Looks for a message's id in a line that arrives in pieces.
#[derive(Debug)]
pub struct IdScanner {
    scanner: Scanner,
    found: Scanned,
}

impl Default for IdScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl IdScanner {
    /// A scanner at the start of a line.
    pub fn new() -> Self {
        Self { scanner: Scanner::new(ID_BYTES_MAX), found: Scanned::default() }
    }

    /// Takes the line's next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let found = &mut self.found;
        self.scanner.push(bytes, &mut |key, value| found.note(key, value));
    }

    /// The line has ended.
    pub fn finish(self) -> Scanned {
        self.found
    }
}

impl Scanned {
    fn note(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"\"id\"" => self.id = id(value),
            b"\"method\"" => self.has_method = true,
            _ => {}
        }
    }
}

/// `token` as an id, if it can be one.
fn id(token: &[u8]) -> Option<String> {
    let text = str::from_utf8(token).ok()?;
    let sound = if text.starts_with('"') { unquote(text).is_some() } else { is_integer(text) };
    sound.then(|| text.to_owned())
}

/// Whether `text` is an integer as JSON writes it: it is copied into the answer unchanged.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts_well = digits == "0" || digits.starts_with(|first| ('1'..='9').contains(&first));
    starts_well && text.parse::<i64>().is_ok()
}

/// What the scanner is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between tokens.
    Between,
    /// In a string; `escaped`: the last byte was a backslash.
    Text { escaped: bool },
    /// In a number or a word.
    Bare,
}

/// Finds the keys of the outermost object whose values are strings, numbers or words. It does not check that
/// the rest is JSON.
#[derive(Debug)]
pub(crate) struct Scanner {
    depth: u32,
    place: Place,
    /// At depth 1: whether the next string is a key.
    key_next: bool,
    /// The token being read at depth 1, quotes included. One byte over the bound means that it was too long.
    token: Vec<u8>,
    token_bytes_max: usize,
    /// The last key at depth 1, quotes included.
    key: Vec<u8>,
}

impl Scanner {
    /// A scanner at the start of a line; keys and values over `token_bytes_max` are cut one byte after it.
    pub(crate) fn new(token_bytes_max: usize) -> Self {
        let (token, key) = (Vec::new(), Vec::new());
        Self { depth: 0, place: Place::Between, key_next: false, token, token_bytes_max, key }
    }

    /// Takes the line's next bytes and calls `field` with every key and value that they complete. A number is
    /// complete with the byte after it.
    pub(crate) fn push(&mut self, bytes: &[u8], field: &mut dyn FnMut(&[u8], &[u8])) {
        for &byte in bytes {
            self.step(byte, field);
        }
    }

    fn step(&mut self, byte: u8, field: &mut dyn FnMut(&[u8], &[u8])) {
        match self.place {
            Place::Text { escaped } => {
                self.keep(byte);
                self.place = match byte {
                    b'"' if !escaped => {
                        self.end_token(field);
                        Place::Between
                    }
                    b'\\' => Place::Text { escaped: !escaped },
                    _ => Place::Text { escaped: false },
                };
            }
            Place::Bare if is_bare(byte) => self.keep(byte),
            Place::Bare => {
                self.end_token(field);
                self.place = Place::Between;
                self.between(byte);
            }
            Place::Between => self.between(byte),
        }
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'"' => self.begin(Place::Text { escaped: false }, byte),
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.key_next = self.depth == 1 && byte == b'{';
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' => self.key_next = self.depth == 1,
            b':' if self.depth == 1 => self.key_next = false,
            _ if is_bare(byte) => self.begin(Place::Bare, byte),
            _ => {}
        }
    }

    fn begin(&mut self, place: Place, byte: u8) {
        self.place = place;
        self.token.clear();
        self.keep(byte);
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() <= self.token_bytes_max {
            self.token.push(byte);
        }
    }

    /// A token is complete: a key, or the value of the last key.
    fn end_token(&mut self, field: &mut dyn FnMut(&[u8], &[u8])) {
        if self.depth != 1 {
            return;
        }
        if self.key_next {
            self.key.clone_from(&self.token);
        } else {
            field(&self.key, &self.token);
        }
    }
}

/// Whether a byte can be part of a number or a word.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(line: &str) -> Option<String> {
        scan(line.as_bytes()).id
    }

    #[test]
    fn the_top_level_id_is_found_at_any_position() {
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"method":"x"}"#).as_deref(), Some("7"));
        let last = r#"{"method":"x","params":{"id":1,"a":["id",2]},"id" : "a\"b" }"#;
        assert_eq!(id(last).as_deref(), Some(r#""a\"b""#));
        assert_eq!(id(r#"{"id":-3}"#).as_deref(), Some("-3"));
    }

    #[test]
    fn values_that_are_not_ids_are_ignored() {
        for line in [
            r#"{"id":null}"#,
            r#"{"id":true}"#,
            r#"{"id":1.5}"#,
            r#"{"id":{"id":1}}"#,
            r#"[{"id":1}]"#,
            r#"{"params":{"id":1}}"#,
            r#"{"x":"id","y":1}"#,
            r#"{"identity":1}"#,
            "garbage",
            "",
            "{\"id\":\"\u{1}\"}",
        ] {
            assert_eq!(id(line), None, "{line}");
        }
        assert_eq!(id(&format!(r#"{{"id":"{}"}}"#, "x".repeat(ID_BYTES_MAX))), None);
    }

    #[test]
    fn a_request_has_a_method_and_a_response_has_none() {
        assert!(scan(br#"{"id":1,"method":"ping"}"#).has_method);
        assert!(!scan(br#"{"id":1,"result":{"method":"ping"}}"#).has_method);
    }

    proptest! {
        #[test]
        fn the_id_is_the_one_that_a_json_parser_finds(
            number in any::<i64>(), text in ".{0,20}", as_text in any::<bool>(), nested in ".{0,20}", last in any::<bool>(),
        ) {
            let id_value = if as_text { serde_json::json!(text) } else { serde_json::json!(number) };
            let params = serde_json::json!({"id": nested, nested.clone(): [{"id": 1}, "\"id\":5"]});
            let line = if last {
                format!(r#"{{"method":"m","params":{params},"id":{id_value}}}"#)
            } else {
                format!(r#"{{"id":{id_value},"method":"m","params":{params}}}"#)
            };
            let found: serde_json::Value = serde_json::from_str(&id(&line).unwrap()).unwrap();
            prop_assert_eq!(found, id_value);
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            scan(&bytes);
        }
    }
}
