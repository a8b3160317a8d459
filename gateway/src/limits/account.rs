//! What one client has used, or all of them together: pure, with the time given.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, Terms};
use super::window::{Span, Window};
use crate::config::{Limit, LimitValues};

/// A limit is told before it is reached: when so much of it is used, in percent.
pub(super) const WARN_PERCENT: u64 = 80;

/// A call that finds all places of `concurrent_max` taken is to try again after this many milliseconds.
const RUNNING_RETRY_MS: u64 = 1_000;

const MS_PER_SECOND: u64 = 1_000;

/// What a limit counts, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Tokens of a bucket, with the limit that is its burst.
    Bucket(Unit, Limit, Duration),
    /// A sliding window.
    Window(Unit, Span),
    /// What runs now.
    Running,
    /// It says how large a bucket is, and counts nothing.
    Burst,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Requests,
    Queries,
    Rows,
    Bytes,
    /// Counted in milliseconds.
    BackendSeconds,
}

impl Unit {
    /// Its name in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Queries => "queries",
            Self::Rows => "rows",
            Self::Bytes => "bytes of results",
            Self::BackendSeconds => "seconds of the backend",
        }
    }

    /// How many units of a window are one of the limit.
    fn scale(self) -> u64 {
        if self == Self::BackendSeconds { MS_PER_SECOND } else { 1 }
    }
}

/// How `limit` is measured.
pub(super) fn measure(limit: Limit) -> Measure {
    match limit {
        Limit::RequestsPerSecond => {
            Measure::Bucket(Unit::Requests, Limit::RequestsBurst, Duration::from_secs(1))
        }
        Limit::RequestsBurst | Limit::QueriesBurst => Measure::Burst,
        Limit::RequestsPerMinute => Measure::Window(Unit::Requests, Span::MINUTE),
        Limit::RequestsPerHour => Measure::Window(Unit::Requests, Span::HOUR),
        Limit::RequestsPerDay => Measure::Window(Unit::Requests, Span::DAY),
        Limit::QueriesPerMinute => Measure::Window(Unit::Queries, Span::MINUTE),
        Limit::QueriesPerHour => Measure::Window(Unit::Queries, Span::HOUR),
        Limit::QueriesPerDay => Measure::Window(Unit::Queries, Span::DAY),
        Limit::RowsPerDay => Measure::Window(Unit::Rows, Span::DAY),
        Limit::BytesPerDay => Measure::Window(Unit::Bytes, Span::DAY),
        Limit::BackendSecondsPerDay => Measure::Window(Unit::BackendSeconds, Span::DAY),
        Limit::ConcurrentMax => Measure::Running,
    }
}

/// How `limit` is measured with `values`: a burst that is set makes a bucket of its own, beside the window.
fn measure_with(limit: Limit, values: &LimitValues) -> Measure {
    if limit == Limit::QueriesBurst && values.get(limit) > 0 {
        return Measure::Bucket(Unit::Queries, Limit::QueriesBurst, Duration::from_secs(60));
    }
    measure(limit)
}

/// What a call is, for the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A tool call that runs no statement of the client and reads no view.
    Other,
    /// One that does.
    Query,
    /// One that waits for the statement of an earlier call, or stops it: that one holds the place, and it is refused for no lack of them.
    OfEarlier,
    /// One that an earlier gateway has let in, and counted: it is not counted again, nor refused.
    Replayed,
}

/// What a call has used by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Rows of its result.
    pub rows: u64,
    /// Bytes of its result.
    pub bytes: u64,
    /// How long it ran on a connection.
    pub backend: Duration,
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) limit: Limit,
    pub(super) max: u64,
    pub(super) used: u64,
    pub(super) retry_ms: u64,
}

/// Where a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: Limit,
    pub(super) max: u64,
    pub(super) used: u64,
    /// Until the next use is let in; 0: it is now.
    pub(super) free_ms: u64,
    /// Until nothing of it counts any more.
    pub(super) unused_ms: u64,
}

/// What one client has used, or all together. Only what has a limit is counted.
#[derive(Debug, Default)]
pub(super) struct Account {
    windows: BTreeMap<Limit, Window>,
    buckets: BTreeMap<Limit, Bucket>,
    /// Calls that are served now.
    pub(super) running: u64,
    /// Calls that a limit has refused.
    pub(super) refused: u64,
    /// When its client was told that a limit is nearly reached: its own, and (`true`) those of all.
    warned: BTreeMap<(bool, Limit), u64>,
}

/// An account as it is written down. What a build does not know is left out by it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// By the names of limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    windows: BTreeMap<String, Vec<(u64, u64)>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    buckets: BTreeMap<String, u64>,
    /// Those of all are called by their global names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    warned: BTreeMap<String, u64>,
    #[serde(default)]
    refused: u64,
}

impl Account {
    /// With what was written down of it; what cannot be read counts as nothing.
    pub(super) fn restored(text: &str, values: &LimitValues) -> Self {
        let kept: Kept = serde_json::from_str(text).unwrap_or_default();
        let mut account = Self { refused: kept.refused, ..Self::default() };
        for limit in Limit::all() {
            let (name, global) = (limit.name(), limit.global_name());
            if let (Measure::Window(_, span), Some(entries)) = (measure(limit), kept.windows.get(name)) {
                account.windows.insert(limit, Window::restored(span, entries));
            }
            if let (Some(terms), Some(state)) = (terms(limit, values), kept.buckets.get(name)) {
                account.buckets.insert(limit, Bucket::restored(terms, *state));
            }
            let told = [(false, kept.warned.get(name)), (true, kept.warned.get(global))];
            account.warned.extend(told.into_iter().filter_map(|(of_all, at)| Some(((of_all, limit), *at?))));
        }
        account
    }

    /// What is to be written down of it.
    pub(super) fn to_text(&self) -> String {
        let name = |limit: &Limit| limit.name().to_owned();
        let kept = Kept {
            windows: self.windows.iter().map(|(limit, window)| (name(limit), window.entries())).collect(),
            buckets: self.buckets.iter().map(|(limit, bucket)| (name(limit), bucket.state())).collect(),
            warned: self
                .warned
                .iter()
                .map(|((of_all, limit), at)| {
                    (if *of_all { limit.global_name() } else { limit.name() }.to_owned(), *at)
                })
                .collect(),
            refused: self.refused,
        };
        // Names and numbers are all that is in it.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Of the limits that keep `kind` from being let in now, the one that does for the longest time.
    pub(super) fn exceeded(&mut self, now_ms: u64, values: &LimitValues, kind: CallKind) -> Option<Exceeded> {
        let counts = |limit| match measure_with(limit, values) {
            Measure::Bucket(Unit::Queries, ..) | Measure::Window(Unit::Queries, _) => kind == CallKind::Query,
            _ => limit != Limit::ConcurrentMax || kind != CallKind::OfEarlier,
        };
        let reached =
            Limit::all().filter(|limit| values.get(*limit) > 0 && counts(*limit)).filter_map(|limit| {
                let Standing { max, used, free_ms, .. } = self.standing(now_ms, values, limit)?;
                (free_ms > 0).then_some(Exceeded { limit, max, used, retry_ms: free_ms })
            });
        reached.max_by_key(|reached| reached.retry_ms)
    }

    /// Counts a call that is let in.
    pub(super) fn enter(&mut self, now_ms: u64, values: &LimitValues, kind: CallKind) {
        self.running += 1;
        if kind == CallKind::Replayed {
            return;
        }
        for limit in Limit::all().filter(|limit| values.get(*limit) > 0) {
            match measure_with(limit, values) {
                Measure::Bucket(Unit::Requests, ..) => self.bucket(limit, values).take(now_ms),
                Measure::Bucket(Unit::Queries, ..) if kind == CallKind::Query => {
                    self.bucket(limit, values).take(now_ms);
                }
                Measure::Window(Unit::Requests, span) => self.window(limit, span).add(now_ms, 1),
                Measure::Window(Unit::Queries, span) if kind == CallKind::Query => {
                    self.window(limit, span).add(now_ms, 1);
                }
                _ => {}
            }
        }
    }

    /// Counts what a call has used.
    pub(super) fn charge(&mut self, now_ms: u64, values: &LimitValues, used: Used) {
        for limit in Limit::all().filter(|limit| values.get(*limit) > 0) {
            let Measure::Window(unit, span) = measure(limit) else { continue };
            let amount = match unit {
                Unit::Rows => used.rows,
                Unit::Bytes => used.bytes,
                Unit::BackendSeconds => u64::try_from(used.backend.as_millis()).unwrap_or(u64::MAX),
                Unit::Requests | Unit::Queries => continue,
            };
            self.window(limit, span).add(now_ms, amount);
        }
    }

    /// Where `limit` stands; `None`: it is not set, or counts nothing of its own.
    pub(super) fn standing(&mut self, now_ms: u64, values: &LimitValues, limit: Limit) -> Option<Standing> {
        let max = values.get(limit);
        if max == 0 {
            return None;
        }
        let (max, used, free_ms, unused_ms) = match measure_with(limit, values) {
            Measure::Burst => return None,
            Measure::Running => {
                (max, self.running, if self.running >= max { RUNNING_RETRY_MS } else { 0 }, 0)
            }
            Measure::Window(unit, span) => {
                let window = self.window(limit, span);
                let (used, all) = (window.used(now_ms), max.saturating_mul(unit.scale()));
                let free_ms = if used >= all { window.free_in(now_ms, used - all + 1) } else { 0 };
                (max, used / unit.scale(), free_ms, window.free_in(now_ms, u64::MAX))
            }
            Measure::Bucket(..) => {
                let burst = terms(limit, values).map_or(max, |terms| terms.burst);
                let bucket = self.bucket(limit, values);
                let (left, free_ms) = bucket.left(now_ms).map_or_else(|wait| (0, wait), |left| (left, 0));
                (burst, burst.saturating_sub(left), free_ms, bucket.full_in(now_ms))
            }
        };
        Some(Standing { limit, max, used, free_ms, unused_ms })
    }

    /// The limits of `values` that are nearly used up. What a bucket holds, and what runs, is told by no warning: it
    /// is another moments later.
    pub(super) fn nearly_used(&mut self, now_ms: u64, values: &LimitValues) -> Vec<Standing> {
        let windows = Limit::all().filter(|limit| matches!(measure(*limit), Measure::Window(..)));
        let standings = windows.filter_map(|limit| self.standing(now_ms, values, limit));
        standings
            .filter(|standing| standing.used.saturating_mul(100) >= standing.max.saturating_mul(WARN_PERCENT))
            .collect()
    }

    /// Whether its client is to be told of `limit`, or was within its window.
    pub(super) fn tell(&mut self, now_ms: u64, of_all: bool, limit: Limit) -> bool {
        let Measure::Window(_, span) = measure(limit) else { return false };
        let told = self.warned.get(&(of_all, limit));
        // Told by a clock that was ahead is as good as not told.
        if told.is_some_and(|at| *at <= now_ms && now_ms - at < span.ms()) {
            return false;
        }
        self.warned.insert((of_all, limit), now_ms);
        true
    }

    /// Adds what was used before.
    pub(super) fn absorb(&mut self, earlier: Self) {
        for (limit, window) in earlier.windows {
            match self.windows.get_mut(&limit) {
                Some(own) => own.absorb(&window),
                None => drop(self.windows.insert(limit, window)),
            }
        }
        for (limit, bucket) in earlier.buckets {
            self.buckets.entry(limit).or_insert(bucket);
        }
        for (limit, at) in earlier.warned {
            self.warned.entry(limit).or_insert(at);
        }
        self.refused += earlier.refused;
    }

    /// Forgets what was used, but not what runs.
    pub(super) fn reset(&mut self) {
        *self = Self { running: self.running, refused: self.refused, ..Self::default() };
    }

    fn window(&mut self, limit: Limit, span: Span) -> &mut Window {
        self.windows.entry(limit).or_insert_with(|| Window::new(span))
    }

    fn bucket(&mut self, limit: Limit, values: &LimitValues) -> &Bucket {
        let terms =
            terms(limit, values).unwrap_or(Terms { burst: 1, rate: 1, period: Duration::from_secs(1) });
        let bucket = self.buckets.entry(limit).or_insert_with(|| Bucket::new(terms));
        bucket.set_terms(terms);
        bucket
    }
}

/// The terms of the bucket of `limit`; `None`: it has none.
fn terms(limit: Limit, values: &LimitValues) -> Option<Terms> {
    let Measure::Bucket(_, burst, period) = measure_with(limit, values) else { return None };
    let rate = if limit == Limit::QueriesBurst { Limit::QueriesPerMinute } else { limit };
    let rate = values.get(rate);
    let burst = values.get(burst);
    Some(Terms { burst: if burst > 0 { burst } else { rate }, rate, period })
}
