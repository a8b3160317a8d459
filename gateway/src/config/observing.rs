//! `[logs]`, `[audit]`, `[metrics]`, `[alerts]` and `[queries]`: what is seen of the gateway.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::{self, Key};
use super::sections::{count, milliseconds};
use super::settings::Settings;

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
    /// How often. In seconds: `alerts.interval_s`, 1 to 3600.
    pub interval: Duration,
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
            },
            queries: QueriesConfig {
                slow: milliseconds(settings, &keys::QUERIES_SLOW),
                patterns_max: count(settings, &keys::QUERIES_PATTERNS_MAX),
            },
        }
    }
}
