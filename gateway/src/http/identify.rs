//! Who a request is from: the key that it comes with, and what becomes of it without a good one.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use ipnet::IpNet;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::caller::{Caller, Peer};
use super::error::HttpError;
use super::front::Front;
use super::page::{self, LOG_IN_PATH, LOG_OUT_PATH, PAGE_PATH};
use crate::audit::{Refusal, RefusalCause};
use crate::config::{HttpAuth, ranges_contain};
use crate::keys::{Denial, KEY_BYTES_MAX};
use crate::shared::Shared;

/// The paths that need no key: the page has nothing in it but itself, and its log-in asks for one.
const OPEN_PATHS: [&str; 4] = ["/health", PAGE_PATH, LOG_IN_PATH, LOG_OUT_PATH];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a key in an address is often called.
const QUERY_NAMES: [&str; 7] =
    ["key", "api_key", "apikey", "api-key", "token", "access_token", "authorization"];

/// Lets a request in, with its [`Caller`], or says why not. What streams to the client ends with its key.
pub(super) async fn identify(State(front): State<Arc<Front>>, mut request: Request, next: Next) -> Response {
    let shared = &front.mcp.shared;
    let peer = request.extensions().get::<Peer>().copied();
    let (connection, address) = peer.map_or((0, None), |peer| (peer.connection, peer.address));
    let proxies = shared.config.http.as_ref().map_or(&[][..], |http| &http.trusted_proxies);
    let address = origin(address, request.headers(), proxies);
    let path = request.uri().path();
    let is_open = OPEN_PATHS.contains(&path);
    // The page's cookie counts for what the page asks, and for nothing else.
    if path.starts_with(page::DATA_PATHS)
        && !is_open
        && let Some(visitor) = front.page.visitor(shared, request.headers(), address)
    {
        let (key, is_operator) = (visitor.key.clone(), visitor.key.is_none());
        request.extensions_mut().insert(Caller { key, address, connection, is_operator });
        let ended = visitor.ended.clone();
        request.extensions_mut().insert(visitor);
        return ending(next.run(request).await, ended);
    }
    if !needs_key(shared) || is_open {
        request.extensions_mut().insert(Caller { key: None, address, connection, is_operator: false });
        return next.run(request).await;
    }
    let live = match presented(request.headers()) {
        Ok(key) => shared.keys.check(key, address).map_err(|denial| {
            let has_key = key.is_some();
            note_denial(shared, &denial, address);
            refusal(&denial, request.uri(), has_key)
        }),
        Err(refused) => Err(refused.into_response()),
    };
    let live = match live {
        Ok(live) => live,
        Err(response) => return response,
    };
    request.extensions_mut().insert(Caller {
        key: Some(live.identity),
        address,
        connection,
        is_operator: false,
    });
    request.extensions_mut().insert(KeyEnd(live.ended.clone()));
    let response = next.run(request).await;
    ending(response, live.ended)
}

/// Among a request's extensions: fires when its key is good no more.
#[derive(Clone)]
pub(super) struct KeyEnd(pub(super) CancellationToken);

/// The answer to a request whose key was revoked, or has expired, while its body came.
pub(super) fn key_ended() -> Response {
    let message = "the API key was revoked or has expired while the request came";
    HttpError::new(StatusCode::UNAUTHORIZED, "bad_key", message).or_do("use another key").into_response()
}

pub(super) fn needs_key(shared: &Shared) -> bool {
    shared.config.http.as_ref().is_none_or(|http| http.auth == HttpAuth::Keys)
}

/// Where a request comes from that `peer` has sent: the last address in `X-Forwarded-For` that is none of `proxies`, if the
/// peer is one. What stands before it is the client's own word.
fn origin(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[IpNet]) -> Option<IpAddr> {
    if proxies.is_empty() || !ranges_contain(proxies, peer) {
        return peer;
    }
    let mut origin = peer;
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    for part in values.iter().flat_map(|value| value.split(|byte| *byte == b',')).rev() {
        // What a proxy that is trusted does not write as an address ends what can be believed.
        let text = std::str::from_utf8(part).ok();
        let Some(address) = text.and_then(|text| forwarded(text.trim())) else { break };
        origin = Some(address);
        if !ranges_contain(proxies, origin) {
            break;
        }
    }
    origin
}

/// `10.0.0.1`, `10.0.0.1:80`, `2001:db8::1`, `[2001:db8::1]:80`
fn forwarded(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// The key in the headers; `None`: there is none.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, HttpError> {
    let mut found: Option<&str> = None;
    for value in headers.get_all(header::AUTHORIZATION) {
        // Another scheme is as good as no key: the answer says which one is meant.
        let Some(key) = value.to_str().ok().and_then(bearer) else { continue };
        take(&mut found, key)?;
    }
    for value in headers.get_all(API_KEY) {
        // What is no text is a wrong key, and counts as one.
        take(&mut found, value.to_str().map_or("?", str::trim))?;
    }
    Ok(found)
}

fn take<'a>(found: &mut Option<&'a str>, key: &'a str) -> Result<(), HttpError> {
    if key.len() > KEY_BYTES_MAX {
        let message = format!("what was sent as an API key has over {KEY_BYTES_MAX} bytes");
        return Err(HttpError::new(StatusCode::BAD_REQUEST, "bad_key", message)
            .or_do("send it whole and alone, as it was printed"));
    }
    if found.is_some_and(|other| other != key) {
        return Err(HttpError::new(
            StatusCode::BAD_REQUEST,
            "two_keys",
            "the request has two different API keys, so it is not clear whose it is",
        )
        .or_do("send one, in `Authorization: Bearer KEY` or in `X-API-Key: KEY`"));
    }
    *found = Some(key);
    Ok(())
}

/// The key of `Bearer KEY`, whatever the scheme's case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// In the log, and in the audit trail.
pub(super) fn note_denial(shared: &Shared, denial: &Denial, from: Option<IpAddr>) {
    let address = from.map_or_else(|| "unix socket".to_owned(), |address| address.to_string());
    let (why, name) = match denial {
        Denial::Missing => return,
        Denial::Malformed | Denial::Wrong => ("there is no such key", None),
        Denial::Expired => ("it has expired", None),
        Denial::Address { name } => ("it may not come from this address", Some(name)),
        Denial::RoleGone { name, .. } => ("its role is not in the configuration", Some(name)),
        Denial::TooMany { name, .. } => ("its rate is used up", Some(name)),
        Denial::Locked { .. } => ("too many wrong keys came from the address", None),
        Denial::Unavailable => ("the keys cannot be read", None),
    };
    tracing::warn!(address, key = name.map(String::as_str), why, "an API key was refused");
    let cause = match denial {
        Denial::Locked { .. } => RefusalCause::LockedOut,
        _ => RefusalCause::Key(why),
    };
    shared.telemetry.audit.note_refusal(|| Refusal::new(cause, name.map(String::as_str), from));
}

/// What a client without a good key is told: nothing that another client could use.
pub(super) fn refusal(denial: &Denial, uri: &Uri, has_key: bool) -> Response {
    let error = describe(denial, uri);
    let status = error.status;
    let mut response = error.into_response();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = if has_key {
            "Bearer realm=\"snowgate\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"snowgate\""
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

fn describe(denial: &Denial, uri: &Uri) -> HttpError {
    let unauthorized = |code, message: &str| HttpError::new(StatusCode::UNAUTHORIZED, code, message);
    let make = "make one with `snowgate keys create` where the gateway runs";
    match denial {
        Denial::Missing if has_key_in_query(uri) => unauthorized(
            "no_key",
            "a key in the address is not taken: addresses end up in logs and histories",
        )
        .or_do("send it as `Authorization: Bearer KEY`, and revoke this one"),
        Denial::Missing => unauthorized("no_key", "this needs an API key")
            .or_do(format!("send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`; {make}")),
        Denial::Malformed => {
            unauthorized("bad_key", "what was sent as an API key is none: it is cut, or has a typo")
                .or_do("send it whole, as it was printed: `sgk_` and 49 letters and digits")
        }
        Denial::Wrong => {
            unauthorized("bad_key", "there is no such API key: it was revoked, or is another gateway's")
                .or_do(make)
        }
        Denial::Expired => unauthorized("expired_key", "the API key has expired")
            .or_do("use the one that has replaced it, or make another with `snowgate keys create`"),
        Denial::Address { .. } => HttpError::new(
            StatusCode::FORBIDDEN,
            "wrong_address",
            "the API key may not be used from this address",
        )
        .or_do("`snowgate keys list` shows the addresses that it may come from"),
        Denial::RoleGone { role, .. } => HttpError::new(
            StatusCode::FORBIDDEN,
            "no_role",
            format!("the API key's role `{role}` is not in the configuration any more"),
        )
        .or_do(format!(
            "add [roles.{role}] again and run `snowgate reload`, or make a key with another role"
        )),
        Denial::TooMany { retry_ms, .. } => {
            let seconds = retry_ms.div_ceil(1_000).max(1);
            HttpError::new(StatusCode::TOO_MANY_REQUESTS, "key_rate", "the rate of this API key is used up")
                .or_do(format!("try again in {seconds} s"))
                .after(seconds)
        }
        Denial::Locked { retry_ms } => {
            let seconds = retry_ms.div_ceil(1_000).max(1);
            HttpError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "address_locked",
                "too many wrong API keys came from this address",
            )
            .or_do(format!("correct the key, and try again in {seconds} s"))
            .after(seconds)
        }
        Denial::Unavailable => HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "keys_unavailable",
            "API keys cannot be checked now",
        )
        .or_do("the gateway's user finds the reason in `snowgate status`")
        .after(RETRY_UNAVAILABLE_S),
    }
}

/// After how many seconds a client may try again while the keys cannot be read.
const RETRY_UNAVAILABLE_S: u64 = 30;

fn has_key_in_query(uri: &Uri) -> bool {
    let names =
        uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.into_iter().any(|name| QUERY_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// `response`, whose body breaks off once `ended` is cancelled, if it is one that may last.
fn ending(response: Response, ended: CancellationToken) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Body::new(EndingBody { body, ended: Box::pin(ended.cancelled_owned()) }))
}

/// A body for as long as its key is good. It breaks off rather than ends: what was cut must not look whole.
struct EndingBody {
    body: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl hyper::body::Body for EndingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(KeyEnded))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the API key is good no more")]
struct KeyEnded;

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio_stream::StreamExt as _;

    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_key_is_found_in_either_header_and_two_must_be_the_same() {
        let of = |pairs: &[(HeaderName, &str)]| {
            presented(&headers(pairs)).map(|key| key.map(str::to_owned)).map_err(|error| error.code)
        };
        let key = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(header::AUTHORIZATION, "Bearer a")]), key("a"));
        assert_eq!(of(&[(header::AUTHORIZATION, "bearer   a ")]), key("a"));
        assert_eq!(of(&[(API_KEY, " a ")]), key("a"));
        assert_eq!(of(&[(API_KEY, "a"), (header::AUTHORIZATION, "Bearer a")]), key("a"));
        assert_eq!(of(&[(API_KEY, "a"), (header::AUTHORIZATION, "Bearer b")]), Err("two_keys"));
        assert_eq!(of(&[(API_KEY, "a"), (API_KEY, "b")]), Err("two_keys"));
        assert_eq!(of(&[(header::AUTHORIZATION, "Basic YTpi")]), Ok(None));
        assert_eq!(of(&[(API_KEY, &"x".repeat(KEY_BYTES_MAX + 1))]), Err("bad_key"));
    }

    #[test]
    fn a_forwarded_address_counts_from_a_trusted_proxy_alone() {
        let proxies: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.1/32".parse().unwrap()];
        let of = |peer: &str, values: &[&str]| {
            let pairs: Vec<_> = values.iter().map(|value| (FORWARDED_FOR, *value)).collect();
            let peer = (peer != "unix").then(|| peer.parse().unwrap());
            origin(peer, &headers(&pairs), &proxies)
                .map_or_else(|| "unix".to_owned(), |address| address.to_string())
        };
        assert_eq!(of("127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(of("unix", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(of("203.0.113.7", &["10.9.9.9"]), "203.0.113.7", "of others it is not read");
        assert_eq!(
            of("127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.1"]),
            "203.0.113.9",
            "a client's own word before"
        );
        assert_eq!(of("127.0.0.1", &["1.1.1.1", "203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(of("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(of("127.0.0.1", &["1.1.1.1, unknown"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        // What is no text is no address, and what a proxy wrote behind it counts.
        let mut odd = HeaderMap::new();
        odd.insert(FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap());
        let of_odd = origin(Some("127.0.0.1".parse().unwrap()), &odd, &proxies);
        assert_eq!(of_odd, Some("203.0.113.9".parse().unwrap()));
        assert_eq!(origin(None, &headers(&[(FORWARDED_FOR, "1.1.1.1")]), &[]), None);
    }

    #[test]
    fn what_a_client_is_told_says_what_to_do_and_nothing_of_others() {
        let uri = Uri::from_static("/mcp");
        let name = || "secret-name".to_owned();
        for (denial, status) in [
            (Denial::Missing, 401),
            (Denial::Malformed, 401),
            (Denial::Wrong, 401),
            (Denial::Expired, 401),
            (Denial::Address { name: name() }, 403),
            (Denial::RoleGone { name: name(), role: "r".to_owned() }, 403),
            (Denial::TooMany { name: name(), retry_ms: 1 }, 429),
            (Denial::Locked { retry_ms: 900_000 }, 429),
            (Denial::Unavailable, 503),
        ] {
            let error = describe(&denial, &uri);
            assert!(error.next_step.is_some() && !error.to_json().to_string().contains("secret-name"));
            let response = refusal(&denial, &uri, true);
            assert_eq!(response.status().as_u16(), status, "{denial:?}");
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 429 || status == 503);
        }
        let query = Uri::from_static("/mcp?api_key=sgk_x");
        let told = describe(&Denial::Missing, &query).message;
        assert!(told.contains("address") && !told.contains("sgk_x"), "{told}");
    }

    #[tokio::test]
    async fn a_stream_breaks_off_with_its_key_and_a_whole_body_does_not() {
        let chunks = tokio_stream::iter([Ok::<_, std::convert::Infallible>("a")]);
        let stream = Body::from_stream(chunks.chain(tokio_stream::pending()));
        let ended = CancellationToken::new();
        let mut body = ending(Response::new(stream), ended.clone()).into_body();
        assert!(body.frame().await.unwrap().is_ok());
        ended.cancel();
        assert!(body.frame().await.unwrap().is_err());
        let whole = ending(Response::new(Body::from("whole")), ended).into_body();
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "whole");
    }
}
