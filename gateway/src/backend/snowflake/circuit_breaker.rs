//! A circuit breaker: while the server does not respond, requests fail at once, and one every
//! [`PROBE_INTERVAL`] probes.
//!
//! Closed: every request is let through. An outage opens it: requests fail with the last outage's error. Once
//! a probe is due, the next request is let through and the following probe is scheduled. Any answer of the
//! server closes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::of_connection;
use crate::backend::BackendError;
use snowflake_wire::Error;

/// How often one request probes the server while it does not respond.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Open during an outage. A clone shares the state, which every exchange with the server writes.
#[derive(Clone, Default)]
pub(super) struct CircuitBreaker(Arc<Mutex<Option<Outage>>>);

struct Outage {
    since: Instant,
    probe_at: Instant,
    error: BackendError,
}

impl CircuitBreaker {
    fn lock(&self) -> MutexGuard<'_, Option<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may be sent.
    ///
    /// # Errors
    /// The last outage's error, until the next probe is due.
    pub(super) fn check(&self) -> Result<(), BackendError> {
        let mut outage = self.lock();
        let Some(outage) = &mut *outage else { return Ok(()) };
        let now = Instant::now();
        if now >= outage.probe_at {
            outage.probe_at = now + PROBE_INTERVAL;
            return Ok(());
        }
        let mut error = outage.error.clone();
        let seconds = outage.since.elapsed().as_secs();
        error.message =
            format!("{} (for {seconds} s; it is tried every {} s)", error.message, PROBE_INTERVAL.as_secs());
        Err(error)
    }

    /// Records the outcome of an exchange.
    pub(super) fn record<T>(&self, done: &Result<T, Error>) {
        match done {
            Err(error) if error.is_outage() => {
                let now = Instant::now();
                let mut outage = self.lock();
                let since = outage.as_ref().map_or(now, |outage| outage.since);
                if outage.is_none() {
                    tracing::warn!(error = %of_connection(error), "the warehouse does not respond");
                }
                *outage = Some(Outage { since, probe_at: now + PROBE_INTERVAL, error: of_connection(error) });
            }
            // No answer of the server, but no outage either.
            Err(error) if error.failure().is_none() => {}
            Ok(_) | Err(_) => {
                if let Some(outage) = self.lock().take() {
                    let seconds = outage.since.elapsed().as_secs();
                    tracing::info!(seconds, "the warehouse responds again");
                }
            }
        }
    }

    /// What is wrong, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let outage = self.lock();
        outage.as_ref().map(|outage| format!("{} (for {} s)", outage.error, outage.since.elapsed().as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snowflake_wire::Operation;

    fn outage() -> Result<(), Error> {
        Err(Error::TimedOut { operation: Operation::Submit, after: Duration::from_secs(1) })
    }

    #[tokio::test(start_paused = true)]
    async fn during_an_outage_one_request_per_interval_is_let_through() {
        let breaker = CircuitBreaker::default();
        assert!(breaker.check().is_ok());
        breaker.record(&outage());
        assert!(breaker.check().is_err());
        tokio::time::advance(PROBE_INTERVAL).await;
        assert!(breaker.check().is_ok());
        let error = breaker.check().unwrap_err();
        assert!(error.message.contains("for 2 s"), "{error}");
        breaker.record(&Ok::<_, Error>(()));
        assert!(breaker.check().is_ok() && breaker.problem().is_none());
    }
}
