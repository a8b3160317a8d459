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
    ALERTS_INTERVAL = alerts.interval_s: Kind::integer(1, 60), default Fallback::Integer(15);
    /// Seconds that the cause of an alert lasts before it fires, of all alerts; if it is not set, each has its own.
    ALERTS_FOR = alerts.for_s: Kind::integer(0, 86_400), default Fallback::Unset;
    /// Seconds that the cause of an alert has been away before it is resolved, so that what comes and goes is told once.
    ALERTS_RESOLVE_AFTER = alerts.resolve_after_s: Kind::integer(0, 86_400), default Fallback::Integer(120);
    /// A URL that alerts are posted to as JSON when they fire and when they are resolved. It is a secret, and not shown.
    ALERTS_WEBHOOK = alerts.webhook: Kind::Webhook, default Fallback::Unset, narrows Fixed;
    /// Attempts a minute to open a connection that may fail before the alert `connection_failures`.
    ALERTS_CONNECTION_FAILURES = alerts.connection_failures: Kind::integer(0, 1_000_000), default Fallback::Integer(5);
    /// Requests a minute that may fail before the alert `errors`.
    ALERTS_ERRORS = alerts.errors: Kind::integer(0, 1_000_000), default Fallback::Integer(10);
    /// Seconds that one call in 20 may take longer than before the alert `response_time`.
    ALERTS_RESPONSE_TIME = alerts.response_time_s: Kind::integer(0, 86_400), default Fallback::Integer(5);
    /// Percent of a connection's pool that may be in use before the alert `pool`.
    ALERTS_POOL = alerts.pool_percent: Kind::integer(0, 100), default Fallback::Integer(90);
    /// MiB of memory that the process may have before the alert `memory`.
    ALERTS_MEMORY = alerts.memory_mib: Kind::integer(0, 1_048_576), default Fallback::Integer(1_024);
    /// Whether there is the alert `breaker`: 1 or 0.
    ALERTS_BREAKER = alerts.breaker: Kind::integer(0, 1), default Fallback::Integer(1);
    /// Whether there is the alert `backend`, for a log-in that is needed or a server that is away: 1 or 0.
    ALERTS_BACKEND = alerts.backend: Kind::integer(0, 1), default Fallback::Integer(1);
    /// Seconds that a request may have waited for a connection before the alert `queue_wait`.
    ALERTS_QUEUE_WAIT = alerts.queue_wait_s: Kind::integer(0, 86_400), default Fallback::Integer(60);
    /// Percent of its bound that a client may be ahead of its share before the alert `queue_lag`.
    ALERTS_QUEUE_LAG = alerts.queue_lag_percent: Kind::integer(0, 10_000), default Fallback::Integer(100);
    /// Whether there is the alert `audit`: 1 or 0.
    ALERTS_AUDIT = alerts.audit: Kind::integer(0, 1), default Fallback::Integer(1);
    /// Lines of the log lost within five minutes from which on there is the alert `log_lines`.
    ALERTS_LOG_LINES = alerts.log_lines: Kind::integer(0, 1_000_000), default Fallback::Integer(1);
    /// Percent of a limit that may be used before the alert `quota`.
    ALERTS_QUOTA = alerts.quota_percent: Kind::integer(0, 100), default Fallback::Integer(90);
    /// Whether there is the alert `state_file`: 1 or 0.
    ALERTS_STATE_FILE = alerts.state_file: Kind::integer(0, 1), default Fallback::Integer(1);
    /// Percent of the descriptors that may be open before the alert `descriptors`.
    ALERTS_DESCRIPTORS = alerts.descriptors_percent: Kind::integer(0, 100), default Fallback::Integer(90);
    /// Days before the TLS certificate expires from which on there is the alert `certificate`.
    ALERTS_CERTIFICATE = alerts.certificate_days: Kind::integer(0, 3_650), default Fallback::Integer(14);
    /// Requests within ten minutes whose outcome is unknown from which on there is the alert `outcome_unknown`.
    ALERTS_OUTCOME_UNKNOWN = alerts.outcome_unknown: Kind::integer(0, 1_000_000), default Fallback::Integer(1);
    /// Statements a minute that may be slow (`queries.slow_ms`) before the alert `slow_statements`.
    ALERTS_SLOW_STATEMENTS = alerts.slow_statements: Kind::integer(0, 1_000_000), default Fallback::Integer(10);
    /// Whether there is the alert `problem`, for what else `status` names: 1 or 0.
    ALERTS_PROBLEM = alerts.problem: Kind::integer(0, 1), default Fallback::Integer(1);

    /// Milliseconds of running from which a statement counts as slow.
    QUERIES_SLOW = queries.slow_ms: Kind::integer(1, 86_400_000), default Fallback::Integer(5_000);
    /// Statements, apart from their literals, that are told apart; those that ran longest ago make room.
    QUERIES_PATTERNS_MAX = queries.patterns_max: Kind::integer(1, 10_000), default Fallback::Integer(500);
}
