//! What the shim says to the client in its own name: JSON-RPC errors for requests that no gateway will answer.

use serde_json::json;
use snowgate_link::scan::scan;

/// JSON-RPC's "internal error": the codes that SDKs raise for lost connections are theirs.
const INTERNAL_ERROR: i32 = -32603;

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

    /// The error line for the request `line`; `None` where it is no request (a notification, a response, rubbish).
    pub(crate) fn answer(&self, line: &[u8]) -> Option<Vec<u8>> {
        let found = scan(line);
        let id = found.id.filter(|_| found.has_method)?;
        let id: serde_json::Value = serde_json::from_str(&id).ok()?;
        let error = json!({
            "code": INTERNAL_ERROR,
            "message": format!("Snowgate: {}", self.to_text()),
            "data": {"cause": self.message, "nextStep": self.next_step, "retryable": true},
        });
        let mut answer = json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string().into_bytes();
        answer.push(b'\n');
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_are_answered() {
        let failure = Failure { message: "no gateway".into(), next_step: Some("start it".into()) };
        let answer = failure.answer(br#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("a"), &json!(-32603)));
        assert!(answer["error"]["message"].as_str().unwrap().contains("next step: start it"));
        for line in [r#"{"method":"n"}"#, r#"{"id":1,"result":{}}"#, "rubbish"] {
            assert!(failure.answer(line.as_bytes()).is_none(), "{line}");
        }
    }
}
