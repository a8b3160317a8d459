//! The errors that a pool adds to those of its backend.

use std::time::Duration;

use super::stop::{CONNECT_TIMEOUT, STOP_TIMEOUT, StopReason};
use crate::allocator::{QueuePlace, Refusal};
use crate::backend::{BackendError, ErrorKind, Held, Request};
use crate::config::{FairBy, PoolConfig};

/// When a request may come again that found everything in use: soon, and not at once.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How every message begins to a request that is not waited for any more.
const CANCELLED: &str = "the request was cancelled";

/// A time as people say it: short ones in milliseconds.
pub(crate) fn shown(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs())
    }
}

/// No connection came free in time.
pub(super) fn all_busy(limit: usize, waited: Duration) -> BackendError {
    let message = format!("all {limit} connections were busy for {}", shown(waited));
    BackendError::new(ErrorKind::Busy, message).with_next_step(
        "try again, or raise `connections_max` under [pool] or `max_wait_ms` under [allocator] in the config",
    )
    .with_retry_after(TRY_AGAIN)
}

/// The request waited for as long as it may; `place`: where it stood in the end, `slots_max`: connections that its client
/// uses at once.
pub(super) fn waited_long(
    place: Option<QueuePlace>,
    waited: Duration,
    limit: usize,
    slots_max: usize,
) -> BackendError {
    let mut error = all_busy(limit, waited);
    if slots_max < limit {
        let waited = shown(waited);
        error.message = format!(
            "this client uses {slots_max} of {limit} connections at once at most (`slots_max` of its profile), and none came \
             free for it within {waited}"
        );
        error.next_step =
            Some("try again, send fewer at once, or raise `slots_max` in the profile".to_owned());
    }
    if let Some(QueuePlace { position, waiting, .. }) = place {
        error.message.push_str(&format!("; it is number {position} of {waiting} that wait"));
    }
    error
}

/// Too many requests wait already; `wait`: how long one that comes now would be likely to wait.
pub(super) fn queue_full(refusal: Refusal, fair_by: FairBy, wait: Option<Duration>) -> BackendError {
    let whose = match fair_by {
        FairBy::Client | FairBy::Key => "client",
        FairBy::Session => "session",
        FairBy::Profile => "profile",
    };
    let (message, setting) = match refusal {
        Refusal::OwnQueue(waiting) => (
            format!("{waiting} requests of this {whose} wait for a connection already (`queue_max`)"),
            "send fewer at once, or raise `queue_max` under [allocator] in the config",
        ),
        Refusal::Queues(waiting) => (
            format!("{waiting} requests of all clients wait for a connection already, which is all that may"),
            "`snowgate status` shows whose they are",
        ),
    };
    let after = wait.map_or(1, |wait| wait.as_secs().max(1));
    BackendError::new(ErrorKind::Busy, message)
        .with_next_step(format!("try again in about {after} s, when some of them have run; {setting}"))
        .with_retry_after(Duration::from_secs(after))
}

/// The backend took longer than [`CONNECT_TIMEOUT`] to open a connection.
pub(super) fn connect_timed_out() -> BackendError {
    let seconds = CONNECT_TIMEOUT.as_secs();
    BackendError::new(
        ErrorKind::Unavailable,
        format!("the backend does not answer: no connection was opened within {seconds} s"),
    )
    .with_next_step("try again in a moment")
    .with_retry_after(TRY_AGAIN)
}

/// The request was stopped before it had a connection. The query `earlier`, which an earlier gateway started,
/// goes on where only this gateway stops.
pub(crate) fn stopped_while_waiting(stop: StopReason, earlier: Option<&str>) -> BackendError {
    match (stop, earlier) {
        (StopReason::Detach, Some(query_id)) => BackendError::detached(query_id),
        _ => cancelled(),
    }
}

/// The statement was stopped, or never begun, because its client, or this gateway's end, wanted it.
pub(super) fn cancelled() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, format!("{CANCELLED}; its statement was stopped"))
}

/// `error`, of a request that was cancelled, as it is told where a person stopped the call. What else is said stays: of its
/// statement, and of a transaction that went with it.
pub(crate) fn stopped_by_person(mut error: BackendError) -> BackendError {
    let stopped = "the call was stopped by the user of this machine (`snowgate kill`)";
    error.message = error.message.replacen(CANCELLED, stopped, 1);
    let ask = "do not send it again without asking";
    error.next_step = Some(match error.next_step.take() {
        Some(before) => format!("{ask}; {before}"),
        None => ask.to_owned(),
    });
    error
}

/// A statement was stopped, and the transaction that it ran in is gone with it.
pub(super) fn note_rolled_back(error: &mut BackendError) {
    if !matches!(error.kind, ErrorKind::Cancelled | ErrorKind::TimedOut)
        || error.message.contains("transaction was rolled back")
    {
        return;
    }
    error.message.push_str("; the session's open transaction was rolled back with it: nothing of it is kept");
    let before = error.next_step.take().map(|before| format!("{before}; ")).unwrap_or_default();
    error.next_step = Some(format!("{before}begin the transaction again, from its first statement"));
}

/// The statement was stopped because it ran for longer than it may.
pub(super) fn timed_out(timeout: Duration) -> BackendError {
    BackendError::new(ErrorKind::TimedOut, format!("the statement was stopped after {}", shown(timeout)))
        .with_next_step("make it cheaper, or raise `statement_timeout_ms` under [limits] in the config")
}

/// The statement went on for [`STOP_TIMEOUT`] after it was cancelled.
pub(super) fn did_not_stop() -> BackendError {
    let message = format!(
        "the statement did not stop when cancelled, within {} ms: it may still take effect",
        STOP_TIMEOUT.as_millis()
    );
    BackendError::new(ErrorKind::Unavailable, message)
        .with_next_step("check whether it took effect before you run it again")
}

/// Why what a session held is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The session did not use it for as long as it may.
    Idle(Duration),
    /// The connection broke, or its server session is lost.
    Broken,
    /// A statement on it did not stop.
    Unstopped,
    /// A request on it ended before its statement.
    Abandoned,
    /// A reload has taken from the session's profile what it was made with.
    Revoked,
}

impl Loss {
    /// What the session's next request is told; nothing of it runs.
    pub(super) fn error(self, held: &Held, profile: &str) -> BackendError {
        let why = match self {
            Self::Idle(idle) => {
                format!("it was idle for {} (pin_idle_ms of profile `{profile}`)", shown(idle))
            }
            Self::Broken => "its connection broke".to_owned(),
            Self::Unstopped => "a statement on its connection did not stop, so that was closed".to_owned(),
            Self::Abandoned => {
                "a request on its connection ended before its statement, so that was closed".to_owned()
            }
            Self::Revoked => {
                "a reload of the config has taken from its profile what is needed to go on".to_owned()
            }
        };
        let rolled_back = if held.transaction { "; what was not committed is rolled back" } else { "" };
        let message = format!(
            "this session has lost what it held ({held}): {why}{rolled_back}. Nothing of this statement ran"
        );
        let next_step = match self {
            Self::Idle(_) => {
                "begin again from where that was made, or raise `pin_idle_ms` in the profile; this is said once"
            }
            _ => "begin again from where that was made; this is said once",
        };
        BackendError::new(ErrorKind::StateLost, message).with_next_step(next_step)
    }
}

/// A statement that makes state, where no session has a connection to itself.
pub(super) fn no_state(profile: &str) -> BackendError {
    let message = format!(
        "the statement makes state on its connection (a transaction, temporary objects, variables or parameters), \
         which `isolation = \"relaxed\"` of profile `{profile}` does not keep"
    );
    BackendError::new(ErrorKind::Refused, message).with_next_step(format!(
        "do without it (one statement can be a transaction of its own: `use_transaction`), or set \
         `isolation = \"moderate\"` in [profiles.{profile}]"
    ))
}

/// A session cannot have a connection to itself where there is only one.
pub(super) fn no_own(limit: usize, config: &PoolConfig) -> BackendError {
    let (configured, lane) = (config.connections_max, config.allocator.lane_slots(limit));
    let why = match (limit < configured, lane) {
        (true, _) => format!("the backend opens only {limit} at once"),
        (false, 0) => format!("`connections_max` under [pool] is {configured}"),
        (false, lane) => format!(
            "`connections_max` under [pool] is {configured}, `lane_slots` under [allocator] keeps {lane} of them"
        ),
    };
    let message = format!(
        "the statement needs a connection that its session has to itself, but {why}, and at least one always stays \
         for everybody else"
    );
    let next_step = if lane > 0 && limit == configured {
        "raise `connections_max` under [pool], lower `lane_slots` under [allocator], or do without state (one statement can \
         be a transaction of its own: `use_transaction`)"
    } else if limit < configured {
        "try again later, or do without state (one statement can be a transaction of its own: `use_transaction`)"
    } else {
        "raise `connections_max` under [pool], or do without state (one statement can be a transaction of its own: \
         `use_transaction`)"
    };
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

/// All connections that sessions may have to themselves are taken.
pub(super) fn all_pinned(pins: usize, rooms: usize, oldest: Duration, waited: Duration) -> BackendError {
    let message = format!(
        "the statement needs a connection that its session has to itself, and none came free within {}: \
         sessions hold {pins} of them, of {rooms} that may be held, the oldest for {} s (of three or more, one \
         client holds all but one at most; `slots_max` of its profile bounds them, too)",
        shown(waited),
        oldest.as_secs()
    );
    BackendError::new(ErrorKind::Busy, message).with_next_step(
        "try again; one comes free when its session commits, ends, or is idle for `pin_idle_ms`. `snowgate sessions` \
         shows who has them; `connections_max` under [pool] bounds them (one is always left to everybody else)",
    )
    .with_retry_after(TRY_AGAIN)
}

/// Too many requests of one session wait for its own connection.
pub(super) fn own_queue_full(requests_max: usize) -> BackendError {
    let message =
        format!("{requests_max} requests of this session run on its own connection or wait for it already");
    BackendError::new(ErrorKind::Busy, message)
        .with_next_step("wait for their answers: they run one after the other")
        .with_retry_after(TRY_AGAIN)
}

/// A transaction of one statement within one of the session.
pub(super) fn in_transaction() -> BackendError {
    BackendError::new(
        ErrorKind::Refused,
        "this session has a transaction open, so `use_transaction` and `auto_commit` cannot begin another",
    )
    .with_next_step(
        "leave these arguments out: the statement runs in the open transaction; or COMMIT or ROLLBACK first",
    )
}

/// A run that several requests waited for did not end.
pub(super) fn shared_run_failed() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "the statement ended without a result: its task failed")
        .with_next_step("run it again; the log has the cause")
}

/// The request does not wait any more for a run that others wait for.
pub(super) fn left_shared_run() -> BackendError {
    let message = format!("{CANCELLED}; the same statement goes on for other sessions that asked for it");
    BackendError::new(ErrorKind::Cancelled, message)
}

/// The error of a request that got no connection; what an earlier gateway ran for it may have taken effect.
pub(super) fn unfetched(error: BackendError, request: &Request) -> BackendError {
    match &request.earlier {
        Some(query_id) if error.kind != ErrorKind::Detached => error.of_unfetched(query_id),
        _ => error,
    }
}
