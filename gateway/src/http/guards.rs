//! Which requests are let in at all, whichever client sends them: those for one of the front's own names, from no web page but those
//! that may call it, with a plain path. And what every answer says to browsers.
//!
//! A web page can have its visitor's browser send requests to this machine. The browser says truly for which name (`Host`)
//! and, but for plain GETs, from which page (`Origin`): both are compared before anything else is looked at.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::cors;
use super::error::HttpError;
use crate::config::{HttpConfig, HttpListen, canonical_origin, split_authority};

/// The guards of one front.
#[derive(Debug)]
pub(super) struct Guards {
    /// The host that it listens on, and those of `http.allowed_hosts`, each perhaps with a port.
    hosts: Vec<(String, Option<u16>)>,
    /// `http.allowed_origins`.
    origins: Vec<String>,
}

/// A request that is let in.
#[derive(Debug, PartialEq, Eq)]
struct Admitted {
    /// The web page that sends it, where that is another one than the front's own.
    origin: Option<HeaderValue>,
    sender: Sender,
}

/// What sends a request, as far as a browser says so: in the extensions of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The browser does not say so, or it is none.
    Unknown,
    /// A page of this front.
    OwnPage,
    /// Another page, of `http.allowed_origins`.
    OtherPage,
}

impl From<Sender> for Admitted {
    fn from(sender: Sender) -> Self {
        Self { origin: None, sender }
    }
}

impl Guards {
    pub(super) fn new(config: &HttpConfig) -> Arc<Self> {
        let mut hosts: Vec<_> =
            config.allowed_hosts.iter().filter_map(|host| split_authority(host)).collect();
        // 0.0.0.0 is no name that a client can mean.
        if let HttpListen::Tcp(address) = &config.listen
            && !address.ip().is_unspecified()
        {
            hosts.extend(split_authority(&address.to_string()).map(|(host, _)| (host, None)));
        }
        Arc::new(Self { hosts, origins: config.allowed_origins.clone() })
    }

    fn check(&self, request: &Request) -> Result<Admitted, HttpError> {
        let host = host(request)?;
        if !self.is_own(&host) {
            let message =
                format!("this gateway is not called {:?} (the setting `http.allowed_hosts`)", host.0);
            return Err(HttpError::new(StatusCode::FORBIDDEN, "host_not_allowed", message)
                .or_do("use the address that it listens on, or have the name added to `allowed_hosts`"));
        }
        let admitted = self.check_origin(request.headers(), &host)?;
        check_path(request.uri().path())?;
        Ok(admitted)
    }

    /// Whether a client may mean this front by `host`.
    fn is_own(&self, (host, port): &(String, Option<u16>)) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        let is_listed =
            |(own, at): &(String, Option<u16>)| own == host && at.is_none_or(|at| Some(at) == *port);
        host == "localhost" || is_loopback || self.hosts.iter().any(is_listed)
    }

    fn check_origin(
        &self,
        headers: &HeaderMap,
        (host, port): &(String, Option<u16>),
    ) -> Result<Admitted, HttpError> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(Admitted::from(Sender::Unknown)) };
        let canonical = origin.to_str().ok().filter(|_| origins.next().is_none()).and_then(canonical_origin);
        if let Some(canonical) = canonical {
            if self.origins.contains(&canonical) {
                return Ok(Admitted { origin: Some(origin.clone()), sender: Sender::OtherPage });
            }
            // A page of this very front.
            let own = |scheme: &str| {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                canonical_origin(&format!("{scheme}://{host}{port}"))
            };
            if [own("http"), own("https")].contains(&Some(canonical)) {
                return Ok(Admitted::from(Sender::OwnPage));
            }
        }
        let shown: String = origin.to_str().unwrap_or("?").chars().take(100).collect();
        let message =
            format!("the web page {shown:?} may not call this gateway (the setting `http.allowed_origins`)");
        Err(HttpError::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
            .or_do("have its origin added to `allowed_origins`"))
    }
}

/// Which host a request is for. Exactly one, and the same one wherever it is said.
fn host(request: &Request) -> Result<(String, Option<u16>), HttpError> {
    let wrong = |what: &str| {
        HttpError::new(StatusCode::BAD_REQUEST, "host_invalid", what)
            .or_do("send one `Host` header with the name and port of the gateway")
    };
    let mut headers = request.headers().get_all(header::HOST).iter();
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(wrong("the request has more than one `Host`"));
    }
    let named = match first {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(split_authority)
                .ok_or_else(|| wrong("the request's `Host` is no host"))?,
        ),
    };
    // HTTP/2 says it in `:authority`; HTTP/1 may, in the request line of a proxy.
    let target = match request.uri().authority() {
        None => None,
        Some(authority) => Some(
            split_authority(authority.as_str()).ok_or_else(|| wrong("the request's target names no host"))?,
        ),
    };
    match (named, target) {
        (Some(named), Some(target)) if named != target => {
            Err(wrong("the request's `Host` is not the one of its target"))
        }
        (_, Some(host)) | (Some(host), None) => Ok(host),
        (None, None) => Err(wrong("the request has no `Host`")),
    }
}

/// Refuses what a proxy and this front could read in two ways.
fn check_path(path: &str) -> Result<(), HttpError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    let is_odd = !path.starts_with('/')
        || path.contains("//")
        || path.split('/').any(|part| matches!(part, "." | ".."))
        || !path.bytes().all(is_plain);
    if is_odd && path != "*" {
        let message = "the path has an empty, a dotted or an escaped part, or a character that no path of this gateway has";
        return Err(HttpError::new(StatusCode::BAD_REQUEST, "path_invalid", message)
            .or_do("send the path as the documentation has it"));
    }
    Ok(())
}

/// What every answer says: it is no page, is not kept, and is shown in no frame.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn dressed(mut response: Response, origin: Option<&HeaderValue>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    cors::allow(headers, origin);
    response
}

/// Lets a request in, or answers it.
pub(super) async fn guard(State(guards): State<Arc<Guards>>, mut request: Request, next: Next) -> Response {
    let admitted = match guards.check(&request) {
        Ok(admitted) => admitted,
        Err(error) => {
            tracing::debug!(code = error.code, "an HTTP request was refused");
            return dressed(error.into_response(), None);
        }
    };
    let origin = admitted.origin.as_ref();
    if origin.is_some() && request.method() == Method::OPTIONS && cors::is_preflight(request.headers()) {
        return dressed(cors::preflight(request.headers()), origin);
    }
    request.extensions_mut().insert(admitted.sender);
    let (is_multiplexed, has_body) = (request.version() >= Version::HTTP_2, has_body(request.headers()));
    let mut response = next.run(request).await;
    // The rest of a body that was refused is not worth reading.
    if !is_multiplexed && has_body && response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    dressed(response, origin)
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use std::time::Duration;

    fn guards(change: impl FnOnce(&mut HttpConfig)) -> Arc<Guards> {
        let mut config = HttpConfig {
            listen: HttpListen::Tcp("10.0.0.7:8473".parse().unwrap()),
            auth: crate::config::HttpAuth::Keys,
            allowed_hosts: vec!["gw.example.com".to_owned(), "other.example.com:1".to_owned()],
            allowed_origins: vec!["https://app.example.com".to_owned()],
            trusted_proxies: Vec::new(),
            tls: None,
            request_bytes_max: 1,
            connections_max: 1,
            idle_timeout: Duration::ZERO,
            header_timeout: Duration::ZERO,
        };
        change(&mut config);
        Guards::new(&config)
    }

    fn code(guards: &Guards, target: &str, headers: &[(&str, &str)]) -> &'static str {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guards.check(&request.body(Body::empty()).unwrap()).map_or_else(|error| error.code, |_| "in")
    }

    #[test]
    fn only_the_front_s_own_names_are_let_in() {
        let guards = guards(|_| {});
        let host = |host| code(&guards, "/", &[("host", host)]);
        for own in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8473",
            "127.9.9.9",
            "[::1]:8473",
            "10.0.0.7",
            "10.0.0.7:9",
            "gw.example.com",
            "GW.example.com.:80",
            "other.example.com:1",
        ] {
            assert_eq!(host(own), "in", "{own}");
        }
        for other in [
            "example.com",
            "localhost.example.com",
            "other.example.com",
            "other.example.com:2",
            "10.0.0.8",
            "0.0.0.0",
        ] {
            assert_eq!(host(other), "host_not_allowed", "{other}");
        }
        for wrong in ["", "a b", "localhost:x", "user@localhost", "localhost/"] {
            assert_eq!(host(wrong), "host_invalid", "{wrong:?}");
        }
        assert_eq!(code(&guards, "/", &[]), "host_invalid");
        assert_eq!(code(&guards, "/", &[("host", "localhost"), ("host", "localhost")]), "host_invalid");
        assert_eq!(code(&guards, "http://evil.example/", &[("host", "localhost")]), "host_invalid");
        assert_eq!(code(&guards, "http://evil.example/", &[]), "host_not_allowed");
        assert_eq!(code(&guards, "http://localhost/", &[("host", "localhost")]), "in");
    }

    #[test]
    fn only_pages_that_are_named_and_the_front_s_own_may_call() {
        let guards = guards(|_| {});
        let origin = |origin| code(&guards, "/", &[("host", "localhost:8473"), ("origin", origin)]);
        for allowed in ["https://app.example.com", "https://app.example.com:443", "http://localhost:8473"] {
            assert_eq!(origin(allowed), "in", "{allowed}");
        }
        for other in [
            "null",
            "http://app.example.com",
            "https://app.example.com.evil",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:8473",
            "",
            "https://app.example.com/",
            "https://app.example.com, https://evil",
        ] {
            assert_eq!(origin(other), "origin_not_allowed", "{other}");
        }
        let twice =
            [("host", "localhost"), ("origin", "https://app.example.com"), ("origin", "https://evil")];
        assert_eq!(code(&guards, "/", &twice), "origin_not_allowed");
    }

    #[test]
    fn a_path_can_be_read_in_one_way_only() {
        let guards = guards(|_| {});
        for odd in
            ["//", "/a//b", "/a/../b", "/..", "/./a", "/%2e%2e/a", "/a%00", "/a%2fb", "/mcp%20", "/a/."]
        {
            assert_eq!(code(&guards, odd, &[("host", "localhost")]), "path_invalid", "{odd}");
        }
        for plain in ["/", "/mcp", "/mcp/tools/call", "/a.b/c-d_e~", "/mcp?x=%00//..", "/openapi.json"] {
            assert_eq!(code(&guards, plain, &[("host", "localhost")]), "in", "{plain}");
        }
    }
}
