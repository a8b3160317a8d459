//! What a pool tries again, and after which pauses.
//!
//! | what failed | is tried again |
//! |---|---|
//! | opening a connection | yes; to fetch an earlier gateway's query, for 30 s, as often as the breaker lets it try |
//! | a read or a question about the catalog, on a connection that sessions share | yes |
//! | anything else: what may change something, what fetches an earlier gateway's query, a session's own connection | never |
//!
//! Only where the backend says that it certainly has not processed it and the cause may pass
//! ([`BackendError::may_retry`]), and only while the breaker is closed: where that is open, the backend has been tried
//! enough. `snowflake-wire` makes 5 attempts of one exchange, within 6 s of pauses, and a failed exchange counts as 5 for
//! the breaker: with `failures` at its default that is all, because the breaker is open then. Where `failures` is set
//! higher, one request makes 5 * (1 + [`RETRIES_MAX`]) = 15 attempts at most, and waits 18 s and the pauses here.
//!
//! [`BackendError::may_retry`]: crate::backend::BackendError::may_retry

use std::time::Duration;

use backon::ExponentialBuilder;
use sql_gate::Class;
use tokio::time::Instant;

use crate::backend::{Operation, Request, Transaction};

/// How often one thing is tried again.
const RETRIES_MAX: usize = 2;

/// The first pause: with the jitter that `backon` adds, 50 to 100 ms; the second is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest one, before the jitter.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Texts up to so many bytes are kept for another try.
const SQL_BYTES_MAX: usize = 64 << 10;

/// The pauses, all of them before `deadline`.
pub(super) fn retries(deadline: Instant) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_max_times(RETRIES_MAX)
        .with_total_delay(Some(deadline.saturating_duration_since(Instant::now())))
        .with_jitter()
}

/// Whether `request` may be run again if it was not processed.
pub(super) fn is_repeatable(request: &Request) -> bool {
    let is_read = match (&request.operation, &request.statement) {
        (Operation::Catalog(_) | Operation::UseContext, _) => true,
        (Operation::Statement { sql, transaction: Transaction::None, .. }, Some(statement)) => {
            statement.class == Class::Read && sql.len() <= SQL_BYTES_MAX
        }
        (Operation::Statement { .. }, _) => false,
    };
    is_read && request.earlier.is_none()
}
