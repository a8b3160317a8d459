//! Values of families, and numbers as Prometheus has them.

/// The values of a family: labels, and a value.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(Vec<String>, f64)>);

impl Samples {
    /// Adds a value with these labels.
    pub(super) fn add(&mut self, labels: &[&str], value: f64) {
        self.0.push((labels.iter().map(|&label| label.to_owned()).collect(), value));
    }

    /// Adds a value without labels, if there is one.
    pub(super) fn set(&mut self, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.add(&[], value);
        }
    }

    pub(super) fn into_inner(self) -> Vec<(Vec<String>, f64)> {
        self.0
    }
}

/// As a number of Prometheus; beyond 2^53 it is rounded.
#[allow(clippy::cast_precision_loss)]
pub(in crate::observe) fn number(number: u64) -> f64 {
    number as f64
}

pub(super) fn count(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Milliseconds as seconds.
pub(super) fn seconds(milliseconds: u64) -> f64 {
    number(milliseconds) / 1e3
}

pub(super) fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// `used` in parts of `max`.
pub(in crate::observe) fn part(used: u64, max: u64) -> f64 {
    number(used) / number(max.max(1))
}
