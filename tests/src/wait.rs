//! Waiting for a condition, never for a time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until `holds`, at most `limit`; gives how long that took.
///
/// # Panics
/// It did not come to hold; the message says `what`.
#[track_caller]
pub fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    eventually(limit, what, || holds().then_some(()));
    since.elapsed()
}

/// Waits until `look` finds something, at most `limit`.
///
/// # Panics
/// It found nothing; the message says `what`.
#[track_caller]
pub fn eventually<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(PAUSE);
    }
}

/// Looks until `is_good`, at most for `limit`; gives what was seen last.
pub(crate) fn last<T>(limit: Duration, mut look: impl FnMut() -> T, is_good: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + limit;
    loop {
        let seen = look();
        if is_good(&seen) || Instant::now() >= deadline {
            return seen;
        }
        sleep(PAUSE);
    }
}
