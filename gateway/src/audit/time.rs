//! Times of records: UTC with milliseconds, always of one length, so that they sort as text.

use std::time::{SystemTime, UNIX_EPOCH};

const MS_PER_DAY: u64 = 86_400_000;

/// `2026-01-31T12:00:00.000Z`
pub(super) fn text_of(at: SystemTime) -> String {
    let ms = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    text_of_ms(u64::try_from(ms).unwrap_or(0))
}

/// The same of milliseconds since 1970.
pub fn text_of_ms(ms: u64) -> String {
    let (day, rest) = (ms / MS_PER_DAY, ms % MS_PER_DAY);
    let (year, month, day) = date(day);
    let (seconds, ms) = (rest / 1_000, rest % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The date of a day counted from 1970-01-01. Howard Hinnant's `civil_from_days`, whose year begins in March.
fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_one_length() {
        assert_eq!(text_of_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text_of_ms(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text_of_ms(1_767_225_600_001), "2026-01-01T00:00:00.001Z");
    }
}
