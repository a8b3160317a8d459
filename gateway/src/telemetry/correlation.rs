//! By what a client's own records find a request.

use std::fmt;

use serde_json::{Map, Value};

/// A longer id is left out, in bytes.
const ID_BYTES_MAX: usize = 128;

/// What a client says of a request so that it is found in the client's own records. Each part is bounded and plain: it goes to
/// logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correlation {
    /// The W3C `traceparent`.
    pub trace: Option<Trace>,
    /// `claudecode/toolUseId`
    pub tool_use: Option<String>,
    /// `vscode.conversationId`
    pub conversation: Option<String>,
    /// `sessionID`: the client's own session.
    pub client_session: Option<String>,
}

impl Correlation {
    /// That in a request's `_meta`. Of each part that is not what such an id looks like, nothing is kept.
    pub fn of_meta(meta: &Map<String, Value>) -> Self {
        if meta.is_empty() {
            return Self::default();
        }
        let text = |name: &str| meta.get(name).and_then(Value::as_str);
        let id = |name: &str| text(name).filter(|id| is_plain(id)).map(str::to_owned);
        Self {
            trace: text("traceparent").and_then(Trace::parse),
            tool_use: id("claudecode/toolUseId"),
            conversation: id("vscode.conversationId"),
            client_session: id("sessionID"),
        }
    }

    /// Each part with its name in logs and in the backend's history.
    pub fn parts(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("traceparent", self.trace.as_ref().map(|trace| trace.0.as_str())),
            ("tool_use_id", self.tool_use.as_deref()),
            ("conversation_id", self.conversation.as_deref()),
            ("client_session", self.client_session.as_deref()),
        ]
    }
}

/// Whether it is what an id can be: neither a statement nor markup.
fn is_plain(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

/// A W3C `traceparent` (Trace Context, section 3.2; in MCP: SEP-414). Always of the one form that version 00
/// has, so that it can go to logs: no other text of a client gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace(String);

impl Trace {
    /// Reads a `traceparent`; `None` if it does not have the form `00-(32 hex)-(16 hex)-(2 hex)`.
    pub fn parse(text: &str) -> Option<Self> {
        const LENGTHS: [usize; 4] = [2, 32, 16, 2];
        let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let parts = text.split('-').map(|part| is_hex(part).then_some(part.len()));
        parts.eq(LENGTHS.map(Some)).then(|| Self(text.to_owned())).filter(|_| text.starts_with("00-"))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_plain_or_left_out() {
        let of = |value: Value| {
            let meta = serde_json::json!({"claudecode/toolUseId": value, "sessionID": "ses_1", "other": "x"});
            Correlation::of_meta(meta.as_object().unwrap())
        };
        let sound = of("toolu_01A:b-c.d".into());
        assert_eq!(
            (sound.tool_use.as_deref(), sound.client_session.as_deref()),
            (Some("toolu_01A:b-c.d"), Some("ses_1"))
        );
        let longest = "x".repeat(ID_BYTES_MAX);
        assert_eq!(of(longest.clone().into()).tool_use, Some(longest));
        let too_long = Value::from("x".repeat(ID_BYTES_MAX + 1));
        for wrong in
            [too_long, "".into(), "select 1".into(), "a\u{1b}[2J".into(), "é".into(), 7.into(), Value::Null]
        {
            assert_eq!(of(wrong.clone()).tool_use, None, "{wrong}");
        }
    }

    #[test]
    fn only_a_traceparent_of_the_known_form_is_taken() {
        let sound = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        assert_eq!(Trace::parse(sound).unwrap().to_string(), sound);
        for wrong in [
            "",
            "select secret",
            "01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7",
        ] {
            assert_eq!(Trace::parse(wrong), None, "{wrong}");
        }
    }
}
