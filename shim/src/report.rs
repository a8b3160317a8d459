//! JSON-RPC errors that the shim itself sends, for requests that no gateway will answer.

use std::io::Write;

use snowgate_link::json_string::quote;
use snowgate_link::scan::scan;
use snowgate_link::{GivenUp, LINE_BYTES_MAX};

/// JSON-RPC's "internal error": the codes that SDKs raise for lost connections are theirs.
const INTERNAL_ERROR: i32 = -32603;

/// JSON-RPC's "invalid request".
const INVALID_REQUEST: i32 = -32600;

/// Writes to stderr, for the user. It may be closed already: that is not an error.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "snowgate-shim: {what}");
}

/// Added if a gateway may have processed the request.
const OUTCOME_UNKNOWN: &str = "; this request may have taken effect: check before sending it again";

/// Why requests are answered with an error.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The cause.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) next_step: Option<String>,
}

impl Failure {
    /// The failure as one line for stderr.
    pub(crate) fn to_text(&self) -> String {
        match &self.next_step {
            Some(next_step) => format!("{}; next step: {next_step}", self.message),
            None => self.message.clone(),
        }
    }

    /// The error line for a request; `None` if the line is not a request (a notification, a response, not
    /// JSON-RPC).
    pub(crate) fn answer(&self, given_up: &GivenUp) -> Option<Vec<u8>> {
        let found = scan(&given_up.line);
        let unknown = if given_up.maybe_processed { OUTCOME_UNKNOWN } else { "" };
        let id = found.id.filter(|_| found.has_method)?;
        let cause = json_text(&self.message);
        let next_step = self.next_step.as_deref().map_or_else(|| "null".to_owned(), json_text);
        let data = format!(r#"{{"cause":{cause},"nextStep":{next_step}}}"#);
        Some(error_line(&id, INTERNAL_ERROR, &format!("Snowgate: {}{unknown}", self.to_text()), Some(&data)))
    }
}

/// The answer to a line that was too long to keep; `id` is JSON text.
pub(crate) fn oversize_line(id: Option<&str>, bytes: u64) -> Vec<u8> {
    let message =
        format!("Invalid request: a message of {bytes} bytes is over the limit of {LINE_BYTES_MAX} bytes");
    error_line(id.unwrap_or("null"), INVALID_REQUEST, &message, None)
}

/// One JSON-RPC error as a line; `id` and `data` are JSON text.
fn error_line(id: &str, code: i32, message: &str, data: Option<&str>) -> Vec<u8> {
    let message = json_text(message);
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}{data}}}}}\n")
        .into_bytes()
}

/// `text` as a JSON string.
fn json_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quote(text, &mut quoted);
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_answered_with_its_id() {
        let answer: serde_json::Value =
            serde_json::from_slice(&oversize_line(Some("\"x\""), 17 << 20)).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("x"), &json!(-32600)));
        let answer: serde_json::Value = serde_json::from_slice(&oversize_line(None, 17 << 20)).unwrap();
        assert!(answer["id"].is_null());
    }

    #[test]
    fn only_requests_are_answered() {
        let failure = Failure { message: "no gateway".into(), next_step: Some("start it".into()) };
        let given_up =
            |line: &str, maybe_processed| GivenUp { line: line.as_bytes().to_vec(), maybe_processed };
        let answer =
            failure.answer(&given_up(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#, true)).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("a"), &json!(-32603)));
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("next step: start it; this request may have taken effect"), "{message}");
        for line in [r#"{"method":"n"}"#, r#"{"id":1,"result":{}}"#, "not JSON"] {
            assert!(failure.answer(&given_up(line, false)).is_none(), "{line}");
        }
    }
}
