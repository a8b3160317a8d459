//! The settings of what is seen: logs, audit, metrics, alerts, statistics.

use super::{Fallback, Key, Kind, Protection};

keys! { OBSERVING:
    /// How lines are written, but for the audit trail: `json`, or `text` for people.
    LOGS_FORMAT = logs.format: Kind::choice(&["json", "text"]), default Fallback::Text("json");
    /// Whether each request has a line in the stream `access`.
    LOGS_ACCESS = logs.access: Kind::Boolean, default Fallback::Boolean(true);
    /// Whether the stream `sql` has the text of each statement. Statements may have secrets in them.
    LOGS_SQL = logs.log_sql: Kind::Boolean, default Fallback::Boolean(false), narrows False;
    /// Bytes of one log file, not counting the line that exceeds it; the next one is begun then, and with each day (UTC).
    LOGS_FILE_BYTES_MAX = logs.file_bytes_max: Kind::integer(65_536, 1_073_741_824),
        default Fallback::Integer(16_777_216);
    /// Files that are kept of each stream; the oldest go first.
    LOGS_FILES_MAX = logs.files_max: Kind::integer(1, 1_000), default Fallback::Integer(7);
    /// Days after which a log file is removed; 0: never.
    LOGS_DAYS_MAX = logs.days_max: Kind::integer(0, 3_650), default Fallback::Integer(30);

    /// Whether there is an audit trail.
    AUDIT_ENABLED = audit.enabled: Kind::Boolean, default Fallback::Boolean(true), narrows True;
    /// Whether statements are refused while the audit trail cannot be written, and answers wait until their record is.
    AUDIT_REQUIRED = audit.required: Kind::Boolean, default Fallback::Boolean(false), narrows True;
    /// Whether records have the text of statements, and not their digest alone.
    AUDIT_STATEMENT_TEXT = audit.statement_text: Kind::Boolean, default Fallback::Boolean(false), narrows Fixed;
    /// Bytes of one file of the trail; the next one begins with the signed head of this one.
    AUDIT_FILE_BYTES_MAX = audit.file_bytes_max: Kind::integer(65_536, 1_073_741_824),
        default Fallback::Integer(16_777_216);
    /// Files of the trail that are kept; the oldest go first.
    AUDIT_FILES_MAX = audit.files_max: Kind::integer(2, 100_000), default Fallback::Integer(64);
    /// Days after which a file of the trail is removed; 0: never.
    AUDIT_DAYS_MAX = audit.days_max: Kind::integer(0, 36_500), default Fallback::Integer(0);
    /// Seconds between two signed heads of a trail that grows.
    AUDIT_HEAD_INTERVAL = audit.head_interval_s: Kind::integer(1, 86_400), default Fallback::Integer(60);

    /// A file that the metrics are written to, for the textfile collector of Prometheus' node exporter.
    METRICS_FILE = metrics.file: Kind::Path, default Fallback::Unset, narrows Fixed;
    /// Seconds between two writes of that file.
    METRICS_FILE_INTERVAL = metrics.file_interval_s: Kind::integer(1, 3_600), default Fallback::Integer(15);
    /// Names of clients that metrics tell apart; further clients are counted as `other`.
    METRICS_CLIENTS_MAX = metrics.clients_max: Kind::integer(1, 10_000), default Fallback::Integer(100);

    /// Whether the gateway looks for causes of alerts.
    ALERTS_ENABLED = alerts.enabled: Kind::Boolean, default Fallback::Boolean(true);
    /// Seconds between two looks.
    ALERTS_INTERVAL = alerts.interval_s: Kind::integer(1, 3_600), default Fallback::Integer(15);

    /// Milliseconds of running from which a statement counts as slow.
    QUERIES_SLOW = queries.slow_ms: Kind::integer(1, 86_400_000), default Fallback::Integer(5_000);
    /// Statements, apart from their literals, that are told apart; those that ran longest ago make room.
    QUERIES_PATTERNS_MAX = queries.patterns_max: Kind::integer(1, 10_000), default Fallback::Integer(500);
}
