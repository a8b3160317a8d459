//! Whether the server answers: while it does not, requests are told so at once, and one at a time tries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::of_connection;
use crate::backend::BackendError;
use snowflake_wire::Error;

/// How often somebody tries while the server does not answer.
const TRY_EVERY: Duration = Duration::from_secs(2);

/// What is known of the server. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Health(Arc<Mutex<Option<Outage>>>);

struct Outage {
    since: Instant,
    try_at: Instant,
    error: BackendError,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, Option<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to ask the server: yes, or the error that it last gave.
    ///
    /// # Errors
    /// It did not answer a moment ago, and somebody else is the one to try.
    pub(super) fn check(&self) -> Result<(), BackendError> {
        let mut outage = self.lock();
        let Some(outage) = &mut *outage else { return Ok(()) };
        let now = Instant::now();
        if now >= outage.try_at {
            outage.try_at = now + TRY_EVERY;
            return Ok(());
        }
        let mut error = outage.error.clone();
        let seconds = outage.since.elapsed().as_secs();
        error.message =
            format!("{} (for {seconds} s; it is tried every {} s)", error.message, TRY_EVERY.as_secs());
        Err(error)
    }

    /// What an exchange came to.
    pub(super) fn note<T>(&self, done: &Result<T, Error>) {
        match done {
            Err(error) if error.is_outage() => {
                let now = Instant::now();
                let mut outage = self.lock();
                let since = outage.as_ref().map_or(now, |outage| outage.since);
                if outage.is_none() {
                    tracing::warn!(error = %of_connection(error), "the warehouse does not answer");
                }
                *outage = Some(Outage { since, try_at: now + TRY_EVERY, error: of_connection(error) });
            }
            // It answered, whatever it said.
            Err(error) if error.failure().is_none() => {}
            Ok(_) | Err(_) => {
                if let Some(outage) = self.lock().take() {
                    let seconds = outage.since.elapsed().as_secs();
                    tracing::info!(seconds, "the warehouse answers again");
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
    async fn during_an_outage_one_request_at_a_time_tries() {
        let health = Health::default();
        assert!(health.check().is_ok());
        health.note(&outage());
        assert!(health.check().is_err());
        tokio::time::advance(TRY_EVERY).await;
        assert!(health.check().is_ok());
        let error = health.check().unwrap_err();
        assert!(error.message.contains("for 2 s"), "{error}");
        health.note(&Ok::<_, Error>(()));
        assert!(health.check().is_ok() && health.problem().is_none());
    }
}
