//! What requests and people are told of an open circuit breaker.

use std::time::Duration;

use tokio::time::Instant;

use super::Visit;
use super::machine::{Force, Machine};
use crate::backend::{BackendError, ErrorKind};

/// A backend's next step may begin with this, which is said better here.
const LATER: &str = "try again in a moment; ";

/// The error of a request that is not run because the backend does not answer.
pub(super) fn refused(name: &str, machine: &Machine, now: Instant) -> BackendError {
    error(name, machine, now, "nothing of this request ran")
}

/// The error of a request that has waited for the backend for as long as it may.
pub(super) fn waited(name: &str, machine: &Machine, visit: Visit, now: Instant) -> BackendError {
    let waited = now.saturating_duration_since(visit.arrived).as_millis();
    error(name, machine, now, &format!("the request waited {waited} ms for that, and nothing of it ran"))
}

fn error(name: &str, machine: &Machine, now: Instant, end: &str) -> BackendError {
    let step = match (machine.error(), is_by_hand(machine)) {
        (_, true) => format!("`snowgate breaker reset {name}` lets requests through again"),
        (error, false) => {
            let when = in_time(machine, now);
            let step = error.and_then(|error| error.next_step.as_deref());
            let step = step.map(|step| format!("; {}", step.strip_prefix(LATER).unwrap_or(step)));
            format!(
                "try again {when}; `snowgate status` shows whether it is back{}",
                step.unwrap_or_default()
            )
        }
    };
    let message = format!("{}; {end}", why(name, machine, now));
    let error = BackendError::new(ErrorKind::Unavailable, message).with_next_step(step);
    if is_by_hand(machine) { error } else { error.with_retry_after(until_next_try(machine, now)) }
}

/// The same for `status`; `None`: requests run.
pub(super) fn problem(name: &str, machine: &Machine, now: Instant) -> Option<String> {
    machine.since()?;
    let step = match is_by_hand(machine) {
        true => format!("; `snowgate breaker reset {name}` lets requests through again"),
        false => String::new(),
    };
    Some(format!("{}{step}", why(name, machine, now)))
}

fn why(name: &str, machine: &Machine, now: Instant) -> String {
    let since = machine.since().unwrap_or(now);
    let seconds = now.saturating_duration_since(since).as_secs();
    if is_by_hand(machine) {
        return format!(
            "no request is sent on the connection `{name}`: its circuit breaker was opened by hand {seconds} s ago"
        );
    }
    let cause = machine.error().map_or("the backend does not answer", |error| error.message.as_str());
    let when = in_time(machine, now);
    format!("{cause} (for {seconds} s; the circuit breaker of `{name}` is open, it is tried again {when})")
}

fn is_by_hand(machine: &Machine) -> bool {
    matches!(machine.forced(), Some((Force::Open, _)))
}

/// When the backend is tried again.
fn in_time(machine: &Machine, now: Instant) -> String {
    match until_next_try(machine, now).as_millis().div_ceil(1_000) {
        0 => "with the next request".to_owned(),
        seconds => format!("in {seconds} s"),
    }
}

fn until_next_try(machine: &Machine, now: Instant) -> Duration {
    machine.next_try().map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
}

#[cfg(test)]
pub(super) mod samples {
    use crate::backend::{Sample, sample};
    use crate::config::{Config, Paths};

    use super::*;

    /// One of each.
    pub(in crate::multiplexer) fn samples() -> Vec<Sample> {
        let folder = std::path::Path::new("/nonexistent");
        let config =
            Config::load(&Paths::below(folder), &std::collections::BTreeMap::<String, String>::new())
                .unwrap();
        let now = Instant::now();
        let outage = BackendError::new(ErrorKind::Unavailable, "the server does not answer")
            .with_next_step("check the network");
        let mut open = Machine::new(config.pool.breaker.clone(), now);
        for _ in 0..config.pool.breaker.failures {
            open.failed(now, outage.clone(), 1);
        }
        let mut by_hand = Machine::new(config.pool.breaker.clone(), now);
        by_hand.force(now, Some(Force::Open));
        vec![
            sample("the backend does not answer", refused("snowflake", &open, now)),
            sample("the connection is closed by hand", refused("snowflake", &by_hand, now)),
        ]
    }
}
