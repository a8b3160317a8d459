//! The typed sections of the configuration. Names, defaults and bounds are those of the table in
//! `keys.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use super::Paths;
use super::keys;
use super::keys::Key;
use super::kind::Value;
use super::settings::{ProfileSettings, Settings};

const SECONDS_PER_MINUTE: u64 = 60;

/// The folder of the sample data in the data folder.
const SAMPLE_FOLDER: &str = "sample";

/// `[gateway]`: the process and its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Idle time after which the gateway exits; `None`: never. In minutes: `gateway.idle_exit_minutes`, 0 to
    /// 10080.
    pub idle_exit: Option<Duration>,
    /// Time for running statements at a stop. In milliseconds: `gateway.drain_timeout_ms`, 0 to 15000.
    pub drain_timeout: Duration,
    /// Sessions open at once: `gateway.sessions_max`, 1 to 100000.
    pub sessions_max: usize,
    /// Requests of one session running at once: `gateway.session_requests_max`, 1 to 1024.
    pub session_requests_max: usize,
    /// Time for a new connection's hello. In milliseconds: `gateway.hello_timeout_ms`, 100 to 60000.
    pub hello_timeout: Duration,
    /// How much is logged, unless [`super::Config::log_targets`] overrides it.
    pub log_level: Level,
}

/// `[session]`: sessions, and how long their context is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// How long the context of a session is kept after its client has disconnected. In minutes:
    /// `session.ttl_minutes`, 0 to 43200.
    pub ttl: Duration,
}

/// `backend.kind`: the backend that runs the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendKind {
    /// The embedded backend.
    Sqlite,
    /// A Snowflake account.
    Snowflake,
}

/// `[sqlite]`: the embedded backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteConfig {
    /// The folder of database files, absolute.
    pub folder: PathBuf,
    /// Whether it is the default folder, which is created if it is missing.
    pub creates_folder: bool,
    /// The folder that the first start fills with the sample database; `None` if there is to be none.
    pub sample_folder: Option<PathBuf>,
    /// The variable that moves the default folders: what to correct if they cannot be created.
    pub home_variable: &'static str,
    /// Whether statements that write are refused.
    pub read_only: bool,
    /// Wait for another process's lock. In milliseconds: `sqlite.busy_timeout_ms`, 0 to 600000.
    pub busy_timeout: Duration,
    /// Single files outside the folder, absolute, by database name as written; no two names differ only in
    /// case.
    pub databases: BTreeMap<String, PathBuf>,
}

/// `[pool]`: the shared connections. `connections_min` is never above `connections_max`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Connections kept open: `pool.connections_min`, 0 to 256.
    pub connections_min: usize,
    /// Connections open at once: `pool.connections_max`, 1 to 256.
    pub connections_max: usize,
    /// Wait for a connection. In milliseconds: `pool.wait_timeout_ms`, 1 to 3600000.
    pub wait_timeout: Duration,
    /// Life of an unused connection above the minimum. In milliseconds: `pool.idle_timeout_ms`, 1000 to
    /// 86400000.
    pub idle_timeout: Duration,
}

/// `[limits]`: limits on the cost and result of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Rows of one result: `limits.rows_max`, 1 to 1000000.
    pub rows_max: u64,
    /// Bytes of the rows and column names in one result, as they are written: `limits.bytes_max`, 1024 to 7340032.
    pub bytes_max: u64,
    /// Run time of one statement. In milliseconds: `limits.statement_timeout_ms`, 1 to 86400000.
    pub statement_timeout: Duration,
    /// Rows counted past a cut result: `limits.count_rows_max`, 0 to 1000000000.
    pub count_rows_max: u64,
}

/// `[profiles.NAME]`: the context a session of this profile starts with. Names have 1 to 255 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileConfig {
    /// The role.
    pub role: Option<String>,
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The schema.
    pub schema: Option<String>,
}

impl BackendKind {
    /// The name of the connection that the section of this kind defines.
    pub fn connection(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Snowflake => "snowflake",
        }
    }
}

impl GatewayConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let idle_minutes = settings.integer(&keys::IDLE_EXIT);
        let idle_exit = Duration::from_secs(idle_minutes * SECONDS_PER_MINUTE);
        Self {
            idle_exit: (idle_minutes > 0).then_some(idle_exit),
            drain_timeout: milliseconds(settings, &keys::DRAIN_TIMEOUT),
            sessions_max: count(settings, &keys::SESSIONS_MAX),
            session_requests_max: count(settings, &keys::SESSION_REQUESTS_MAX),
            hello_timeout: milliseconds(settings, &keys::HELLO_TIMEOUT),
            log_level: settings.text(&keys::LOG_LEVEL).parse().unwrap_or(Level::INFO),
        }
    }
}

impl SessionConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self { ttl: Duration::from_secs(settings.integer(&keys::SESSION_TTL) * SECONDS_PER_MINUTE) }
    }
}

impl SqliteConfig {
    pub(super) fn from_settings(settings: &Settings, paths: &Paths) -> Self {
        let databases = settings.databases.iter();
        let has_sample = settings.boolean(&keys::SAMPLE_DATA);
        Self {
            folder: settings.path(&keys::SQLITE_FOLDER),
            creates_folder: settings.has_default_value(&keys::SQLITE_FOLDER, paths),
            sample_folder: has_sample.then(|| paths.data_dir.join(SAMPLE_FOLDER)),
            home_variable: paths.home_variable,
            read_only: settings.boolean(&keys::READ_ONLY),
            busy_timeout: milliseconds(settings, &keys::BUSY_TIMEOUT),
            databases: databases.map(|(name, file)| (name.clone(), file.value.to_path())).collect(),
        }
    }
}

impl PoolConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self {
            connections_min: count(settings, &keys::CONNECTIONS_MIN),
            connections_max: count(settings, &keys::CONNECTIONS_MAX),
            wait_timeout: milliseconds(settings, &keys::WAIT_TIMEOUT),
            idle_timeout: milliseconds(settings, &keys::IDLE_TIMEOUT),
        }
    }
}

impl LimitsConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self {
            rows_max: settings.integer(&keys::ROWS_MAX),
            bytes_max: settings.integer(&keys::BYTES_MAX),
            statement_timeout: milliseconds(settings, &keys::STATEMENT_TIMEOUT),
            count_rows_max: settings.integer(&keys::COUNT_ROWS_MAX),
        }
    }
}

impl ProfileConfig {
    pub(super) fn from_settings(settings: &ProfileSettings) -> Self {
        let text = |key| match settings.get(key).map(|setting| &setting.value) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        Self {
            role: text("role"),
            warehouse: text("warehouse"),
            database: text("database"),
            schema: text("schema"),
        }
    }
}

fn milliseconds(settings: &Settings, key: &Key) -> Duration {
    Duration::from_millis(settings.integer(key))
}

/// A count as an index type; the bounds in the table fit every machine's.
fn count(settings: &Settings, key: &Key) -> usize {
    usize::try_from(settings.integer(key)).unwrap_or(usize::MAX)
}
