//! Parses a request that starts: the typed message that `rmcp` takes.
//!
//! Calls are built from their raw params. `rmcp` alone would first take the whole message apart into values of
//! its own and try every kind of request on a copy of them.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, GetExtensions, JsonRpcMessage, PingRequest,
    RequestId, RequestMetaObject,
};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::rejection::{MISFIT, Rejection, unfit};

/// A message as `rmcp` takes it.
pub type Incoming = RxJsonRpcMessage<RoleServer>;

/// Parses the request in `line`, which [`super::classify_line`] has found to be one with this id.
///
/// # Errors
/// Its params do not fit its method.
pub fn parse_request(line: &[u8], id: &RequestId) -> Result<Box<Incoming>, Rejection> {
    let envelope = Envelope::read(line)?;
    let method = envelope.method.unwrap_or_default();
    let request = match &*method {
        "tools/call" => call(envelope.params),
        "ping" => ping(envelope.params),
        method => other(line, method),
    };
    match request {
        Some(request) => Ok(Box::new(JsonRpcMessage::request(request, id.clone()))),
        None => Err(unfit(id.clone(), &method, MISFIT)),
    }
}

fn call(params: Option<&RawValue>) -> Option<ClientRequest> {
    let mut params: CallToolRequestParams = serde_json::from_str(object(params?)?).ok()?;
    let meta = params.meta.take();
    let mut request = CallToolRequest::new(params);
    if let Some(meta) = meta {
        request.extensions.insert(meta);
    }
    Some(ClientRequest::CallToolRequest(request))
}

/// What a ping may have.
#[derive(Default, Deserialize)]
struct PingParams {
    _meta: Option<RequestMetaObject>,
}

fn ping(params: Option<&RawValue>) -> Option<ClientRequest> {
    let params = match params.filter(|params| params.get() != "null") {
        Some(params) => serde_json::from_str(object(params)?).ok()?,
        None => PingParams::default(),
    };
    let mut request = ClientRequest::PingRequest(PingRequest::default());
    if let Some(meta) = params._meta {
        request.extensions_mut().insert(meta);
    }
    Some(request)
}

/// `params` if they are an object.
fn object(params: &RawValue) -> Option<&str> {
    Some(params.get()).filter(|params| params.starts_with('{'))
}

fn other(line: &[u8], method: &str) -> Option<ClientRequest> {
    match serde_json::from_slice::<Incoming>(line).ok()? {
        // What `rmcp` cannot read as the method it knows becomes a custom request, and then an unknown
        // method.
        JsonRpcMessage::Request(request) => match (request.request, is_known(method)) {
            (ClientRequest::CustomRequest(_), true) => None,
            (request, _) => Some(request),
        },
        JsonRpcMessage::Response(_) | JsonRpcMessage::Notification(_) | JsonRpcMessage::Error(_) => None,
    }
}

/// The methods whose malformed params are worth naming.
fn is_known(method: &str) -> bool {
    matches!(method, "initialize" | "server/discover" | "subscriptions/listen" | "tools/list")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
            ("no/such", json!({"a": 1, "_meta": meta})),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            assert_eq!(parsed(&message), as_rmcp(&message), "{message}");
            assert!(parsed(&message).is_some(), "{message}");
        }
        let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        assert_eq!(parsed(&bare), as_rmcp(&bare));
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
            ("ping", json!(7)),
            ("ping", json!([])),
            ("initialize", json!({})),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
            let rejection = parse_request(message.as_bytes(), &RequestId::Number(1)).unwrap_err();
            assert_eq!((rejection.id, rejection.error.code.0), (Some(RequestId::Number(1)), -32602));
            let message = rejection.error.message;
            assert!(message.contains(method) && message.contains("do not fit its schema"), "{message}");
        }
    }
}
