//! A bucket of tokens: `governor`'s, at a time that is given, looked at before it is taken from.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference as _};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

const NANOS_PER_MS: u64 = 1_000_000;

/// What a bucket may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The tokens that it holds when it is full.
    pub(super) burst: u64,
    /// Tokens that come back in `period`.
    pub(super) rate: u64,
    pub(super) period: Duration,
}

impl Terms {
    fn quota(self) -> Quota {
        let number =
            |value: u64| NonZeroU32::new(u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        let each = self.period / number(self.rate).get();
        Quota::with_period(each)
            .unwrap_or(Quota::per_second(number(self.rate)))
            .allow_burst(number(self.burst))
    }
}

/// Time and state of a limiter, at hand outside it. Only ever used under the lock of all limits.
#[derive(Clone, Debug, Default)]
struct Cell(Arc<Values>);

#[derive(Debug, Default)]
struct Values {
    /// Nanoseconds since 1970.
    now: AtomicU64,
    /// The theoretical time of arrival of the next token; 0: the bucket is full.
    arrival: AtomicU64,
    /// Whether it is only looked at.
    looks: AtomicBool,
}

impl Clock for Cell {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.now.load(Ordering::Relaxed).into()
    }
}

impl StateStore for Cell {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let arrival = self.0.arrival.load(Ordering::Relaxed);
        let (outcome, next) = measure((arrival > 0).then(|| arrival.into()))?;
        if !self.0.looks.load(Ordering::Relaxed) {
            self.0.arrival.store(next.as_u64(), Ordering::Relaxed);
        }
        Ok(outcome)
    }
}

/// One bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    terms: Terms,
    cell: Cell,
    limiter: RateLimiter<NotKeyed, Cell, Cell, StateInformationMiddleware>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(terms: Terms) -> Self {
        let cell = Cell::default();
        // Made at 1970: so its state means the same after a restart.
        let limiter = RateLimiter::new(terms.quota(), cell.clone(), cell.clone());
        Self { terms, cell, limiter }
    }

    /// One that was left in this state, which [`Bucket::state`] returned.
    pub(super) fn restored(terms: Terms, state: u64) -> Self {
        let bucket = Self::new(terms);
        bucket.cell.0.arrival.store(state, Ordering::Relaxed);
        bucket
    }

    /// The same with other terms, if they are others.
    pub(super) fn set_terms(&mut self, terms: Terms) {
        if terms != self.terms {
            *self = Self::restored(terms, self.state());
        }
    }

    /// Its state, for later.
    pub(super) fn state(&self) -> u64 {
        self.cell.0.arrival.load(Ordering::Relaxed)
    }

    /// The tokens that it has.
    ///
    /// # Errors
    /// It has none; the milliseconds until it has one.
    pub(super) fn left(&self, now_ms: u64) -> Result<u64, u64> {
        self.check(now_ms, true).map(|further| further + 1)
    }

    /// Takes a token, if it has one.
    pub(super) fn take(&self, now_ms: u64) {
        // That there is one was seen before, under the same lock.
        let _ = self.check(now_ms, false);
    }

    /// Milliseconds until it is full.
    pub(super) fn full_in(&self, now_ms: u64) -> u64 {
        self.state().saturating_sub(now_ms.saturating_mul(NANOS_PER_MS)).div_ceil(NANOS_PER_MS)
    }

    fn check(&self, now_ms: u64, looks: bool) -> Result<u64, u64> {
        let values = &self.cell.0;
        let now = now_ms.saturating_mul(NANOS_PER_MS);
        values.now.store(now, Ordering::Relaxed);
        values.looks.store(looks, Ordering::Relaxed);
        // After a clock that was ahead it is empty, and no more than that.
        let most = now.saturating_add(u64::try_from(self.limiter_fills_in().as_nanos()).unwrap_or(u64::MAX));
        values.arrival.fetch_min(most, Ordering::Relaxed);
        match self.limiter.check() {
            Ok(snapshot) => Ok(snapshot.remaining_burst_capacity().into()),
            Err(until) => {
                let wait = until.earliest_possible().duration_since(now.into());
                Err(wait.as_u64().div_ceil(NANOS_PER_MS).max(1))
            }
        }
    }

    fn limiter_fills_in(&self) -> Duration {
        self.terms.quota().burst_size_replenished_in()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: u64 = 1_700_000_000_000;

    fn bucket(rate: u64, burst: u64) -> Bucket {
        Bucket::new(Terms { burst, rate, period: Duration::from_secs(1) })
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_counts() {
        let bucket = bucket(2, 3);
        for left in [3, 2, 1] {
            assert_eq!(bucket.left(BEGIN), Ok(left));
            bucket.take(BEGIN);
        }
        assert_eq!(bucket.left(BEGIN), Err(500));
        assert_eq!(bucket.full_in(BEGIN), 1_500);
        assert_eq!(bucket.left(BEGIN + 500), Ok(1));
        assert_eq!(bucket.left(BEGIN + 60_000), Ok(3));
    }

    #[test]
    fn looking_takes_nothing_and_its_state_is_the_same_later() {
        let bucket = bucket(1, 1);
        assert_eq!((bucket.left(BEGIN), bucket.left(BEGIN)), (Ok(1), Ok(1)));
        bucket.take(BEGIN);
        let again = Bucket::restored(bucket.terms, bucket.state());
        assert_eq!(again.left(BEGIN + 400), Err(600));
    }

    #[test]
    fn a_clock_that_was_ahead_leaves_it_empty_and_no_more() {
        let bucket = bucket(1, 2);
        bucket.take(BEGIN + 3_600_000);
        assert_eq!(bucket.left(BEGIN), Err(1_000));
    }

    #[test]
    fn other_terms_keep_what_was_taken() {
        let mut bucket = bucket(1, 2);
        bucket.take(BEGIN);
        bucket.set_terms(Terms { burst: 1, ..bucket.terms });
        assert_eq!(bucket.left(BEGIN), Err(1_000));
    }
}
