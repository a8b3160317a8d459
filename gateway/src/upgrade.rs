//! Making room for a newer build: whoever runs a newer shim wants its gateway.
//!
//! An older gateway that serves a newer shim leaves as soon as nothing runs, and the shims carry their sessions over to
//! the next one. An older shim never does that to a newer gateway. Where both builds stay in use, an older gateway may
//! come back; then it makes room again, but not more often than [`YIELD_PAUSE`] allows.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// How long a build makes room at most once.
pub(crate) const YIELD_PAUSE: Duration = Duration::from_secs(3600);

/// The newest build that asked for room.
#[derive(Debug, Default)]
pub(crate) struct Newer(Mutex<Option<String>>);

impl Newer {
    /// Notes that a peer of `build` connected to a gateway of `own`.
    pub(crate) fn note(&self, build: &str, own: &str) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_newer(build, newest.as_deref().unwrap_or(own)) {
            *newest = Some(build.chars().take(32).collect());
        }
    }

    /// That build, if there was one.
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nobody asks any more.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether version `a` comes after `b`. Only MAJOR.MINOR.PATCH counts; what is none of that comes after nothing.
fn is_newer(a: &str, b: &str) -> bool {
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

    #[test]
    fn the_newest_build_is_kept() {
        let newer = Newer::default();
        for build in ["0.0.1", "0.3.0", "0.2.0", "nonsense"] {
            newer.note(build, "0.1.0");
        }
        assert_eq!(newer.get().as_deref(), Some("0.3.0"));
    }
}
