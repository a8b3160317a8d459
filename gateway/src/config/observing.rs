//! `[logs]`, `[audit]`, `[metrics]`, `[alerts]` and `[queries]`: what is seen of the gateway.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::{self, Key};
use super::sections::{count, milliseconds};
use super::settings::Settings;
use super::webhook::Webhook;

const SECONDS_PER_DAY: u64 = 86_400;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// JSON, for programs.
    #[default]
    Json,
    /// Text, for people.
    Text,
}

/// How much of a family of files is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of one file, not counting the line that exceeds it.
    pub file_bytes_max: u64,
    /// Files.
    pub files_max: usize,
    /// Age of a file at which it is removed; `None`: at none.
    pub age_max: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { file_bytes_max: 16 * 1024 * 1024, files_max: 7, age_max: None }
    }
}

/// `[logs]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogsConfig {
    /// How lines are written.
    pub format: LogFormat,
    /// Whether there is the stream `access`.
    pub access: bool,
    /// Whether there is the stream `sql`.
    pub sql: bool,
    /// What is kept of each stream: `logs.file_bytes_max`, 65536 to 1073741824; `logs.files_max`, 1 to 1000; in days,
    /// `logs.days_max`, 0 to 3650.
    pub retention: Retention,
}

/// `[audit]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditConfig {
    /// Whether there is an audit trail.
    pub enabled: bool,
    /// Whether nothing runs without it.
    pub required: bool,
    /// Whether it has the text of statements.
    pub statement_text: bool,
    /// What is kept of it: `audit.file_bytes_max`, 65536 to 1073741824; `audit.files_max`, 2 to 100000; in days,
    /// `audit.days_max`, 0 to 36500.
    pub retention: Retention,
    /// How often the head of a trail that grows is signed. In seconds: `audit.head_interval_s`, 1 to 86400.
    pub head_interval: Duration,
}

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// The file that they are written to.
    pub file: Option<PathBuf>,
    /// How often. In seconds: `metrics.file_interval_s`, 1 to 3600.
    pub file_interval: Duration,
    /// Names of clients that are told apart: `metrics.clients_max`, 1 to 10000.
    pub clients_max: usize,
}

/// `[alerts]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertsConfig {
    /// Whether causes are looked for.
    pub enabled: bool,
    /// How often. In seconds: `alerts.interval_s`, 1 to 60.
    pub interval: Duration,
    /// How long a cause lasts before an alert fires; `None`: each alert has its own time. In seconds: `alerts.for_s`, 0 to 86400.
    pub lasts: Option<Duration>,
    /// How long a cause has been away before its alert is resolved. In seconds: `alerts.resolve_after_s`, 0 to 86400.
    pub resolve_after: Duration,
    /// Where alerts are posted to.
    pub webhook: Option<Webhook>,
    /// From when on there is an alert.
    pub thresholds: AlertThresholds,
}

/// The thresholds of `[alerts]`, in the unit of each; 0: there is no such alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertThresholds {
    /// Attempts a minute to open a connection that may fail before the alert `connection_failures`: `alerts.connection_failures`, 0 to 1000000; 0: off.
    pub connection_failures: u64,
    /// Requests a minute that may fail before the alert `errors`: `alerts.errors`, 0 to 1000000; 0: off.
    pub errors: u64,
    /// Seconds that one call in 20 may take longer than before the alert `response_time`: `alerts.response_time_s`, 0 to 86400; 0: off.
    pub response_time: u64,
    /// Percent of a connection's pool that may be in use before the alert `pool`: `alerts.pool_percent`, 0 to 100; 0: off.
    pub pool: u64,
    /// MiB of memory that the process may have before the alert `memory`: `alerts.memory_mib`, 0 to 1048576; 0: off.
    pub memory: u64,
    /// Whether there is the alert `breaker`: 1 or 0: `alerts.breaker`, 0 to 1; 0: off.
    pub breaker: u64,
    /// Whether there is the alert `backend`, for a log-in that is needed or a server that is away: 1 or 0: `alerts.backend`, 0 to 1; 0: off.
    pub backend: u64,
    /// Seconds that a request may have waited for a connection before the alert `queue_wait`: `alerts.queue_wait_s`, 0 to 86400; 0: off.
    pub queue_wait: u64,
    /// Percent of its bound that a client may be ahead of its share before the alert `queue_lag`: `alerts.queue_lag_percent`, 0 to 10000; 0: off.
    pub queue_lag: u64,
    /// Whether there is the alert `audit`: 1 or 0: `alerts.audit`, 0 to 1; 0: off.
    pub audit: u64,
    /// Lines of the log lost within five minutes from which on there is the alert `log_lines`: `alerts.log_lines`, 0 to 1000000; 0: off.
    pub log_lines: u64,
    /// Percent of a limit that may be used before the alert `quota`: `alerts.quota_percent`, 0 to 100; 0: off.
    pub quota: u64,
    /// Whether there is the alert `state_file`: 1 or 0: `alerts.state_file`, 0 to 1; 0: off.
    pub state_file: u64,
    /// Percent of the descriptors that may be open before the alert `descriptors`: `alerts.descriptors_percent`, 0 to 100; 0: off.
    pub descriptors: u64,
    /// Days before the TLS certificate expires from which on there is the alert `certificate`: `alerts.certificate_days`, 0 to 3650; 0: off.
    pub certificate: u64,
    /// Requests within ten minutes whose outcome is unknown from which on there is the alert `outcome_unknown`: `alerts.outcome_unknown`, 0 to 1000000; 0: off.
    pub outcome_unknown: u64,
    /// Statements a minute that may be slow (`queries.slow_ms`) before the alert `slow_statements`: `alerts.slow_statements`, 0 to 1000000; 0: off.
    pub slow_statements: u64,
    /// Whether there is the alert `problem`, for what else `status` names: 1 or 0: `alerts.problem`, 0 to 1; 0: off.
    pub problem: u64,
}

impl AlertThresholds {
    fn from_settings(settings: &Settings) -> Self {
        Self {
            connection_failures: settings.integer(&keys::ALERTS_CONNECTION_FAILURES),
            errors: settings.integer(&keys::ALERTS_ERRORS),
            response_time: settings.integer(&keys::ALERTS_RESPONSE_TIME),
            pool: settings.integer(&keys::ALERTS_POOL),
            memory: settings.integer(&keys::ALERTS_MEMORY),
            breaker: settings.integer(&keys::ALERTS_BREAKER),
            backend: settings.integer(&keys::ALERTS_BACKEND),
            queue_wait: settings.integer(&keys::ALERTS_QUEUE_WAIT),
            queue_lag: settings.integer(&keys::ALERTS_QUEUE_LAG),
            audit: settings.integer(&keys::ALERTS_AUDIT),
            log_lines: settings.integer(&keys::ALERTS_LOG_LINES),
            quota: settings.integer(&keys::ALERTS_QUOTA),
            state_file: settings.integer(&keys::ALERTS_STATE_FILE),
            descriptors: settings.integer(&keys::ALERTS_DESCRIPTORS),
            certificate: settings.integer(&keys::ALERTS_CERTIFICATE),
            outcome_unknown: settings.integer(&keys::ALERTS_OUTCOME_UNKNOWN),
            slow_statements: settings.integer(&keys::ALERTS_SLOW_STATEMENTS),
            problem: settings.integer(&keys::ALERTS_PROBLEM),
        }
    }
}

/// `[queries]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueriesConfig {
    /// From when on a statement is slow. In milliseconds: `queries.slow_ms`, 1 to 86400000.
    pub slow: Duration,
    /// Patterns that are told apart: `queries.patterns_max`, 1 to 10000.
    pub patterns_max: usize,
}

/// What is seen of the gateway, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservingConfig {
    /// Log files.
    pub logs: LogsConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// Alerts.
    pub alerts: AlertsConfig,
    /// Statistics of statements.
    pub queries: QueriesConfig,
}

impl ObservingConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let seconds = |key: &Key| Duration::from_secs(settings.integer(key));
        let retention = |bytes: &Key, files: &Key, days: &Key| Retention {
            file_bytes_max: settings.integer(bytes),
            files_max: count(settings, files),
            age_max: match settings.integer(days) {
                0 => None,
                days => Some(Duration::from_secs(days * SECONDS_PER_DAY)),
            },
        };
        Self {
            logs: LogsConfig {
                format: if settings.text(&keys::LOGS_FORMAT) == "text" {
                    LogFormat::Text
                } else {
                    LogFormat::Json
                },
                access: settings.boolean(&keys::LOGS_ACCESS),
                sql: settings.boolean(&keys::LOGS_SQL),
                retention: retention(&keys::LOGS_FILE_BYTES_MAX, &keys::LOGS_FILES_MAX, &keys::LOGS_DAYS_MAX),
            },
            audit: AuditConfig {
                enabled: settings.boolean(&keys::AUDIT_ENABLED),
                required: settings.boolean(&keys::AUDIT_REQUIRED),
                statement_text: settings.boolean(&keys::AUDIT_STATEMENT_TEXT),
                retention: retention(
                    &keys::AUDIT_FILE_BYTES_MAX,
                    &keys::AUDIT_FILES_MAX,
                    &keys::AUDIT_DAYS_MAX,
                ),
                head_interval: seconds(&keys::AUDIT_HEAD_INTERVAL),
            },
            metrics: MetricsConfig {
                file: settings.path_if_set(&keys::METRICS_FILE),
                file_interval: seconds(&keys::METRICS_FILE_INTERVAL),
                clients_max: count(settings, &keys::METRICS_CLIENTS_MAX),
            },
            alerts: AlertsConfig {
                enabled: settings.boolean(&keys::ALERTS_ENABLED),
                interval: seconds(&keys::ALERTS_INTERVAL),
                lasts: settings.integer_if_set(&keys::ALERTS_FOR).map(Duration::from_secs),
                resolve_after: seconds(&keys::ALERTS_RESOLVE_AFTER),
                webhook: settings.webhook_if_set(&keys::ALERTS_WEBHOOK),
                thresholds: AlertThresholds::from_settings(settings),
            },
            queries: QueriesConfig {
                slow: milliseconds(settings, &keys::QUERIES_SLOW),
                patterns_max: count(settings, &keys::QUERIES_PATTERNS_MAX),
            },
        }
    }
}
