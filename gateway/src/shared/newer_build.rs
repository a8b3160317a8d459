//! Making room for a newer build: a newer shim wants its own gateway.
//!
//! An older gateway that serves a newer shim shuts down as soon as nothing runs, and the shims carry their
//! sessions over to the next one. An older shim never does that to a newer gateway. Where both builds stay in
//! use, an older gateway may come back; then it makes room again, but not more often than [`YIELD_PAUSE`]
//! allows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How long a build makes room at most once.
pub const YIELD_PAUSE: Duration = Duration::from_secs(3600);

/// The newest build that asked for room.
#[derive(Debug, Default)]
pub struct NewerBuild {
    build: Mutex<Option<String>>,
    noted: Notify,
}

impl NewerBuild {
    /// Notes that a peer of `build` connected to a gateway of `own`.
    pub fn note(&self, build: &str, own: &str) {
        let mut newest = self.lock();
        if is_newer(build, newest.as_deref().unwrap_or(own)) {
            *newest = Some(build.chars().take(32).collect());
            self.noted.notify_one();
        }
    }

    /// Waits for such a build, and returns it.
    pub async fn wait_for_request(&self) -> String {
        loop {
            let build = self.lock().clone();
            match build {
                Some(build) => return build,
                None => self.noted.notified().await,
            }
        }
    }

    /// No build asks any more.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.build.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether version `a` comes after `b`. Only MAJOR.MINOR.PATCH counts; what is none of that comes after
/// nothing.
pub fn is_newer(a: &str, b: &str) -> bool {
    let numbers = |version: &str| {
        let mut parts = version.split(['-', '+']).next()?.split('.').map(|part| part.parse::<u64>().ok());
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(numbers)
    };
    numbers(a).is_some_and(|a| numbers(b).is_some_and(|b| a > b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_newer("0.10.0", "0.9.9"));
        assert!(is_newer("1.0.0-rc.1", "0.9.9"));
        for (a, b) in
            [("0.1.0", "0.1.0"), ("0.0.9", "0.1.0"), ("", "0.1.0"), ("9", "0.1.0"), ("1.2.3.4", "0.1.0")]
        {
            assert!(!is_newer(a, b), "{a} {b}");
        }
    }

    #[tokio::test]
    async fn the_newest_build_is_kept() {
        let newer = NewerBuild::default();
        for build in ["0.0.1", "0.3.0", "0.2.0", "nonsense"] {
            newer.note(build, "0.1.0");
        }
        assert_eq!(newer.wait_for_request().await, "0.3.0");
    }
}
