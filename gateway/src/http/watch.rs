//! How long an HTTP connection may be silent: for its requests' headers, between requests, and while it does not take what
//! it is sent. Pure: time comes in.
//!
//! | a connection that | is |
//! |---|---|
//! | has begun a request's headers (or has just been accepted), for longer than `header_timeout` | dropped |
//! | runs no request, for longer than `idle_timeout` | closed |
//! | has not taken a piece of an answer for [`WRITE_STALL`] | dropped |
//! | runs a request, or is an open stream | left alone |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::head_scan::HeadScan;

/// How long a client may leave a piece of an answer untaken.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// How long a connection is waited for that was told to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays.
    Keep,
    /// It is told to close.
    Close,
    /// It is dropped.
    Drop(&'static str),
}

/// The time-outs of the configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For a request's headers.
    pub(super) header: Duration,
    /// Without a request.
    pub(super) idle: Duration,
}

/// What one connection does.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The requests that run, by number, each with when its client was given a piece of the answer that it has not taken.
    requests: BTreeMap<u64, Option<Instant>>,
    next: u64,
    /// When the last request ended, or the connection began.
    quiet_since: Instant,
    /// When the headers of the next request began; `None`: they have not.
    head_since: Option<Instant>,
    /// Whether several requests share the connection (HTTP/2): what arrives between requests is then no headers.
    is_multiplexed: bool,
    /// Whether a request was answered before its body was read.
    has_unread: bool,
    /// The headers of the next request, as far as they are there.
    head: HeadScan,
}

impl Watch {
    /// Of a connection that was accepted `now`.
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let state = State {
            requests: BTreeMap::new(),
            next: 0,
            quiet_since: now,
            head_since: Some(now),
            is_multiplexed: false,
            has_unread: false,
            head: HeadScan::default(),
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// These bytes have arrived.
    pub(super) fn note_read(&self, now: Instant, bytes: &[u8]) {
        let mut state = self.lock();
        if state.requests.is_empty() && !state.is_multiplexed {
            state.head_since.get_or_insert(now);
            state.head.feed(bytes);
        }
    }

    /// A request's headers are there; it runs until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, is_multiplexed: bool) -> Running {
        let mut state = self.lock();
        state.is_multiplexed |= is_multiplexed;
        state.head_since = None;
        state.next += 1;
        let (number, is_ambiguous) = (state.next, state.head.take_is_ambiguous() && !is_multiplexed);
        state.requests.insert(number, None);
        drop(state);
        Running { watch: Arc::clone(self), number, is_ambiguous }
    }

    /// A request's body was not read to its end.
    pub(super) fn note_unread(&self) {
        self.lock().has_unread = true;
    }

    /// Whether the client may still be sending what will not be read.
    pub(super) fn has_unread(&self) -> bool {
        self.lock().has_unread
    }

    /// Whether it runs no request.
    pub(super) fn is_quiet(&self) -> bool {
        self.lock().requests.is_empty()
    }

    /// What is to become of the connection.
    pub(super) fn verdict(&self, now: Instant, timeouts: Timeouts) -> Verdict {
        let state = self.lock();
        if !state.requests.is_empty() {
            let is_stalled = |since: &Option<Instant>| since.is_some_and(|since| now - since >= WRITE_STALL);
            let stalls = state.requests.values().any(is_stalled);
            return if stalls { Verdict::Drop("the client does not read its answer") } else { Verdict::Keep };
        }
        if state.head_since.is_some_and(|since| now - since >= timeouts.header) {
            return Verdict::Drop("no whole request came in time");
        }
        match now - state.quiet_since {
            quiet if quiet >= timeouts.idle + CLOSE_TIMEOUT => Verdict::Drop("it did not close"),
            quiet if quiet >= timeouts.idle => Verdict::Close,
            _ => Verdict::Keep,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that runs, until its answer was sent.
#[derive(Debug)]
pub(super) struct Running {
    watch: Arc<Watch>,
    number: u64,
    /// Whether it says its body's length more than once.
    pub(super) is_ambiguous: bool,
}

impl Running {
    /// The client was given a piece of the answer at `at`; `None`: it has taken all that there is.
    pub(super) fn note_given(&self, at: Option<Instant>) {
        if let Some(given) = self.watch.lock().requests.get_mut(&self.number) {
            *given = at;
        }
    }

    /// Its connection.
    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.watch.lock();
        state.requests.remove(&self.number);
        state.quiet_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts { header: Duration::from_secs(10), idle: Duration::from_secs(60) };

    fn after(watch: &Watch, now: Instant) -> Verdict {
        watch.verdict(now, TIMEOUTS)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_has_a_bounded_time_for_its_first_headers() {
        let now = Instant::now();
        let watch = Watch::new(now);
        watch.note_read(now + Duration::from_secs(9), b"GET");
        assert_eq!(after(&watch, now + Duration::from_millis(9_999)), Verdict::Keep);
        assert!(matches!(after(&watch, now + TIMEOUTS.header), Verdict::Drop(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_headers_count_from_their_first_byte_and_silence_from_the_last_request() {
        let watch = Watch::new(Instant::now());
        drop(watch.begin(false));
        let quiet = Instant::now();
        assert_eq!(after(&watch, quiet + Duration::from_secs(59)), Verdict::Keep);
        assert_eq!(after(&watch, quiet + TIMEOUTS.idle), Verdict::Close);
        assert!(matches!(after(&watch, quiet + TIMEOUTS.idle + CLOSE_TIMEOUT), Verdict::Drop(_)));
        watch.note_read(quiet + Duration::from_secs(1), b"G");
        watch.note_read(quiet + Duration::from_secs(10), b"E");
        assert!(matches!(after(&watch, quiet + Duration::from_secs(11)), Verdict::Drop(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_run_for_as_long_as_its_client_takes_what_it_is_given() {
        let watch = Watch::new(Instant::now());
        let (running, other) = (watch.begin(true), watch.begin(true));
        let later = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(after(&watch, later), Verdict::Keep);
        other.note_given(Some(later));
        assert_eq!(after(&watch, later + WRITE_STALL / 2), Verdict::Keep);
        assert!(matches!(after(&watch, later + WRITE_STALL), Verdict::Drop(_)));
        other.note_given(None);
        assert_eq!(after(&watch, later + WRITE_STALL), Verdict::Keep);
        drop(other);
        running.note_given(Some(later));
        assert!(matches!(after(&watch, later + WRITE_STALL), Verdict::Drop(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_on_a_connection_of_many_requests_are_no_headers() {
        let watch = Watch::new(Instant::now());
        drop(watch.begin(true));
        watch.note_read(Instant::now(), b"ping");
        assert_eq!(after(&watch, Instant::now() + TIMEOUTS.header), Verdict::Keep);
    }
}
