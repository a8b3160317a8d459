//! The page at `/`: what `snowgate top` shows, in a browser.
//!
//! | | who may | |
//! |---|---|---|
//! | `GET /` | all | the page: one file, without data |
//! | `POST /ui/login`, `/ui/logout` | all | a key, or a ticket of `snowgate open`, for a cookie (`login`) |
//! | `GET /ui/session` | who is let in | what the visitor may do |
//! | `GET /ui/overview`, `/ui/events` | `health_check` | the gateway at one moment (`observe::overview`), and what changes of it (`feed`) |
//! | `GET /ui/audit` | `admin_operations` | records of the audit trail (`audit`) |
//! | `POST /ui/kill` | `admin_operations` | like `snowgate kill` |
//!
//! Below `/ui/` a request is let in with a page session's cookie, with a key, or, where the front asks for no keys, without;
//! the cookie counts for nothing else. Requests of other pages are refused there, also of those in `http.allowed_origins`.
//! `visitors` has the page sessions, `changes` what differs between two moments, `rows` what a session looks like in it.

mod audit;
mod changes;
mod document;
mod feed;
mod login;
mod operate;
mod rows;
mod visitors;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::json;

use self::audit::Searches;
use self::feed::Feed;
use self::visitors::{Visitor, Visitors};
use super::caller::Caller;
use super::error::HttpError;
use super::front::Front;
use super::guards::Sender;
use super::health::permit;
use super::json::Json;
use crate::config::{HttpConfig, Permission};
use crate::observe::overview as overview_of;
use crate::shared::Shared;

/// Where the page is, where it logs in and out, and how the paths of its data begin.
pub(super) const PAGE_PATH: &str = "/";
pub(super) const LOG_IN_PATH: &str = "/ui/login";
pub(super) const LOG_OUT_PATH: &str = "/ui/logout";
pub(super) const DATA_PATHS: &str = "/ui/";

/// What the page sends with what changes something: another page's forms cannot, and its scripts would have to ask first.
const PAGE_HEADER: HeaderName = HeaderName::from_static("x-snowgate-page");

/// From which page a browser says that a request comes.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The page of one front.
#[derive(Debug)]
pub(super) struct Page {
    visitors: Visitors,
    feed: Arc<Feed>,
    searches: Searches,
}

impl Page {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self { visitors: Visitors::new(config), feed: Arc::default(), searches: Searches::default() }
    }

    /// The page session whose cookie is in `headers`.
    pub(super) fn visitor(
        &self,
        shared: &Shared,
        headers: &HeaderMap,
        address: Option<std::net::IpAddr>,
    ) -> Option<Visitor> {
        let visitor = self.visitors.find(headers, address)?;
        if visitor.key.as_ref().is_some_and(|key| !shared.keys.is_live(key)) {
            visitor.ended.cancel();
            return None;
        }
        Some(visitor)
    }
}

pub(super) fn routes() -> Router<Arc<Front>> {
    let data = Router::new()
        .route(LOG_IN_PATH, post(login::log_in))
        .route(LOG_OUT_PATH, post(login::log_out))
        .route("/ui/session", get(session))
        .route("/ui/overview", get(overview))
        .route("/ui/events", get(events))
        .route("/ui/audit", get(audit::search_trail))
        .route("/ui/kill", post(operate::kill_call))
        .route_layer(middleware::from_fn(own_page_only));
    Router::new().route(PAGE_PATH, get(document::document)).merge(data)
}

/// Refuses what another page has its visitor's browser send.
async fn own_page_only(Extension(sender): Extension<Sender>, request: Request, next: Next) -> Response {
    match foreign(sender, request.method(), request.headers()) {
        None => next.run(request).await,
        Some(error) => error.into_response(),
    }
}

fn foreign(sender: Sender, method: &Method, headers: &HeaderMap) -> Option<HttpError> {
    let site = headers.get(FETCH_SITE).map(axum::http::HeaderValue::as_bytes);
    let is_own = site.is_none_or(|site| site == b"same-origin" || site == b"none");
    let is_let_in = match *method {
        Method::GET | Method::HEAD => sender != Sender::OtherPage,
        _ => sender == Sender::OwnPage && headers.contains_key(PAGE_HEADER),
    };
    (!is_own || !is_let_in).then(|| {
        HttpError::new(StatusCode::FORBIDDEN, "not_the_page", "this is for the gateway's own page alone")
            .or_do("open the page itself; programs use /status and /admin with a key")
    })
}

/// `GET /ui/session`
async fn session(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    visitor: Option<Extension<Visitor>>,
) -> Json<serde_json::Value> {
    Json(who(&front, &caller, visitor.as_deref()))
}

/// Who a visitor is, and what it may do.
fn who(front: &Front, caller: &Caller, visitor: Option<&Visitor>) -> serde_json::Value {
    let http = front.mcp.shared.config.http.as_ref();
    json!({
        "auth": http.map(|http| http.auth.name()),
        "key": caller.key.as_ref().map(|key| key.name.as_str()),
        "role": caller.key.as_ref().and_then(|key| key.role.as_deref()),
        "is_operator": caller.is_operator,
        "may_view": caller.may(Permission::HealthCheck),
        "may_operate": caller.may(Permission::AdminOperations),
        "ends_in_s": visitor.map(|visitor| visitor.ends_in().as_secs()),
    })
}

/// `GET /ui/overview`
async fn overview(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, HttpError> {
    permit(&caller, Permission::HealthCheck)?;
    let mut overview = overview_of(&front.mcp.shared);
    if !caller.may(Permission::AdminOperations) {
        overview.sessions.iter_mut().for_each(rows::hide_whereabouts);
    }
    Ok(Json(overview).into_response())
}

/// `GET /ui/events`
async fn events(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    visitor: Option<Extension<Visitor>>,
) -> Result<Response, HttpError> {
    permit(&caller, Permission::HealthCheck)?;
    let visitor = visitor.map(|Extension(visitor)| visitor);
    let who = who(&front, &caller, visitor.as_ref());
    front.page.feed.watch(&front.mcp.shared, visitor, &who).ok_or_else(|| {
        HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_viewers",
            format!("{} pages are open already, which is the most", feed::VIEWERS_MAX),
        )
        .or_do("close one")
        .after(10)
    })
}
