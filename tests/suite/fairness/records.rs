//! What the gateway's log says of each request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use snowgate_tests::Home;

use crate::figures::Spread;

/// A stretch of time, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Window {
    /// From `since` until now.
    pub(crate) fn since(since: SystemTime) -> Self {
        Self { from: seconds_of(since), to: seconds_of(SystemTime::now()) }
    }

    /// In seconds.
    pub(crate) fn length(self) -> f64 {
        self.to - self.from
    }
}

fn seconds_of(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

/// A call that has ended.
struct Record {
    client: String,
    ended: f64,
    wait_ms: f64,
    run_ms: f64,
    total_ms: f64,
    is_ok: bool,
}

impl Record {
    fn read(line: &Value) -> Option<Self> {
        let tool = line["tool"].as_str()?;
        let ms = |field: &str| line[field].as_f64().unwrap_or_default();
        (tool != "session_info").then(|| Self {
            client: line["client"].as_str().unwrap_or_default().to_owned(),
            ended: timestamp(line["timestamp"].as_str().expect("a timestamp")),
            wait_ms: ms("wait_ms"),
            run_ms: ms("run_ms"),
            total_ms: ms("total_ms"),
            is_ok: line["outcome"] == "ok",
        })
    }

    /// Seconds of a slot within `window`.
    fn slot_seconds(&self, window: Window) -> f64 {
        let begun = self.ended - self.run_ms / 1e3;
        (self.ended.min(window.to) - begun.max(window.from)).max(0.0)
    }
}

/// The calls of all clients.
pub(crate) struct Records {
    records: Vec<Record>,
    pub(crate) window: Window,
}

/// What clients of a kind had, all of them together.
pub(crate) struct Share {
    /// Calls that ended in the window.
    pub(crate) done: usize,
    pub(crate) wait: Spread,
    pub(crate) run: Spread,
    pub(crate) total: Spread,
    /// Seconds of a slot.
    pub(crate) slot_seconds: f64,
}

impl Records {
    /// Those of a gateway that has ended.
    pub(crate) fn of(home: &Home, window: Window) -> Self {
        Self { records: home.log_lines("request").iter().filter_map(Record::read).collect(), window }
    }

    /// What the clients with these names had.
    pub(crate) fn share(&self, is_of: impl Fn(&str) -> bool) -> Share {
        let own: Vec<&Record> = self.records.iter().filter(|record| is_of(&record.client)).collect();
        let slot_seconds = own.iter().map(|record| record.slot_seconds(self.window)).sum();
        let is_within = |record: &&&Record| {
            record.is_ok && record.ended >= self.window.from && record.ended <= self.window.to
        };
        let done: Vec<&&Record> = own.iter().filter(is_within).collect();
        let spread =
            |field: fn(&Record) -> f64| Spread::of(done.iter().map(|record| field(record)).collect());
        Share {
            done: done.len(),
            wait: spread(|record| record.wait_ms),
            run: spread(|record| record.run_ms),
            total: spread(|record| record.total_ms),
            slot_seconds,
        }
    }

    /// Seconds of a slot of the client with this name.
    pub(crate) fn slot_seconds(&self, name: &str) -> f64 {
        let own = self.records.iter().filter(|record| record.client == name);
        own.map(|record| record.slot_seconds(self.window)).sum()
    }

    /// Of all clients.
    pub(crate) fn all_slot_seconds(&self) -> f64 {
        self.records.iter().map(|record| record.slot_seconds(self.window)).sum()
    }
}

/// Seconds since 1970 of a time as the log writes it: `2026-11-29T09:15:33.123456Z`.
fn timestamp(text: &str) -> f64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().expect("a number in a timestamp");
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days from civil (Hinnant): a year begins with March.
    let years = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = years * 365 + years / 4 - years / 100 + years / 400 + day_of_year - 719_468;
    let whole = days * 86_400 + part(11, 13) * 3_600 + part(14, 16) * 60;
    let second: f64 = text[17..text.len() - 1].parse().expect("seconds in a timestamp");
    Duration::from_secs(whole.unsigned_abs()).as_secs_f64() + second
}

#[test]
fn a_timestamp_of_the_log_is_read() {
    assert_eq!(timestamp("1970-01-01T00:00:00.5Z"), 0.5);
    assert_eq!(timestamp("2000-03-01T00:00:01.25Z"), 951_868_801.25);
    assert_eq!(timestamp("2026-11-29T09:15:33.5Z"), 1_795_943_733.5);
}
