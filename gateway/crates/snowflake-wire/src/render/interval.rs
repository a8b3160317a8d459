//! Intervals: months and nanoseconds on the wire.
//!
//! Source: `converter.py` and `interval_util.py` of snowflake-connector-python.

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The parts of INTERVAL types of years and months, which a column's scale names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum YearMonth {
    YearToMonth,
    Year,
    Month,
}

impl YearMonth {
    pub(super) fn of(scale: usize) -> Self {
        match scale {
            1 => Self::Year,
            2 => Self::Month,
            _ => Self::YearToMonth,
        }
    }
}

/// A number of months, as `+1-02`, `+1` or `+14`.
pub(super) fn year_month(cell: &str, parts: YearMonth) -> Option<String> {
    let (sign, months) = whole(cell)?;
    Some(match parts {
        YearMonth::YearToMonth => format!("{sign}{}-{:02}", months / 12, months % 12),
        YearMonth::Year => format!("{sign}{}", months / 12),
        YearMonth::Month => format!("{sign}{months}"),
    })
}

/// A number of nanoseconds, as `1 day, 2:03:04.5`. The sign of one that is negative holds for all of it.
pub(super) fn day_time(cell: &str) -> Option<String> {
    let (sign, nanos) = whole(cell)?;
    let (seconds, fraction) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut text = if sign == '-' { "-".to_owned() } else { String::new() };
    match days {
        0 => {}
        1 => text.push_str("1 day, "),
        days => text.push_str(&format!("{days} days, ")),
    }
    text.push_str(&format!("{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60));
    if fraction > 0 {
        text.push('.');
        text.push_str(format!("{fraction:09}").trim_end_matches('0'));
    }
    Some(text)
}

/// The sign of a whole number, and its size.
fn whole(cell: &str) -> Option<(char, u128)> {
    let (sign, digits) = cell.strip_prefix('-').map_or(('+', cell), |digits| ('-', digits));
    let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let size = only_digits.then(|| digits.parse::<u128>().ok()).flatten()?;
    Some((if size == 0 { '+' } else { sign }, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_years_and_months() {
        for (cell, text) in [
            ("14", "+1-02"),
            ("-14", "-1-02"),
            ("0", "+0-00"),
            ("-0", "+0-00"),
            ("11", "+0-11"),
            ("119999", "+9999-11"),
        ] {
            assert_eq!(year_month(cell, YearMonth::of(0)).as_deref(), Some(text), "{cell}");
        }
        assert_eq!(year_month("-25", YearMonth::of(1)).as_deref(), Some("-2"));
        assert_eq!(year_month("25", YearMonth::of(2)).as_deref(), Some("+25"));
    }

    #[test]
    fn nanoseconds_are_days_and_a_time() {
        for (cell, text) in [
            ("93784500000000", "1 day, 2:03:04.5"),
            ("-93784500000000", "-1 day, 2:03:04.5"),
            ("0", "0:00:00"),
            ("1", "0:00:00.000000001"),
            ("-1500000000", "-0:00:01.5"),
            ("172800000000000", "2 days, 0:00:00"),
            // Sixteen bytes on the server.
            ("86399999999999999999999", "999999999 days, 23:59:59.999999999"),
        ] {
            assert_eq!(day_time(cell).as_deref(), Some(text), "{cell}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_left_alone() {
        for odd in ["", "-", "+1", "1.5", "+1-02", "1e3", " 1", "1 day, 2:03:04.5"] {
            assert_eq!((year_month(odd, YearMonth::Year), day_time(odd)), (None, None), "{odd}");
        }
    }
}
