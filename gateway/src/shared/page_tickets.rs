//! One-time tickets of `snowgate open`: what the user of this machine comes in with to the page of the HTTP front.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

/// How long a ticket is good.
pub const TICKET_TTL: Duration = Duration::from_secs(60);

/// Tickets that are good at once, at most: a new one takes the place of the oldest.
const TICKETS_MAX: usize = 16;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

/// The longest text that is compared with tokens.
const TOKEN_CHARS_MAX: usize = 64;

/// What is kept of a token: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// That of `token`; `None`: it is too long to be one.
    pub fn of(token: &str) -> Option<Self> {
        (token.len() <= TOKEN_CHARS_MAX).then(|| Self(Sha256::digest(token.as_bytes()).into()))
    }
}

/// Not the digest: it is of no use to a reader of a log.
impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenDigest(..)")
    }
}

/// A new token of 256 random bits, and what is to be kept of it; `None`: the system has no randomness.
pub fn random_token() -> Option<(String, TokenDigest)> {
    let mut random = [0; TOKEN_BYTES];
    SystemRandom::new().fill(&mut random).ok()?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let digest = TokenDigest::of(&token)?;
    Some((token, digest))
}

/// The tickets that are good. Written by the control connection, taken by the page's log-in.
#[derive(Debug, Default)]
pub struct PageTickets {
    /// Oldest first.
    tickets: Mutex<VecDeque<(TokenDigest, Instant)>>,
}

impl PageTickets {
    /// A new one, good for [`TICKET_TTL`] and one use; `None`: the system has no randomness.
    pub fn issue(&self) -> Option<String> {
        let (ticket, digest) = random_token()?;
        self.keep(digest, Instant::now());
        Some(ticket)
    }

    fn keep(&self, digest: TokenDigest, now: Instant) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() == TICKETS_MAX {
            tickets.pop_front();
        }
        tickets.push_back((digest, now));
    }

    /// Uses up `ticket`; returns whether it was good.
    pub fn redeem(&self, ticket: &str) -> bool {
        TokenDigest::of(ticket).is_some_and(|digest| self.take(digest, Instant::now()))
    }

    fn take(&self, digest: TokenDigest, now: Instant) -> bool {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|(_, issued)| now.duration_since(*issued) < TICKET_TTL);
        let found = tickets.iter().position(|(known, _)| *known == digest);
        found.is_some_and(|at| tickets.remove(at).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_a_minute() {
        let tickets = PageTickets::default();
        let ticket = tickets.issue().unwrap();
        assert_eq!(ticket.len(), 43);
        assert!(!tickets.redeem("x") && !tickets.redeem(""));
        assert!(tickets.redeem(&ticket));
        assert!(!tickets.redeem(&ticket));
        let (_, digest) = random_token().unwrap();
        let now = Instant::now();
        tickets.keep(digest, now);
        assert!(!tickets.take(digest, now + TICKET_TTL));
        tickets.keep(digest, now);
        assert!(tickets.take(digest, now + TICKET_TTL / 2));
    }

    #[test]
    fn tickets_are_bounded() {
        let tickets = PageTickets::default();
        let issued: Vec<String> = (0..=TICKETS_MAX).map(|_| tickets.issue().unwrap()).collect();
        assert!(!tickets.redeem(&issued[0]));
        assert!(issued[1..].iter().all(|ticket| tickets.redeem(ticket)));
    }
}
