//! The parts that paths refer to.

use rmcp::model::Tool;
use serde_json::{Map, Value, json};

use super::calls;
use crate::http::rest::IDEMPOTENCY_KEY_MAX;
use crate::http::session::TAG_BYTES_MAX;

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schemas.
pub(super) fn schemas(tools: &[Tool]) -> Value {
    let mut schemas = Map::new();
    for tool in tools {
        schemas.insert(calls::arguments_name(tool), Value::Object((*tool.input_schema).clone()));
    }
    let others = [
        ("call", calls::plain(tools)),
        ("envelope", calls::envelope()),
        ("named_envelope", calls::named(tools)),
        (
            "client_id",
            json!({
                "type": "string", "minLength": 1, "maxLength": TAG_BYTES_MAX, "pattern": "^[^\\x00-\\x1f\\x7f]+$",
                "description":
                    "What tells this client from others of the same key: it has a session of this name, with a context, \
                     limits and a place in the queue of its own.",
            }),
        ),
        ("id", json!({ "type": ["string", "integer"] })),
        ("tool", tool()),
        ("content", content()),
        ("rows", rows()),
        ("value", json!({ "type": ["null", "boolean", "number", "string"] })),
        ("result", result()),
        ("error", error()),
        ("rpc_error", rpc_error()),
    ];
    schemas.extend(others.map(|(name, schema)| (name.to_owned(), schema)));
    Value::Object(schemas)
}

fn tool() -> Value {
    json!({
        "type": "object",
        "required": ["name", "inputSchema"],
        "properties": {
            "name": { "type": "string" },
            "title": { "type": "string" },
            "description": { "type": "string" },
            "inputSchema": { "type": "object" },
            "outputSchema": { "type": "object" },
            "annotations": { "type": "object" },
        },
    })
}

fn content() -> Value {
    json!({
        "type": "array",
        "description": "The result as text for a model; of rows that are in `rows`, what is said of them.",
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": { "type": { "type": "string" }, "text": { "type": "string" } },
        },
    })
}

/// The members that a result has with `Accept: application/json`.
fn rows() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["content", "isError", "columns", "rows", "row_count", "truncated"],
        "properties": {
            "content": schema("content"),
            "isError": { "const": false },
            "columns": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "type"],
                    "properties": {
                        "name": { "type": "string" },
                        "type": {
                            "type": ["string", "null"],
                            "description": "The database's own name of the type; null where it is not known.",
                        },
                    },
                },
            },
            "rows": {
                "type": "array",
                "description":
                    "The values of each row in the order of `columns`. NULL is null. Numbers that a double holds exactly \
                     are numbers, others strings; so are dates, times and documents. Bytes are hexadecimal digits.",
                "items": { "type": "array", "items": schema("value") },
            },
            "row_count": count,
            "truncated": { "type": "boolean", "description": "Whether rows, columns or parts of values are missing." },
            "more_rows": { "type": "integer", "minimum": 0, "description": "Rows that are missing." },
            "more_rows_at_least": { "type": "boolean", "description": "`more_rows` is a lower bound." },
            "columns_left_out": count,
            "values_shortened": count,
            "values_not_utf8": count,
            "rows_changed": count,
            "rolled_back": { "type": "boolean" },
            "query_id": { "type": "string" },
            "definition": { "type": "string", "description": "The SQL of the view." },
            "note": { "type": "string", "description": "All of this in words." },
        },
    })
}

/// The answer to a call.
fn result() -> Value {
    json!({
        "type": "object",
        "required": ["result"],
        "properties": {
            "jsonrpc": { "const": "2.0", "description": "Where the call was an envelope." },
            "id": { "type": ["string", "number", "null"], "description": "That of the envelope." },
            "result": {
                "anyOf": [
                    schema("rows"),
                    {
                        "type": "object",
                        "required": ["content", "isError"],
                        "properties": {
                            "content": schema("content"),
                            "structuredContent": { "type": "object" },
                            "isError": { "const": false },
                        },
                    },
                ],
            },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": { "type": "string", "description": "A stable word." },
                    "message": { "type": "string", "description": "What happened, and why." },
                    "next_step": { "type": "string", "description": "What to do about it." },
                    "retry_after_s": { "type": "integer" },
                    "database_code": { "type": "string", "description": "The database's own code." },
                    "query_id": { "type": "string" },
                },
            },
        },
        "example": {
            "error": { "code": "limit_reached", "message": "...", "next_step": "...", "retry_after_s": 12 },
        },
    })
}

/// The error of a call that was an envelope.
fn rpc_error() -> Value {
    json!({
        "type": "object",
        "required": ["jsonrpc", "id", "error"],
        "properties": {
            "jsonrpc": { "const": "2.0" },
            "id": { "type": ["string", "number", "null"] },
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": { "type": "integer" },
                    "message": { "type": "string" },
                    "data": {
                        "type": "object",
                        "required": ["kind"],
                        "properties": { "kind": { "type": "string", "description": "A stable word." } },
                    },
                },
            },
        },
    })
}

/// The headers of answers.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    let text = json!({ "type": "string" });
    json!({
        "retry_after": header("Seconds after which to try again.", json!({ "type": "integer", "minimum": 0 })),
        "rows": header("Rows in the body.", json!({ "type": "integer", "minimum": 0 })),
        "truncated": header("Whether something is missing.", json!({ "type": "string", "enum": ["true", "false"] })),
        "more_rows": header("Rows that are missing, `at least` so many where that is all that is known.", text.clone()),
        "query_id": header("The database's id of the query.", text.clone()),
        "note": header("What is missing and how to get it, and what else there is to say.", text),
    })
}

/// Parameters of calls.
pub(super) fn parameters() -> Value {
    json!({
        "client_id": {
            "name": "Snowgate-Client-Id",
            "in": "header",
            "description": "As `_client_id` in the body.",
            "schema": { "type": "string", "minLength": 1, "maxLength": TAG_BYTES_MAX, "pattern": "^[!-~]+$" },
        },
        "idempotency_key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description":
                "A call that is sent again with the same key is not run again: it has the answer of the first one.",
            "schema": { "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX, "pattern": "^[!-~]+$" },
        },
    })
}

/// What may go wrong.
pub(super) fn responses() -> Value {
    let any =
        json!({ "application/json": { "schema": { "anyOf": [schema("error"), schema("rpc_error")] } } });
    let plain = |description: &str| json!({ "description": description, "content": any });
    let later = |description: &str| {
        json!({
            "description": description,
            "headers": { "Retry-After": { "$ref": "#/components/headers/retry_after" } },
            "content": any,
        })
    };
    json!({
        "400": plain("The body, or an argument, cannot be read."),
        "401": plain("There is no API key, or none that is valid."),
        "403": plain("The profile, the role, or a guard of the front refuses it."),
        "404": plain("There is no such tool, or no such thing."),
        "409": plain(
            "The outcome is unknown, what the session held is lost, or the call was stopped by hand. Not to be sent again \
             as it is.",
        ),
        "413": plain("The body is too long."),
        "415": plain("The body is not JSON."),
        "422": plain(
            "The database refuses the statement, or an `Idempotency-Key` was used for another call.",
        ),
        "429": later("A limit is reached, or there were too many wrong keys."),
        "500": plain("A fault of the gateway; its log says more."),
        "503": later("The database cannot be reached, all is busy, or the gateway shuts down."),
        "504": plain("The statement took longer than it may, and was stopped."),
    })
}
