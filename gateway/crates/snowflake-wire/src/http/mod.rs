//! HTTP: one pool of connections, exchanges with retries, and bodies within bounds.

mod attempt_error;
mod body;
mod call;
mod exchange;
mod inflate;
mod retry;
pub(crate) mod tls;

use std::sync::Arc;

pub(crate) use attempt_error::AttemptError;
pub(crate) use body::{Unread, next_piece, read as read_body};
pub(crate) use call::{Call, Payload, sensitive_json};
pub(crate) use exchange::{Shown, dice, retry_after};
pub(crate) use inflate::Inflate;
use reqwest::{StatusCode, redirect};
pub(crate) use retry::Replay;
use url::Url;

use crate::error::{Cause, SettingsError};
use crate::settings::{Limits, Protocol, RetryPolicy, Settings};

/// Redirects followed for one request.
const REDIRECTS_MAX: usize = 5;

/// The way to one server and to the storage that holds its results. A clone shares the connections.
#[derive(Clone)]
pub(crate) struct Http {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    base: Url,
    retry: RetryPolicy,
    limits: Limits,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let shared = Shared {
            client: client(settings, settings.protocol, redirects(settings.base()?))?,
            base: settings.base()?,
            retry: settings.retry.clone(),
            limits: settings.limits.clone(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.shared.retry
    }

    /// Whether the connection to the server is encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.shared.base.scheme() == "https"
    }

    /// The server's name, for errors.
    pub(crate) fn host(&self) -> &str {
        self.shared.base.host_str().unwrap_or_default()
    }
}

/// A client for servers of `protocol`.
pub(crate) fn client(
    settings: &Settings,
    protocol: Protocol,
    policy: redirect::Policy,
) -> Result<reqwest::Client, SettingsError> {
    let limits = &settings.limits;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(protocol)?)
        .user_agent(settings.identity.user_agent())
        .redirect(policy)
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .pool_max_idle_per_host(limits.idle_connections_max)
        .pool_idle_timeout(limits.idle_timeout);
    builder = match &settings.proxy {
        Some(proxy) => builder.proxy(proxy.build()?),
        None => builder.no_proxy(),
    };
    builder.build().map_err(|error| SettingsError::Client(Cause::from(error)))
}

/// Follows a redirect or takes it for the answer.
///
/// What goes to the server (`base`) shows credentials, tokens or a statement, in its head or in its body, so it
/// is never sent to another one. Storage, whose addresses are signed, may send a download on.
fn redirects(base: Url) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let (before, next) = (attempt.previous(), attempt.url());
        let from_base = before.first().is_some_and(|first| is_same_server(&base, first));
        let stays = !from_base || is_same_server(&base, next);
        if stays && may_follow(attempt.status(), before, next) { attempt.follow() } else { attempt.stop() }
    })
}

/// Whether both are the same host and port.
fn is_same_server(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether the redirect keeps method and body, and does not lead from TLS to plain text, nor in circles.
fn may_follow(status: StatusCode, before: &[Url], next: &Url) -> bool {
    let keeps = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let was_secure = before.last().is_some_and(|from| from.scheme() == "https");
    keeps && (!was_secure || next.scheme() == "https") && before.len() <= REDIRECTS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_does_not_give_encryption_up() {
        let url = |text| Url::parse(text).unwrap();
        let (secure, plain) = (url("https://a/"), url("http://b/"));
        for (from, to, follows) in [
            (&secure, &secure, true),
            (&secure, &plain, false),
            (&plain, &plain, true),
            (&plain, &secure, true),
        ] {
            let before = [from.clone()];
            assert_eq!(may_follow(StatusCode::TEMPORARY_REDIRECT, &before, to), follows, "{from} {to}");
            assert!(!may_follow(StatusCode::FOUND, &before, to));
        }
        let circle = vec![plain.clone(); REDIRECTS_MAX + 1];
        assert!(!may_follow(StatusCode::PERMANENT_REDIRECT, &circle, &plain));
    }
}
