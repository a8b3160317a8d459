//! How long things took: a small histogram with fixed buckets.

use std::time::Duration;

/// Buckets for each doubling: a percentile is at most a fifth off.
const STEPS: u32 = 4;

/// Doublings from 64 µs on; the last bucket is for more than 18 hours.
const DOUBLINGS: u32 = 30;

/// The first bucket's end, in microseconds.
const FIRST_US: f64 = 64.0;

const BUCKETS: usize = (STEPS * DOUBLINGS) as usize;

/// How often something took how long. 500 bytes, for any number of values.
#[derive(Clone, Debug)]
pub(super) struct Durations {
    counts: [u32; BUCKETS],
    count: u64,
    max: Duration,
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], count: 0, max: Duration::ZERO }
    }
}

/// The bucket of `took`: `i` ends at `FIRST_US * 2^(i / STEPS)`.
fn bucket(took: Duration) -> usize {
    let us = took.as_secs_f64() * 1e6;
    if us <= FIRST_US {
        return 0;
    }
    let steps = (us / FIRST_US).log2() * f64::from(STEPS);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BUCKETS")]
    let index = steps.ceil().min((BUCKETS - 1) as f64) as usize;
    index
}

/// The end of bucket `index`, in milliseconds.
#[allow(clippy::cast_precision_loss, reason = "a small number")]
fn end_ms(index: usize) -> f64 {
    FIRST_US / 1e3 * (index as f64 / f64::from(STEPS)).exp2()
}

impl Durations {
    pub(super) fn note(&mut self, took: Duration) {
        let count = &mut self.counts[bucket(took)];
        *count = count.saturating_add(1);
        self.count += 1;
        self.max = self.max.max(took);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in milliseconds.
    pub(super) fn max_ms(&self) -> f64 {
        self.max.as_secs_f64() * 1e3
    }

    /// What `percent` of them took at most, in milliseconds: the end of its bucket, and never more than the longest.
    pub(super) fn percentile_ms(&self, percent: u64) -> f64 {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut sum = 0;
        for (index, count) in self.counts.iter().enumerate() {
            sum += u64::from(*count);
            // The last bucket has no end.
            if sum >= wanted && index + 1 < BUCKETS {
                return end_ms(index).min(self.max_ms());
            }
        }
        self.max_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_and_never_above_the_longest() {
        let mut durations = Durations::default();
        assert!(durations.percentile_ms(50) == 0.0 && durations.max_ms() == 0.0);
        for ms in 1..=100 {
            durations.note(Duration::from_millis(ms));
        }
        for (percent, exact) in [(50, 50.0), (95, 95.0), (100, 100.0), (1, 1.0)] {
            let read = durations.percentile_ms(percent);
            assert!(read >= exact && read <= exact * 1.2 && read <= 100.0, "{percent}: {read}");
        }
        durations.note(Duration::from_secs(1_000_000));
        durations.note(Duration::ZERO);
        assert_eq!((durations.count(), durations.percentile_ms(100)), (102, 1e9));
    }
}
