//! A log-in on an OAuth server's page: the browser is sent there, and brings a code back to this machine.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use super::access_tokens::AccessTokens;
use super::browser::{self, Landing, Visit};
use super::credentials::Found;
use super::interactive::{InteractiveLogin, USER_TIMEOUT, not_logged_in_in_time};
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::Secret;

/// Where the browser returns to, unless it is set.
const REDIRECT: &str = "http://127.0.0.1";

/// The longest text of the server that is repeated, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// What a browser may bring back to a log-in that has this state.
enum Brought {
    Code(Secret),
    /// The server's reason, in its words.
    Refusal(String),
}

/// Sends the user to the server's page, waits for the code that the browser brings back, and redeems it.
///
/// # Errors
/// There is no port to return to, the user did not log in in time, or the server refuses.
pub(super) async fn log_in(
    interactive: &Arc<InteractiveLogin>,
    tokens: &Arc<AccessTokens>,
    redirect: Option<&Url>,
    single_use: bool,
) -> Result<Found, BackendError> {
    let landing = Landing::open_at(redirect).await.map_err(|error| no_landing(redirect, &error))?;
    let redirect = returning_to(redirect, landing.port);
    let authorization = tokens.server.authorization(&redirect);
    let address = authorization.address.clone();
    let notice = format!("waiting for you to log in with a browser: {address}");
    let opened = address.clone();
    let is_shown = spawn_blocking(move || browser::open(&opened)).await.unwrap_or(false);
    interactive.set_notice(notice.clone(), is_shown);
    let (path, state) = (path_of(&redirect), authorization.state.clone());
    let told = Arc::clone(interactive);
    let visit = move |url: &Url| match read(url, &path, &state) {
        Visit::Foreign => {
            tracing::warn!("a browser brought an answer to a log-in that is not this one; it was ignored");
            told.set_notice(
                format!("{notice} (an answer with another `state` came and was ignored: use this address)"),
                is_shown,
            );
            Visit::Foreign
        }
        other => other,
    };
    let brought = timeout(USER_TIMEOUT, landing.brought(visit)).await.map_err(|_| not_logged_in_in_time())?;
    match brought.map_err(|error| no_landing(None, &error))? {
        Brought::Code(code) => {
            interactive.set_notice("completing the log-in from the browser".to_owned(), true);
            tokens.redeem(&authorization, &code, single_use).await
        }
        Brought::Refusal(text) => Err(tokens.note_refusal(refused(&text)).await),
    }
}

/// The address that the browser is told to return to. A port that is set must be the one.
fn returning_to(redirect: Option<&Url>, port: u16) -> String {
    let Some(redirect) = redirect else { return format!("{REDIRECT}:{port}") };
    if redirect.port().is_some_and(|port| port != 0) {
        return redirect.to_string();
    }
    let mut redirect = redirect.clone();
    // It has a host, so it can have a port.
    let _ = redirect.set_port(Some(port));
    redirect.into()
}

fn path_of(redirect: &str) -> String {
    Url::parse(redirect).map_or_else(|_| "/".to_owned(), |url| url.path().to_owned())
}

fn read(url: &Url, path: &str, state: &Secret) -> Visit<Brought> {
    let value = |wanted: &str| {
        let found = url.query_pairs().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.into_owned())
    };
    let (code, error) = (value("code").map(Secret::new), value("error"));
    if url.path() != path || (code.is_none() && error.is_none()) {
        return Visit::Nothing;
    }
    if value("state").is_none_or(|brought| brought != state.expose()) {
        return Visit::Foreign;
    }
    match (code, error) {
        (_, Some(error)) => {
            let text = match value("error_description") {
                Some(description) => format!("{error}: {description}"),
                None => error,
            };
            let words: Vec<_> = text.split(char::is_control).collect();
            Visit::Refused(Brought::Refusal(words.join(" ").chars().take(TEXT_CHARS_MAX).collect()))
        }
        (Some(code), None) => Visit::Brought(Brought::Code(code)),
        (None, None) => Visit::Nothing,
    }
}

fn refused(text: &str) -> BackendError {
    let message = format!("the OAuth server's page refuses the log-in: {text}");
    BackendError::new(ErrorKind::Unavailable, message).with_next_step(
        "check `oauth_client_id`, `oauth_scope`, `oauth_redirect_uri` and `role` under [snowflake], and that the user \
         may log in there; then call the tool again for a new log-in page",
    )
}

fn no_landing(redirect: Option<&Url>, error: &std::io::Error) -> BackendError {
    let message = format!("no local port for the browser to return to: {error}");
    let error = BackendError::new(ErrorKind::Unavailable, message);
    match redirect {
        Some(redirect) => error.with_next_step(format!(
            "free the port of `oauth_redirect_uri` ({redirect}), or register and set another one"
        )),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_log_in_counts() {
        let state = Secret::new("s1");
        let kind = |text: &str| {
            let url = Url::parse("http://127.0.0.1:1").unwrap().join(text).unwrap();
            match read(&url, "/back", &state) {
                Visit::Nothing => "nothing".to_owned(),
                Visit::Foreign => "foreign".to_owned(),
                Visit::Brought(Brought::Code(code)) => code.expose().to_owned(),
                Visit::Refused(Brought::Refusal(text)) => text,
                Visit::Brought(Brought::Refusal(_)) | Visit::Refused(Brought::Code(_)) => {
                    "mixed up".to_owned()
                }
            }
        };
        for (path, expected) in [
            ("/back?code=c%2B1&state=s1", "c+1"),
            ("/back?state=s1&code=c", "c"),
            ("/back?code=c&state=s2", "foreign"),
            ("/back?code=c", "foreign"),
            ("/back?error=access_denied", "foreign"),
            ("/back?error=access_denied&error_description=no%0Away&state=s1", "access_denied: no way"),
            ("/back?error=x&code=c&state=s1", "x"),
            ("/back?state=s1", "nothing"),
            ("/back?code=&state=s1", "nothing"),
            ("/favicon.ico", "nothing"),
            ("/?code=c&state=s1", "nothing"),
        ] {
            assert_eq!(kind(path), expected, "{path}");
        }
    }

    #[test]
    fn the_port_is_the_one_that_is_set_or_the_one_that_was_free() {
        let to = |text: &str| returning_to(Some(&Url::parse(text).unwrap()), 7);
        assert_eq!(returning_to(None, 7), "http://127.0.0.1:7");
        assert_eq!(to("http://localhost:8001/a/b"), "http://localhost:8001/a/b");
        assert_eq!(to("http://localhost/a"), "http://localhost:7/a");
        assert_eq!(to("http://127.0.0.1:0"), "http://127.0.0.1:7/");
    }
}
