//! What alerts say of themselves in `status`.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The names of all alerts (`observe/alerts/rules`).
pub const ALERT_NAMES: [&str; 18] = [
    "connection_failures",
    "errors",
    "response_time",
    "pool",
    "memory",
    "breaker",
    "backend",
    "queue_wait",
    "queue_lag",
    "audit",
    "log_lines",
    "quota",
    "state_file",
    "descriptors",
    "certificate",
    "outcome_unknown",
    "slow_statements",
    "problem",
];

/// Where an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Its cause is not there.
    #[default]
    Inactive,
    /// Its cause is there, and not for long.
    Pending,
    /// Its cause has lasted.
    Firing,
    /// It has fired, and its cause is gone.
    Resolved,
}

impl AlertState {
    /// As people are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert that is not inactive, as `status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// Its name.
    pub alert: String,
    /// Where it is.
    pub state: AlertState,
    /// `critical` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub summary: String,
    /// What it is about: a connection, a limit, a stream.
    #[serde(default)]
    pub subject: Option<String>,
    /// What was measured, in the unit of the threshold.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// The setting of that.
    pub setting: String,
    /// For how long it is in this state, in milliseconds.
    pub since_ms: u64,
    /// What mends it, and where that is explained.
    pub runbook: String,
}

/// What became of posts to the webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookView {
    /// Alerts that it took.
    pub sent: u64,
    /// Alerts that it did not take, after all attempts.
    pub failed: u64,
    /// Alerts that were not sent, because too many waited.
    pub dropped: u64,
    /// Why the last one was not taken.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What alerts say of themselves. Written by the watcher of alerts and what posts them, read by `status`.
#[derive(Debug, Default)]
pub struct AlertFacts {
    alerts: Mutex<Vec<AlertView>>,
    webhook: Mutex<WebhookView>,
}

impl AlertFacts {
    /// Replaces what is said of alerts.
    pub fn set(&self, alerts: Vec<AlertView>) {
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner) = alerts;
    }

    /// The alerts that are not inactive.
    pub fn alerts(&self) -> Vec<AlertView> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what is said of the webhook.
    pub fn change_webhook(&self, change: impl FnOnce(&mut WebhookView)) {
        change(&mut self.webhook.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What became of posts to the webhook.
    pub fn webhook(&self) -> WebhookView {
        self.webhook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
