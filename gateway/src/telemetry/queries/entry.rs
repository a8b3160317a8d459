//! What is known of one pattern.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::view::QueryView;
use crate::state::Digest;
use crate::telemetry::durations::Durations;
use crate::telemetry::{Outcome, RequestEvent};

/// Clients that are named.
const CLIENTS_MAX: usize = 5;

/// Characters of a client's name.
const CLIENT_CHARS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Entry {
    /// As it was written first.
    pattern: Arc<str>,
    class: &'static str,
    pub(super) runs: Durations,
    pub(super) errors: u64,
    pub(super) slow: u64,
    pub(super) rows: u64,
    pub(super) total: Duration,
    clients: Vec<Box<str>>,
    pub(super) last: SystemTime,
}

impl Entry {
    pub(super) fn new(pattern: &Arc<str>) -> Self {
        Self {
            pattern: Arc::clone(pattern),
            class: "",
            runs: Durations::default(),
            errors: 0,
            slow: 0,
            rows: 0,
            total: Duration::ZERO,
            clients: Vec::new(),
            last: UNIX_EPOCH,
        }
    }

    pub(super) fn note(&mut self, ran: Duration, is_slow: bool, event: &RequestEvent) {
        self.class = event.class.unwrap_or(self.class);
        self.runs.note(ran);
        let is_error = matches!(event.outcome, Outcome::Failed | Outcome::Unknown | Outcome::Cancelled);
        self.errors += u64::from(is_error);
        self.slow += u64::from(is_slow);
        self.rows += event.rows.unwrap_or(0) + event.changed.unwrap_or(0);
        self.total = self.total.saturating_add(ran);
        self.last = event.at;
        let client = event.asker.client.as_deref().unwrap_or(&event.asker.principal);
        let client = match client.char_indices().nth(CLIENT_CHARS_MAX) {
            Some((end, _)) => &client[..end],
            None => client,
        };
        if self.clients.len() < CLIENTS_MAX && !self.clients.iter().any(|known| **known == *client) {
            self.clients.push(client.into());
        }
    }

    pub(super) fn view(&self) -> QueryView {
        let since = self.last.duration_since(UNIX_EPOCH).unwrap_or_default();
        QueryView {
            pattern: self.pattern.to_string(),
            id: Digest::of(&folded(&self.pattern).collect::<String>()).short(),
            class: self.class.to_owned(),
            count: self.runs.count(),
            errors: self.errors,
            slow: self.slow,
            rows: self.rows,
            p50_ms: self.runs.percentile_ms(50),
            p95_ms: self.runs.percentile_ms(95),
            max_ms: self.runs.max_ms(),
            total_ms: self.total.as_secs_f64() * 1e3,
            clients: self.clients.iter().map(ToString::to_string).collect(),
            last_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// A pattern in lower case but for what is quoted in it: names without quotes are the same in any case.
pub(super) fn folded(pattern: &str) -> impl Iterator<Item = char> {
    let mut is_quoted = false;
    pattern.chars().map(move |c| {
        is_quoted ^= c == '"';
        if is_quoted { c } else { c.to_ascii_lowercase() }
    })
}
