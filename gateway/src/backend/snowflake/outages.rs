//! Which exchanges with the server show that it does not respond, or that it does.

use std::sync::Arc;

use super::RETRY;
use super::failure::of_connection;
use crate::backend::{Health, HealthReports};
use snowflake_wire::Error;

/// Reports the outcome of every exchange with the server. Clones report to the same.
#[derive(Clone, Default)]
pub(super) struct Outages(HealthReports);

impl Outages {
    /// From here on `health` hears of it.
    pub(super) fn report_to(&self, health: Arc<dyn Health>) {
        self.0.attach(health);
    }

    /// Reports the outcome of an exchange.
    ///
    /// | outcome | report |
    /// |---|---|
    /// | an answer, a refusal included | it responds |
    /// | no connection, no answer in time, HTTP 408, 429, 502 and above | it does not, as often as was tried |
    /// | HTTP 500 and 501 as often as was tried | it did not once: it may be this one request's |
    /// | anything else: a key that cannot be read, a stop, an answer that makes no sense | nothing |
    pub(super) fn record<T>(&self, done: &Result<T, Error>) {
        match done {
            Err(error) if error.is_outage() => self.0.failed(of_connection(error), RETRY.attempts_max),
            Err(error @ Error::Status { status: 500.., .. }) => self.0.failed(of_connection(error), 1),
            Err(error) if error.failure().is_none() => {}
            Ok(_) | Err(_) => self.0.answered(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::backend::BackendError;
    use snowflake_wire::Operation;

    /// What was reported: the attempts of each failure, 0 for an answer.
    #[derive(Default)]
    pub(in super::super) struct Heard(pub(in super::super) Mutex<Vec<u32>>);

    impl Health for Heard {
        fn answered(&self) {
            self.0.lock().unwrap().push(0);
        }

        fn failed(&self, _: BackendError, attempts: u32) {
            self.0.lock().unwrap().push(attempts);
        }
    }

    #[test]
    fn an_outage_counts_as_often_as_it_was_tried_and_what_is_neither_is_not_reported() {
        let (outages, heard) = (Outages::default(), Arc::new(Heard::default()));
        outages.report_to(heard.clone());
        let operation = Operation::Submit;
        let status = |status| Error::Status { operation, status, retry_after: None, maybe_processed: false };
        outages.record(&Ok::<_, Error>(()));
        for error in [
            Error::TimedOut { operation, after: Duration::from_secs(1) },
            status(503),
            status(500),
            status(404),
            Error::Closed,
        ] {
            outages.record(&Err::<(), _>(error));
        }
        assert_eq!(*heard.0.lock().unwrap(), [0, 5, 5, 1]);
    }
}
