//! Days to dates.

use std::fmt;

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    year: i64,
    month: i64,
    day: i64,
}

/// Days that are counted, in either direction: some 27 million years, beyond which nothing means a date.
const DAYS_MAX: i64 = 10_000_000_000;

impl Day {
    /// The day `days` after 1970-01-01.
    ///
    /// Source: `civil_from_days`, <https://howardhinnant.github.io/date_algorithms.html>. Years begin in
    /// March there, so that the leap day is the last; an era is 400 years.
    pub(super) fn after_epoch(days: i64) -> Option<Self> {
        const DAYS_OF_ERA: i64 = 146_097;
        const MARCH_OF_YEAR_0: i64 = 719_468;
        if !(-DAYS_MAX..=DAYS_MAX).contains(&days) {
            return None;
        }
        let shifted = days + MARCH_OF_YEAR_0;
        let (era, of_era) = (shifted.div_euclid(DAYS_OF_ERA), shifted.rem_euclid(DAYS_OF_ERA));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * of_year + 2) / 153;
        let month = if months < 10 { months + 3 } else { months - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Some(Self { year, month, day: of_year - (153 * months + 2) / 5 + 1 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}-{:02}", self.year.abs(), self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(days: i64) -> String {
        Day::after_epoch(days).unwrap().to_string()
    }

    #[test]
    fn known_days() {
        for (days, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0000-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "10000-01-01"),
            (-719_529, "-0001-12-31"),
        ] {
            assert_eq!(text(days), date);
        }
        assert_eq!(Day::after_epoch(DAYS_MAX + 1), None);
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = Day::after_epoch(-800_000).unwrap();
        for days in -799_999..800_000 {
            let day = Day::after_epoch(days).unwrap();
            let same_month = (day.year, day.month) == (before.year, before.month);
            let continues =
                if same_month { day.day == before.day + 1 } else { day.day == 1 && before.day >= 28 };
            assert!(continues, "{before} then {day}");
            before = day;
        }
    }
}
