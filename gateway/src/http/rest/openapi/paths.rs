//! The paths of the front.

use serde_json::{Map, Value, json};

use super::calls;

/// All of them.
pub(super) fn paths() -> Value {
    json!({
        "/mcp/tools": { "get": list() },
        "/mcp/tools/call": { "post": call() },
        "/mcp": { "post": mcp_post(), "get": mcp_get(), "delete": mcp_delete() },
        "/health": { "get": health() },
        "/ready": { "get": ready() },
        "/status": { "get": status() },
        "/admin/sessions/{id}/kill": { "post": kill() },
        "/admin/reload": { "post": admin("reload", "Reads keys and certificates again") },
        "/admin/drain": { "post": admin("drain", "Shuts the gateway down in good order") },
        "/openapi.json": { "get": openapi() },
    })
}

/// Answers with these statuses, besides `own`.
fn responses(own: Value, failures: &[u16]) -> Value {
    let mut responses = match own {
        Value::Object(own) => own,
        _ => Map::new(),
    };
    for status in failures {
        let to = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_string(), to);
    }
    Value::Object(responses)
}

fn json_body(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn list() -> Value {
    let schema = json!({
        "type": "object",
        "required": ["tools"],
        "properties": {
            "tools": { "type": "array", "items": { "$ref": "#/components/schemas/tool" } },
        },
    });
    json!({
        "operationId": "listTools",
        "tags": ["tools"],
        "summary": "The tools that the caller may call, with the schemas of their arguments",
        "parameters": [{ "$ref": "#/components/parameters/client_id" }],
        "responses": responses(json!({ "200": json_body("The tools", &schema) }), &[400, 401, 403, 429, 500, 503]),
    })
}

fn call() -> Value {
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let headers = json!({
        "Snowgate-Rows": header("rows"),
        "Snowgate-Truncated": header("truncated"),
        "Snowgate-More-Rows": header("more_rows"),
        "Snowgate-Query-Id": header("query_id"),
        "Snowgate-Note": header("note"),
    });
    let done = json!({
        "description":
            "The result. Rows are in `rows` where `Accept` has `application/json`, and are the body where it has `text/csv` \
             or `application/x-ndjson`; otherwise they are text for a model in `content`.",
        "headers": headers,
        "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/result" } },
            "text/csv": { "schema": { "type": "string" }, "example": "id,name\r\n1,one\r\n" },
            "application/x-ndjson": { "schema": { "type": "string" }, "example": "{\"id\":1,\"name\":\"one\"}\n" },
        },
    });
    json!({
        "operationId": "callTool",
        "tags": ["tools"],
        "summary": "Call a tool",
        "description":
            "One call, in one of three forms. A client that closes its connection stops its call. A call that changes \
             something can be sent again without being run twice if it has an `Idempotency-Key`.",
        "parameters": [
            { "$ref": "#/components/parameters/client_id" },
            { "$ref": "#/components/parameters/idempotency_key" },
        ],
        "requestBody": {
            "required": true,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            { "$ref": "#/components/schemas/call" },
                            { "$ref": "#/components/schemas/envelope" },
                            { "$ref": "#/components/schemas/named_envelope" },
                        ],
                    },
                    "examples": calls::examples(),
                },
            },
        },
        "responses": responses(
            json!({ "200": done }),
            &[400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 504],
        ),
    })
}

const MCP: &str = "The Model Context Protocol's streamable HTTP transport, in both of its eras; its own specification \
                   describes messages and headers. With `Upgrade: websocket`, one JSON-RPC message a text frame.";

fn mcp_post() -> Value {
    let message = json!({ "type": "object" });
    let answer = json!({
        "description": "The answer, alone or as a stream of events.",
        "content": {
            "application/json": { "schema": message },
            "text/event-stream": { "schema": { "type": "string" } },
        },
    });
    json!({
        "operationId": "mcpSend",
        "tags": ["mcp"],
        "summary": "Send a message",
        "description": MCP,
        "requestBody": { "required": true, "content": { "application/json": { "schema": message } } },
        "responses": responses(
            json!({ "200": answer, "202": { "description": "A message that gets no answer was taken." } }),
            &[400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503],
        ),
    })
}

fn mcp_get() -> Value {
    let stream = json!({
        "description": "A stream of events.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    });
    let own = json!({
        "101": { "description": "A WebSocket." },
        "200": stream,
        "405": { "description": "There is no stream for this client." },
        "406": { "description": "The client does not take event streams." },
    });
    json!({
        "operationId": "mcpStream",
        "tags": ["mcp"],
        "summary": "Open the stream of a session, or a WebSocket",
        "description": MCP,
        "responses": responses(own, &[400, 401, 403, 404, 409, 429, 500, 503]),
    })
}

fn mcp_delete() -> Value {
    let own = json!({
        "200": { "description": "The session is closed." },
        "204": { "description": "The session is closed." },
        "405": { "description": "There is no session to close." },
    });
    json!({
        "operationId": "mcpClose",
        "tags": ["mcp"],
        "summary": "Close a session",
        "description": MCP,
        "responses": responses(own, &[400, 401, 403, 404, 429, 500, 503]),
    })
}

fn health() -> Value {
    let schema = json!({ "type": "object" });
    let well = json_body("It is well.", &schema);
    json!({
        "operationId": "health",
        "tags": ["health"],
        "summary": "Whether the process is well",
        "security": [],
        "responses": { "200": well, "503": json_body("It is not, or shuts down.", &schema) },
    })
}

fn ready() -> Value {
    let schema = json!({ "type": "object" });
    let own = json!({
        "200": json_body("A query would work.", &schema),
        "503": json_body("It would not: the body says why.", &schema),
    });
    json!({
        "operationId": "ready",
        "tags": ["health"],
        "summary": "Whether a query would work: the database, its circuit breaker, a drain",
        "responses": responses(own, &[401, 403, 429, 500]),
    })
}

fn status() -> Value {
    let schema = json!({ "type": "object" });
    json!({
        "operationId": "status",
        "tags": ["health"],
        "summary": "What `snowgate status --json` says",
        "responses": responses(json!({ "200": json_body("The status", &schema) }), &[401, 403, 429, 500, 503]),
    })
}

fn kill() -> Value {
    let schema = json!({ "type": "object" });
    json!({
        "operationId": "killSession",
        "tags": ["admin"],
        "summary": "Stop what a session runs",
        "parameters": [{
            "name": "id", "in": "path", "required": true,
            "description": "The session's id, as `/status` has it.",
            "schema": { "type": "string", "minLength": 1 },
        }],
        "responses": responses(json!({ "200": json_body("What was stopped", &schema) }), &[400, 401, 403, 404, 429, 500, 503]),
    })
}

fn admin(name: &str, summary: &str) -> Value {
    let schema = json!({ "type": "object" });
    let own = json!({
        "200": json_body("Done.", &schema),
        "202": json_body("Begun.", &schema),
    });
    json!({
        "operationId": name,
        "tags": ["admin"],
        "summary": summary,
        "responses": responses(own, &[400, 401, 403, 429, 500, 503]),
    })
}

fn openapi() -> Value {
    let schema = json!({ "type": "object" });
    json!({
        "operationId": "openapi",
        "tags": ["description"],
        "summary": "This document",
        "responses": responses(json!({ "200": json_body("The document", &schema) }), &[401, 403, 429, 500]),
    })
}
