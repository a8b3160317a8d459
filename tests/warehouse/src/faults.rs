//! What goes wrong, and when: rules that a test sets and that each request is held against.

use std::time::Duration;

use super::{Endpoint, Gate};

/// What happens to a request instead of its answer, or to the answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An answer of this HTTP status that is no JSON. Nothing is done.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`, in seconds.
        retry_after_s: Option<u64>,
    },
    /// A refusal in the protocol's own form, status 200. Nothing is done.
    Refusal {
        /// The code, such as `390100`.
        code: String,
        /// The text.
        message: String,
    },
    /// Status 200 with something else than JSON. Nothing is done.
    NoJson,
    /// Status 200 with so many bytes that begin like JSON. Nothing is done.
    Huge(usize),
    /// The session's token expires right now: 390112. Nothing else is done.
    ExpireToken,
    /// The session ends right now, and no renewal brings it back: 390111. Nothing else is done.
    EndSession,
    /// A redirect of this status (307 or 308) to another address of this server, which answers.
    Redirect(u16),
    /// A redirect of this status to another server.
    RedirectTo {
        /// The status.
        status: u16,
        /// Where to.
        url: String,
    },
    /// A success without a token: the service wants this step first, `PWD_CHANGE` for example. Nothing is done.
    NextAction(String),
    /// The answer names a place in the header `x-snowflake-session`, where the session's next requests are to
    /// go.
    Route(String),
    /// The answer to a query announces that many rows more than it has.
    AnnounceMore(u64),
    /// The connection is reset before the request's body is read. Nothing is done.
    ResetUnread,
    /// The request is carried out, and the connection is reset instead of an answer.
    ResetAnswer,
    /// The request is carried out, and the connection is reset after that many bytes of the answer's body.
    CutBody {
        /// Bytes that are sent before.
        after: usize,
    },
    /// The answer's body comes in pieces of this many bytes, with a pause after each.
    SlowBody {
        /// Bytes of a piece.
        piece: usize,
        /// The pause.
        pause: Duration,
    },
    /// The answer is whole as far as HTTP can tell, but its gzip stream ends in the middle. Of chunks only.
    TruncatedGzip,
    /// The request is carried out that much later.
    Delay(Duration),
    /// The request is carried out when the gate opens.
    Hold(Gate),
    /// The request is carried out at once; its answer goes out when the gate opens.
    HoldAnswer(Gate),
}

impl Fault {
    /// An HTTP status, without `Retry-After`.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after_s: None }
    }

    /// A status with `Retry-After`.
    pub fn busy(status: u16, retry_after_s: u64) -> Self {
        Self::Status { status, retry_after_s: Some(retry_after_s) }
    }

    /// A refusal with this code.
    pub fn refusal(code: &str, message: &str) -> Self {
        Self::Refusal { code: code.into(), message: message.into() }
    }
}

/// Which of the requests that a rule is about it strikes. They are counted from when it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The first so many.
    First(usize),
    /// The n-th, counted from 1.
    Nth(usize),
    /// Every n-th: the n-th, the 2n-th and so on.
    Every(usize),
    /// All of them, until the rules are cleared.
    Always,
}

/// The rules in force. The first that strikes a request is its fault; those behind it do not count that
/// request.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// `None`: every endpoint.
    endpoint: Option<Endpoint>,
    strike: Strike,
    fault: Fault,
    seen: usize,
}

impl Faults {
    pub(super) fn add(&mut self, endpoint: Option<Endpoint>, strike: Strike, fault: Fault) {
        self.rules.push(Rule { endpoint, strike, fault, seen: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault of the request that has just come to `endpoint`.
    pub(super) fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.rules.iter_mut().find_map(|rule| rule.next(endpoint))
    }
}

impl Rule {
    fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        if self.endpoint.is_some_and(|meant| meant != endpoint) {
            return None;
        }
        self.seen += 1;
        let strikes = match self.strike {
            Strike::First(count) => self.seen <= count,
            Strike::Nth(nth) => self.seen == nth,
            Strike::Every(nth) => self.seen.is_multiple_of(nth),
            Strike::Always => true,
        };
        strikes.then(|| self.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of `count` submissions are struck.
    fn struck(strike: Strike, count: usize) -> Vec<usize> {
        let mut faults = Faults::default();
        faults.add(Some(Endpoint::Submit), strike, Fault::NoJson);
        (1..=count).filter(|_| faults.next(Endpoint::Submit).is_some()).collect()
    }

    #[test]
    fn requests_are_counted_from_one() {
        assert_eq!(struck(Strike::First(2), 5), [1, 2]);
        assert_eq!(struck(Strike::Nth(3), 5), [3]);
        assert_eq!(struck(Strike::Every(2), 5), [2, 4]);
        assert_eq!(struck(Strike::Always, 3), [1, 2, 3]);
    }

    #[test]
    fn a_rule_counts_only_what_it_is_about() {
        let mut faults = Faults::default();
        faults.add(Some(Endpoint::Submit), Strike::Nth(2), Fault::NoJson);
        assert!(faults.next(Endpoint::Submit).is_none());
        assert!(faults.next(Endpoint::Abort).is_none());
        assert!(faults.next(Endpoint::Submit).is_some());
    }

    #[test]
    fn the_first_rule_that_strikes_wins_and_a_global_one_strikes_everything() {
        let mut faults = Faults::default();
        faults.add(Some(Endpoint::Submit), Strike::First(1), Fault::NoJson);
        faults.add(None, Strike::First(1), Fault::ResetUnread);
        assert!(matches!(faults.next(Endpoint::Submit), Some(Fault::NoJson)));
        assert!(matches!(faults.next(Endpoint::Close), Some(Fault::ResetUnread)));
        assert!(faults.next(Endpoint::Submit).is_none());
    }
}
