//! Tells the service manager that the gateway is alive, where it wants to hear that (`WATCHDOG_USEC`).
//!
//! What tells it is a task of the runtime, which a runtime that hangs does not run; and it asks the state file's thread
//! first, without which nothing is written. A disk that is slow for a while is no reason to be killed, so that thread may
//! miss [`UNANSWERED_MAX`] answers in a row.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, timeout};

use crate::os::{tell_alive, watchdog_timeout};
use crate::shared::Shared;

/// Answers that the state file's thread may miss in a row.
const UNANSWERED_MAX: u32 = 3;

/// How long it may take for one, at most; a part of the time between two.
const ANSWER_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Tells it for ever.
pub(super) async fn keep_watchdog(shared: &Shared) {
    let Some(bound) = watchdog_timeout() else { return std::future::pending().await };
    let mut interval = tokio::time::interval(bound / 2);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    loop {
        interval.tick().await;
        // An error is an answer, too: the thread is there.
        let answer = timeout((bound / 4).min(ANSWER_TIMEOUT_MAX), shared.state.forced()).await;
        unanswered = if answer.is_ok() { 0 } else { unanswered + 1 };
        if unanswered <= UNANSWERED_MAX {
            tell_alive();
        } else {
            tracing::error!(
                unanswered,
                "the state file's thread hangs; the service manager is to restart this gateway"
            );
        }
    }
}
