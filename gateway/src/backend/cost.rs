//! What a statement may cost, by what its engine says of it before it runs.

use std::sync::{Arc, OnceLock};

use super::{BackendError, ErrorKind, Rule};

/// What a statement would read, as far as its engine knows. More than it does, for most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Estimate {
    /// Bytes of micro-partitions (Snowflake).
    pub bytes: Option<u64>,
    /// Micro-partitions, and how many the tables have (Snowflake).
    pub partitions: Option<(u64, u64)>,
    /// Rows of tables and indexes that the plan visits (SQLite).
    pub rows: Option<u64>,
    /// Whether there is more to it that could not be estimated.
    pub is_at_least: bool,
}

/// The bounds of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CostBounds {
    /// The name of the profile.
    pub profile: Arc<str>,
    /// `max_bytes_scanned`
    pub bytes: Option<u64>,
    /// `max_partitions`
    pub partitions: Option<u64>,
    /// `max_rows_estimated`
    pub rows: Option<u64>,
    /// `cost_unknown`: whether what cannot be estimated is refused.
    pub refuses_unknown: bool,
}

/// The bounds for one statement, and what was estimated.
#[derive(Debug, Default)]
pub struct CostGuard {
    /// The bounds.
    pub bounds: CostBounds,
    /// Written by the backend before the statement runs.
    estimate: OnceLock<Estimate>,
}

/// A figure, and what bounds it.
struct Excess {
    setting: &'static str,
    bound: String,
}

impl Estimate {
    /// "about 12.3 GB in 340 of 1,000 micro-partitions", "at least 1,234,567 rows".
    pub fn shown(&self) -> String {
        let of = |(assigned, total): (u64, u64)| {
            format!("{} of {} micro-partitions", grouped(assigned), grouped(total))
        };
        let least = if self.is_at_least { "at least" } else { "about" };
        let shown = match (self.rows, self.bytes, self.partitions) {
            (Some(rows), ..) => format!("{} rows", grouped(rows)),
            (_, Some(bytes), Some(partitions)) => format!("{} in {}", sized(bytes), of(partitions)),
            (_, Some(bytes), None) => sized(bytes),
            (_, None, Some(partitions)) => of(partitions),
            (_, None, None) => "nothing".to_owned(),
        };
        format!("{least} {shown}")
    }
}

impl CostBounds {
    /// Whether there is any that a backend which tells bytes and partitions can check.
    pub fn has_scan_bounds(&self) -> bool {
        self.bytes.is_some() || self.partitions.is_some()
    }

    /// With room for what the user has seen and allowed: a tenth more, because figures change from one look to the next.
    #[must_use]
    pub fn raised_to(self, allowed: &Estimate) -> Self {
        let raise = |bound: Option<u64>, figure: Option<u64>| {
            bound.map(|bound| bound.max(figure.map_or(0, |figure| figure.saturating_add(figure / 10))))
        };
        Self {
            bytes: raise(self.bytes, allowed.bytes),
            partitions: raise(self.partitions, allowed.partitions.map(|(assigned, _)| assigned)),
            rows: raise(self.rows, allowed.rows),
            refuses_unknown: false,
            profile: self.profile,
        }
    }

    fn excess(&self, estimate: &Estimate) -> Option<Excess> {
        let over = |figure: Option<u64>, bound: Option<u64>| bound.filter(|bound| figure > Some(*bound));
        if let Some(bound) = over(estimate.bytes, self.bytes) {
            return Some(Excess { setting: "max_bytes_scanned", bound: sized(bound) });
        }
        if let Some(bound) = over(estimate.partitions.map(|(assigned, _)| assigned), self.partitions) {
            return Some(Excess { setting: "max_partitions", bound: grouped(bound) });
        }
        let bound = over(estimate.rows, self.rows)?;
        Some(Excess { setting: "max_rows_estimated", bound: grouped(bound) })
    }
}

impl CostGuard {
    /// The guard of one statement.
    pub fn new(bounds: CostBounds) -> Self {
        Self { bounds, estimate: OnceLock::new() }
    }

    /// What was estimated; `None`: nothing yet, or it could not be.
    pub fn estimate(&self) -> Option<Estimate> {
        self.estimate.get().copied()
    }

    /// Whether a statement may run that was estimated so. Nothing of it has run.
    ///
    /// # Errors
    /// It costs more than the profile allows: the figure, the bound and what to do.
    pub fn check(&self, estimate: Estimate) -> Result<(), BackendError> {
        // One that is run again on a new session keeps the first.
        let _ = self.estimate.set(estimate);
        let profile = &self.bounds.profile;
        if let Some(Excess { setting, bound }) = self.bounds.excess(&estimate) {
            let (would, advice) = match estimate.rows {
                Some(_) => (
                    "its plan visits",
                    "add a filter that an index serves, join fewer tables, or run ANALYZE if the figure is wrong (EXPLAIN \
                     QUERY PLAN shows the plan)",
                ),
                None => (
                    "it would scan",
                    "filter by what the table is clustered by (a date, for most), or name fewer columns and tables; LIMIT does \
                     not make it cheaper",
                ),
            };
            let message = format!(
                "not run: {would} {}, and `{setting}` of the profile `{profile}` is {bound}",
                estimate.shown()
            );
            let mut error = BackendError::new(ErrorKind::Refused, message)
                .with_next_step(format!("{advice}; or have `{setting}` under [profiles.{profile}] raised"));
            error.rule = Some(Rule::Cost);
            error.estimate = Some(Box::new(estimate));
            return Err(error);
        }
        if estimate.is_at_least { self.check_unknown("a part of its plan has no figure") } else { Ok(()) }
    }

    /// Whether a statement may run that cannot be estimated, because of `why`.
    ///
    /// # Errors
    /// The profile wants a figure.
    pub fn check_unknown(&self, why: &str) -> Result<(), BackendError> {
        if !self.bounds.refuses_unknown {
            return Ok(());
        }
        let profile = &self.bounds.profile;
        let message = format!(
            "not run: what it costs cannot be estimated ({why}), and `cost_unknown` of the profile `{profile}` is \"refuse\""
        );
        let next_step = format!(
            "write it in a simpler way, without recursion; or have cost_unknown = \"run\" set under [profiles.{profile}]"
        );
        let mut error = BackendError::new(ErrorKind::Refused, message).with_next_step(next_step);
        error.estimate = Some(Box::default());
        Err(error)
    }
}

/// "1,234,567"
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "12.3 GB"
fn sized(bytes: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "PB"),
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => {
            let (whole, tenths) = (bytes / size, bytes % size * 10 / size);
            if tenths == 0 {
                format!("{} {unit}", grouped(whole))
            } else {
                format!("{}.{tenths} {unit}", grouped(whole))
            }
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(bounds: &CostBounds) -> CostGuard {
        CostGuard::new(CostBounds { profile: Arc::from("p"), ..bounds.clone() })
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), shown);
        }
        let sizes =
            [(999, "999 bytes"), (1_000, "1 kB"), (12_345_678_901, "12.3 GB"), (u64::MAX, "18,446.7 PB")];
        for (bytes, shown) in sizes {
            assert_eq!(sized(bytes), shown);
        }
    }

    #[test]
    fn what_is_over_a_bound_is_refused_with_figure_bound_and_setting() {
        let bounds =
            CostBounds { bytes: Some(1_000_000_000), partitions: Some(100), ..CostBounds::default() };
        let estimate =
            Estimate { bytes: Some(12_300_000_000), partitions: Some((340, 1_000)), ..Estimate::default() };
        let error = guard(&bounds).check(estimate).unwrap_err();
        assert_eq!(
            error.message,
            "not run: it would scan about 12.3 GB in 340 of 1,000 micro-partitions, and `max_bytes_scanned` of the profile `p` \
             is 1 GB"
        );
        assert!(error.next_step.is_some_and(|next| next.contains("LIMIT") && next.contains("[profiles.p]")));
        let fewer = Estimate { bytes: Some(1_000_000_000), ..estimate };
        let error = guard(&bounds).check(fewer).unwrap_err();
        assert!(error.message.ends_with("`max_partitions` of the profile `p` is 100"), "{error}");
        let allowed = Estimate { partitions: Some((100, 1_000)), ..fewer };
        let guard = guard(&bounds);
        assert_eq!((guard.check(allowed), guard.estimate()), (Ok(()), Some(allowed)));
    }

    #[test]
    fn what_was_allowed_is_allowed_with_a_tenth_more() {
        let bounds = CostBounds { rows: Some(10), refuses_unknown: true, ..CostBounds::default() };
        let estimate = |rows| Estimate { rows: Some(rows), ..Estimate::default() };
        let raised = bounds.clone().raised_to(&estimate(1_000));
        assert_eq!((raised.rows, raised.bytes, raised.refuses_unknown), (Some(1_100), None, false));
        assert!(
            guard(&raised).check(estimate(1_100)).is_ok() && guard(&raised).check(estimate(1_101)).is_err()
        );
        assert_eq!(bounds.raised_to(&estimate(1)).rows, Some(10));
    }

    #[test]
    fn what_has_no_figure_runs_unless_the_profile_wants_one() {
        let rows = CostBounds { rows: Some(10), ..CostBounds::default() };
        let strict = CostBounds { refuses_unknown: true, ..rows.clone() };
        let at_least = |rows| Estimate { rows: Some(rows), is_at_least: true, ..Estimate::default() };
        assert!(guard(&rows).check(at_least(10)).is_ok());
        assert!(guard(&rows).check_unknown("x").is_ok());
        let error = guard(&rows).check(at_least(11)).unwrap_err();
        assert!(error.message.contains("visits at least 11 rows"), "{error}");
        for refused in [guard(&strict).check(at_least(1)), guard(&strict).check_unknown("it recurses")] {
            assert!(refused.unwrap_err().message.contains("`cost_unknown` of the profile `p`"));
        }
    }
}
