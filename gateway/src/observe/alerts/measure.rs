//! What alerts measure: the gateway at one moment, and what has changed in the minutes before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rules::Rule;
use crate::multiplexer::BreakerState;
use crate::observe::metrics::{number, part, problems};
use crate::observe::status::StatusView;
use crate::shared::Shared;
use crate::telemetry::metrics::{CALL_BUCKETS, CallDurations};

const MINUTE: Duration = Duration::from_secs(60);

/// What is looked back at, at most.
const HISTORY: Duration = Duration::from_secs(10 * 60);

/// Moments that are kept, at most: one every five seconds.
const MOMENTS_MAX: usize = 120;

/// Calls that a percentile needs within five minutes: fewer say nothing.
const CALLS_MIN: u64 = 10;

const SECONDS_PER_DAY: f64 = 86_400.0;
const BYTES_PER_MIB: f64 = 1_048_576.0;

/// The gateway at one moment.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) unix_s: u64,
    pub(super) status: StatusView,
    /// Slow statements so far.
    pub(super) slow: u64,
    /// How long calls took so far.
    pub(super) durations: CallDurations,
    /// Limits of clients with open sessions: what they are, and the part that is used.
    pub(super) client_limits: Vec<(String, f64)>,
}

/// Counters at one moment: what is kept of it.
#[derive(Clone, Debug)]
struct Counted {
    at: Instant,
    not_opened: u64,
    failed: u64,
    unknown: u64,
    dropped: u64,
    slow: u64,
    durations: CallDurations,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    /// In the unit of the threshold.
    pub(super) value: f64,
    /// What it is about.
    pub(super) subject: Option<String>,
}

impl Measured {
    fn of(value: f64) -> Option<Self> {
        Some(Self { value, subject: None })
    }

    /// With whether it is too much.
    pub(super) fn exceeding(self, rule: &Rule, threshold: u64) -> (Self, bool) {
        let exceeds = (rule.exceeds)(self.value, number(threshold));
        (self, exceeds)
    }
}

/// The present moment, and counters of those before it.
#[derive(Debug, Default)]
pub(super) struct History {
    now: Option<Moment>,
    before: VecDeque<Counted>,
}

impl History {
    /// A later moment.
    pub(super) fn add(&mut self, moment: Moment) {
        let status = &moment.status;
        let is_due = self.before.back().is_none_or(|last| {
            moment.at.saturating_duration_since(last.at) >= HISTORY / u32::try_from(MOMENTS_MAX).unwrap_or(1)
        });
        if is_due {
            self.before.push_back(Counted {
                at: moment.at,
                not_opened: not_opened(status),
                failed: status.totals.failed,
                unknown: status.totals.outcome_unknown,
                dropped: dropped(status),
                slow: moment.slow,
                durations: moment.durations,
            });
        }
        // One that is as old as what is looked back at stays.
        while self.before.len() > MOMENTS_MAX
            || self.before.get(1).is_some_and(|next| moment.at.saturating_duration_since(next.at) >= HISTORY)
        {
            self.before.pop_front();
        }
        self.now = Some(moment);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.before.len()
    }

    /// The counters of `time` ago; those of the first moment, if that is later.
    fn ago(&self, now: Instant, time: Duration) -> Option<&Counted> {
        let older =
            self.before.iter().rev().find(|counted| now.saturating_duration_since(counted.at) >= time);
        older.or_else(|| self.before.front())
    }

    /// What the alert called `name` measures.
    pub(super) fn measure(&self, name: &str) -> Option<Measured> {
        let now = self.now.as_ref()?;
        let status = &now.status;
        let within = |time: Duration, value: u64, of: fn(&Counted) -> u64| {
            let before = self.ago(now.at, time)?;
            Measured::of(number(value.saturating_sub(of(before))))
        };
        let problem = |name: &str| {
            let is_one = problems(status).iter().any(|(of, is_one)| *of == name && *is_one);
            Measured::of(f64::from(u8::from(is_one)))
        };
        match name {
            "connection_failures" => within(MINUTE, not_opened(status), |before| before.not_opened),
            "errors" => within(MINUTE, status.totals.failed, |before| before.failed),
            "outcome_unknown" => within(HISTORY, status.totals.outcome_unknown, |before| before.unknown),
            "log_lines" => within(5 * MINUTE, dropped(status), |before| before.dropped),
            "slow_statements" => within(MINUTE, now.slow, |before| before.slow),
            "response_time" => {
                let before = self.ago(now.at, 5 * MINUTE)?;
                percentile_95(&now.durations, &before.durations).and_then(Measured::of)
            }
            "memory" => {
                status.process.memory_bytes.and_then(|bytes| Measured::of(number(bytes) / BYTES_PER_MIB))
            }
            "descriptors" => {
                let max = status.process.descriptors_max?;
                Measured::of(100.0 * part(status.process.descriptors, max))
            }
            "certificate" => {
                let expires = u64::try_from(status.http.as_ref()?.certificate_expires?).unwrap_or(0);
                Measured::of((number(expires) - number(now.unix_s)) / SECONDS_PER_DAY)
            }
            "quota" => {
                let of_all =
                    status.limits.iter().map(|limit| (limit.limit.clone(), part(limit.used, limit.max)));
                greatest(
                    of_all.chain(now.client_limits.iter().cloned()).map(|(name, used)| (name, 100.0 * used)),
                )
            }
            "audit" | "state_file" => problem(name),
            "problem" => other_problems(status),
            _ => of_connections(name, status),
        }
    }
}

/// What is measured of each connection: the greatest counts.
fn of_connections(name: &str, status: &StatusView) -> Option<Measured> {
    let value = |connection: &crate::observe::ConnectionView| match name {
        "pool" => {
            let used = u64::try_from(connection.open.saturating_sub(connection.idle)).unwrap_or(u64::MAX);
            100.0 * part(used, u64::try_from(connection.max).unwrap_or(u64::MAX))
        }
        "breaker" => {
            let is_closed =
                matches!(connection.breaker.state, BreakerState::Closed | BreakerState::ForcedClosed);
            f64::from(u8::from(!is_closed))
        }
        "backend" => f64::from(u8::from(connection.problem.is_some())),
        "queue_wait" => {
            let oldest = connection.allocator.requests.iter().map(|request| request.waited_ms).max();
            number(oldest.unwrap_or(0)) / 1e3
        }
        "queue_lag" => 100.0 * connection.allocator.lag_to_bound,
        _ => 0.0,
    };
    greatest(status.connections.iter().map(|connection| (connection.name.clone(), value(connection))))
}

/// Problems that have no alert of their own.
fn other_problems(status: &StatusView) -> Option<Measured> {
    const OWN: [&str; 4] = ["backend", "state_file", "audit", "client_settings"];
    let others = problems(status).into_iter().filter(|(of, _)| !OWN.contains(of));
    greatest(others.map(|(of, is_one)| (of.to_owned(), f64::from(u8::from(is_one)))))
}

fn greatest(values: impl Iterator<Item = (String, f64)>) -> Option<Measured> {
    let (subject, value) = values.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    Some(Measured { value, subject: Some(subject) })
}

fn not_opened(status: &StatusView) -> u64 {
    status.connections.iter().map(|connection| connection.counters.not_opened).sum()
}

fn dropped(status: &StatusView) -> u64 {
    status.logs.iter().map(|log| log.dropped).sum()
}

/// The 95th percentile of what came between, in seconds, as Prometheus reckons it; `None`: too few calls.
fn percentile_95(now: &CallDurations, before: &CallDurations) -> Option<f64> {
    let between: Vec<u64> = now.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect();
    let all: u64 = between.iter().sum();
    if all < CALLS_MIN {
        return None;
    }
    let (rank, mut below, mut lower) = (0.95 * number(all), 0.0, 0.0);
    for (count, upper) in between.iter().map(|count| number(*count)).zip(CALL_BUCKETS) {
        if below + count >= rank {
            return Some(lower + (upper - lower) * (rank - below) / count);
        }
        (below, lower) = (below + count, upper);
    }
    Some(lower)
}

/// The limits of clients with open sessions, and the part of each that is used.
pub(super) fn client_limits(shared: &Shared) -> Vec<(String, f64)> {
    let of_session = |session: &std::sync::Arc<crate::session::Session>| {
        let principal = session.principal();
        let limits = if session.profile.is_fixed() {
            shared.limits.client_view(&principal.clone().into(), &session.profile.limits)
        } else {
            Vec::new()
        };
        limits.into_iter().map(move |limit| {
            (format!("{} of {}", limit.limit, principal.client), part(limit.used, limit.max))
        })
    };
    shared.sessions.all().iter().flat_map(of_session).collect()
}
