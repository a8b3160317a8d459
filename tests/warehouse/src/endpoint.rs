//! What a request asks for, told from its method and path.

/// The parts of the protocol, as faults and records name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /session/v1/login-request`
    LogIn,
    /// `POST /session/authenticator-request`: where must a browser go?
    Challenge,
    /// `GET /sso/...`: where the browser goes.
    BrowserPage,
    /// `POST /oauth/token-request`: the OAuth server.
    OAuthToken,
    /// `GET /oauth/authorize`: the OAuth server's page.
    OAuthPage,
    /// `POST /session/token-request`
    Renew,
    /// `POST /session/heartbeat`
    Heartbeat,
    /// `POST /session?delete=true`
    Close,
    /// `POST /queries/v1/query-request`
    Submit,
    /// `GET /queries/ID/result`
    Result,
    /// `GET /monitoring/queries/ID`
    Status,
    /// `POST /queries/v1/abort-request`, `POST /queries/ID/abort-request`
    Abort,
    /// `GET /results/ID/NUMBER`: a part of a result. Elsewhere than the rest, where the server is real.
    Chunk,
    /// `POST /telemetry/send`
    Telemetry,
    /// Anything else.
    Other,
}

/// What a redirected request's path begins with.
pub(super) const MOVED: &str = "/moved";

/// An endpoint and the names in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// The query, or the browser's challenge.
    pub(super) id: String,
    /// The chunk's number.
    pub(super) number: usize,
}

impl Route {
    /// Where `path` leads. Two slashes count as one: some clients send them.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let path = path.strip_prefix(MOVED).unwrap_or(path);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let plain = |endpoint| Self { endpoint, id: String::new(), number: 0 };
        let named = |endpoint, id: &str| Self { endpoint, id: id.to_owned(), number: 0 };
        match (method, parts.as_slice()) {
            ("POST", ["session", "v1", "login-request"]) => plain(Endpoint::LogIn),
            ("POST", ["session", "authenticator-request"]) => plain(Endpoint::Challenge),
            ("GET", ["sso", id]) => named(Endpoint::BrowserPage, id),
            ("POST", ["oauth", "token-request"]) => plain(Endpoint::OAuthToken),
            ("GET", ["oauth", "authorize"]) => plain(Endpoint::OAuthPage),
            ("POST", ["session", "token-request"]) => plain(Endpoint::Renew),
            ("POST", ["session", "heartbeat"]) => plain(Endpoint::Heartbeat),
            ("POST", ["session"]) => plain(Endpoint::Close),
            ("POST", ["queries", "v1", "query-request"]) => plain(Endpoint::Submit),
            ("POST", ["queries", "v1", "abort-request"]) => plain(Endpoint::Abort),
            ("POST", ["queries", id, "abort-request"]) => named(Endpoint::Abort, id),
            ("GET", ["queries", id, "result"]) => named(Endpoint::Result, id),
            ("GET", ["monitoring", "queries", id]) => named(Endpoint::Status, id),
            ("GET", ["results", id, number]) => match number.parse() {
                Ok(number) => Self { number, ..named(Endpoint::Chunk, id) },
                Err(_) => plain(Endpoint::Other),
            },
            ("POST", ["telemetry", "send"]) => plain(Endpoint::Telemetry),
            _ => plain(Endpoint::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_the_path() {
        let route = Route::of("GET", "/results/01-ab/7");
        assert_eq!((route.endpoint, route.id.as_str(), route.number), (Endpoint::Chunk, "01-ab", 7));
        assert_eq!(Route::of("POST", "/queries/01-ab/abort-request").id, "01-ab");
        assert_eq!(Route::of("POST", "/queries/v1/abort-request").id, "");
    }

    #[test]
    fn a_moved_path_and_doubled_slashes_lead_to_the_same() {
        assert_eq!(Route::of("GET", "/moved/queries/01/result").endpoint, Endpoint::Result);
        assert_eq!(Route::of("POST", "//session/token-request").endpoint, Endpoint::Renew);
    }

    #[test]
    fn a_wrong_method_leads_nowhere() {
        assert_eq!(Route::of("GET", "/queries/v1/query-request").endpoint, Endpoint::Other);
        assert_eq!(Route::of("GET", "/results/01/x").endpoint, Endpoint::Other);
    }
}
