//! Times in logs: UTC, in RFC 3339.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// A moment as lines have it: `2026-01-31T12:00:00.000000Z`.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(pub SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros) = (since_epoch.as_secs(), since_epoch.subsec_micros());
        let of_day = seconds % SECONDS_PER_DAY;
        let (hours, minutes, rest) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{}T{hours:02}:{minutes:02}:{rest:02}.{micros:06}Z", date(seconds / SECONDS_PER_DAY))
    }
}

/// The present day, counted from 1970-01-01.
pub(super) fn today() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs() / SECONDS_PER_DAY
}

/// The UTC date of a day counted from 1970-01-01, as `year-month-day`. Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), whose year begins in March.
pub fn date(day: u64) -> String {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_become_dates() {
        let cases = [(0, "1970-01-01"), (58, "1970-02-28"), (59, "1970-03-01"), (11_016, "2000-02-29")];
        for (day, expected) in cases.into_iter().chain([(20_453, "2025-12-31"), (20_454, "2026-01-01")]) {
            assert_eq!(date(day), expected);
        }
    }

    #[test]
    fn moments_are_written_in_utc() {
        let at = UNIX_EPOCH + Duration::from_micros(1_767_225_599_000_042);
        assert_eq!(Timestamp(at).to_string(), "2025-12-31T23:59:59.000042Z");
    }
}
