//! Page sessions: who has logged in to the page. They are in memory alone: a restart ends them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use tokio_util::sync::CancellationToken;

use crate::config::{HttpConfig, HttpListen};
use crate::keys::KeyIdentity;
use crate::shared::{TokenDigest, random_token};

/// How long a page session lasts, and how long it lasts without a request. A page that is open asks all the time.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
pub(super) const IDLE: Duration = Duration::from_secs(3600);

/// Page sessions at once, at most: of all, and of one key or of all links. One more of the same takes the place of its oldest.
const SESSIONS_MAX: usize = 64;
const OWN_SESSIONS_MAX: usize = 8;

/// One page session, as a request sees it: in the extensions of the request.
#[derive(Clone, Debug)]
pub(in crate::http) struct Visitor {
    /// The key that it came with; `None`: a link of `snowgate open`.
    pub(in crate::http) key: Option<Arc<KeyIdentity>>,
    /// Fires at its end, and at that of its key.
    pub(in crate::http) ended: CancellationToken,
    began: Instant,
    /// When it was last used; written by its requests, and by the stream that it reads.
    used: Arc<Mutex<Instant>>,
}

impl Visitor {
    /// How long it lasts yet.
    pub(super) fn ends_in(&self) -> Duration {
        LIFETIME.saturating_sub(self.began.elapsed())
    }

    /// It is used now.
    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// One that lasts for `time` yet.
    #[cfg(test)]
    pub(super) fn lasting(time: Duration) -> Self {
        let now = Instant::now();
        let began = now.checked_sub(LIFETIME.saturating_sub(time)).unwrap_or(now);
        Self { key: None, ended: CancellationToken::new(), began, used: Arc::new(Mutex::new(now)) }
    }

    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Held {
    visitor: Visitor,
    /// Where it logged in: the cookie is of no use elsewhere.
    address: Option<IpAddr>,
}

impl Held {
    fn is_over(&self, now: Instant) -> bool {
        self.visitor.ended.is_cancelled()
            || now.duration_since(self.visitor.began) >= LIFETIME
            || now.duration_since(self.visitor.used()) >= IDLE
    }

    fn owner(&self) -> Option<&str> {
        self.visitor.key.as_ref().map(|key| key.id.as_str())
    }
}

/// The page sessions of one front.
#[derive(Debug)]
pub(super) struct Visitors {
    /// The cookie's name. It has the port in it: cookies are sent to all ports of a host.
    cookie: String,
    is_tls: bool,
    held: Mutex<HashMap<TokenDigest, Held>>,
}

/// Why there is no new page session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// There are too many.
    TooMany,
    /// The system has no randomness.
    NoRandomness,
}

impl Visitors {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let is_tls = config.tls.is_some();
        let port = match &config.listen {
            HttpListen::Tcp(address) => format!("_{}", address.port()),
            HttpListen::Unix(_) => String::new(),
        };
        let prefix = if is_tls { "__Host-" } else { "" };
        Self { cookie: format!("{prefix}snowgate_page{port}"), is_tls, held: Mutex::default() }
    }

    /// Opens one for `key`, which is good until `key_ended`; returns its `Set-Cookie`.
    pub(super) fn open(
        &self,
        key: Option<(Arc<KeyIdentity>, CancellationToken)>,
        address: Option<IpAddr>,
    ) -> Result<String, NotOpened> {
        let (token, digest) = random_token().ok_or(NotOpened::NoRandomness)?;
        let (key, ended) = match key {
            Some((key, ended)) => (Some(key), ended.child_token()),
            None => (None, CancellationToken::new()),
        };
        let now = Instant::now();
        let visitor = Visitor { key, ended, began: now, used: Arc::new(Mutex::new(now)) };
        let held = Held { visitor, address };
        self.insert(digest, held, now)?;
        Ok(self.set_cookie(&token, LIFETIME))
    }

    fn insert(&self, digest: TokenDigest, new: Held, now: Instant) -> Result<(), NotOpened> {
        let mut sessions = self.lock();
        sessions.retain(|_, held| {
            let is_over = held.is_over(now);
            if is_over {
                held.visitor.ended.cancel();
            }
            !is_over
        });
        let own = sessions.iter().filter(|(_, held)| held.owner() == new.owner());
        let oldest = own.clone().min_by_key(|(_, held)| held.visitor.began).map(|(digest, _)| *digest);
        if own.count() >= OWN_SESSIONS_MAX
            && let Some(held) = oldest.and_then(|oldest| sessions.remove(&oldest))
        {
            held.visitor.ended.cancel();
        }
        if sessions.len() >= SESSIONS_MAX {
            return Err(NotOpened::TooMany);
        }
        sessions.insert(digest, new);
        Ok(())
    }

    /// The one whose cookie is in `headers`, and that logged in at `address`.
    pub(super) fn find(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Option<Visitor> {
        let digest = self.cookie_in(headers)?;
        let (now, mut sessions) = (Instant::now(), self.lock());
        let held = sessions.get(&digest)?;
        if held.is_over(now) {
            if let Some(over) = sessions.remove(&digest) {
                over.visitor.ended.cancel();
            }
            return None;
        }
        if held.address != address {
            return None;
        }
        held.visitor.touch();
        Some(held.visitor.clone())
    }

    /// Ends the one whose cookie is in `headers`; returns the `Set-Cookie` that has a browser forget it.
    pub(super) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(held) = self.cookie_in(headers).and_then(|digest| self.lock().remove(&digest)) {
            held.visitor.ended.cancel();
        }
        self.set_cookie("", Duration::ZERO)
    }

    fn set_cookie(&self, token: &str, lifetime: Duration) -> String {
        let secure = if self.is_tls { "; Secure" } else { "" };
        let (name, seconds) = (&self.cookie, lifetime.as_secs());
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    fn cookie_in(&self, headers: &HeaderMap) -> Option<TokenDigest> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, token) = pairs.find(|(name, _)| *name == self.cookie)?;
        TokenDigest::of(token)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors(is_tls: bool) -> Visitors {
        Visitors { cookie: "snowgate_page_1".to_owned(), is_tls, held: Mutex::default() }
    }

    fn headers(set_cookie: &str) -> HeaderMap {
        let pair = set_cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}; c=d").parse().unwrap())])
    }

    #[test]
    fn a_cookie_is_good_where_it_was_made_until_it_is_logged_out() {
        let visitors = visitors(true);
        let home: Option<IpAddr> = Some("127.0.0.1".parse().unwrap());
        let cookie = visitors.open(None, home).unwrap();
        assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        let headers = headers(&cookie);
        let found = visitors.find(&headers, home).unwrap();
        assert!(visitors.find(&headers, Some("10.0.0.1".parse().unwrap())).is_none());
        assert!(visitors.close(&headers).contains("Max-Age=0"));
        assert!(visitors.find(&headers, home).is_none() && found.ended.is_cancelled());
    }

    #[test]
    fn a_session_ends_after_its_time_and_when_it_is_not_used() {
        let now = Instant::now();
        let held = |used| {
            let used = Arc::new(Mutex::new(used));
            let visitor = Visitor { key: None, ended: CancellationToken::new(), began: now, used };
            Held { visitor, address: None }
        };
        assert!(!held(now).is_over(now + IDLE / 2));
        assert!(held(now).is_over(now + IDLE));
        assert!(held(now + LIFETIME).is_over(now + LIFETIME));
    }

    #[test]
    fn sessions_are_bounded_and_one_key_takes_no_other_s_place() {
        let visitors = visitors(false);
        let cookies: Vec<String> =
            (0..=OWN_SESSIONS_MAX).map(|_| visitors.open(None, None).unwrap()).collect();
        assert!(visitors.find(&headers(&cookies[0]), None).is_none());
        assert!(visitors.find(&headers(&cookies[1]), None).is_some());
        let key = |number: usize| {
            let (id, name) = (number.to_string(), "k".to_owned());
            let permissions = KeyIdentity::permissions_without_role();
            let key = Arc::new(KeyIdentity { id, name, profile: None, role: None, permissions });
            (key, CancellationToken::new())
        };
        let opened = (0..2 * SESSIONS_MAX).filter(|&number| visitors.open(Some(key(number)), None).is_ok());
        assert_eq!(opened.count(), SESSIONS_MAX - OWN_SESSIONS_MAX);
        let (identity, ended) = key(999);
        assert_eq!(visitors.open(Some((identity, ended)), None), Err(NotOpened::TooMany));
    }
}
