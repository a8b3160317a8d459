//! Errors of the front, as JSON: `{"error": {"code", "message", "next_step"}}`. Codes are stable; nothing of the inside
//! (paths, addresses, errors of libraries) is in them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpError {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// A stable word for programs.
    pub(super) code: &'static str,
    /// What happened, and why.
    pub(super) message: String,
    /// What to do about it.
    pub(super) next_step: Option<String>,
    /// After how many seconds to try again.
    pub(super) retry_after: Option<u64>,
}

impl HttpError {
    /// An error without a next step.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), next_step: None, retry_after: None }
    }

    /// The same with what to do about it.
    pub(super) fn or_do(self, next_step: impl Into<String>) -> Self {
        Self { next_step: Some(next_step.into()), ..self }
    }

    /// The same with when to try again.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body.
    pub(super) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(next_step) = &self.next_step {
            error["next_step"] = json!(next_step);
        }
        json!({ "error": error })
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_its_code_and_when_to_try_again() {
        let error =
            HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too much").or_do("wait").after(3);
        assert_eq!(
            error.to_json(),
            json!({ "error": { "code": "busy", "message": "too much", "next_step": "wait" } })
        );
        let response = error.into_response();
        assert_eq!(
            (response.status().as_u16(), response.headers()["retry-after"].as_bytes()),
            (503, &b"3"[..])
        );
    }
}
