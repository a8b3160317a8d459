//! By what a client's own records find a request.

use std::fmt;

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
