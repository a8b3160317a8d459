//! Dates, times and timestamps.

use super::calendar::Day;
use super::fraction::Seconds;
use super::zone::{Zone, offset_text};

const DAY_S: i64 = 86_400;
/// What offsets in minutes are counted from on the wire, so that none is negative.
const OFFSET_BASE_MIN: i64 = 1440;

/// Days since 1970-01-01.
pub(super) fn date(cell: &str) -> Option<String> {
    Day::after_epoch(whole_number(cell)?).map(|day| day.to_string())
}

/// Seconds since midnight.
pub(super) fn time(cell: &str, scale: usize) -> Option<String> {
    let seconds = Seconds::parse(cell)?;
    (0..DAY_S)
        .contains(&seconds.whole)
        .then(|| format!("{}{}", clock(seconds.whole), seconds.fraction(scale)))
}

/// Seconds since 1970-01-01 00:00, of a clock that is nowhere.
pub(super) fn timestamp_ntz(cell: &str, scale: usize) -> Option<String> {
    wall(Seconds::parse(cell)?, 0, scale)
}

/// Seconds since the epoch, shown in `zone`.
pub(super) fn timestamp_ltz(cell: &str, scale: usize, zone: &Zone) -> Option<String> {
    let seconds = Seconds::parse(cell)?;
    with_offset(seconds, zone.offset_at(seconds.whole), scale)
}

/// Seconds since the epoch, a space, and an offset in minutes.
pub(super) fn timestamp_tz(cell: &str, scale: usize) -> Option<String> {
    let (seconds, offset) = cell.split_once(' ')?;
    let offset_min = whole_number(offset)?;
    if !(0..=2 * OFFSET_BASE_MIN).contains(&offset_min) {
        return None;
    }
    with_offset(Seconds::parse(seconds)?, (offset_min - OFFSET_BASE_MIN) * 60, scale)
}

/// A number without a `+`.
fn whole_number(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn with_offset(seconds: Seconds, offset_s: i64, scale: usize) -> Option<String> {
    Some(format!("{} {}", wall(seconds, offset_s, scale)?, offset_text(offset_s)))
}

/// Date and time of a clock `offset_s` ahead of `seconds`.
fn wall(seconds: Seconds, offset_s: i64, scale: usize) -> Option<String> {
    let local = seconds.whole.checked_add(offset_s)?;
    let day = Day::after_epoch(local.div_euclid(DAY_S))?;
    Some(format!("{day} {}{}", clock(local.rem_euclid(DAY_S)), seconds.fraction(scale)))
}

/// `23:59:59`.
fn clock(of_day_s: i64) -> String {
    format!("{:02}:{:02}:{:02}", of_day_s / 3600, of_day_s / 60 % 60, of_day_s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_count_backwards() {
        assert_eq!(timestamp_ntz("-0.5", 1).as_deref(), Some("1969-12-31 23:59:59.5"));
        assert_eq!(timestamp_ntz("-86400", 0).as_deref(), Some("1969-12-31 00:00:00"));
        assert_eq!(timestamp_ntz("-62135596800", 0).as_deref(), Some("0001-01-01 00:00:00"));
        assert_eq!(
            timestamp_ntz("253402300799.999999999", 9).as_deref(),
            Some("9999-12-31 23:59:59.999999999")
        );
    }

    #[test]
    fn a_time_is_within_a_day() {
        assert_eq!(time("0", 3).as_deref(), Some("00:00:00.000"));
        assert_eq!(time("86399.999999999", 9).as_deref(), Some("23:59:59.999999999"));
        assert_eq!((time("86400", 0), time("-1", 0)), (None, None));
    }

    #[test]
    fn an_offset_is_minutes_from_1440() {
        assert_eq!(timestamp_tz("0 1440", 0).as_deref(), Some("1970-01-01 00:00:00 +00:00"));
        assert_eq!(timestamp_tz("0.25 960", 3).as_deref(), Some("1969-12-31 16:00:00.250 -08:00"));
        assert_eq!(timestamp_tz("0 1770", 0).as_deref(), Some("1970-01-01 05:30:00 +05:30"));
        for odd in ["0", "0 -1", "0 2881", "0 x", "0 +1440", "0  1440"] {
            assert_eq!(timestamp_tz(odd, 0), None, "{odd:?}");
        }
    }

    #[test]
    fn a_zone_has_the_offset_of_the_instant() {
        let zone = Zone::named(Some("Europe/Berlin"));
        assert_eq!(timestamp_ltz("1711846799", 0, &zone).as_deref(), Some("2024-03-31 01:59:59 +01:00"));
        assert_eq!(timestamp_ltz("1711846800", 0, &zone).as_deref(), Some("2024-03-31 03:00:00 +02:00"));
    }
}
