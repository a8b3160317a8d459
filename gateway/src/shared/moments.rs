//! Times as people write them: `30d`, `2027-01-31`, `2027-01-31T12:00:00Z`. All in UTC.

use crate::keys::now_ms;

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_DAY: u64 = 86_400 * MS_PER_SECOND;

/// The longest time, in days: a hundred years.
const DAYS_MAX: u64 = 36_525;

/// `30d`, `12h`, `90m`, `30s`, `2w`, `0`: in milliseconds.
pub(crate) fn parse_span(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(0);
    }
    let wrong = || format!("{text:?} is no time; write 30d, 12h, 90m or 0");
    let at = text.find(|char: char| !char.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    let unit = match text[at..].trim() {
        "s" | "sec" => MS_PER_SECOND,
        "m" | "min" => 60 * MS_PER_SECOND,
        "h" | "hour" | "hours" => 3_600 * MS_PER_SECOND,
        "d" | "day" | "days" => MS_PER_DAY,
        "w" | "week" | "weeks" => 7 * MS_PER_DAY,
        "y" | "year" | "years" => 365 * MS_PER_DAY,
        _ => return Err(wrong()),
    };
    match number.checked_mul(unit).filter(|ms| *ms <= DAYS_MAX * MS_PER_DAY) {
        Some(ms) => Ok(ms),
        None => Err(format!("{text:?} is over the limit of 100 years; leave it out for no end")),
    }
}

/// A moment to come, in milliseconds since 1970: after a span of time, at the end of a day, or a moment of a day.
pub(crate) fn parse_moment(text: &str) -> Result<u64, String> {
    moment(text, MS_PER_DAY, |span| now_ms().saturating_add(span))
}

/// A moment that is over: a span of time ago, the beginning of a day, or a moment of a day.
pub(crate) fn parse_since(text: &str) -> Result<u64, String> {
    moment(text, 0, |span| now_ms().saturating_sub(span))
}

/// The same; of a day, its end.
pub(crate) fn parse_until(text: &str) -> Result<u64, String> {
    moment(text, MS_PER_DAY, |span| now_ms().saturating_sub(span))
}

/// A span of time as `of_span` takes it, a moment of a day, or a day's beginning and `of_day_ms`.
fn moment(text: &str, of_day_ms: u64, of_span: impl Fn(u64) -> u64) -> Result<u64, String> {
    let text = text.trim();
    let Some((date, time)) = split_date(text) else {
        return parse_span(text)
            .map(of_span)
            .map_err(|_| format!("{text:?} is no time; write 30d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z"));
    };
    let wrong = || format!("{text:?} is no date; write 2027-01-31 or 2027-01-31T12:00:00Z");
    let mut parts = date.split('-');
    let mut next = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (Some(year), Some(month), Some(day), None) = (next(), next(), next(), next()) else {
        return Err(wrong());
    };
    let day = days_since_1970(year, month, day).ok_or_else(wrong)? * MS_PER_DAY;
    match time {
        None => Ok(day + of_day_ms),
        Some(time) => Ok(day + of_day(time).ok_or_else(wrong)? * MS_PER_SECOND),
    }
}

/// `2027-01-31` and what is behind it.
fn split_date(text: &str) -> Option<(&str, Option<&str>)> {
    let date = text.get(..10)?;
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !is_date {
        return None;
    }
    let rest = &text[10..];
    Some((date, if rest.is_empty() { None } else { Some(rest) }))
}

/// Seconds of `T12:00`, `T12:00:30Z`.
fn of_day(time: &str) -> Option<u64> {
    let time = time.strip_prefix(['T', 't', ' '])?;
    let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
    let parts: Vec<u64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes] if hours < 24 && minutes < 60 => Some(hours * 3_600 + minutes * 60),
        [hours, minutes, seconds] if hours < 24 && minutes < 60 && seconds < 60 => {
            Some(hours * 3_600 + minutes * 60 + seconds)
        }
        _ => None,
    }
}

/// Howard Hinnant's `days_from_civil`, from 1970 on.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9_999).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_of(year, month)
    {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2027-01-31 12:00 UTC`
pub(crate) fn date_of(ms: u64) -> String {
    let (day, seconds) = (day_of(ms / MS_PER_DAY), ms % MS_PER_DAY / MS_PER_SECOND);
    format!("{day} {:02}:{:02} UTC", seconds / 3_600, seconds % 3_600 / 60)
}

/// `2027-01-31T12:00:00.000Z` (RFC 3339).
pub(crate) fn timestamp_of(ms: u64) -> String {
    let (day, seconds) = (day_of(ms / MS_PER_DAY), ms % MS_PER_DAY / MS_PER_SECOND);
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    format!("{day}T{hours:02}:{minutes:02}:{:02}.{:03}Z", seconds % 60, ms % MS_PER_SECOND)
}

/// `2027-01-31`: the day that is `days` days after the first of 1970.
fn day_of(days: u64) -> String {
    // `civil_from_days` of the same.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse_span("30d"), Ok(30 * MS_PER_DAY));
        assert_eq!(parse_span("90 m"), Ok(90 * 60 * MS_PER_SECOND));
        assert_eq!(parse_span("0"), Ok(0));
        for wrong in ["", "30", "d", "-1d", "1.5h", "99999999999999999999d", "200y", "30 moons"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_is_good_until_its_end() {
        assert_eq!(parse_moment("2000-02-29").map(date_of), Ok("2000-03-01 00:00 UTC".to_owned()));
        assert_eq!(parse_moment("2027-01-31T12:30:59Z").map(date_of), Ok("2027-01-31 12:30 UTC".to_owned()));
        assert_eq!(parse_moment("1970-01-01T00:01"), Ok(60_000));
        assert!(parse_moment("30d").unwrap() > now_ms());
        for wrong in [
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "1969-12-31",
            "2027-01-31T25:00Z",
            "tomorrow",
            "2027-1-1",
        ] {
            assert!(parse_moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_is_since_its_beginning() {
        assert_eq!(parse_since("2027-01-31"), parse_moment("2027-01-31T00:00"));
        let ago = now_ms() - parse_since("10m").unwrap();
        assert!((600_000..700_000).contains(&ago), "{ago}");
        assert_eq!(parse_until("2027-01-31"), parse_moment("2027-01-31"));
        assert!(parse_until("10m").unwrap() < now_ms());
    }

    #[test]
    fn dates_agree_both_ways() {
        for day in (0..60_000).step_by(17) {
            let shown = date_of(day * MS_PER_DAY);
            let read = parse_moment(&format!("{}T00:00Z", &shown[..10]));
            assert_eq!(read, Ok(day * MS_PER_DAY), "{shown}");
        }
    }
}
