//! The two forms of a call, read.
//!
//! | form | tool | arguments |
//! |---|---|---|
//! | plain: `{"name", "arguments"}` | `name` | `arguments` |
//! | envelope: `{"jsonrpc", "id", "method": "tools/call", "params": {"name", "arguments"}}` | `params.name` | `params.arguments` |
//! | envelope whose `method` is a tool's name: `{"id", "method", "params"}` | `method` | `params` |
//!
//! `_client_id` may stand beside `name`, in `params` and in the arguments; it is taken out, and so is `_request_id`.

use axum::http::StatusCode;
use rmcp::model::ErrorCode;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use crate::http::session::{TAG_BYTES_MAX, is_tag};

/// The revision of the protocol that a call is sent in: the one without sessions.
const REVISION: &str = "2026-07-28";
/// What a client is called that says nothing of itself: one of the names that do not tell clients apart.
const CLIENT: &str = "client";

/// A tool call, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// The tool.
    pub(super) tool: String,
    /// Its arguments.
    arguments: Value,
    /// What the client says of the request, as MCP has it.
    meta: Map<String, Value>,
    /// What the client's user calls it (`_client_id`).
    pub(super) client_id: Option<String>,
}

/// What was read, and the form to answer in.
#[derive(Debug)]
pub(super) struct Reading {
    /// The id of the envelope, where one came: the answer has one, too.
    pub(super) envelope: Option<Value>,
    /// The call, or why there is none.
    pub(super) asked: Result<Asked, Problem>,
}

impl Reading {
    /// Reads the body of a request.
    pub(super) fn of(body: &[u8]) -> Self {
        let value = match serde_json::from_slice::<Value>(body) {
            Ok(value) => value,
            Err(error) => {
                let message = format!("the body is no JSON: {error}");
                return Self { envelope: None, asked: Err(unreadable(message)) };
            }
        };
        let Value::Object(mut body) = value else {
            let message = "the body must be one JSON object; calls are sent one by one";
            return Self { envelope: None, asked: Err(unreadable(message)) };
        };
        if !body.contains_key("method") && !body.contains_key("jsonrpc") {
            return Self { envelope: None, asked: plain(body) };
        }
        let id = body.remove("id").unwrap_or(Value::Null);
        if !matches!(id, Value::Null | Value::String(_) | Value::Number(_)) {
            let asked = Err(unreadable("`id` must be a string or a number"));
            return Self { envelope: Some(Value::Null), asked };
        }
        Self { envelope: Some(id), asked: enveloped(body) }
    }
}

fn plain(mut body: Map<String, Value>) -> Result<Asked, Problem> {
    let client_id = take_client(&mut body)?;
    let Some(Value::String(tool)) = body.remove("name") else {
        let message = "`name` must be the name of a tool";
        return Err(unreadable(message)
            .or_do("send {\"name\": ..., \"arguments\": {...}}; GET /mcp/tools lists the tools"));
    };
    Asked::new(tool, body.remove("arguments"), body.remove("_meta"), client_id)
}

fn enveloped(mut body: Map<String, Value>) -> Result<Asked, Problem> {
    // The system that this form comes from does not ask for it.
    if body.get("jsonrpc").is_some_and(|version| version != "2.0") {
        return Err(unreadable("`jsonrpc` must be \"2.0\""));
    }
    let Some(Value::String(method)) = body.remove("method") else {
        return Err(unreadable("`method` must be \"tools/call\" or the name of a tool"));
    };
    let mut params = match body.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(invalid("`params` must be an object")),
    };
    let client_id = take_client(&mut params)?;
    if method != "tools/call" {
        let meta = params.remove("_meta");
        return Asked::new(method, Some(Value::Object(params)), meta, client_id);
    }
    let Some(Value::String(tool)) = params.remove("name") else {
        return Err(invalid("`params.name` must be the name of a tool"));
    };
    Asked::new(tool, params.remove("arguments"), params.remove("_meta"), client_id)
}

impl Asked {
    fn new(
        tool: String,
        arguments: Option<Value>,
        meta: Option<Value>,
        client_id: Option<String>,
    ) -> Result<Self, Problem> {
        let mut arguments = match arguments {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(invalid("`arguments` must be an object")),
        };
        let client_id = same_client(client_id, take_client(&mut arguments)?)?;
        let meta = match meta {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(meta)) => meta,
            Some(_) => return Err(invalid("`_meta` must be an object")),
        };
        Ok(Self { tool, arguments: Value::Object(arguments), meta, client_id })
    }

    /// The call is from the client that a header names.
    pub(super) fn of_client(self, header: Option<String>) -> Result<Self, Problem> {
        Ok(Self { client_id: same_client(self.client_id, header)?, ..self })
    }

    /// What the client calls itself (`clientInfo`), as MCP has it.
    pub(super) fn client_name(&self) -> Option<&str> {
        self.meta.get(CLIENT_INFO)?.get("name")?.as_str()
    }

    /// The call as one JSON-RPC message. Two calls that are alike are the same message.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let params = json!({ "name": self.tool, "arguments": self.arguments });
        line("tools/call", params, self.meta.clone(), self.client_id.as_deref())
    }
}

const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";

/// A JSON-RPC request, in the protocol's revision without sessions.
pub(super) fn line(
    method: &str,
    mut params: Value,
    mut meta: Map<String, Value>,
    client_id: Option<&str>,
) -> Vec<u8> {
    meta.remove("progressToken");
    meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), REVISION.into());
    meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!({}));
    if !meta.get(CLIENT_INFO).is_some_and(|info| info["name"].is_string() && info["version"].is_string()) {
        let info = json!({ "name": client_id.unwrap_or(CLIENT), "version": "0" });
        meta.insert(CLIENT_INFO.to_owned(), info);
    }
    params["_meta"] = Value::Object(meta);
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string().into_bytes()
}

/// Takes `_client_id` out of `members`, and `_request_id`, which was the other system's own.
fn take_client(members: &mut Map<String, Value>) -> Result<Option<String>, Problem> {
    members.remove("_request_id");
    match members.remove("_client_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => check_client(&id).map(|()| Some(id)),
        Some(Value::Number(id)) => Ok(Some(id.to_string())),
        Some(_) => Err(invalid("`_client_id` must be a string")),
    }
}

/// Whether it can be a client's name.
pub(super) fn check_client(id: &str) -> Result<(), Problem> {
    if is_tag(id) {
        return Ok(());
    }
    Err(invalid(format!(
        "a client id (`_client_id`, `Snowgate-Client-Id`) has 1 to {TAG_BYTES_MAX} bytes and no control characters"
    )))
}

fn same_client(one: Option<String>, other: Option<String>) -> Result<Option<String>, Problem> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(invalid(
            "two different client ids were sent with one call (`_client_id`, `Snowgate-Client-Id`)",
        )),
        (one, other) => Ok(one.or(other)),
    }
}

fn unreadable(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", message)
        .with_rpc_code(ErrorCode::INVALID_REQUEST)
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_arguments", message)
        .with_rpc_code(ErrorCode::INVALID_PARAMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> (Option<Value>, Asked) {
        let reading = Reading::of(body.to_string().as_bytes());
        (reading.envelope, reading.asked.unwrap_or_else(|problem| panic!("{body}: {problem:?}")))
    }

    #[test]
    fn all_forms_come_to_the_same_call() {
        let arguments = json!({"query": "select 1", "limit": 5});
        let flat = json!({"query": "select 1", "limit": 5, "_client_id": "a", "_request_id": "r"});
        let nested = json!({"query": "select 1", "limit": 5, "_client_id": "a"});
        for (body, id) in [
            (json!({"name": "execute_query", "arguments": arguments, "_client_id": "a"}), None),
            (json!({"name": "execute_query", "arguments": nested}), None),
            (json!({"method": "execute_query", "params": flat}), Some(json!(null))),
            (json!({"jsonrpc": "2.0", "id": 7, "method": "execute_query", "params": flat}), Some(json!(7))),
            (
                json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call",
                    "params": {"name": "execute_query", "arguments": arguments, "_client_id": "a"}}),
                Some(json!("x")),
            ),
            (
                json!({"id": 1, "method": "tools/call",
                    "params": {"name": "execute_query", "arguments": nested, "_client_id": "a"}}),
                Some(json!(1)),
            ),
        ] {
            let (envelope, asked) = read(&body);
            assert_eq!(envelope, id, "{body}");
            assert_eq!(
                (&*asked.tool, &asked.arguments, asked.client_id.as_deref()),
                ("execute_query", &arguments, Some("a")),
                "{body}"
            );
            let line: Value = serde_json::from_slice(&asked.to_line()).unwrap();
            assert_eq!(line["params"]["arguments"], arguments);
            assert_eq!(line["params"]["_meta"][CLIENT_INFO]["name"], "a");
        }
    }

    #[test]
    fn arguments_may_be_left_out() {
        for body in [
            json!({"name": "session_info"}),
            json!({"name": "session_info", "arguments": null}),
            json!({"method": "session_info"}),
            json!({"method": "tools/call", "params": {"name": "session_info"}}),
        ] {
            assert_eq!(read(&body).1.arguments, json!({}), "{body}");
        }
    }

    #[test]
    fn what_is_no_call_is_refused_with_what_is_wrong() {
        for (body, words, has_envelope) in [
            ("", "no JSON", false),
            ("[]", "one by one", false),
            ("7", "one JSON object", false),
            ("{}", "`name`", false),
            (r#"{"name": 7}"#, "`name`", false),
            (r#"{"name": "x", "arguments": []}"#, "`arguments`", false),
            (r#"{"name": "x", "_client_id": ""}"#, "1 to 128 bytes", false),
            (r#"{"name": "x", "_client_id": "a", "arguments": {"_client_id": "b"}}"#, "two different", false),
            (r#"{"method": 7}"#, "`method`", true),
            (r#"{"method": "tools/call", "params": {}}"#, "`params.name`", true),
            (r#"{"method": "x", "params": [1]}"#, "`params`", true),
            (r#"{"jsonrpc": "1.0", "method": "x"}"#, "`jsonrpc`", true),
            (r#"{"jsonrpc": "2.0", "id": {}, "method": "x"}"#, "`id`", true),
        ] {
            let reading = Reading::of(body.as_bytes());
            let problem = reading.asked.unwrap_err();
            assert!(problem.message.contains(words), "{body}: {}", problem.message);
            assert_eq!((problem.status, reading.envelope.is_some()), (StatusCode::BAD_REQUEST, has_envelope));
        }
    }

    #[test]
    fn a_clients_own_words_stay_and_what_it_cannot_get_goes() {
        let body = json!({"method": "tools/call", "params": {"name": "session_info", "_meta": {
            "progressToken": 1, "traceparent": "t", CLIENT_INFO: {"name": "n", "version": "1"}}}});
        let (_, asked) = read(&body);
        assert_eq!(asked.client_name(), Some("n"));
        let line: Value = serde_json::from_slice(&asked.to_line()).unwrap();
        let meta = &line["params"]["_meta"];
        assert_eq!((&meta["traceparent"], &meta["progressToken"]), (&json!("t"), &Value::Null));
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], REVISION);
    }
}
