//! A line of a log: as JSON for programs, or as text for people. Both can be read back.
//!
//! As text: `2026-01-31T12:00:00.000000Z INFO request client=editor rows=3 reason="two words"`. A value that is no plain word is
//! written as JSON; so is a text that would be read as a number.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// What of a request's and a session's span each of their lines has of its own.
const HOISTED: [&str; 8] = [
    "session",
    "request",
    "client",
    "query_id",
    "traceparent",
    "tool_use_id",
    "conversation_id",
    "client_session",
];

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// When; as it is written.
    pub timestamp: String,
    /// `ERROR`, `WARN` ...
    pub level: String,
    /// What happened.
    pub message: String,
    /// The rest, in order; the innermost span's fields behind the line's own, none twice.
    pub fields: Vec<(String, Value)>,
}

/// The members of an object, in order.
#[derive(Default)]
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

impl Line {
    /// Reads a line of either form; `None`: it is none.
    pub fn read(text: &str) -> Option<Self> {
        if text.starts_with('{') { Self::of_json(text) } else { Self::of_text(text) }
    }

    fn of_json(text: &str) -> Option<Self> {
        let Members(members) = serde_json::from_str(text).ok()?;
        let mut line = Self::default();
        let mut spans = Vec::new();
        for (name, value) in members {
            match (name.as_str(), value) {
                ("timestamp", Value::String(text)) => line.timestamp = text,
                ("level", Value::String(text)) => line.level = text,
                ("message", Value::String(text)) => line.message = text,
                ("spans", Value::Array(list)) => spans = list,
                (_, value) => line.fields.push((name, value)),
            }
        }
        line.name_as_logs_do();
        let target = line.take("target");
        for span in spans.into_iter().rev() {
            let Value::Object(fields) = span else { continue };
            for (name, value) in fields {
                if name != "name" && line.field(&name).is_none() {
                    line.fields.push((name, value));
                }
            }
        }
        line.fields.extend(target.map(|target| ("target".to_owned(), target)));
        Some(line)
    }

    fn of_text(text: &str) -> Option<Self> {
        let (timestamp, rest) = text.split_once(' ')?;
        let (level, rest) = rest.split_once(' ')?;
        is_level(level).then_some(())?;
        let mut line = Self { timestamp: timestamp.to_owned(), level: level.to_owned(), ..Self::default() };
        let mut rest = rest.trim_start();
        if rest.starts_with('"') {
            let (value, behind) = quoted(rest)?;
            line.message = value.as_str()?.to_owned();
            rest = behind.trim_start();
        } else {
            let end = first_field(rest);
            line.message = rest[..end].trim_end().to_owned();
            rest = &rest[end..];
        }
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=')?;
            let (value, behind) = value_at(behind)?;
            line.fields.push((name.to_owned(), value));
            rest = behind.trim_start();
        }
        Some(line)
    }

    /// Records of the audit trail have a `time` and an `event`, and no level.
    fn name_as_logs_do(&mut self) {
        let text_of = |value: Value| value.as_str().map(str::to_owned);
        if self.timestamp.is_empty() && self.level.is_empty() {
            self.timestamp = self.take("time").and_then(text_of).unwrap_or_default();
            self.message = self.take("event").and_then(text_of).unwrap_or_default();
            "INFO".clone_into(&mut self.level);
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.remove(at).1)
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value of a field that is a text.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// As text, without a line break. `has_timestamp`: with the moment, which a service manager adds itself.
    pub fn to_text(&self, has_timestamp: bool) -> String {
        let mut text = String::new();
        if has_timestamp {
            text.push_str(&self.timestamp);
            text.push(' ');
        }
        text.push_str(&self.level);
        text.push(' ');
        let is_plain = !self.message.starts_with('"')
            && !self.message.is_empty()
            && self.message.trim() == self.message
            && first_field(&self.message) == self.message.len()
            && !self.message.contains(must_be_escaped);
        if is_plain {
            text.push_str(&self.message);
        } else {
            push_quoted(&mut text, &self.message);
        }
        for (name, value) in &self.fields {
            text.push(' ');
            text.push_str(&escaped(name));
            text.push('=');
            push_value(&mut text, value);
        }
        text
    }
}

/// A line of `main` as JSON, with what its spans say of session and request as members of its own.
pub(super) fn hoisted(json: &str) -> Option<String> {
    let inner = json.trim_end().strip_suffix('}')?;
    let Members(members) = serde_json::from_str(json).ok()?;
    let spans = members.iter().find(|(name, _)| name == "spans")?.1.as_array()?;
    let mut text = String::new();
    for name in HOISTED {
        let value = spans.iter().rev().find_map(|span| span.get(name));
        if let Some(value) = value.filter(|_| members.iter().all(|(known, _)| known != name)) {
            // Writing to a string does not fail.
            let _ = write!(text, ",\"{name}\":{value}");
        }
    }
    (!text.is_empty()).then(|| format!("{inner}{text}}}\n"))
}

fn is_level(text: &str) -> bool {
    ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text)
}

/// Whether a terminal acts on it, or it changes how the rest is read.
pub fn must_be_escaped(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Where the first `name=` begins.
fn first_field(text: &str) -> usize {
    let mut at = 0;
    for word in text.split(' ') {
        let name = word.split_once('=').map(|(name, _)| name);
        if name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
        }) {
            return at;
        }
        at += word.len() + 1;
    }
    text.len()
}

fn is_word(text: &str) -> bool {
    let is_plain = |char: char| char.is_alphanumeric() || "_-.:/@+#%,;*~".contains(char);
    !text.is_empty() && text.chars().all(is_plain)
}

fn push_value(line: &mut String, value: &Value) {
    match value {
        // Text that reads as something else is written as JSON.
        Value::String(text) if is_word(text) && serde_json::from_str::<Value>(text).is_err() => {
            line.push_str(text);
        }
        Value::String(text) => push_quoted(line, text),
        // Texts within it, too.
        other => line.push_str(&escaped(&other.to_string())),
    }
}

/// `text` with nothing in it that can change a terminal; within JSON, it is still the same JSON.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|char| push_char(&mut escaped, char));
    escaped
}

/// The same of a text of several lines: their ends stay, and so do tabs.
pub fn escaped_lines(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' | '\t' => escaped.push(char),
            '\r' if chars.peek() == Some(&'\n') => escaped.push(char),
            char => push_char(&mut escaped, char),
        }
    }
    escaped
}

fn push_char(text: &mut String, char: char) {
    if must_be_escaped(char) {
        // As JSON has it: one beyond 16 bits is two. Writing to a string does not fail.
        for unit in char.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    } else {
        text.push(char);
    }
}

/// A text as JSON, in which nothing can change a terminal.
fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    for char in text.chars() {
        match char {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            char => push_char(line, char),
        }
    }
    line.push('"');
}

/// The JSON value at the beginning of `text`, and what is behind it.
fn quoted(text: &str) -> Option<(Value, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

fn value_at(text: &str) -> Option<(Value, &str)> {
    if text.starts_with(['"', '{', '[']) {
        return quoted(text);
    }
    let (word, behind) = text.split_once(' ').unwrap_or((text, ""));
    let value = serde_json::from_str(word).unwrap_or_else(|_| Value::from(word));
    Some((value, behind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_the_same_as_json_and_as_text() {
        let json = r#"{"timestamp":"2026-01-31T12:00:00.000000Z","level":"WARN","message":"it failed","n":3,"seven":"7","ms":0.25,"reason":"two words","client":"a\u001b[2J\"b\"","is":true,"none":null,"target":"snowgate::x","spans":[{"name":"session","session":"s-1","request":0},{"name":"request","request":9}]}"#;
        let line = Line::read(json).unwrap();
        assert_eq!(line.field("request"), Some(&json!(9)));
        let text = line.to_text(true);
        assert_eq!(
            text,
            "2026-01-31T12:00:00.000000Z WARN it failed n=3 seven=\"7\" ms=0.25 reason=\"two words\" \
             client=\"a\\u001b[2J\\\"b\\\"\" is=true none=null request=9 session=s-1 target=snowgate::x"
        );
        assert_eq!(Line::read(&text).unwrap(), line);
    }

    #[test]
    fn a_record_of_the_audit_trail_is_a_line_too() {
        let line =
            Line::read(r#"{"seq":1,"time":"2026-01-31T12:00:00.000Z","event":"request","session":"s"}"#)
                .unwrap();
        assert_eq!(line.to_text(true), "2026-01-31T12:00:00.000Z INFO request seq=1 session=s");
    }

    #[test]
    fn any_message_can_be_read_back() {
        for message in
            ["", "a=b", "\"x\" y", " a", "a b=c d", "x\ny", "e\u{301}\u{202e}", "100%: {}", "a = b"]
        {
            let line = Line {
                timestamp: "t".to_owned(),
                level: "INFO".to_owned(),
                message: message.to_owned(),
                fields: vec![("k".to_owned(), json!({"a": [1, "b c"]})), ("e".to_owned(), json!(""))],
            };
            let text = line.to_text(true);
            assert!(!text.contains(['\n', '\u{202e}']), "{text}");
            assert_eq!(Line::read(&text), Some(line), "{text}");
        }
        for none in ["", "x", "a b c", "{", "[1]"] {
            assert_eq!(Line::read(none), None, "{none}");
        }
    }

    #[test]
    fn texts_within_lists_and_objects_cannot_steer_a_terminal_either() {
        let hostile = "a\u{9b}31m\u{202e}\u{e0041}";
        let line = Line {
            fields: vec![
                ("objects".to_owned(), json!([hostile])),
                ("context".to_owned(), json!({ hostile: hostile })),
                (hostile.to_owned(), json!(1)),
            ],
            ..Line::default()
        };
        let text = line.to_text(false);
        assert!(!text.contains(must_be_escaped), "{text:?}");
        assert!(text.contains(r#"objects=["a\u009b31m\u202e\udb40\udc41"]"#), "{text}");
    }

    #[test]
    fn a_text_of_several_lines_keeps_its_lines_and_nothing_else_that_steers() {
        for mark in [
            '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{9b}', '\r',
        ] {
            let text = escaped_lines(&format!("a\tb\r\n{mark}c\n"));
            assert_eq!(text, format!("a\tb\r\n\\u{:04x}c\n", u32::from(mark)));
        }
    }

    #[test]
    fn spans_are_said_in_the_line_itself() {
        let json = r#"{"level":"INFO","session":"own","spans":[{"name":"session","session":"s"},{"name":"request","request":7,"query_id":"q"}]}"#;
        let line: Value = serde_json::from_str(&hoisted(json).unwrap()).unwrap();
        assert_eq!(
            (&line["session"], &line["request"], &line["query_id"]),
            (&json!("own"), &json!(7), &json!("q"))
        );
        assert_eq!(hoisted("{}"), None);
    }
}
