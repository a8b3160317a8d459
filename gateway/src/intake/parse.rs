//! Parses a request that starts: the typed message that `rmcp` takes.
//!
//! Calls are built from their raw params. `rmcp` alone would first take the whole message apart into values of
//! its own and try every kind of request on a copy of them.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, CustomRequest, GetExtensions, JsonRpcMessage,
    PingRequest, RequestId, RequestMetaObject,
};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::rejection::{MISFIT, Rejection, unfit};
use super::repair::{object, repair_meta, repaired};
use super::unreadable::without_unreadable;

/// A message as `rmcp` takes it.
pub type Incoming = RxJsonRpcMessage<RoleServer>;

/// Parses the request in `line`, which [`super::classify_line`] has found to be one with this id.
///
/// # Errors
/// Its params do not fit its method, whatever one reads into them.
pub fn parse_request(line: &[u8], id: &RequestId) -> Result<Box<Incoming>, Rejection> {
    let envelope = Envelope::read(line)?;
    let method = envelope.method.unwrap_or_default();
    let request = if is_served(&method) || (method == SET_LEVEL && !is_stateless(envelope.params)) {
        served(&method, envelope.params)
            .map_err(|why| unfit(id.clone(), &method, &format!("{MISFIT}: {why}")))
    } else {
        Ok(unknown(&method, envelope.params))
    };
    let mut request = request?;
    if let Some(meta) = request.extensions_mut().get_mut::<RequestMetaObject>() {
        repair_meta(meta);
    }
    Ok(Box::new(JsonRpcMessage::request(request, id.clone())))
}

/// Offered in the older era: the newer one has levels in its requests instead.
const SET_LEVEL: &str = "logging/setLevel";

/// Whether a request with these params states the revision of the protocol.
fn is_stateless(params: Option<&RawValue>) -> bool {
    let params = params.and_then(|params| serde_json::from_str::<MetaOnly>(params.get()).ok());
    params.and_then(|params| params._meta).is_some_and(|meta| meta.protocol_version().is_some())
}

/// The methods that are offered in both eras. Every other is answered in one way, also where `rmcp` knows it.
fn is_served(method: &str) -> bool {
    matches!(
        method,
        "initialize"
            | "ping"
            | "server/discover"
            | "subscriptions/listen"
            | "tools/list"
            | "tools/call"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "completion/complete"
            | "tasks/get"
            | "tasks/update"
            | "tasks/cancel"
    )
}

fn served(method: &str, params: Option<&RawValue>) -> Result<ClientRequest, String> {
    let params = object(params)?;
    // `rmcp` takes a list with wrong params for one without.
    if !method.ends_with("/list")
        && let Some(request) = typed(method, params)
    {
        return Ok(request);
    }
    let (given, unreadable) = match params.map_or(Ok(Map::new()), serde_json::from_str) {
        Ok(given) => (given, None),
        Err(_) => without_unreadable(method, params.unwrap_or_default())?,
    };
    let repaired = Value::Object(repaired(method, given)?).to_string();
    let mut request = typed(method, Some(&repaired)).ok_or_else(|| "they cannot be read".to_owned())?;
    if let Some(unreadable) = unreadable {
        request.extensions_mut().insert(unreadable);
    }
    Ok(request)
}

/// The request, if its params are what `rmcp` takes.
fn typed(method: &str, params: Option<&str>) -> Option<ClientRequest> {
    match method {
        "tools/call" => call(params?),
        "ping" => ping(params),
        method => other(method, params),
    }
}

fn call(params: &str) -> Option<ClientRequest> {
    let mut params: CallToolRequestParams = serde_json::from_str(params).ok()?;
    let meta = params.meta.take();
    let mut request = CallToolRequest::new(params);
    if let Some(meta) = meta {
        request.extensions.insert(meta);
    }
    Some(ClientRequest::CallToolRequest(request))
}

/// What a ping, or a request of a method that there is not, may have.
#[derive(Default, Deserialize)]
struct MetaOnly {
    _meta: Option<RequestMetaObject>,
}

fn ping(params: Option<&str>) -> Option<ClientRequest> {
    let params: MetaOnly = params.map_or(Ok(MetaOnly::default()), serde_json::from_str).ok()?;
    let mut request = ClientRequest::PingRequest(PingRequest::default());
    if let Some(meta) = params._meta {
        request.extensions_mut().insert(meta);
    }
    Some(request)
}

fn other(method: &str, params: Option<&str>) -> Option<ClientRequest> {
    let mut message = json!({ "method": method });
    if let Some(params) = params {
        message["params"] = serde_json::from_str(params).ok()?;
    }
    match serde_json::from_value(message).ok()? {
        // What `rmcp` cannot read as the method it knows becomes a custom request.
        ClientRequest::CustomRequest(_) => None,
        request => Some(request),
    }
}

/// A request of a method that is not offered: its params are nobody's concern.
fn unknown(method: &str, params: Option<&RawValue>) -> ClientRequest {
    let mut request = CustomRequest::new(method, None);
    let params = params.and_then(|params| serde_json::from_str::<MetaOnly>(params.get()).ok());
    if let Some(meta) = params.and_then(|params| params._meta) {
        request.extensions.insert(meta);
    }
    ClientRequest::CustomRequest(request)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mcp::UnreadableArgument;

    fn parsed(message: &Value) -> Option<Value> {
        let line = message.to_string();
        let parsed = parse_request(line.as_bytes(), &RequestId::Number(1)).ok()?;
        Some(serde_json::to_value(parsed).unwrap())
    }

    /// As `rmcp` alone reads it.
    fn as_rmcp(message: &Value) -> Option<Value> {
        let read: Incoming = serde_json::from_value(message.clone()).ok()?;
        Some(serde_json::to_value(read).unwrap())
    }

    #[test]
    fn a_request_is_what_rmcp_makes_of_it() {
        let meta = json!({"progressToken": 7, "traceparent": "00-a", "x": [1, {"y": null}]});
        for (method, params) in [
            (
                "tools/call",
                json!({"name": "a", "arguments": {"x": [1, 2.5, {"y": "\u{e4}"}]}, "_meta": meta}),
            ),
            ("tools/call", json!({"name": "a"})),
            ("tools/call", json!({"name": "a", "arguments": null, "unknown": 1})),
            ("ping", json!({})),
            ("ping", Value::Null),
            ("ping", json!({"_meta": meta, "unknown": [1]})),
            ("tools/list", json!({"cursor": "c", "_meta": meta})),
            ("resources/list", json!({"cursor": "c", "_meta": meta})),
            ("resources/read", json!({"uri": "snowgate://d/s/t", "_meta": meta})),
            (
                "completion/complete",
                json!({"ref": {"type": "ref/resource", "uri": "x"}, "argument": {"name": "a", "value": ""}}),
            ),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            assert_eq!(parsed(&message), as_rmcp(&message), "{message}");
            assert!(parsed(&message).is_some(), "{message}");
        }
        let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        assert_eq!(parsed(&bare), as_rmcp(&bare));
    }

    /// The method as `rmcp` will answer it.
    fn method_of(message: &Value) -> String {
        parsed(message).unwrap()["method"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_method_that_is_not_offered_is_one_and_the_same_to_rmcp() {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
        for method in [
            "no/such",
            "resources/subscribe",
            "resources/directory/read",
            "resources/unsubscribe",
            "prompts/list",
            "prompts/get",
            "tasks/list",
        ] {
            for params in
                [json!({"_meta": meta, "uri": "x", "name": "x", "level": "info"}), json!(7), Value::Null]
            {
                let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
                let line = message.to_string();
                let parsed = parse_request(line.as_bytes(), &RequestId::Number(1)).unwrap();
                let JsonRpcMessage::Request(request) = *parsed else { panic!("{message}") };
                let has_meta = request.request.extensions().get::<RequestMetaObject>().is_some();
                assert_eq!(
                    has_meta,
                    params.is_object(),
                    "the revision of the protocol is checked: {message}"
                );
                assert!(matches!(request.request, ClientRequest::CustomRequest(_)), "{message}");
                assert_eq!(method_of(&message), method);
            }
        }
    }

    #[test]
    fn params_that_can_be_understood_are_served() {
        for (method, params) in [
            ("initialize", json!({"protocolVersion": "2025-11-25"})),
            (
                "initialize",
                json!({"protocolVersion": "2025-11-25", "capabilities": {"sampling": true}, "_meta": []}),
            ),
            ("ping", json!([])),
            ("ping", json!({"_meta": []})),
            ("tools/list", json!([])),
            ("tools/list", json!({"cursor": null})),
            ("resources/list", json!([])),
            ("resources/templates/list", json!({"cursor": null})),
            (
                "completion/complete",
                json!({"ref": {"type": "ref/resource", "uri": "x"}, "argument": {"name": "a", "value": ""},
                    "context": []}),
            ),
            ("server/discover", json!({"_meta": {"io.modelcontextprotocol/clientCapabilities": []}})),
            ("subscriptions/listen", json!({"notifications": [], "_meta": {}})),
            ("tools/call", json!({"name": "a", "arguments": [], "_meta": null})),
            ("tools/call", json!({"name": "a", "arguments": "{\"query\": \"select 1\"}"})),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            assert_eq!(method_of(&message), method, "{message}");
        }
    }

    #[test]
    fn an_argument_that_cannot_be_read_is_left_to_the_tool_and_another_field_refused_by_its_name() {
        let parsed = |params: &str| {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            parse_request(line.as_bytes(), &RequestId::Number(1))
        };
        for (params, why) in [
            (
                r#"{"name":"a","arguments":{"query":"q","limit":1e400}}"#,
                "`limit` cannot be read: number out of range",
            ),
            (r#"{"name":"a","arguments":{"query":"\ud800","limit":1}}"#, "`query` cannot be read: "),
            (r#"{"name":"a","arguments":{"x":{"y":[-1e999]}}}"#, "`x` cannot be read: "),
            (r#"{"name":"a","arguments":{"\udc00":1}}"#, "an argument's name cannot be read: "),
        ] {
            let JsonRpcMessage::Request(request) = *parsed(params).unwrap() else { panic!("{params}") };
            let found = request.request.extensions().get::<UnreadableArgument>().unwrap();
            assert!(found.0.starts_with(why), "{params}: {found:?}");
            assert_eq!(request.request.method(), "tools/call");
        }
        for (params, field) in [
            (r#"{"name":"\ud800","arguments":{}}"#, "`name` cannot be read: "),
            (r#"{"name":"a","_meta":{"x":1e400}}"#, "`_meta` cannot be read: "),
        ] {
            let error = parsed(params).unwrap_err().error;
            assert!(error.code.0 == -32602 && error.message.contains(field), "{}", error.message);
        }
    }

    #[test]
    fn params_that_do_not_fit_are_refused_by_the_methods_name() {
        for (method, params) in [
            ("tools/call", json!({"name": 7})),
            ("tools/call", json!({})),
            ("tools/call", json!(["a", {}])),
            ("tools/call", json!([null, "a"])),
            ("tools/call", json!({"name": "a", "arguments": 7})),
            ("tools/call", json!({"name": "a", "_meta": 7})),
            ("tools/call", Value::Null),
            ("tools/call", json!({"name": "a", "arguments": [1]})),
            ("ping", json!(7)),
            ("ping", json!([1])),
            ("initialize", json!({})),
            ("initialize", json!("x")),
            ("tools/list", json!({"cursor": 7})),
            ("subscriptions/listen", json!({})),
            ("resources/list", json!({"cursor": 7})),
            ("resources/read", json!({})),
            ("resources/read", json!({"uri": 7})),
            ("completion/complete", json!({})),
            ("completion/complete", json!({"ref": "x", "argument": {"name": "a", "value": ""}})),
            (
                "completion/complete",
                json!({"ref": {"type": "ref/other"}, "argument": {"name": "a", "value": ""}}),
            ),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
            let rejection = parse_request(message.as_bytes(), &RequestId::Number(1)).unwrap_err();
            assert_eq!((rejection.id, rejection.error.code.0), (Some(RequestId::Number(1)), -32602));
            let message = rejection.error.message;
            assert!(message.contains(method) && message.contains("do not fit its schema"), "{message}");
        }
    }
}
