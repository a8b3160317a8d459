//! Messages as lines.

use rmcp::model::{ErrorData, JsonRpcResponse, RequestId, ServerResult};
use serde::Serialize;
use snowgate_link::MESSAGE_BYTES_MAX;

use crate::mcp::order_arguments;

/// The line of an answer that is not large.
pub(super) fn answer_line(response: &JsonRpcResponse<ServerResult>) -> Vec<u8> {
    let mut line = to_line(response);
    if let ServerResult::ListToolsResult(list) = &response.result {
        order_arguments(&list.tools, &mut line);
    }
    line
}

/// Bytes of the texts in a result: what its line is long by.
pub(super) fn text_bytes(result: &ServerResult) -> usize {
    let ServerResult::CallToolResult(result) = result else { return 0 };
    result.content.iter().filter_map(|content| content.as_text()).map(|text| text.text.len()).sum()
}

/// Whether a result is a tool's error.
pub(super) fn is_failure(result: &ServerResult) -> bool {
    matches!(result, ServerResult::CallToolResult(result) if result.is_error == Some(true))
}

pub(super) fn oversize_error(bytes: usize) -> ErrorData {
    ErrorData::internal_error(
        format!(
            "the answer of {bytes} bytes is over the limit of {MESSAGE_BYTES_MAX} bytes; ask for fewer rows or columns"
        ),
        None,
    )
}

pub(super) fn error_line(id: Option<&RequestId>, error: &ErrorData) -> Vec<u8> {
    to_line(&serde_json::json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

pub(super) fn to_line(message: &impl Serialize) -> Vec<u8> {
    to_line_of(message, 128)
}

/// The line of a large message whose texts have `bytes`.
pub(super) fn to_large_line(message: &impl Serialize, bytes: usize) -> Vec<u8> {
    // Line breaks and quotes are longer in JSON. What is not used is never touched, so it costs nothing.
    to_line_of(message, bytes + bytes / 4)
}

fn to_line_of(message: &impl Serialize, capacity: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(capacity);
    // MCP's messages hold nothing that JSON cannot express.
    if serde_json::to_writer(&mut line, message).is_err() {
        line.clear();
    }
    line
}
