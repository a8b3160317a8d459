//! Judges a client's line before `rmcp` sees it: what is no valid request is answered by name, never dropped.
//!
//! Error codes are JSON-RPC 2.0's. `rmcp` alone ignores unparsable lines and answers others without an id.

use std::borrow::Cow;

use rmcp::RoleServer;
use rmcp::model::{
    ClientNotification, ClientRequest, ErrorCode, ErrorData, GetExtensions, JsonRpcMessage, RequestId,
};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pins::PinSlot;

/// A message as `rmcp` takes it.
pub(super) type Incoming = RxJsonRpcMessage<RoleServer>;

/// Marks a request whose line had been sent before: an earlier gateway may have acted on it.
#[derive(Clone, Copy, Debug)]
pub struct Replayed;

/// What a request changes for the requests after it, and for the next gateway. Nothing overtakes such a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The shim keeps the line and sends it to the next gateway again.
    Pin(PinSlot),
    /// The shim keeps the session's state as it is then.
    State,
    /// It stays open until the client cancels it; once it is acknowledged the shim keeps the line.
    Listen,
}

/// A sound line.
#[derive(Debug)]
pub(super) enum Message {
    /// Wants an answer.
    Request {
        /// Under this id.
        id: RequestId,
        /// What comes of it once it has succeeded, besides its answer.
        effect: Option<Effect>,
        /// For `rmcp`.
        message: Box<Incoming>,
    },
    /// Wants none.
    Notification {
        /// The request it cancels, if it does.
        cancels: Option<RequestId>,
        /// Whether the line is pinned.
        pin: Option<PinSlot>,
        /// For `rmcp`.
        message: Box<Incoming>,
    },
    /// Answers a request of ours; we have none under way, so it is late.
    Response,
}

/// A line that is refused, and the error that says why.
#[derive(Debug)]
pub(super) struct Rejection {
    /// The id to answer under, where the line has a sound one.
    pub(super) id: Option<RequestId>,
    /// The answer.
    pub(super) error: ErrorData,
}

/// A message's outside. `params` and results are only located here, not parsed.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Keeps `null` apart from a missing field.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Judges `line`; `replay` says that it had been sent before.
pub(super) fn judge(line: &[u8], replay: bool) -> Result<Message, Rejection> {
    let text = str::from_utf8(line).map_err(|error| {
        parse_error(format!("Parse error: the message is not UTF-8 (byte {})", error.valid_up_to()))
    })?;
    if text.trim_start().starts_with('[') {
        return Err(invalid(None, "JSON-RPC batches are not supported; send one message a line"));
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => invalid(None, &format!("not a JSON-RPC message ({error})")),
        _ => parse_error(format!("Parse error: the message is not JSON ({error})")),
    })?;
    let id = envelope.id.map(read_id).transpose()?;
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid(id, "`jsonrpc` must be \"2.0\""));
    }
    let Some(method) = envelope.method else {
        let answers = id.is_some() && (envelope.result.is_some() || envelope.error.is_some());
        return if answers { Ok(Message::Response) } else { Err(invalid(id, "there is no `method`")) };
    };
    match id {
        Some(id) => judge_request(text, id, &method, replay),
        None => judge_notification(text, &method),
    }
}

fn read_id(raw: &RawValue) -> Result<RequestId, Rejection> {
    serde_json::from_str(raw.get()).map_err(|_| invalid(None, "`id` must be a string or an integer"))
}

fn judge_request(text: &str, id: RequestId, method: &str, replay: bool) -> Result<Message, Rejection> {
    let malformed = |id| Rejection {
        id: Some(id),
        error: ErrorData::invalid_params(format!("the params of {method} do not fit its schema"), None),
    };
    let Ok(mut message) = serde_json::from_str::<Incoming>(text) else { return Err(malformed(id)) };
    let JsonRpcMessage::Request(request) = &mut message else { return Err(malformed(id)) };
    // What `rmcp` cannot read as the method it knows becomes a custom request, and then an unknown method.
    if matches!(request.request, ClientRequest::CustomRequest(_)) && is_known(method) {
        return Err(malformed(id));
    }
    if replay {
        request.request.extensions_mut().insert(Replayed);
    }
    let effect = match &request.request {
        ClientRequest::InitializeRequest(_) => Some(Effect::Pin(PinSlot::Initialize)),
        ClientRequest::CallToolRequest(call) if call.params.name == crate::mcp::SET_CONTEXT => {
            Some(Effect::State)
        }
        ClientRequest::SubscriptionsListenRequest(_) => Some(Effect::Listen),
        _ => None,
    };
    Ok(Message::Request { id, effect, message: Box::new(message) })
}

/// The methods whose malformed params are worth naming.
fn is_known(method: &str) -> bool {
    matches!(
        method,
        "initialize" | "server/discover" | "ping" | "subscriptions/listen" | "tools/call" | "tools/list"
    )
}

fn judge_notification(text: &str, method: &str) -> Result<Message, Rejection> {
    let Ok(message @ JsonRpcMessage::Notification(_)) = serde_json::from_str::<Incoming>(text) else {
        return Err(invalid(None, &format!("the params of {method} do not fit its schema")));
    };
    let JsonRpcMessage::Notification(notification) = &message else { unreachable!("matched above") };
    let (cancels, pin) = match &notification.notification {
        ClientNotification::CancelledNotification(cancelled) => (cancelled.params.request_id.clone(), None),
        ClientNotification::InitializedNotification(_) => (None, Some(PinSlot::Initialized)),
        _ => (None, None),
    };
    Ok(Message::Notification { cancels, pin, message: Box::new(message) })
}

/// The refusal of a second request under the id of one that still runs. It carries no id of its own: an answer under
/// that id would end the first request in the client's eyes.
pub(super) fn duplicate(id: &RequestId) -> Rejection {
    invalid(None, &format!("id {} is in use by a request that still runs", serde_json::json!(id)))
}

/// The refusal of a subscription beyond `limit`.
pub(super) fn too_many_subscriptions(id: RequestId, limit: usize) -> Rejection {
    invalid(Some(id), &format!("{limit} subscriptions are open, which is the limit; cancel one"))
}

fn parse_error(message: String) -> Rejection {
    Rejection { id: None, error: ErrorData::new(ErrorCode::PARSE_ERROR, message, None) }
}

fn invalid(id: Option<RequestId>, why: &str) -> Rejection {
    Rejection {
        id,
        error: ErrorData::new(ErrorCode::INVALID_REQUEST, format!("Invalid request: {why}"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> (Option<String>, i32, String) {
        let rejection = judge(line.as_bytes(), false).unwrap_err();
        let id = rejection.id.map(|id| id.to_string());
        (id, rejection.error.code.0, rejection.error.message.into_owned())
    }

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        for (line, id, code, word) in [
            ("nonsense", None, -32700, "not JSON"),
            ("[]", None, -32600, "batches"),
            ("7", None, -32600, "not a JSON-RPC message"),
            ("{}", None, -32600, "jsonrpc"),
            (r#"{"jsonrpc":"1.0","id":4,"method":"ping"}"#, Some("4"), -32600, "jsonrpc"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, None, -32600, "`id`"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, None, -32600, "`id`"),
            (r#"{"jsonrpc":"2.0","id":5}"#, Some("5"), -32600, "method"),
            (r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#, None, -32600, "duplicate field"),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":7}}"#,
                Some("5"),
                -32602,
                "tools/call",
            ),
        ] {
            let (found_id, found_code, message) = refused(line);
            assert_eq!((found_id.as_deref(), found_code), (id, code), "{line}: {message}");
            assert!(message.contains(word), "{line}: {message}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named() {
        let rejection = judge(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", false).unwrap_err();
        assert!(rejection.error.message.contains("not UTF-8 (byte 34)"), "{}", rejection.error.message);
    }

    #[test]
    fn requests_notifications_and_late_answers_are_told_apart() {
        let judged = |line: &str| judge(line.as_bytes(), false).unwrap();
        assert!(matches!(
            judged(
                r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"set_context","arguments":{}}}"#
            ),
            Message::Request { effect: Some(Effect::State), .. }
        ));
        assert!(matches!(
            judged(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}"#),
            Message::Notification { cancels: Some(RequestId::Number(3)), .. }
        ));
        assert!(matches!(
            judged(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Message::Notification { pin: Some(PinSlot::Initialized), .. }
        ));
        assert!(matches!(judged(r#"{"jsonrpc":"2.0","id":3,"result":{}}"#), Message::Response));
        assert!(matches!(
            judged(r#"{"jsonrpc":"2.0","id":3,"method":"x/y"}"#),
            Message::Request { effect: None, .. }
        ));
    }

    #[test]
    fn a_replayed_request_says_so() {
        let line = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let Message::Request { message, .. } = judge(line.as_bytes(), true).unwrap() else { panic!() };
        let JsonRpcMessage::Request(request) = *message else { panic!() };
        assert!(request.request.extensions().get::<Replayed>().is_some());
    }
}
