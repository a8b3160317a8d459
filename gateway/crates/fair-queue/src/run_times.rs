//! How long requests run, as far as the last ones tell.

use std::time::Duration;

/// The requests that are remembered.
const KEPT: usize = 63;

/// The run times of the last requests. The median of them is what [`crate::FairQueue::set_quantum`] is for: a few
/// endless requests do not move it.
#[derive(Clone, Debug, Default)]
pub struct RunTimes {
    last: Vec<Duration>,
    next: usize,
}

impl RunTimes {
    /// A request ran for `time`. Of the last 63, the oldest is forgotten.
    pub fn note(&mut self, time: Duration) {
        if self.last.len() < KEPT {
            self.last.push(time);
        } else {
            self.last[self.next] = time;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// The median; zero where nothing has run yet.
    pub fn median(&self) -> Duration {
        let mut sorted = self.last.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The mean: many of them take so long, each on average; zero where nothing has run yet.
    pub fn mean(&self) -> Duration {
        let count = u32::try_from(self.last.len()).unwrap_or(1).max(1);
        self.last.iter().sum::<Duration>() / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_last_requests() {
        let mut times = RunTimes::default();
        assert_eq!((times.median(), times.mean()), (Duration::ZERO, Duration::ZERO));
        for _ in 0..KEPT {
            times.note(Duration::from_secs(60));
        }
        for _ in 0..KEPT / 2 + 1 {
            times.note(Duration::from_secs(1));
        }
        assert_eq!(times.median(), Duration::from_secs(1));
        assert!(times.mean() > Duration::from_secs(29));
    }
}
