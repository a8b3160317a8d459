//! Answers that are no stream: JSON, errors, and their HTTP status.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonRpcError, RequestId};
use serde::Deserialize;

use super::headers::Era;
use super::negotiate::JSON;
use crate::http::session::{Exchange, NoSession, NotSent};
use crate::shared::HEAVY_BYTES;

/// Seconds after which a client may try again what cannot be served now.
const RETRY_AFTER_S: &str = "1";

/// A JSON-RPC error as the whole answer.
pub(super) fn error(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Response {
    let body = serde_json::to_vec(&JsonRpcError::new(id, error)).unwrap_or_default();
    let mut response = with_body(status, Body::from(body));
    response.extensions_mut().insert(IsError);
    response
}

/// A request that HTTP itself refuses: without an id.
pub(super) fn refusal(status: StatusCode, message: impl Into<String>) -> Response {
    error(status, None, ErrorData::invalid_request(message.into(), None))
}

/// There is no session for a request.
pub(super) fn no_session(id: Option<RequestId>, why: &NoSession) -> Response {
    match why {
        NoSession::Unknown => {
            error(StatusCode::NOT_FOUND, id, ErrorData::invalid_request(why.to_string(), None))
        }
        NoSession::Refused { message, next_step, retry } => {
            let message = [Some(message.as_str()), next_step.as_deref()];
            let message = message.into_iter().flatten().collect::<Vec<_>>().join("; ");
            if !retry {
                return error(StatusCode::FORBIDDEN, id, ErrorData::invalid_request(message, None));
            }
            unavailable(id, ErrorData::internal_error(message, None))
        }
    }
}

/// A message was not sent to its session: nothing of it ran.
pub(super) fn not_sent(id: Option<RequestId>, why: &NotSent) -> Response {
    match why {
        NotSent::KeyReused => error(StatusCode::UNPROCESSABLE_ENTITY, id, why.error()),
        NotSent::Ended | NotSent::Busy | NotSent::State(_) => unavailable(id, why.error()),
    }
}

fn unavailable(id: Option<RequestId>, why: ErrorData) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, id, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    response
}

/// The request's session ended, and no answer will come.
pub(super) fn ended(exchange: &Exchange) -> ErrorData {
    let message = if exchange.was_not_started() {
        "the gateway shuts down or restarts, and nothing of this request ran; send it again"
    } else {
        "there is no answer: the gateway ended this session, or itself; what the request changes \
         may have happened, so look before you send it again"
    };
    ErrorData::internal_error(message, None)
}

/// A request whose session ended before its answer. In the older era that is an answer as any other: some clients end at
/// any other HTTP status.
pub(super) fn no_answer(era: Era, id: RequestId, exchange: &Exchange) -> Response {
    match era {
        Era::Session => error(StatusCode::OK, Some(id), ended(exchange)),
        Era::Stateless if exchange.was_not_started() => unavailable(Some(id), ended(exchange)),
        // Not a status that libraries send again by themselves: it may have run.
        Era::Stateless => error(StatusCode::INTERNAL_SERVER_ERROR, Some(id), ended(exchange)),
    }
}

/// Nothing to say: a notification was taken, a session was ended.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A method that `/mcp` does not have, in this era or at all.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let message = format!("/mcp takes {allowed} here");
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Among a response's extensions: the answer is an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsError;

/// An answer of the session's as JSON. Its request is done once the client's connection has taken it.
pub(super) fn answer(era: Era, line: Bytes, exchange: Exchange) -> Response {
    let code = error_code(&line);
    let mut response = with_body(status_of(era, code), Body::new(AnswerBody { line: Some(line), exchange }));
    if code.is_some() {
        response.extensions_mut().insert(IsError);
    }
    response
}

fn with_body(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The code of an answer that is an error.
fn error_code(line: &[u8]) -> Option<ErrorCode> {
    #[derive(Deserialize)]
    struct Answer {
        error: Option<AnswerError>,
    }
    #[derive(Deserialize)]
    struct AnswerError {
        code: i32,
    }
    // An error is short: what is over this is a result.
    let answer: Answer = serde_json::from_slice(line.get(..HEAVY_BYTES).map_or(line, |_| b"{}")).ok()?;
    answer.error.map(|error| ErrorCode(error.code))
}

/// The HTTP status of an answer. In the older era every answer is a success of HTTP; in the stateless one some errors have a
/// status of their own (specification 2026-07-28, "Streamable HTTP", and "Error Codes").
fn status_of(era: Era, code: Option<ErrorCode>) -> StatusCode {
    match code {
        Some(
            ErrorCode::HEADER_MISMATCH
            | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
            | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
            | ErrorCode::PARSE_ERROR
            | ErrorCode::INVALID_REQUEST,
        ) if era == Era::Stateless => StatusCode::BAD_REQUEST,
        Some(ErrorCode::METHOD_NOT_FOUND) if era == Era::Stateless => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// An answer on its way: one piece, and its request for as long as the client may not have it.
struct AnswerBody {
    line: Option<Bytes>,
    exchange: Exchange,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let line = self.line.take();
        Poll::Ready(line.map(|line| Ok(Frame::data(line))))
    }

    fn is_end_stream(&self) -> bool {
        self.line.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.line.as_ref().map_or(0, |line| line.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_status_in_the_stateless_era_only() {
        for (code, status) in [
            (-32020, 400),
            (-32021, 400),
            (-32022, 400),
            (-32700, 400),
            (-32600, 400),
            (-32601, 404),
            (-32602, 200),
            (-32603, 200),
            (1, 200),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m"}}}}"#);
            let found = error_code(line.as_bytes());
            assert_eq!(status_of(Era::Stateless, found).as_u16(), status, "{code}");
            assert_eq!(status_of(Era::Session, found).as_u16(), 200, "{code}");
        }
        let result = br#"{"jsonrpc":"2.0","id":1,"result":{"error":{"code":-32601}}}"#;
        assert_eq!(error_code(result), None);
        assert_eq!(error_code(&vec![b' '; HEAVY_BYTES + 1]), None);
    }
}
