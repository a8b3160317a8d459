//! JSON-RPC messages, out and in.

use serde_json::{Value, json};

/// The revision that states itself with every request.
const STATELESS_REVISION: &str = "2026-07-28";

/// A request as one line, newline included.
pub fn request_line(id: &Value, method: &str, params: &Value) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// `params` with what a request of the stateless era carries.
#[must_use]
pub fn stateless(params: Value) -> Value {
    stateless_as("stateless-test", params)
}

/// `params` with what a request of the stateless era carries, from a client with this name.
#[must_use]
pub fn stateless_as(name: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS_REVISION,
        "io.modelcontextprotocol/clientInfo": {"name": name, "version": "2.0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

/// Whether `message` answers request `id`.
pub fn is_answer_to(message: &Value, id: &Value) -> bool {
    message.get("id") == Some(id) && message.get("method").is_none()
}

/// The text of a tool's result, error or not.
///
/// # Panics
/// `answer` is no such result.
#[track_caller]
pub fn tool_text(answer: &Value) -> &str {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("not a tool's result: {answer}"))
}

/// The message of an answer that is an error of this code.
///
/// # Panics
/// `answer` is none.
#[track_caller]
pub fn error_text(answer: &Value, code: i32) -> &str {
    assert_eq!(answer["error"]["code"], code, "{answer}");
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("an error without a message: {answer}"))
}
