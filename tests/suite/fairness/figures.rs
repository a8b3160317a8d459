//! Percentiles and shares.

/// How values are spread.
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value that `percent` of a hundred do not exceed (nearest rank); 0 where there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    pub(crate) fn max(&self) -> f64 {
        self.percentile(100)
    }
}

/// Jain's index of fairness (Jain, Chiu, Hawe, 1984): 1 where all have the same, 1/n where one has all.
pub(crate) fn jain(values: &[f64]) -> f64 {
    let (sum, squares): (f64, f64) = (values.iter().sum(), values.iter().map(|value| value * value).sum());
    #[expect(clippy::cast_precision_loss, reason = "a few clients")]
    let count = values.len() as f64;
    if squares == 0.0 { 1.0 } else { sum * sum / (count * squares) }
}

/// What the one with least has of a fair share, and the one with most: 1 is fair.
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few clients")]
    let fair = values.iter().sum::<f64>() / values.len() as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least / fair, values.iter().copied().fold(0.0, f64::max) / fair)
}

#[test]
fn percentiles_and_indexes_are_those_of_the_books() {
    let spread = Spread::of((1..=200).map(f64::from).rev().collect());
    assert_eq!((spread.median(), spread.p99(), spread.max()), (100.0, 198.0, 200.0));
    assert_eq!(Spread::of(Vec::new()).p99(), 0.0);
    assert_eq!(jain(&[2.0, 2.0, 2.0]), 1.0);
    assert_eq!(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25);
    assert_eq!(extremes(&[1.0, 2.0, 3.0]), (0.5, 1.5));
}
