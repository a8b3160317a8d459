//! What is counted on the way, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::judge::Outcome;
use super::ledger::Sent;

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen, since the run's start.
    pub at: Duration,
    /// To whom it happened.
    pub who: String,
    /// The request, and when it was sent.
    pub request: Option<String>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms: {}", self.who, self.at.as_millis(), self.why)?;
        self.request.as_ref().map_or(Ok(()), |request| write!(f, " (request: {request})"))
    }
}

/// What one client, or a whole run, came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests sent, by kind.
    pub(super) asked: BTreeMap<&'static str, u64>,
    /// Requests answered, by outcome.
    pub(super) outcomes: BTreeMap<Outcome, u64>,
    /// Requests cancelled, and those of them that were answered all the same.
    pub(super) cancelled: u64,
    pub(super) answered_late: u64,
    /// Requests that were open when their shim was killed.
    pub(super) abandoned: u64,
    /// Requests that a shim answered with an error of its own.
    pub(super) shim_errors: Vec<String>,
    /// The longest that a request waited for its answer, and which.
    pub(super) longest: (Duration, String),
    /// What must not happen.
    pub(super) violations: Vec<Violation>,
}

impl Tally {
    /// Another answer, that of `sent`.
    pub(super) fn answered(&mut self, sent: &Sent, outcome: Outcome, now: Duration) {
        *self.outcomes.entry(outcome).or_default() += 1;
        if outcome == Outcome::ShimError {
            self.shim_errors.push(describe(sent));
        }
        let waited = now.saturating_sub(sent.when.at);
        if waited > self.longest.0 {
            self.longest = (waited, describe(sent));
        }
    }

    /// Something that must not happen to `who`.
    pub(super) fn violation(&mut self, now: Duration, who: &str, sent: Option<&Sent>, why: String) {
        let request = sent.map(describe);
        self.violations.push(Violation { at: now, who: who.to_owned(), request, why });
    }

    /// Adds what another one counted.
    pub(super) fn add(&mut self, other: Self) {
        for (kind, count) in other.asked {
            *self.asked.entry(kind).or_default() += count;
        }
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.cancelled += other.cancelled;
        self.answered_late += other.answered_late;
        self.abandoned += other.abandoned;
        self.shim_errors.extend(other.shim_errors);
        self.longest = std::mem::take(&mut self.longest).max(other.longest);
        self.violations.extend(other.violations);
    }
}

fn describe(sent: &Sent) -> String {
    let key = sent.key.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
    format!("{}{key} in {:?}, sent at {} ms", sent.step.name(), sent.contexts, sent.when.at.as_millis())
}
