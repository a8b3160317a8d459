//! Why a call has no result, and the HTTP status that says so. `docs/rest.md` has the table.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::model::{ErrorCode, ErrorData};
use serde_json::{Map, Value, json};

use crate::http::session::{NoSession, NotSent};

/// What a call is refused with that may be sent again at once.
const SOON_S: u32 = 1;

/// The status of each kind of failure that a tool's result may be.
pub(super) const KINDS: &[(&str, StatusCode)] = &[
    ("invalid_arguments", StatusCode::BAD_REQUEST),
    ("refused", StatusCode::FORBIDDEN),
    // What was sent is a call, and the database cannot do it.
    ("statement", StatusCode::UNPROCESSABLE_ENTITY),
    ("no_context", StatusCode::UNPROCESSABLE_ENTITY),
    // To be looked at, and never to be sent again as it is: libraries send again what failed with 5xx.
    ("cancelled", StatusCode::CONFLICT),
    ("state_lost", StatusCode::CONFLICT),
    ("outcome_unknown", StatusCode::CONFLICT),
    ("limit_reached", StatusCode::TOO_MANY_REQUESTS),
    ("busy", StatusCode::SERVICE_UNAVAILABLE),
    ("exhausted", StatusCode::SERVICE_UNAVAILABLE),
    ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    ("detached", StatusCode::SERVICE_UNAVAILABLE),
    ("timed_out", StatusCode::GATEWAY_TIMEOUT),
];

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The kind of failure: a stable word.
    kind: String,
    /// What happened, and why.
    pub(super) message: String,
    /// What else is known of it.
    details: Map<String, Value>,
    /// Seconds after which to try again.
    retry_after_s: Option<u32>,
    /// The code in an envelope.
    rpc_code: ErrorCode,
}

impl Problem {
    /// A failure.
    pub(super) fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        let (kind, message) = (kind.to_owned(), message.into());
        // -32000: of the server's own, as JSON-RPC has them.
        let rpc_code = ErrorCode(-32_000);
        Self { status, kind, message, details: Map::new(), retry_after_s: None, rpc_code }
    }

    /// The same with the code that an envelope has.
    pub(super) fn with_rpc_code(self, rpc_code: ErrorCode) -> Self {
        Self { rpc_code, ..self }
    }

    /// The same with what to do about it.
    pub(super) fn or_do(mut self, next_step: &str) -> Self {
        self.details.insert("next_step".to_owned(), next_step.into());
        self
    }

    /// The same with what else is known of it, an object.
    pub(super) fn with_details(mut self, details: Value) -> Self {
        if let Value::Object(details) = details {
            self.details.extend(details);
        }
        self
    }

    /// The same with when to try again.
    pub(super) fn after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The gateway ended before the call did; `was_not_started`: nothing of it ran.
    pub(super) fn gateway_ends(was_not_started: bool) -> Self {
        if was_not_started {
            let message = "the gateway shuts down or restarts; nothing of the call ran";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
                .after(SOON_S)
                .or_do("send it again");
        }
        // Not a status that libraries send again by themselves.
        let message = "the gateway shuts down or restarts, and the call may have run";
        Self::new(StatusCode::CONFLICT, "outcome_unknown", message).or_do(
            "a call that changes nothing can be sent again; one that does, with the `Idempotency-Key` that it had: it never \
             runs twice",
        )
    }

    /// What a failed tool result is: `details` is what its `_meta` says, `message` its text.
    pub(super) fn of_result(mut details: Map<String, Value>, message: String) -> Self {
        let kind = details.remove("kind");
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("statement");
        let status = KINDS.iter().find(|(known, _)| *known == kind).map(|(_, status)| *status);
        let status = status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        let retry = details.remove("retry_after_s").and_then(|seconds| u32::try_from(seconds.as_u64()?).ok());
        let mut problem = Self::new(status, kind, message);
        // The database's own code; `code` is the kind's place.
        if let Some(code) = details.remove("code") {
            details.insert("database_code".to_owned(), code);
        }
        problem.details = details;
        problem.retry_after_s = match kind {
            "limit_reached" | "busy" | "exhausted" | "detached" => Some(retry.unwrap_or(SOON_S)),
            _ => retry,
        };
        if kind == "invalid_arguments" {
            problem.rpc_code = ErrorCode::INVALID_PARAMS;
        }
        problem
    }

    /// A body of the error, as it is in an envelope with this id, or alone.
    fn to_json(&self, envelope: Option<&Value>) -> Value {
        let mut details = self.details.clone();
        if let Some(seconds) = self.retry_after_s {
            details.insert("retry_after_s".to_owned(), seconds.into());
        }
        let Some(id) = envelope else {
            details.insert("code".to_owned(), self.kind.clone().into());
            details.insert("message".to_owned(), self.message.clone().into());
            return json!({ "error": details });
        };
        details.insert("kind".to_owned(), self.kind.clone().into());
        let error = json!({ "code": self.rpc_code.0, "message": self.message, "data": details });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }

    /// The answer; `envelope`: the id of the envelope that the call came in.
    pub(super) fn into_response(self, envelope: Option<&Value>) -> Response {
        let body = self.to_json(envelope).to_string();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<ErrorData> for Problem {
    /// One of the protocol's own errors may be a failure of one of the kinds, and says so in its data.
    fn from(error: ErrorData) -> Self {
        let kind = error.data.as_ref().and_then(|data| data.get("kind")?.as_str());
        if kind.is_some_and(|kind| KINDS.iter().any(|(known, _)| *known == kind)) {
            let details = error.data.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
            return Self::of_result(details, error.message.to_string()).with_rpc_code(error.code);
        }
        let of = |status, kind| Self::new(status, kind, error.message.to_string());
        let problem = match error.code {
            ErrorCode::PARSE_ERROR | ErrorCode::INVALID_REQUEST => {
                of(StatusCode::BAD_REQUEST, "invalid_request")
            }
            ErrorCode::INVALID_PARAMS => of(StatusCode::BAD_REQUEST, "invalid_arguments"),
            ErrorCode::METHOD_NOT_FOUND => of(StatusCode::NOT_FOUND, "not_found"),
            _ => of(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        problem.with_rpc_code(error.code).with_details(error.data.unwrap_or_default())
    }
}

impl From<NotSent> for Problem {
    fn from(why: NotSent) -> Self {
        let message = why.to_string();
        match why {
            NotSent::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", message)
                .with_rpc_code(ErrorCode::INVALID_PARAMS),
            NotSent::Ended => Self::gateway_ends(true),
            NotSent::Busy | NotSent::State(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).after(SOON_S)
            }
        }
    }
}

impl From<NoSession> for Problem {
    fn from(why: NoSession) -> Self {
        let message = why.to_string();
        match why {
            NoSession::Unknown => Self::new(StatusCode::NOT_FOUND, "no_session", message),
            NoSession::Refused { next_step, retry, .. } => {
                let problem = if retry {
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).after(SOON_S)
                } else {
                    Self::new(StatusCode::FORBIDDEN, "refused", message)
                };
                match next_step {
                    Some(next_step) => problem.or_do(&next_step),
                    None => problem,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_status_and_says_when_to_come_again() {
        let of =
            |details: Value| Problem::of_result(details.as_object().cloned().unwrap(), "words".to_owned());
        let limit = of(json!({"kind": "limit_reached", "retry_after_s": 30}));
        let response = limit.clone().into_response(None);
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &"30".parse::<HeaderValue>().unwrap())
        );
        assert_eq!(
            limit.to_json(None),
            json!({"error": {"code": "limit_reached", "message": "words", "retry_after_s": 30}})
        );
        let unknown = of(json!({"kind": "outcome_unknown"})).into_response(None);
        assert_eq!((unknown.status().as_u16(), unknown.headers().get("retry-after")), (409, None));
        let sql = of(json!({"kind": "statement", "code": "SQLITE_ERROR (1)", "next_step": "look"}));
        assert_eq!(
            sql.to_json(Some(&json!(7))),
            json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32000, "message": "words", "data":
                {"kind": "statement", "database_code": "SQLITE_ERROR (1)", "next_step": "look"}}})
        );
        assert_eq!(of(json!({})).status, StatusCode::UNPROCESSABLE_ENTITY, "as an older gateway kept it");
    }

    #[test]
    fn errors_of_the_protocol_keep_their_code_in_an_envelope() {
        let problem = Problem::from(ErrorData::invalid_params("bad", Some(json!({"tools": ["a"]}))));
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        assert_eq!(problem.to_json(Some(&json!("x")))["error"]["code"], -32602);
        assert_eq!(problem.to_json(None)["error"]["tools"], json!(["a"]));
        assert_eq!(Problem::from(ErrorData::internal_error("x", None)).status.as_u16(), 500);
    }
}
