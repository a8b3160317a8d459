//! Classifies a client's message before `rmcp` sees it: what is not a valid request is answered by name,
//! never dropped.
//!
//! Error codes are JSON-RPC 2.0's. `rmcp` alone ignores unparsable lines and answers others without an id.

use std::borrow::Cow;

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, RequestId};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mcp::ToolName;

/// A message as `rmcp` takes it.
pub type Incoming = RxJsonRpcMessage<RoleServer>;

/// What a request does beyond its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Nothing.
    Plain,
    /// Calls a tool: the session is registered before its first one.
    Call,
    /// Calls the tool that changes the session's context: a barrier.
    SetContext,
    /// Opens the session in the older era: a barrier.
    Initialize,
    /// Stays open until the client cancels it.
    Subscribe,
}

impl RequestKind {
    /// Whether later requests depend on the result: none of them overtakes it.
    pub fn is_barrier(self) -> bool {
        matches!(self, Self::SetContext | Self::Initialize)
    }

    /// Whether the session must be registered before it runs.
    pub(super) fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::SetContext)
    }
}

/// A valid message.
#[derive(Debug)]
pub enum Message {
    /// Expects an answer.
    Request {
        /// Under this id.
        id: RequestId,
        /// What it does beyond that.
        kind: RequestKind,
        /// For `rmcp`.
        message: Box<Incoming>,
    },
    /// Expects none.
    Notification {
        /// The request it cancels, if it does.
        cancels: Option<RequestId>,
        /// Whether it is `notifications/initialized`.
        is_initialized: bool,
        /// For `rmcp`.
        message: Box<Incoming>,
    },
    /// Answers a request of ours; we have none under way, so it is late.
    Response,
}

/// A message that is refused, and the error that says why.
#[derive(Debug)]
pub struct Rejection {
    /// The id to answer under, where the message has a valid one.
    pub id: Option<RequestId>,
    /// The answer.
    pub error: ErrorData,
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

/// Classifies `line`, one JSON-RPC message.
///
/// # Errors
/// It is not one, or the params of a known method do not fit.
pub fn classify_line(line: &[u8]) -> Result<Message, Rejection> {
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
        Some(id) => classify_request(text, id, &method),
        None => classify_notification(text, &method),
    }
}

fn read_id(raw: &RawValue) -> Result<RequestId, Rejection> {
    serde_json::from_str(raw.get()).map_err(|_| invalid(None, "`id` must be a string or an integer"))
}

fn classify_request(text: &str, id: RequestId, method: &str) -> Result<Message, Rejection> {
    let malformed = |id| Rejection {
        id: Some(id),
        error: ErrorData::invalid_params(format!("the params of {method} do not fit its schema"), None),
    };
    let Ok(message) = serde_json::from_str::<Incoming>(text) else { return Err(malformed(id)) };
    let JsonRpcMessage::Request(request) = &message else { return Err(malformed(id)) };
    let kind = match &request.request {
        // What `rmcp` cannot read as the method it knows becomes a custom request, and then an unknown
        // method.
        ClientRequest::CustomRequest(_) if is_known(method) => return Err(malformed(id)),
        ClientRequest::InitializeRequest(_) => RequestKind::Initialize,
        ClientRequest::CallToolRequest(call) if call.params.name == ToolName::SetContext.as_str() => {
            RequestKind::SetContext
        }
        ClientRequest::CallToolRequest(_) => RequestKind::Call,
        ClientRequest::SubscriptionsListenRequest(_) => RequestKind::Subscribe,
        _ => RequestKind::Plain,
    };
    Ok(Message::Request { id, kind, message: Box::new(message) })
}

/// The methods whose malformed params are worth naming.
fn is_known(method: &str) -> bool {
    matches!(
        method,
        "initialize" | "server/discover" | "ping" | "subscriptions/listen" | "tools/call" | "tools/list"
    )
}

fn classify_notification(text: &str, method: &str) -> Result<Message, Rejection> {
    let Ok(message @ JsonRpcMessage::Notification(_)) = serde_json::from_str::<Incoming>(text) else {
        return Err(invalid(None, &format!("the params of {method} do not fit its schema")));
    };
    let JsonRpcMessage::Notification(notification) = &message else { unreachable!("matched above") };
    let cancels = match &notification.notification {
        ClientNotification::CancelledNotification(cancelled) => cancelled.params.request_id.clone(),
        _ => None,
    };
    let is_initialized = matches!(notification.notification, ClientNotification::InitializedNotification(_));
    Ok(Message::Notification { cancels, is_initialized, message: Box::new(message) })
}

/// The refusal of a second request under the id of one that still runs. It carries no id of its own: an
/// answer under that id would end the first request in the client's eyes.
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
        let rejection = classify_line(line.as_bytes()).unwrap_err();
        let id = rejection.id.map(|id| id.to_string());
        (id, rejection.error.code.0, rejection.error.message.into_owned())
    }

    #[test]
    fn an_invalid_message_is_refused_with_its_reason() {
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
    fn a_message_that_is_not_utf8_is_refused_with_the_place() {
        let rejection = classify_line(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").unwrap_err();
        assert!(rejection.error.message.contains("not UTF-8 (byte 34)"), "{}", rejection.error.message);
    }

    #[test]
    fn requests_notifications_and_late_answers_are_told_apart() {
        let classified = |line: &str| classify_line(line.as_bytes()).unwrap();
        assert!(matches!(
            classified(
                r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"set_context","arguments":{}}}"#
            ),
            Message::Request { kind: RequestKind::SetContext, .. }
        ));
        assert!(matches!(
            classified(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}"#),
            Message::Notification { cancels: Some(RequestId::Number(3)), .. }
        ));
        assert!(matches!(
            classified(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Message::Notification { is_initialized: true, .. }
        ));
        assert!(matches!(classified(r#"{"jsonrpc":"2.0","id":3,"result":{}}"#), Message::Response));
        assert!(matches!(
            classified(r#"{"jsonrpc":"2.0","id":3,"method":"x/y"}"#),
            Message::Request { kind: RequestKind::Plain, .. }
        ));
    }
}
