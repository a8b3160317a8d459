//! JSON objects of one level: the format of hellos and readiness lines.
//!
//! Read and written without a JSON library, because a library would add more bytes to the shim than all of
//! its own code. Fields whose values are objects or arrays are skipped: they belong to a later version.

use crate::json_string::{quote, unquote};
use crate::scan::Scanner;

/// A value of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scalar {
    Text(String),
    Number(u64),
    Flag(bool),
}

/// A flat object that was read.
#[derive(Clone, Debug, Default)]
pub struct FlatReader {
    fields: Vec<(String, Scalar)>,
}

impl FlatReader {
    /// Reads `line`. A line that is not an object has no fields.
    pub fn new(line: &[u8]) -> Self {
        let mut fields = Vec::new();
        Scanner::new(line.len()).push(line, &mut |key, value| {
            let key = str::from_utf8(key).ok().and_then(unquote);
            if let (Some(key), Some(value)) = (key, scalar(value)) {
                fields.push((key, value));
            }
        });
        Self { fields }
    }

    fn get(&self, key: &str) -> Option<&Scalar> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of `key`.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(Scalar::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// The number of `key`, if it is whole and fits into `N`.
    pub fn number<N: TryFrom<u64>>(&self, key: &str) -> Option<N> {
        match self.get(key) {
            Some(Scalar::Number(number)) => N::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Whether `key` is present and true.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key) == Some(&Scalar::Flag(true))
    }
}

/// A flat object being written.
#[derive(Clone, Debug)]
pub struct FlatWriter {
    text: String,
}

impl Default for FlatWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl FlatWriter {
    /// An object without fields.
    pub fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    fn key(&mut self, key: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        quote(key, &mut self.text);
        self.text.push(':');
    }

    /// Adds a text, if there is one.
    #[must_use]
    pub fn text(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.key(key);
            quote(value, &mut self.text);
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, key: &str, value: impl Into<u64>) -> Self {
        self.key(key);
        self.text.push_str(&value.into().to_string());
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn flag(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// The object as a line, newline included.
    pub fn into_line(mut self) -> Vec<u8> {
        self.text.push_str("}\n");
        self.text.into_bytes()
    }
}

fn scalar(token: &[u8]) -> Option<Scalar> {
    match token {
        b"true" => Some(Scalar::Flag(true)),
        b"false" => Some(Scalar::Flag(false)),
        _ => {
            let text = str::from_utf8(token).ok()?;
            unquote(text).map(Scalar::Text).or_else(|| text.parse().ok().map(Scalar::Number))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_unknown_types_are_skipped() {
        let read =
            FlatReader::new(br#"{"a":{"n":1},"n":2,"list":["n",3],"t":null,"f":true,"x":1.5,"n2":-1}"#);
        assert_eq!(read.number::<u64>("n"), Some(2));
        assert!(read.flag("f"));
        assert_eq!((read.text("t"), read.number::<u64>("x"), read.number::<u64>("n2")), (None, None, None));
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_read() {
        assert_eq!(FlatReader::new(br#"{"n":300}"#).number::<u8>("n"), None);
    }

    proptest! {
        /// What is written here is JSON to a library, and what a library writes is read here.
        #[test]
        fn objects_are_read_and_written_as_a_json_library_does(text in any::<String>(), number in any::<u64>(), flag in any::<bool>()) {
            let line = FlatWriter::new().text("t", Some(&text)).number("n", number).flag("f", flag).into_line();
            let parsed: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(&parsed, &serde_json::json!({"t": text, "n": number, "f": flag}));
            let read = FlatReader::new(parsed.to_string().as_bytes());
            prop_assert_eq!(read.text("t"), Some(text));
            prop_assert_eq!(read.number::<u64>("n"), Some(number));
            prop_assert_eq!(read.flag("f"), flag);
        }

        #[test]
        fn escapes_are_read_as_a_json_library_reads_them(raw in r#"(\\u[0-9a-fA-F]{4}|\\[bfnrt/"\\]|[a-z]){0,8}"#) {
            let quoted = format!("\"{raw}\"");
            prop_assert_eq!(unquote(&quoted), serde_json::from_str::<String>(&quoted).ok());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            FlatReader::new(&bytes);
        }
    }
}
