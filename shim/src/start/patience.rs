//! How long a shim waits for a gateway, and how it spreads its looks: thousands may wait at once, and what they
//! wait for needs the processor too.

use std::time::{Duration, Instant};

/// How long finding or starting a gateway may take without a sign of life.
pub const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it may take in all, with signs of life.
pub const START_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The first pause between two looks, and the longest: usually, and where the machine is crowded.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);
const PAUSE_CROWDED_MAX: Duration = Duration::from_secs(1);

/// A pause that takes this much longer than asked for means that the machine is crowded.
const OVERSLEPT: Duration = Duration::from_millis(5);

/// The patience of one search.
#[derive(Debug)]
pub(super) struct Patience {
    deadline: Instant,
    /// Where a renewed deadline ends.
    limit: Instant,
    pause: Duration,
    pause_max: Duration,
    /// Spreads the pauses of shims that began at the same moment.
    random: u32,
}

impl Patience {
    /// For one that starts a gateway.
    pub(super) fn of_start() -> Self {
        let now = Instant::now();
        Self { limit: now + START_TIMEOUT_MAX, ..Self::until(now + START_TIMEOUT) }
    }

    /// Until `deadline`, whatever happens.
    pub(super) fn until(deadline: Instant) -> Self {
        let random = std::process::id().wrapping_mul(0x9e37_79b9) | 1;
        Self { deadline, limit: deadline, pause: PAUSE_MIN, pause_max: PAUSE_MAX, random }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A gateway has shown that it is at work.
    pub(super) fn renew(&mut self) {
        self.deadline = self.deadline.max((Instant::now() + START_TIMEOUT).min(self.limit));
    }

    /// Waits a little before the next look; `false` at the deadline. Each pause is twice as long as the one
    /// before, up to a limit that grows while the machine is too busy to keep to the pauses.
    pub(super) fn pause(&mut self) -> bool {
        let left = self.left();
        if left.is_zero() {
            return false;
        }
        let (pause, since) = (self.spread().min(left), Instant::now());
        std::thread::sleep(pause);
        if since.elapsed() > pause * 2 + OVERSLEPT {
            self.pause_max = (self.pause_max * 2).min(PAUSE_CROWDED_MAX);
        }
        self.pause = (self.pause * 2).min(self.pause_max);
        true
    }

    /// Between half of the pause and all of it (xorshift).
    fn spread(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.pause / 2 + self.pause / 2 * (self.random >> 24) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_spread() {
        let mut patience = Patience::until(Instant::now() + START_TIMEOUT);
        for _ in 0..3 {
            let (pause, spread) = (patience.pause, patience.spread());
            assert!(spread >= pause / 2 && spread <= pause, "{spread:?} of {pause:?}");
            assert!(patience.pause());
            assert!(patience.pause > pause);
        }
        patience.pause = PAUSE_CROWDED_MAX;
        let spread: Vec<Duration> = (0..32).map(|_| patience.spread()).collect();
        assert!(spread.iter().any(|pause| *pause != spread[0]), "{spread:?}");
        assert!(spread.iter().all(|pause| *pause <= PAUSE_CROWDED_MAX && *pause >= PAUSE_CROWDED_MAX / 2));
    }

    #[test]
    fn a_sign_of_life_moves_the_deadline_and_never_past_the_limit() {
        let mut patience = Patience::of_start();
        let (first, limit) = (patience.deadline, patience.limit);
        assert_eq!(limit - first, START_TIMEOUT_MAX - START_TIMEOUT);
        patience.renew();
        assert!(patience.deadline > first && patience.deadline < limit);
        patience.limit = patience.deadline;
        patience.renew();
        assert_eq!(patience.deadline, patience.limit);

        let mut patience = Patience::until(Instant::now());
        patience.renew();
        assert!(!patience.pause(), "a deadline that was given stays");
    }
}
