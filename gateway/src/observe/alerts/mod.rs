//! Alerts of the gateway itself, for machines without Prometheus: the same causes as `packaging/prometheus/rules.yml`, looked for
//! in the snapshot behind `status`.
//!
//! `rules` says what the alerts are, `measure` what is measured of one moment and the minutes before it, `machine` when an alert
//! fires and when it is resolved. All three are pure; [`Alerts`] is what a watcher calls. `webhook` posts what has changed.

mod machine;
mod measure;
mod rules;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use self::machine::Machine;
use self::measure::{History, Measured, Moment};
use self::rules::{RULES, Rule};
pub use self::webhook::webhook;
use super::status::snapshot;
use crate::config::{AlertThresholds, AlertsConfig};
use crate::shared::{AlertState, AlertView, Shared};

/// What is told when an alert fires or is resolved.
#[derive(Clone, Debug, Serialize)]
pub struct AlertNote {
    /// The alert, as it is now.
    #[serde(flatten)]
    pub alert: AlertView,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The gateway that tells it: `instance` of `status`.
    pub gateway: String,
    /// Its version.
    pub version: String,
}

/// All alerts of a gateway.
#[derive(Debug)]
pub struct Alerts {
    machines: Vec<(&'static Rule, Machine)>,
    history: History,
    config: AlertsConfig,
}

impl Alerts {
    /// All inactive.
    pub fn new(config: &AlertsConfig) -> Self {
        let machine = |rule: &'static Rule| {
            let lasts = config.lasts.unwrap_or(rule.lasts);
            (rule, Machine::new(lasts, config.resolve_after))
        };
        Self {
            machines: RULES.iter().map(machine).collect(),
            history: History::default(),
            config: config.clone(),
        }
    }

    /// From here on, these thresholds count.
    pub fn set_thresholds(&mut self, thresholds: AlertThresholds) {
        self.config.thresholds = thresholds;
    }

    /// Looks at the gateway as it is now; returns what is to be told.
    pub fn look(&mut self, shared: &Shared) -> Vec<AlertNote> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let moment = Moment {
            at: Instant::now(),
            unix_s: since_epoch.as_secs(),
            status: snapshot(shared),
            slow: shared.telemetry.queries.view(0).slow,
            durations: shared.telemetry.metrics.call_durations(),
            client_limits: measure::client_limits(shared),
        };
        let (told, views) = self.step(moment);
        shared.alerts.set(views);
        let note = |alert: AlertView| AlertNote {
            alert,
            at_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            gateway: shared.instance.clone(),
            version: snowgate_link::BUILD.to_owned(),
        };
        told.into_iter().map(note).collect()
    }

    /// What is to be told, and all that are not inactive.
    fn step(&mut self, moment: Moment) -> (Vec<AlertView>, Vec<AlertView>) {
        let now = moment.at;
        self.history.add(moment);
        let (mut told, mut views) = (Vec::new(), Vec::new());
        for (rule, machine) in &mut self.machines {
            let threshold = (rule.threshold)(&self.config.thresholds);
            let measured = if threshold == 0 { None } else { self.history.measure(rule.name) };
            let has_changed = machine.step(now, measured.map(|measured| measured.exceeding(rule, threshold)));
            let Some((measured, state, since)) = machine.view() else { continue };
            let view = view(rule, threshold, measured, state, now.saturating_duration_since(since));
            if has_changed && matches!(state, AlertState::Firing | AlertState::Resolved) {
                told.push(view.clone());
            }
            views.push(view);
        }
        (told, views)
    }
}

fn view(
    rule: &Rule,
    threshold: u64,
    measured: &Measured,
    state: AlertState,
    since: std::time::Duration,
) -> AlertView {
    AlertView {
        alert: rule.name.to_owned(),
        state,
        severity: rule.severity.to_owned(),
        summary: rule.summary.to_owned(),
        subject: measured.subject.clone(),
        value: measured.value,
        threshold: super::metrics::number(threshold),
        setting: format!("alerts.{}", rule.setting),
        since_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        runbook: format!("Run `{}`; docs/alerts.md#{}", rule.command, rule.anchor),
    }
}
