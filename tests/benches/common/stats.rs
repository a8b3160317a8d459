//! Percentiles and medians.

use std::time::Duration;

/// What a round of calls gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The latency that half of the calls did not exceed.
    pub(crate) p50: Duration,
    /// The latency that 99 of 100 calls did not exceed.
    pub(crate) p99: Duration,
    /// Calls a second.
    pub(crate) per_second: f64,
    /// Calls answered, late ones too.
    pub(crate) calls: usize,
}

/// The nearest-rank percentile of sorted durations; zero of none.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The middle one, or the mean of the middle two; NaN of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (middle, odd) = (sorted.len() / 2, sorted.len() % 2 == 1);
    match sorted.get(middle) {
        None => f64::NAN,
        Some(&value) if odd => value,
        Some(&value) => f64::midpoint(sorted[middle - 1], value),
    }
}

/// The median of one figure over rounds.
pub(crate) fn median_of<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    median(&rounds.iter().map(figure).collect::<Vec<_>>())
}

/// A duration in milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A duration in microseconds.
pub(crate) fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
