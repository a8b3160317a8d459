//! The session's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time zone of the IANA database, as the system has it; UTC where the name is not known here.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The zone of a session whose `TIMEZONE` is `name`.
    pub(crate) fn named(name: Option<&str>) -> Self {
        Self(name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC))
    }

    /// Seconds that the zone's clocks are ahead of UTC at `epoch_s`; 0 outside of the years -9999 to 9999.
    pub(super) fn offset_at(&self, epoch_s: i64) -> i64 {
        Timestamp::from_second(epoch_s).map_or(0, |instant| self.0.to_offset(instant).seconds().into())
    }
}

/// `+05:30`; with seconds where there are some, as before zones were introduced.
pub(super) fn offset_text(offset_s: i64) -> String {
    let (sign, size) = if offset_s < 0 { ('-', -offset_s) } else { ('+', offset_s) };
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    match seconds {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_zone_is_utc() {
        for name in [None, Some("Nowhere/Land"), Some("")] {
            assert_eq!(Zone::named(name).offset_at(1_700_000_000), 0, "{name:?}");
        }
        assert_eq!(Zone::named(Some("Asia/Tokyo")).offset_at(i64::MAX), 0, "out of range");
    }

    #[test]
    fn offsets_have_seconds_only_if_there_are_some() {
        assert_eq!(offset_text(0), "+00:00");
        assert_eq!(offset_text(-28_800), "-08:00");
        assert_eq!(offset_text(3208), "+00:53:28");
    }
}
