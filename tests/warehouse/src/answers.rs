//! Answers: the envelope around all of them, refusals, and what is no answer.

use serde_json::{Value, json};

use super::sql::SqlError;

/// What goes back, before faults have their way with it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// A refusal that says nothing of a query.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    /// What stands beside the code: how to go on, where the service says so.
    pub(super) data: Value,
    /// Whether it is about the session's token, which the service may also say by the HTTP status.
    pub(super) unauthorized: bool,
}

impl Reply {
    pub(super) fn json(value: &Value) -> Self {
        let headers = vec![("content-type", "application/json".into())];
        Self { status: 200, headers, body: value.to_string().into_bytes() }
    }

    /// A success with `data`.
    pub(super) fn success(data: &Value) -> Self {
        Self::json(&json!({"data": data, "code": null, "message": null, "success": true}))
    }

    /// A query that still runs, as `code`: 333333, or 333334 for a detached one.
    pub(super) fn running(code: &str, query_id: &str) -> Self {
        let data = json!({
            "getResultUrl": format!("/queries/{query_id}/result"), "queryId": query_id, "progressDesc": null,
            "queryAbortsAfterSecs": 300,
        });
        let message = "Query execution in progress. Use the query id to monitor and manage it.";
        Self::json(&json!({"data": data, "code": code, "message": message, "success": true}))
    }

    /// A statement that failed.
    pub(super) fn failed(error: &SqlError, query_id: &str) -> Self {
        let (line, column) = error.position.map_or((-1, -1), |(line, column)| {
            (i64::try_from(line).unwrap_or(-1), i64::try_from(column).unwrap_or(-1))
        });
        let data = json!({
            "internalError": false, "unredactedFromSecureObject": false, "errorCode": error.code, "age": 0,
            "sqlState": error.state, "queryId": query_id, "line": line, "pos": column, "type": "COMPILATION",
        });
        Self::json(&json!({
            "data": data, "code": error.code, "message": error.message, "success": false, "headers": null,
        }))
    }

    /// A status without a word of JSON, as a proxy or a load balancer gives it.
    pub(super) fn status(status: u16) -> Self {
        let headers = vec![("content-type", "text/html".into())];
        Self { status, headers, body: format!("<html><body>{status}</body></html>").into_bytes() }
    }

    /// What storage says of a link that it does not serve.
    pub(super) fn storage_error(status: u16, code: &str) -> Self {
        let headers = vec![("content-type", "application/xml".into())];
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>");
        Self { status, headers, body: body.into_bytes() }
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), data: Value::Null, unauthorized: false }
    }

    fn of_token(code: &str, message: &str) -> Self {
        Self { unauthorized: true, ..Self::new(code, message) }
    }

    pub(super) fn no_token() -> Self {
        Self::of_token("390103", "Session token not found in the request data.")
    }

    pub(super) fn unknown_token() -> Self {
        Self::of_token("390104", "User must login again to access the service.")
    }

    pub(super) fn session_gone() -> Self {
        Self::of_token("390111", "Session no longer exists.  New login required to access the service.")
    }

    pub(super) fn token_expired() -> Self {
        Self::of_token("390112", "Your session has expired. Please login again.")
    }

    pub(super) fn master_expired() -> Self {
        Self::of_token("390114", "Authentication token has expired.  The user must authenticate again.")
    }

    pub(super) fn master_invalid() -> Self {
        Self::of_token("390115", "Invalid master token.")
    }

    /// The answer; `unauthorized_status` is the HTTP status of refused tokens.
    pub(super) fn reply(&self, unauthorized_status: u16) -> Reply {
        let body = json!({
            "data": self.data, "code": self.code, "message": self.message, "success": false, "headers": null,
        });
        let status = if self.unauthorized { unauthorized_status } else { 200 };
        Reply { status, ..Reply::json(&body) }
    }
}
