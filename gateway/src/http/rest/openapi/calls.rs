//! The bodies of `POST /mcp/tools/call`, for each tool.

use rmcp::model::Tool;
use serde_json::{Value, json};

/// The schema of the arguments of `tool`, in the components.
pub(super) fn arguments_name(tool: &Tool) -> String {
    format!("{}.arguments", tool.name)
}

fn arguments(tool: &Tool) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", arguments_name(tool)) })
}

fn client_id() -> Value {
    json!({ "$ref": "#/components/schemas/client_id" })
}

fn needs_arguments(tool: &Tool) -> bool {
    tool.input_schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty())
}

/// `{"name", "arguments"}` for each tool.
pub(super) fn plain(tools: &[Tool]) -> Value {
    let one = |tool: &Tool| {
        let required = if needs_arguments(tool) { json!(["name", "arguments"]) } else { json!(["name"]) };
        json!({
            "type": "object",
            "title": tool.name,
            "description": tool.description,
            "required": required,
            "properties": {
                "name": { "const": tool.name },
                "arguments": arguments(tool),
                "_client_id": client_id(),
            },
        })
    };
    json!({ "anyOf": tools.iter().map(one).collect::<Vec<_>>() })
}

/// A JSON-RPC envelope whose method is `tools/call`.
pub(super) fn envelope() -> Value {
    json!({
        "type": "object",
        "description": "A JSON-RPC 2.0 request; the answer is a JSON-RPC response with its `id`.",
        "required": ["method", "params"],
        "properties": {
            "jsonrpc": { "const": "2.0" },
            "id": { "$ref": "#/components/schemas/id" },
            "method": { "const": "tools/call" },
            "params": {
                "allOf": [{ "$ref": "#/components/schemas/call" }],
                "description": "What a plain call has.",
            },
        },
    })
}

/// A JSON-RPC envelope whose method is a tool's own name.
pub(super) fn named(tools: &[Tool]) -> Value {
    let one = |tool: &Tool| {
        let required = if needs_arguments(tool) { json!(["method", "params"]) } else { json!(["method"]) };
        json!({
            "type": "object",
            "title": tool.name,
            "required": required,
            "properties": {
                "jsonrpc": { "const": "2.0" },
                "id": { "$ref": "#/components/schemas/id" },
                "method": { "const": tool.name },
                "params": {
                    "allOf": [
                        arguments(tool),
                        { "type": "object", "properties": { "_client_id": client_id() } },
                    ],
                },
            },
        })
    };
    json!({
        "description": "A JSON-RPC 2.0 request whose method is the name of a tool.",
        "anyOf": tools.iter().map(one).collect::<Vec<_>>(),
    })
}

/// Examples of calls.
pub(super) fn examples() -> Value {
    json!({
        "plain": {
            "summary": "A statement",
            "value": { "name": "execute_query", "arguments": { "query": "SELECT 1 AS one", "limit": 10 } },
        },
        "client": {
            "summary": "A statement in the session of a client of its own",
            "value": {
                "name": "execute_query",
                "arguments": { "query": "SELECT 1 AS one" },
                "_client_id": "nightly-report",
            },
        },
        "envelope": {
            "summary": "The same in a JSON-RPC envelope",
            "value": {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": { "name": "list_databases", "arguments": {}, "_client_id": "nightly-report" },
            },
        },
        "named": {
            "summary": "An envelope whose method is the tool",
            "value": { "jsonrpc": "2.0", "id": 2, "method": "session_info", "params": {} },
        },
    })
}
