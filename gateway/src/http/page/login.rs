//! How a browser comes in: with a key, or with a ticket of `snowgate open`, for a cookie that lasts.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use serde_json::json;

use super::visitors::NotOpened;
use crate::audit::Notice;
use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::http::front::Front;
use crate::http::identify::{needs_key, note_denial, refusal};
use crate::keys::{Denial, KEY_BYTES_MAX};

/// What a browser logs in with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Credential {
    /// An API key.
    Key(String),
    /// What stood in the link of `snowgate open`.
    Ticket(String),
}

/// `POST /ui/login`
pub(super) async fn log_in(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let shared = &front.mcp.shared;
    // What is wrong with it is not said in serde's words, which may repeat a part of the secret.
    let Ok(credential) = serde_json::from_slice(&body) else {
        return HttpError::new(StatusCode::BAD_REQUEST, "arguments_invalid", "the body is no log-in")
            .or_do("send {\"key\": KEY} or {\"ticket\": TICKET}")
            .into_response();
    };
    let key = match credential {
        Credential::Ticket(ticket) if shared.page_tickets.redeem(&ticket) => None,
        Credential::Ticket(_) => {
            tracing::warn!(address = ?caller.address, "a link to the page was refused: it was used before, or is too old");
            let why =
                "this link was used already, is older than 60 s, or the gateway has started again since";
            return HttpError::new(StatusCode::UNAUTHORIZED, "ticket_invalid", why)
                .or_do("run `snowgate open` again")
                .into_response();
        }
        Credential::Key(_) if !needs_key(shared) => {
            return HttpError::new(StatusCode::CONFLICT, "no_keys", "this gateway asks for no keys")
                .or_do("reload the page; to stop calls, run `snowgate open` where the gateway runs")
                .into_response();
        }
        Credential::Key(key) => {
            let key = key.trim();
            let checked = if key.len() > KEY_BYTES_MAX {
                Err(Denial::Malformed)
            } else {
                shared.keys.check(Some(key), caller.address)
            };
            match checked {
                Ok(live) => Some((live.identity, live.ended)),
                Err(denial) => {
                    note_denial(shared, &denial, caller.address);
                    return refusal(&denial, &uri, true);
                }
            }
        }
    };
    let name = key.as_ref().map(|(key, _)| key.name.clone());
    match front.page.visitors.open(key, caller.address) {
        Ok(cookie) => {
            tracing::info!(key = name, address = ?caller.address, "logged in to the page");
            let from = caller.address.map(|address| address.to_string());
            shared.telemetry.audit.note(|| {
                Notice::operator(
                    "page_login",
                    "page",
                    name.as_deref(),
                    json!({"outcome": "allowed", "from": from}),
                )
            });
            with_cookie(&cookie)
        }
        Err(why) => {
            let (why, next_step) = match why {
                NotOpened::TooMany => {
                    ("too many browsers are logged in to the page", "log out in one of them")
                }
                NotOpened::NoRandomness => ("the system's random numbers cannot be read", "try again"),
            };
            HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "not_logged_in", why)
                .or_do(next_step)
                .into_response()
        }
    }
}

/// `POST /ui/logout`
pub(super) async fn log_out(State(front): State<Arc<Front>>, headers: HeaderMap) -> Response {
    with_cookie(&front.page.visitors.close(&headers))
}

fn with_cookie(cookie: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
