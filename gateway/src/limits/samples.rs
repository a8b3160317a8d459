//! What limits tell clients, for `docs/messages.md`.

use super::ledger::ClientKey;
use super::notice::{Refusal, Whose};
use crate::backend::{BackendError, ErrorKind, Sample, sample};
use crate::config::Limit;

/// One of each kind of limit.
pub(crate) fn samples() -> Vec<Sample> {
    let refusal = |whose, limit, setting: &str, max, retry_ms| Refusal {
        whose,
        client: ClientKey { client: "claude-code".into(), profile: "analyst".into() },
        limit,
        max,
        used: max,
        retry_ms,
        setting: (format!("limits.{setting}"), max),
        with: None,
    };
    let error = |refusal: &Refusal| {
        BackendError::new(ErrorKind::LimitReached, refusal.message())
            .with_next_step(refusal.next_step("config.toml"))
            .with_retry_after(refusal.retry_after())
    };
    let one = |when, whose, limit, setting, max, retry_ms| {
        sample(when, error(&refusal(whose, limit, setting, max, retry_ms)))
    };
    vec![
        one(
            "too many calls in a minute",
            Whose::Client,
            Limit::RequestsPerMinute,
            "requests_per_minute",
            60,
            12_000,
        ),
        one("too many rows in a day", Whose::Client, Limit::RowsPerDay, "rows_per_day", 100_000, 20_000_000),
        one("too many calls at once", Whose::Client, Limit::ConcurrentMax, "concurrent_max", 5, 1_000),
        one(
            "all clients together use too much",
            Whose::All,
            Limit::QueriesPerHour,
            "global_queries_per_hour",
            1_000,
            900_000,
        ),
    ]
}
