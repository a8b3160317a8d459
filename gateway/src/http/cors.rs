//! CORS: what browsers are told about pages that may call the front (`http.allowed_origins`). Others are refused before.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// What a page may send besides what every page may.
const REQUEST_HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "baggage",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "snowgate-client-id",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-request-id",
];

/// Headers that begin like this name parameters of a tool (SEP-2243).
const PARAMETER: &str = "mcp-param-";

/// What a page may read of an answer besides what every page may.
const RESPONSE_HEADERS: &str =
    "mcp-session-id, mcp-protocol-version, retry-after, www-authenticate, content-disposition, x-request-id";

/// How long a browser may remember what it was told, in seconds.
const MAX_AGE: &str = "600";

const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

/// Whether a browser asks what a page may send.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok());
    if let Ok(allowed) = HeaderValue::from_str(&allowed(wanted.unwrap_or_default())) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    // A page of the internet that calls a machine in a private network: it was named for that.
    if asked.contains_key(PRIVATE_NETWORK) {
        let allow = HeaderName::from_static("access-control-allow-private-network");
        headers.insert(allow, HeaderValue::from_static("true"));
    }
    response
}

/// All that may be sent, and those of `wanted` that name parameters.
fn allowed(wanted: &str) -> String {
    let wanted = wanted.split(',').map(|name| name.trim().to_ascii_lowercase());
    let parameters = wanted.filter(|name| name.starts_with(PARAMETER));
    REQUEST_HEADERS.iter().map(|name| (*name).to_owned()).chain(parameters).collect::<Vec<_>>().join(", ")
}

/// Lets the page at `origin` read the answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_send_what_endpoints_read_and_the_parameters_that_it_asks_for() {
        let allowed = allowed("X-Evil, Mcp-Param-Region,content-type");
        assert!(allowed.ends_with(", mcp-param-region") && !allowed.contains("evil"), "{allowed}");
        for name in ["mcp-session-id", "authorization", "last-event-id"] {
            assert!(allowed.contains(name), "{allowed}");
        }
    }
}
