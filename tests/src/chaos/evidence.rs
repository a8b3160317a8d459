//! The part of the gateways' log that belongs to a moment. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

/// From this long before the moment
const BEFORE: f64 = 1.0;
/// to this long after it, in seconds.
const AFTER: f64 = 0.1;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// The lines of `log` around `moment`, of a run that takes less than a day.
pub(super) fn around(log: &str, moment: SystemTime) -> Vec<&str> {
    let moment = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let is_near = |line: &&str| {
        time_of_day(line).is_some_and(|time| {
            // Also past midnight.
            let since_the_first = (time - moment + BEFORE).rem_euclid(SECONDS_PER_DAY);
            since_the_first <= BEFORE + AFTER
        })
    };
    log.lines().filter(is_near).collect()
}

/// The time of a line that begins with `{"timestamp":"2026-01-31T12:34:56.789Z`, in seconds.
fn time_of_day(line: &str) -> Option<f64> {
    let (_, time) = line.strip_prefix("{\"timestamp\":\"")?.split_once('T')?;
    let mut parts = time.split_once('Z')?.0.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_lines_around_a_moment_are_found_also_past_midnight() {
        let line = |time: &str| format!("{{\"timestamp\":\"2026-01-31T{time}Z\",\"message\":\"x\"}}\n");
        let times = ["23:59:59.200000", "23:59:59.500000", "00:00:00.500000", "00:00:00.700000"];
        let log = times.map(line).concat();
        let moment = UNIX_EPOCH + Duration::from_secs(86_400) + Duration::from_millis(450);
        let found = around(&log, moment);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains(times[1]) && found[1].contains(times[2]), "{found:?}");
        assert_eq!(around("half a li", moment), Vec::<&str>::new());
    }
}
