//! What the alerts are: those of `packaging/prometheus/rules.yml`, but for the one that the gateway cannot tell of itself.

use std::time::Duration;

use crate::config::AlertThresholds;

/// An alert.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name.
    pub(super) name: &'static str,
    /// The key of its threshold below `alerts`.
    pub(super) setting: &'static str,
    pub(super) threshold: fn(&AlertThresholds) -> u64,
    /// Whether a value is too much for a threshold.
    pub(super) exceeds: fn(f64, f64) -> bool,
    /// How long its cause lasts before it fires.
    pub(super) lasts: Duration,
    pub(super) severity: &'static str,
    pub(super) summary: &'static str,
    /// What mends it.
    pub(super) command: &'static str,
    /// Where `docs/alerts.md` explains it.
    pub(super) anchor: &'static str,
}

const CRITICAL: &str = "critical";
const WARNING: &str = "warning";

fn above(value: f64, threshold: f64) -> bool {
    value > threshold
}

fn reaches(value: f64, threshold: f64) -> bool {
    value >= threshold
}

fn below(value: f64, threshold: f64) -> bool {
    value < threshold
}

/// All of them.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "connection_failures",
        setting: "connection_failures",
        threshold: |thresholds| thresholds.connection_failures,
        exceeds: above,
        lasts: Duration::from_secs(120),
        severity: CRITICAL,
        summary: "Connections to the backend fail",
        command: "snowgate status; snowgate login",
        anchor: "snowgateconnectionfailures",
    },
    Rule {
        name: "errors",
        setting: "errors",
        threshold: |thresholds| thresholds.errors,
        exceeds: above,
        lasts: Duration::from_secs(180),
        severity: WARNING,
        summary: "Many requests fail",
        command: "snowgate logs --stream access --since 10m",
        anchor: "snowgateerrors",
    },
    Rule {
        name: "response_time",
        setting: "response_time_s",
        threshold: |thresholds| thresholds.response_time,
        exceeds: above,
        lasts: Duration::from_secs(300),
        severity: WARNING,
        summary: "Calls take long",
        command: "snowgate queries; snowgate sessions",
        anchor: "snowgateslowresponses",
    },
    Rule {
        name: "pool",
        setting: "pool_percent",
        threshold: |thresholds| thresholds.pool,
        exceeds: above,
        lasts: Duration::from_secs(60),
        severity: CRITICAL,
        summary: "All pooled connections are in use",
        command: "snowgate sessions; snowgate kill SESSION:CALL",
        anchor: "snowgatepoolexhausted",
    },
    Rule {
        name: "memory",
        setting: "memory_mib",
        threshold: |thresholds| thresholds.memory,
        exceeds: above,
        lasts: Duration::from_secs(300),
        severity: WARNING,
        summary: "The gateway uses much memory",
        command: "snowgate sessions; snowgate restart",
        anchor: "snowgatememory",
    },
    Rule {
        name: "breaker",
        setting: "breaker",
        threshold: |thresholds| thresholds.breaker,
        exceeds: reaches,
        lasts: Duration::from_secs(30),
        severity: CRITICAL,
        summary: "A circuit breaker is open",
        command: "snowgate breaker; snowgate breaker reset NAME",
        anchor: "snowgatebreakeropen",
    },
    Rule {
        name: "backend",
        setting: "backend",
        threshold: |thresholds| thresholds.backend,
        exceeds: reaches,
        lasts: Duration::from_secs(60),
        severity: CRITICAL,
        summary: "A backend cannot be used",
        command: "snowgate status; snowgate login",
        anchor: "snowgatebackenddown",
    },
    Rule {
        name: "queue_wait",
        setting: "queue_wait_s",
        threshold: |thresholds| thresholds.queue_wait,
        exceeds: above,
        lasts: Duration::from_secs(60),
        severity: WARNING,
        summary: "A request has waited long for a connection",
        command: "snowgate sessions; snowgate kill SESSION:CALL",
        anchor: "snowgatequeuewait",
    },
    Rule {
        name: "queue_lag",
        setting: "queue_lag_percent",
        threshold: |thresholds| thresholds.queue_lag,
        exceeds: above,
        lasts: Duration::from_secs(300),
        severity: WARNING,
        summary: "A client is ahead of its share",
        command: "snowgate status; snowgate sessions",
        anchor: "snowgatequeuelag",
    },
    Rule {
        name: "audit",
        setting: "audit",
        threshold: |thresholds| thresholds.audit,
        exceeds: reaches,
        lasts: Duration::from_secs(0),
        severity: CRITICAL,
        summary: "The audit trail cannot be written",
        command: "snowgate status; df -h",
        anchor: "snowgateauditunwritten",
    },
    Rule {
        name: "log_lines",
        setting: "log_lines",
        threshold: |thresholds| thresholds.log_lines,
        exceeds: reaches,
        lasts: Duration::from_secs(0),
        severity: WARNING,
        summary: "Lines of the log are lost",
        command: "snowgate status; df -h",
        anchor: "snowgateloglinesdropped",
    },
    Rule {
        name: "quota",
        setting: "quota_percent",
        threshold: |thresholds| thresholds.quota,
        exceeds: above,
        lasts: Duration::from_secs(60),
        severity: WARNING,
        summary: "A limit is nearly used",
        command: "snowgate quota; snowgate quota reset CLIENT",
        anchor: "snowgatequotanearlyused",
    },
    Rule {
        name: "state_file",
        setting: "state_file",
        threshold: |thresholds| thresholds.state_file,
        exceeds: reaches,
        lasts: Duration::from_secs(60),
        severity: CRITICAL,
        summary: "The state file cannot be used",
        command: "snowgate status; df -h",
        anchor: "snowgatestatefile",
    },
    Rule {
        name: "descriptors",
        setting: "descriptors_percent",
        threshold: |thresholds| thresholds.descriptors,
        exceeds: above,
        lasts: Duration::from_secs(60),
        severity: WARNING,
        summary: "Descriptors are nearly used",
        command: "snowgate sessions; ulimit -Hn",
        anchor: "snowgatedescriptors",
    },
    Rule {
        name: "certificate",
        setting: "certificate_days",
        threshold: |thresholds| thresholds.certificate,
        exceeds: below,
        lasts: Duration::from_secs(0),
        severity: WARNING,
        summary: "The TLS certificate expires",
        command: "snowgate status; snowgate restart",
        anchor: "snowgatecertificateexpires",
    },
    Rule {
        name: "outcome_unknown",
        setting: "outcome_unknown",
        threshold: |thresholds| thresholds.outcome_unknown,
        exceeds: reaches,
        lasts: Duration::from_secs(0),
        severity: WARNING,
        summary: "It is not known whether a statement took effect",
        command: "snowgate logs --stream access --since 1h",
        anchor: "snowgateoutcomeunknown",
    },
    Rule {
        name: "slow_statements",
        setting: "slow_statements",
        threshold: |thresholds| thresholds.slow_statements,
        exceeds: above,
        lasts: Duration::from_secs(300),
        severity: WARNING,
        summary: "Many statements are slow",
        command: "snowgate queries",
        anchor: "snowgateslowstatements",
    },
    Rule {
        name: "problem",
        setting: "problem",
        threshold: |thresholds| thresholds.problem,
        exceeds: reaches,
        lasts: Duration::from_secs(300),
        severity: WARNING,
        summary: "`snowgate status` names a problem",
        command: "snowgate status",
        anchor: "snowgateproblem",
    },
];
