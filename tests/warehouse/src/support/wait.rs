//! Waiting for a condition, never for a time, and how long a test may wait.

use std::env;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variable that replaces [`PATIENCE_SECONDS`], for machines that are slower still (or programs that are:
/// instrumented ones).
const PATIENCE: &str = "SNOWGATE_TEST_PATIENCE_SECONDS";

/// Far more than anything takes on a machine that is busy with something else, so that a test that fails has
/// found a mistake and not a slow machine.
const PATIENCE_SECONDS: u64 = 60;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Everything that a test waits for comes within this; what does not come, does not come at all. It says
/// nothing about speed, which the benchmarks measure.
///
/// # Panics
/// The variable `SNOWGATE_TEST_PATIENCE_SECONDS` holds no whole number.
pub fn patience() -> Duration {
    static SECONDS: LazyLock<u64> = LazyLock::new(|| match env::var(PATIENCE) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{PATIENCE}={text} is not a whole number")),
        Err(_) => PATIENCE_SECONDS,
    });
    Duration::from_secs(*SECONDS)
}

/// Waits until `holds`; returns how long that took.
///
/// # Panics
/// It does not within [`patience`]; the message says `what`.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    eventually(what, || holds().then_some(()));
    since.elapsed()
}

/// Waits until `look` finds something.
///
/// # Panics
/// It finds nothing within [`patience`]; the message says `what`.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(patience(), what, look)
}

/// As [`eventually`], for the few things that may take longer than [`patience`].
///
/// # Panics
/// It finds nothing within `limit`; the message says `what`.
#[track_caller]
pub fn eventually_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(PAUSE);
    }
}

/// Looks until `is_good`, at most for `limit`; returns what was seen last.
pub fn last_within<T>(limit: Duration, mut look: impl FnMut() -> T, is_good: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + limit;
    loop {
        let seen = look();
        if is_good(&seen) || Instant::now() >= deadline {
            return seen;
        }
        sleep(PAUSE);
    }
}
