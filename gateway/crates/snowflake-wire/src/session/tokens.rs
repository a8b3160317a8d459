//! A session's tokens.

use std::time::Duration;

use tokio::time::Instant;

use crate::secret::Secret;

/// The token that each request shows, the one that renews it, and until when they are good. No formatter
/// shows them.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) session: Secret,
    pub(crate) session_until: Option<Instant>,
    /// A server that gives none cannot renew.
    pub(crate) master: Option<Secret>,
    pub(crate) master_until: Option<Instant>,
    /// Counts renewals: tells whether the token that a request showed is still the newest.
    pub(crate) generation: u64,
}

impl Tokens {
    /// Tokens granted now, with the time that they are good for.
    pub(crate) fn new(
        session: Secret,
        session_for: Option<Duration>,
        master: Option<Secret>,
        master_for: Option<Duration>,
    ) -> Self {
        let until = |validity: Option<Duration>| validity.and_then(|v| Instant::now().checked_add(v));
        Self {
            session,
            session_until: until(session_for),
            master,
            master_until: until(master_for),
            generation: 0,
        }
    }

    /// What follows these after a renewal. A renewal that gives no master token leaves the old one in use.
    pub(super) fn renewed(&self, new: Self) -> Self {
        let kept = new.master.is_none();
        Self {
            master: if kept { self.master.clone() } else { new.master },
            master_until: if kept { self.master_until } else { new.master_until },
            generation: self.generation + 1,
            ..new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn no_formatter_shows_a_token() {
        let tokens = Tokens::new(secret("s-123"), None, Some(secret("m-123")), None);
        assert!(!format!("{tokens:?}").contains("123"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_counts_and_keeps_a_master_token_that_is_not_replaced() {
        let hour = Some(Duration::from_secs(3600));
        let first = Tokens::new(secret("s1"), hour, Some(secret("m1")), hour);
        let second = first.renewed(Tokens::new(secret("s2"), hour, None, None));
        assert_eq!((second.session.expose(), second.generation), ("s2", 1));
        assert_eq!(second.master.as_ref().map(Secret::expose), Some("m1"));
        assert_eq!(second.master_until, first.master_until);
        let third = second.renewed(Tokens::new(secret("s3"), hour, Some(secret("m3")), hour));
        assert_eq!(third.master.as_ref().map(Secret::expose), Some("m3"));
    }
}
