//! The variables of other Snowflake MCP servers, and what each becomes. One row a variable, the same for the command and for
//! `docs/migration.md`.
//!
//! Source: `config.py`, `main.py`, `snowflake_conn.py`, `stdio_pacing.py` and the guides of cfdude/snowflake-mcp-server; the
//! READMEs of Snowflake-Labs/mcp and of smaller servers. Variables of Snowflake's own tools that are not here are those of
//! `docs/configuration.md`, and are taken from there.

use super::convert::Form;

use Becomes::{Nothing, Secret, Setting};
use Effect::{Documented, Ignored, Worked};

/// What a variable did in the server that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It worked.
    Worked,
    /// The code read it, and nothing came of it.
    Ignored,
    /// Only documents have it; no code reads it.
    Documented,
}

impl Effect {
    /// As the page and the report say it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Worked => "worked",
            Self::Ignored => "was read, and had no effect",
            Self::Documented => "is in its documents, and was never read",
        }
    }
}

/// What it becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Becomes {
    /// A setting, with its value in another form.
    Setting(&'static str, Form),
    /// Nothing in the file: a secret, and where it goes.
    Secret(&'static str),
    /// Nothing, and why, or what to do instead.
    Nothing(&'static str),
}

/// One variable.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    pub(super) becomes: Becomes,
}

const fn row(name: &'static str, effect: Effect, becomes: Becomes) -> Row {
    Row { name, effect, becomes }
}

const PASSWORD: &str = "stays in the variable SNOWFLAKE_PASSWORD of the client that starts the gateway, or goes into Snowflake's \
                        own connections.toml; or leave it out, and type it with `snowgate login`";
const PASSPHRASE: &str = "stays in the variable SNOWFLAKE_PRIVATE_KEY_PASSPHRASE where the gateway starts, or goes into Snowflake's \
                          own connections.toml";
const TOKEN: &str = "goes into a file of its own (mode 0600) that `token_file_path` under [snowflake] names, or into \
                     SNOWFLAKE_TOKEN; with authenticator = \"programmatic_access_token\"";
const API_KEYS: &str =
    "make new ones with `snowgate keys create --name NAME`: only their digests are kept here";
const LOG_IN_WAIT: &str =
    "a log-in may take 25 s, and how often a connection is tried again follows from [breaker]";
const RESULT_CACHE: &str =
    "results are never cached; answers about the catalog are kept for `pool.metadata_cache_ms`";
const METRICS: &str = "`snowgate metrics` prints them, and the HTTP front has them at /metrics";
const HEALTH: &str = "the HTTP front has /health and /ready, and `snowgate status` says what is wrong";
const LIMITS: &str = "a limit holds if it is set, and without one there is none";
const PROCESS: &str = "a gateway is one process for all clients, and needs no such setting";
const MEMORY: &str =
    "memory is bounded by the sizes of results (`limits.bytes_max`, `limits.result_bytes_in_flight_max`)";
const TLS: &str = "certificates are always checked";
const DAEMON: &str = "shims start the gateway, or a service manager (packaging/README.md)";
const STDIO: &str = "the shim forwards lines as they come; their sizes are bounded by the gateway";
const TRANSACTIONS: &str =
    "a transaction ends with its session, or after `pin_idle_ms` of the profile without a call";
const CACHE: &str = "there is no cache of results and no Redis";
const ENVIRONMENT: &str = "it described the deployment; nothing here depends on it";
const MULTIPLEXING: &str =
    "sessions always share connections, and one that holds state has its own (`isolation` of the profile)";

/// Bytes of a MiB.
const MIB: u64 = 1_048_576;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const SECOND_MS: u64 = 1_000;

/// All rows: what worked first, then by what they are about.
pub(super) const ROWS: &[Row] = &[
    row("SNOWFLAKE_ACCOUNT", Worked, Setting("snowflake.account", Form::Account)),
    row("SNOWFLAKE_USER", Worked, Setting("snowflake.user", Form::Text)),
    row("SNOWFLAKE_AUTH_TYPE", Worked, Setting("snowflake.authenticator", Form::Authenticator)),
    row("SNOWFLAKE_PRIVATE_KEY_PATH", Worked, Setting("snowflake.private_key_file", Form::Path)),
    row("SNOWFLAKE_ROLE", Worked, Setting("snowflake.role", Form::Text)),
    row("SNOWFLAKE_WAREHOUSE", Worked, Setting("snowflake.warehouse", Form::Text)),
    row("SNOWFLAKE_DATABASE", Worked, Setting("snowflake.database", Form::Text)),
    row("SNOWFLAKE_SCHEMA", Worked, Setting("snowflake.schema", Form::Text)),
    row("SNOWFLAKE_POOL_MIN_SIZE", Worked, Setting("pool.connections_min", Form::Times(1))),
    row("SNOWFLAKE_POOL_MAX_SIZE", Worked, Setting("pool.connections_max", Form::Times(1))),
    row(
        "SNOWFLAKE_POOL_MAX_INACTIVE_MINUTES",
        Worked,
        Setting("pool.idle_timeout_ms", Form::Times(MINUTE_MS)),
    ),
    row(
        "SNOWFLAKE_POOL_HEALTH_CHECK_MINUTES",
        Worked,
        Setting("pool.check_after_ms", Form::Times(MINUTE_MS)),
    ),
    row("SNOWFLAKE_POOL_CONNECTION_TIMEOUT", Worked, Nothing(LOG_IN_WAIT)),
    row("SNOWFLAKE_POOL_RETRY_ATTEMPTS", Ignored, Nothing(LOG_IN_WAIT)),
    row("SNOWFLAKE_CONN_REFRESH_HOURS", Worked, Setting("pool.max_age_ms", Form::Times(HOUR_MS))),
    row("ALLOWED_SQL_COMMANDS", Worked, Setting("profiles.default.statements", Form::Commands)),
    row("MCP_MIN_RESPONSE_INTERVAL_MS", Worked, Nothing(STDIO)),
    row("MCP_MAX_RESPONSE_INTERVAL_MS", Worked, Nothing(STDIO)),
    row("MCP_ADAPTIVE_PACING", Worked, Nothing(STDIO)),
    row("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", Ignored, Secret(PASSPHRASE)),
    row("SNOWFLAKE_PRIVATE_KEY", Ignored, Setting("snowflake.private_key_file", Form::KeyOrPath)),
    row("SNOWFLAKE_CONN_TIMEOUT", Ignored, Nothing(LOG_IN_WAIT)),
    row("SNOWFLAKE_HEALTH_CHECK_INTERVAL", Ignored, Setting("pool.check_after_ms", Form::Times(MINUTE_MS))),
    row("SNOWFLAKE_MAX_INACTIVE_TIME", Ignored, Setting("pool.idle_timeout_ms", Form::Times(MINUTE_MS))),
    row("READONLY_MODE", Ignored, Setting("snowflake.read_only", Form::Boolean)),
    row(
        "MCP_HTTP_HOST",
        Ignored,
        Nothing("the HTTP front is off; `enabled` and `listen` under [http] turn it on (docs/http.md)"),
    ),
    row("MCP_HTTP_PORT", Ignored, Setting("http.listen", Form::LoopbackPort)),
    row("MCP_CORS_ORIGINS", Ignored, Setting("http.allowed_origins", Form::Origins)),
    row("MCP_MAX_REQUEST_SIZE", Ignored, Setting("http.request_bytes_max", Form::Times(MIB))),
    row("MCP_REQUEST_TIMEOUT", Ignored, Setting("limits.statement_timeout_ms", Form::Times(SECOND_MS))),
    row("LOG_LEVEL", Ignored, Setting("gateway.log_level", Form::LogLevel)),
    row("LOG_FORMAT", Ignored, Setting("logs.format", Form::LogFormat)),
    row(
        "STRUCTURED_LOGGING",
        Ignored,
        Nothing("log lines are JSON unless `format` under [logs] is \"text\""),
    ),
    row("LOG_FILE_MAX_SIZE", Ignored, Setting("logs.file_bytes_max", Form::Times(MIB))),
    row("LOG_FILE_BACKUP_COUNT", Ignored, Setting("logs.files_max", Form::Times(1))),
    row("MAX_CONCURRENT_REQUESTS", Ignored, Setting("limits.concurrent_max", Form::Times(1))),
    row(
        "DEFAULT_QUERY_LIMIT",
        Ignored,
        Nothing("without `limit`, `execute_query` returns 100 rows and `query_view` 10, as there"),
    ),
    row("MAX_QUERY_LIMIT", Ignored, Setting("limits.rows_max", Form::Times(1))),
    row("ENABLE_QUERY_CACHE", Ignored, Nothing(RESULT_CACHE)),
    row("QUERY_CACHE_TTL", Ignored, Nothing(RESULT_CACHE)),
    row(
        "ENABLE_API_AUTH",
        Ignored,
        Nothing("clients over HTTP need a key unless `auth` under [http] is \"none\""),
    ),
    row("API_KEYS", Ignored, Secret(API_KEYS)),
    row(
        "ENABLE_SQL_PROTECTION",
        Ignored,
        Nothing("each statement is read and classified; that cannot be turned off (docs/gate.md)"),
    ),
    row("ENABLE_RATE_LIMITING", Ignored, Nothing(LIMITS)),
    row("RATE_LIMIT_PER_MINUTE", Ignored, Setting("limits.requests_per_minute", Form::Times(1))),
    row("ENABLE_METRICS", Ignored, Nothing(METRICS)),
    row("METRICS_ENDPOINT", Ignored, Nothing(METRICS)),
    row("HEALTH_CHECK_TIMEOUT", Ignored, Nothing(HEALTH)),
    row("DETAILED_HEALTH_CHECKS", Ignored, Nothing(HEALTH)),
    row("DEBUG", Ignored, Nothing("`log_level = \"debug\"` under [gateway] says more")),
    row("LOG_SQL_QUERIES", Ignored, Setting("logs.log_sql", Form::Boolean)),
    row("ENABLE_PROFILING", Ignored, Nothing("`snowgate queries` shows which statements take how long")),
    row(
        "MOCK_SNOWFLAKE",
        Ignored,
        Nothing("`kind = \"sqlite\"` under [backend] serves sample data without an account"),
    ),
    row("ENVIRONMENT", Ignored, Nothing(ENVIRONMENT)),
    row("APP_VERSION", Ignored, Nothing(ENVIRONMENT)),
    row("DEPLOYMENT_TIMESTAMP", Documented, Nothing(ENVIRONMENT)),
    row("SNOWFLAKE_PASSWORD", Documented, Secret(PASSWORD)),
    row("SNOWFLAKE_AUTHENTICATOR", Documented, Setting("snowflake.authenticator", Form::Authenticator)),
    row("SNOWFLAKE_HEALTH_CHECK_TIMEOUT", Documented, Nothing(HEALTH)),
    row("CONNECTION_POOL_MIN_SIZE", Documented, Setting("pool.connections_min", Form::Times(1))),
    row("CONNECTION_POOL_MAX_SIZE", Documented, Setting("pool.connections_max", Form::Times(1))),
    row(
        "CONNECTION_POOL_MAX_INACTIVE_TIME_MINUTES",
        Documented,
        Setting("pool.idle_timeout_ms", Form::Times(MINUTE_MS)),
    ),
    row(
        "CONNECTION_POOL_HEALTH_CHECK_INTERVAL_MINUTES",
        Documented,
        Setting("pool.check_after_ms", Form::Times(MINUTE_MS)),
    ),
    row("CONNECTION_POOL_CONNECTION_TIMEOUT_SECONDS", Documented, Nothing(LOG_IN_WAIT)),
    row("CONNECTION_POOL_RETRY_ATTEMPTS", Documented, Nothing(LOG_IN_WAIT)),
    row(
        "MCP_SERVER_HOST",
        Documented,
        Nothing("the HTTP front is off; `enabled` and `listen` under [http] turn it on (docs/http.md)"),
    ),
    row("MCP_SERVER_PORT", Documented, Setting("http.listen", Form::LoopbackPort)),
    row("MCP_SERVER_WORKERS", Documented, Nothing(PROCESS)),
    row("MCP_SERVER_TIMEOUT", Documented, Setting("limits.statement_timeout_ms", Form::Times(SECOND_MS))),
    row("CORS_ALLOW_ORIGINS", Documented, Setting("http.allowed_origins", Form::Origins)),
    row("CORS_ALLOW_METHODS", Documented, Nothing("the HTTP front allows the methods that it has")),
    row("CORS_ALLOW_HEADERS", Documented, Nothing("the HTTP front allows the headers that it reads")),
    row("LOG_FILE", Documented, Nothing("logs are in the state folder: `snowgate logs` shows them")),
    row("LOG_DIR", Documented, Nothing("logs are in the state folder: `snowgate logs` shows them")),
    row("LOG_ROTATION_SIZE", Documented, Setting("logs.file_bytes_max", Form::Bytes)),
    row("LOG_ROTATION_BACKUPS", Documented, Setting("logs.files_max", Form::Times(1))),
    row("ENABLE_REQUEST_LOGGING", Documented, Setting("logs.access", Form::Boolean)),
    row(
        "REQUEST_LOG_LEVEL",
        Documented,
        Nothing("the stream `access` has a line for each request, without levels"),
    ),
    row("LOG_QUERY_DETAILS", Documented, Setting("logs.log_sql", Form::Boolean)),
    row("ENABLE_MONITORING", Documented, Nothing(METRICS)),
    row("METRICS_PORT", Documented, Nothing(METRICS)),
    row("METRICS_PATH", Documented, Nothing(METRICS)),
    row("METRICS_COLLECTION_INTERVAL", Documented, Nothing(METRICS)),
    row("ENABLE_DETAILED_METRICS", Documented, Nothing(METRICS)),
    row(
        "TRACK_QUERY_METRICS",
        Documented,
        Nothing("`snowgate queries` shows which statements take how long"),
    ),
    row("HEALTH_CHECK_ENABLED", Documented, Nothing(HEALTH)),
    row("HEALTH_CHECK_PATH", Documented, Nothing(HEALTH)),
    row("HEALTH_CHECK_INTERVAL", Documented, Nothing(HEALTH)),
    row(
        "RATE_LIMIT_REQUESTS_PER_MINUTE",
        Documented,
        Setting("limits.global_requests_per_minute", Form::Times(1)),
    ),
    row("RATE_LIMIT_BURST_SIZE", Documented, Setting("limits.global_requests_burst", Form::Times(1))),
    row(
        "RATE_LIMIT_STORAGE",
        Documented,
        Nothing("limits are counted by the gateway, and kept in its state file"),
    ),
    row("CLIENT_RATE_LIMIT_ENABLED", Documented, Nothing(LIMITS)),
    row(
        "CLIENT_RATE_LIMIT_REQUESTS_PER_MINUTE",
        Documented,
        Setting("limits.requests_per_minute", Form::Times(1)),
    ),
    row(
        "CLIENT_RATE_LIMIT_WINDOW_MINUTES",
        Documented,
        Nothing("limits are per second, minute, hour and day (docs/limits.md)"),
    ),
    row(
        "ENABLE_API_KEY_AUTH",
        Documented,
        Nothing("clients over HTTP need a key unless `auth` under [http] is \"none\""),
    ),
    row(
        "API_KEY_HEADER",
        Documented,
        Nothing("a key goes into `Authorization: Bearer` or `X-API-Key` (docs/keys.md)"),
    ),
    row("VALID_API_KEYS", Documented, Secret(API_KEYS)),
    row(
        "ENABLE_SQL_INJECTION_PROTECTION",
        Documented,
        Nothing("each statement is read and classified; that cannot be turned off (docs/gate.md)"),
    ),
    row("MAX_QUERY_RESULT_ROWS", Documented, Setting("limits.rows_max", Form::Times(1))),
    row("QUERY_TIMEOUT_SECONDS", Documented, Setting("limits.statement_timeout_ms", Form::Times(SECOND_MS))),
    row(
        "REQUIRE_SSL",
        Documented,
        Nothing("Snowflake is reached by TLS; `protocol` under [snowflake] is for tests"),
    ),
    row("VERIFY_SSL_CERTS", Documented, Nothing(TLS)),
    row("TLS_CERT_FILE", Documented, Setting("http.tls_certificate", Form::Path)),
    row("TLS_KEY_FILE", Documented, Setting("http.tls_key", Form::Path)),
    row("MCP_MODE", Documented, Nothing("shims serve clients that speak stdio; [http] serves the others")),
    row("STDIO_BUFFER_SIZE", Documented, Nothing(STDIO)),
    row("STDIO_TIMEOUT", Documented, Nothing(STDIO)),
    row("HTTP_VERSION", Documented, Nothing("the HTTP front speaks HTTP/1.1 and HTTP/2")),
    row("HTTP_KEEP_ALIVE", Documented, Nothing("connections are kept open for `http.idle_timeout_ms`")),
    row("KEEP_ALIVE_ENABLED", Documented, Nothing("connections are kept open for `http.idle_timeout_ms`")),
    row("KEEP_ALIVE_TIMEOUT", Documented, Setting("http.idle_timeout_ms", Form::Times(SECOND_MS))),
    row("MAX_KEEP_ALIVE_REQUESTS", Documented, Nothing("the requests of a connection are not counted")),
    row("HTTP_MAX_CONNECTIONS", Documented, Setting("http.connections_max", Form::Times(1))),
    row("HTTP_REQUEST_TIMEOUT", Documented, Setting("http.header_timeout_ms", Form::Times(SECOND_MS))),
    row("WS_PING_INTERVAL", Documented, Nothing("the HTTP front pings WebSockets by itself")),
    row("WS_PING_TIMEOUT", Documented, Nothing("the HTTP front pings WebSockets by itself")),
    row("WS_MAX_MESSAGE_SIZE", Documented, Setting("http.request_bytes_max", Form::Times(1))),
    row("DAEMON_PID_FILE", Documented, Nothing(DAEMON)),
    row("DAEMON_USER", Documented, Nothing(DAEMON)),
    row("DAEMON_GROUP", Documented, Nothing(DAEMON)),
    row("SESSION_TIMEOUT_MINUTES", Documented, Setting("session.ttl_minutes", Form::Times(1))),
    row("MAX_CONCURRENT_SESSIONS", Documented, Setting("gateway.sessions_max", Form::Times(1))),
    row(
        "SESSION_CLEANUP_INTERVAL",
        Documented,
        Nothing("sessions are removed when they are due, without an interval"),
    ),
    row(
        "ENABLE_SESSION_PERSISTENCE",
        Documented,
        Nothing("sessions are always kept over restarts, for `session.ttl_minutes`"),
    ),
    row("MAX_MEMORY_MB", Documented, Setting("alerts.memory_mib", Form::Times(1))),
    row(
        "MAX_CPU_PERCENT",
        Documented,
        Nothing("bound the process with its service manager (`CPUQuota=` of systemd)"),
    ),
    row("REQUEST_QUEUE_SIZE", Documented, Setting("allocator.queue_max", Form::Times(1))),
    row("GC_INTERVAL_SECONDS", Documented, Nothing(MEMORY)),
    row("MEMORY_CLEANUP_THRESHOLD", Documented, Nothing(MEMORY)),
    row("DEFAULT_TRANSACTION_TIMEOUT", Documented, Nothing(TRANSACTIONS)),
    row("MAX_TRANSACTION_DURATION", Documented, Nothing(TRANSACTIONS)),
    row(
        "AUTO_COMMIT_QUERIES",
        Documented,
        Nothing("a statement outside a transaction always commits by itself"),
    ),
    row("ENABLE_TRANSACTION_ISOLATION", Documented, Nothing(MULTIPLEXING)),
    row("ENABLE_CONNECTION_MULTIPLEXING", Documented, Nothing(MULTIPLEXING)),
    row("MAX_SHARED_CONNECTIONS_PER_POOL", Documented, Setting("pool.connections_max", Form::Times(1))),
    row("CONNECTION_SHARING_TIMEOUT_SECONDS", Documented, Nothing(MULTIPLEXING)),
    row("CLIENT_POOL_SIZE", Documented, Nothing(MULTIPLEXING)),
    row(
        "CLIENT_POOL_TIMEOUT",
        Documented,
        Nothing("`allocator.max_wait_ms` bounds how long a request waits for a connection"),
    ),
    row("ENABLE_QUERY_BATCHING", Documented, Nothing("each call is one statement")),
    row("BATCH_SIZE", Documented, Nothing("each call is one statement")),
    row("BATCH_TIMEOUT_MS", Documented, Nothing("each call is one statement")),
    row("ENABLE_QUERY_CACHING", Documented, Nothing(CACHE)),
    row("CACHE_TYPE", Documented, Nothing(CACHE)),
    row("CACHE_TTL_SECONDS", Documented, Nothing(CACHE)),
    row("CACHE_MAX_SIZE_MB", Documented, Nothing(CACHE)),
    row("CACHE_KEY_PREFIX", Documented, Nothing(CACHE)),
    row("REDIS_HOST", Documented, Nothing(CACHE)),
    row("REDIS_PORT", Documented, Nothing(CACHE)),
    row("REDIS_DB", Documented, Nothing(CACHE)),
    row("REDIS_SSL", Documented, Nothing(CACHE)),
    row("REDIS_PASSWORD", Documented, Secret("there is no Redis, so remove it")),
    row("UVICORN_LOG_LEVEL", Documented, Nothing("`log_level` under [gateway] is the one level")),
    row("PYTHONPATH", Worked, Nothing("there is no Python: two programs are all there is")),
    row("NODE_ENV", Documented, Nothing(ENVIRONMENT)),
];

/// Variables of other servers.
pub(super) const OTHERS: &[Row] = &[
    row("SNOWFLAKE_USERNAME", Worked, Setting("snowflake.user", Form::Text)),
    row("SNOWFLAKE_PAT", Worked, Secret(TOKEN)),
    row("SNOWFLAKE_CONNECTION_NAME", Worked, Setting("snowflake.connection", Form::Text)),
    row("SNOWFLAKE_ALLOW_WRITE", Worked, Setting("snowflake.read_only", Form::Not)),
    row("SNOWFLAKE_MAX_ROWS", Worked, Setting("limits.rows_max", Form::Times(1))),
    row(
        "SERVICE_CONFIG_FILE",
        Worked,
        Nothing(
            "Cortex services have no tool here; what clients may do goes into [profiles.NAME] (docs/profiles.md)",
        ),
    ),
    row("SNOWFLAKE_MCP_ENDPOINT", Worked, Nothing("the HTTP front serves MCP at /mcp (docs/http.md)")),
    row(
        "SNOWFLAKE_MCP_TRANSPORT",
        Worked,
        Nothing("shims serve clients that speak stdio; [http] serves the others"),
    ),
    row("HTTPS_PROXY", Worked, Setting("snowflake.proxy", Form::Proxy)),
    row(
        "HTTP_PROXY",
        Worked,
        Nothing(
            "Snowflake is reached by TLS, for which HTTPS_PROXY and ALL_PROXY count, or `proxy` under [snowflake]",
        ),
    ),
    row(
        "ALL_PROXY",
        Worked,
        Nothing(
            "counts where HTTPS_PROXY is not set: keep it where the gateway starts, or set `proxy` under [snowflake]",
        ),
    ),
    row(
        "NO_PROXY",
        Worked,
        Nothing(
            "is read from the environment as it is, also for `proxy` under [snowflake]: keep it where the gateway starts",
        ),
    ),
];

/// The row of `name`. Those of proxies are read in lower case, too.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    let is_it =
        |row: &&Row| row.name == name || row.name.ends_with("_PROXY") && row.name.eq_ignore_ascii_case(name);
    ROWS.iter().chain(OTHERS).find(is_it)
}

/// Switches that turn off what another variable sets: `(switch, set by)`. Where the switch is off, that is not taken.
pub(super) const SWITCHES: &[(&str, &[&str])] = &[
    (
        "ENABLE_RATE_LIMITING",
        &["RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_REQUESTS_PER_MINUTE", "RATE_LIMIT_BURST_SIZE"],
    ),
    ("CLIENT_RATE_LIMIT_ENABLED", &["CLIENT_RATE_LIMIT_REQUESTS_PER_MINUTE"]),
];
