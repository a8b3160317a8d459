//! Descriptors, which the system bounds: a part for the gateway itself, one for the backends, and the rest
//! for sessions. So those who are connected never lack one because of those who come.
//!
//! Where the counting was wrong (a statement that attaches ten databases, a system that has none left), a few
//! that are held in reserve let those who come be told why they are refused.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::os::{self, RAISE_LIMIT};

/// What the gateway needs itself: the log, the lock, the socket, the runtime, the state file (13 in all), and
/// files that are open for a moment only (a look at a process, the next log file, the config).
const OWN: u64 = 24;

/// Descriptors of one connection to a backend: a database with its WAL and index.
const PER_CONNECTION: u64 = 3;

/// Connections beyond the sessions: for hellos under way and for `snowgate status`. The most and the least.
const SPARE: (u64, u64) = (64, 2);

/// Descriptors held open to be let go when there are none left.
const RESERVE: usize = 4;

/// What fits into the system's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Sessions open at once.
    pub sessions_max: usize,
    /// Connections of a pool open at once.
    pub connections_max: usize,
    /// Connections accepted beyond the sessions.
    pub spare: usize,
    /// Why that is less than what is configured.
    pub problem: Option<String>,
}

/// There are too few descriptors for even one session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system lets this process have only {limit} files open (RLIMIT_NOFILE), and a gateway needs {needed}"
)]
pub struct TooFewDescriptors {
    limit: u64,
    needed: u64,
}

impl TooFewDescriptors {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        RAISE_LIMIT.to_owned()
    }
}

impl Budget {
    /// What fits into `limit` of what is configured, beside the descriptors that are `open` already.
    ///
    /// # Errors
    /// Not even one session does.
    pub fn of(
        limit: Option<u64>,
        open: u64,
        sessions_max: usize,
        connections_max: usize,
    ) -> Result<Self, TooFewDescriptors> {
        let whole = Self { sessions_max, connections_max, spare: to_usize(SPARE.0), problem: None };
        let Some(limit) = limit else { return Ok(whole) };
        let own = open + OWN + RESERVE as u64;
        let needed = own + PER_CONNECTION + SPARE.1 + 1;
        if limit < needed {
            return Err(TooFewDescriptors { limit, needed });
        }
        // At most half of the rest is for the backends.
        let rest = limit - own - PER_CONNECTION - SPARE.1 - 1;
        let wanted = PER_CONNECTION * (connections_max.max(1) as u64 - 1);
        let further = wanted.min(rest / 2) / PER_CONNECTION;
        let rest = rest - further * PER_CONNECTION;
        let spare = (rest / 8).clamp(0, SPARE.0 - SPARE.1);
        let fits = Self {
            sessions_max: sessions_max.min(to_usize(1 + rest - spare)),
            connections_max: connections_max.min(to_usize(1 + further)),
            spare: to_usize(SPARE.1 + spare),
            problem: None,
        };
        if (fits.sessions_max, fits.connections_max) == (sessions_max, connections_max) {
            return Ok(fits);
        }
        let problem = format!(
            "the system lets this process have only {limit} files open (RLIMIT_NOFILE), which is enough for \
             {} sessions (`sessions_max` is {sessions_max}) and {} connections (`connections_max` is \
             {connections_max})",
            fits.sessions_max, fits.connections_max
        );
        Ok(Self { problem: Some(problem), ..fits })
    }
}

/// How many of `wanted` connections of the HTTP front fit into `limit`, beside the descriptors that are `open` already: a
/// quarter of the rest at most, so that shims always have theirs.
pub fn http_share(limit: Option<u64>, open: u64, wanted: usize) -> usize {
    let share = |limit: u64| to_usize(limit.saturating_sub(open + OWN + RESERVE as u64) / 4);
    limit.map_or(wanted, |limit| wanted.min(share(limit).max(1)))
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What fits, and the reserve.
#[derive(Debug)]
pub struct Descriptors {
    /// What fits.
    pub budget: Budget,
    /// Let go by the accepting loop when there are no descriptors left, filled again as soon as there are.
    reserve: Mutex<Vec<File>>,
}

impl Descriptors {
    /// Holds the reserve.
    pub fn new(budget: Budget) -> Self {
        let descriptors = Self { budget, reserve: Mutex::default() };
        descriptors.is_short();
        descriptors
    }

    /// Lets one of the reserve go; `false` where there is none.
    pub fn release(&self) -> bool {
        self.lock().pop().is_some()
    }

    /// Whether so few are left that the reserve is not whole; fills it if that is possible now.
    pub fn is_short(&self) -> bool {
        let mut reserve = self.lock();
        while reserve.len() < RESERVE {
            match os::open_nothing() {
                Ok(file) => reserve.push(file),
                Err(error) => return os::is_out_of_descriptors(&error),
            }
        }
        false
    }

    /// What a newcomer is told while [`Descriptors::is_short`].
    pub fn shortage() -> String {
        let limit = os::descriptor_limit().map_or_else(|| "all".to_owned(), |limit| format!("{limit}"));
        format!("the gateway has no file descriptors left: the system lets it have {limit} (RLIMIT_NOFILE)")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<File>> {
        self.reserve.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: u64) -> Result<Budget, TooFewDescriptors> {
        Budget::of(Some(limit), 3, 2_000, 10)
    }

    #[test]
    fn without_a_limit_or_with_a_high_one_everything_fits() {
        for limit in [None, Some(4_096), Some(1 << 20)] {
            let budget = Budget::of(limit, 3, 2_000, 10).unwrap();
            let whole = Budget { sessions_max: 2_000, connections_max: 10, spare: 64, problem: None };
            assert_eq!(budget, whole, "{limit:?}");
        }
    }

    #[test]
    fn a_low_limit_is_shared_and_named() {
        for limit in 37..2_500 {
            let budget = budget(limit).unwrap();
            let used = 3
                + OWN
                + 4
                + budget.connections_max as u64 * PER_CONNECTION
                + (budget.sessions_max + budget.spare) as u64;
            assert!(used <= limit, "{limit}: {budget:?}");
            assert!(budget.sessions_max >= 1 && budget.connections_max >= 1, "{limit}: {budget:?}");
            let is_whole = budget.sessions_max == 2_000 && budget.connections_max == 10;
            assert_eq!(budget.problem.is_none(), is_whole, "{limit}: {budget:?}");
        }
        let problem = budget(64).unwrap().problem.unwrap();
        assert!(problem.contains("64 files") && problem.contains("RLIMIT_NOFILE"), "{problem}");
    }

    #[test]
    fn http_connections_have_a_share_that_leaves_shims_theirs() {
        assert_eq!(http_share(None, 3, 1_000), 1_000);
        assert_eq!(http_share(Some(1 << 20), 3, 1_000), 1_000);
        assert_eq!(http_share(Some(256), 3, 1_000), (256 - 3 - 28) / 4);
        assert_eq!(http_share(Some(20), 3, 1_000), 1);
        assert_eq!(http_share(Some(256), 3, 0), 0, "there is no front");
    }

    #[test]
    fn too_low_a_limit_is_an_error_that_names_it() {
        let error = budget(20).unwrap_err();
        assert_eq!(error, TooFewDescriptors { limit: 20, needed: 37 });
        assert!(error.to_string().contains("20 files"), "{error}");
        // What is open already counts: a descriptor that was inherited.
        assert!(Budget::of(Some(37), 4, 1, 1).is_err());
    }
}
