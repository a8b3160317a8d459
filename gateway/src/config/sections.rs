//! The typed sections of the configuration. Names, defaults and bounds are those of the table in
//! `keys.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sql_gate::{Class, ClassSet};
use tracing::Level;

use super::Paths;
use super::allocator::AllocatorConfig;
use super::breaker::BreakerConfig;
use super::cost::CostConfig;
use super::keys;
use super::keys::Key;
use super::kind::Value;
use super::limits::{ProfileLimits, UsageLimits};
use super::matches::{self, MATCH};
use super::profile_keys::EXPORT_FOLDER;
use super::roles::ACCESS_ROLE;
use super::settings::{ProfileSettings, Settings};
use crate::backend::SecondaryRoles;

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
    /// Whether a client's own settings have a connection of their own; if not, its calls are refused.
    pub serves_client_settings: bool,
    /// Connections for such clients open at once: `gateway.backends_max`, 1 to 64.
    pub backends_max: usize,
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
    /// Wait for a connection that a session has to itself. In milliseconds: `pool.wait_timeout_ms`, 1 to 3600000.
    pub wait_timeout: Duration,
    /// Life of an unused connection above the minimum. In milliseconds: `pool.idle_timeout_ms`, 1000 to
    /// 86400000.
    pub idle_timeout: Duration,
    /// Silence after which a connection is asked whether it works. In milliseconds: `pool.check_after_ms`, 1000 to
    /// 86400000.
    pub check_after: Duration,
    /// Age at which a connection is closed when nobody uses it. In milliseconds: `pool.max_age_ms`, 1000 to
    /// 604800000.
    pub max_age: Duration,
    /// How long answers about the catalog are kept; `None`: as its kind of backend has it. In milliseconds:
    /// `pool.metadata_cache_ms`, 0 to 3600000.
    pub metadata_cache: Option<Duration>,
    /// Who gets the next connection.
    pub allocator: AllocatorConfig,
    /// When its requests are held back.
    pub breaker: BreakerConfig,
}

/// `[limits]`: limits on the cost and result of one statement, and on what clients use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Rows of one result: `limits.rows_max`, 1 to 1000000.
    pub rows_max: u64,
    /// Bytes of the rows and column names in one result, as they are written: `limits.bytes_max`, 1024 to 7340032.
    pub bytes_max: u64,
    /// The same of rows that a program asks for over HTTP: `limits.row_bytes_max`, 1024 to 7340032.
    pub row_bytes_max: u64,
    /// Run time of one statement. In milliseconds: `limits.statement_timeout_ms`, 1 to 86400000.
    pub statement_timeout: Duration,
    /// After what time a call is answered although its statement still runs; zero: never. In milliseconds: `limits.answer_within_ms`, 0 to 86400000.
    pub answer_within: Duration,
    /// Rows counted past a cut result: `limits.count_rows_max`, 0 to 1000000000.
    pub count_rows_max: u64,
    /// Bytes of one file that is exported: `limits.export_bytes_max`, 1024 to 1099511627776.
    pub export_bytes_max: u64,
    /// What clients may use over time.
    pub usage: UsageLimits,
}

/// How much of a connection a session has to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// A connection of its own, closed with the session.
    Strict,
    /// A shared one, and one of its own for as long as it holds state.
    #[default]
    Moderate,
    /// A shared one: statements that make state are refused, identical reads at the same time run once.
    Relaxed,
}

impl IsolationLevel {
    /// As a configuration and people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Moderate => "moderate",
            Self::Relaxed => "relaxed",
        }
    }
}

/// Who a profile is for: each pattern that is set must fit. `*` is any text; in `folder`, `*` stays within one folder
/// and `**` does not. `~/` has been expanded. At least one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileMatch {
    /// The client's own name.
    pub client: Option<String>,
    /// The file name, or the path, of the program that launched the shim.
    pub parent: Option<String>,
    /// The client's working directory.
    pub folder: Option<String>,
    /// The name of an API key.
    pub key: Option<String>,
}

/// The lists of names of a profile, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameLists {
    /// Databases that may be used; empty: all.
    pub allowed_databases: Vec<String>,
    /// Databases that may not.
    pub denied_databases: Vec<String>,
    /// Schemas that may be used; empty: all.
    pub allowed_schemas: Vec<String>,
    /// Schemas that may not.
    pub denied_schemas: Vec<String>,
    /// Tables and views that may be used; empty: all.
    pub allowed_tables: Vec<String>,
    /// Tables and views that may not.
    pub denied_tables: Vec<String>,
}

/// A program that is asked about each statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorConfig {
    /// The program and its arguments: `profiles.NAME.validator`.
    pub command: Vec<String>,
    /// Whether it is given the statement's text: `profiles.NAME.validator_text`.
    pub sends_text: bool,
}

/// `[profiles.NAME]`: the policy for the sessions of this profile, and the context they start with. Names have 1 to 255
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileConfig {
    /// Who it is for; the first profile of the file that fits.
    pub matches: Vec<ProfileMatch>,
    /// The connection; `None`: the default one.
    pub connection: Option<String>,
    /// Which of the user's other roles count.
    pub secondary_roles: Option<SecondaryRoles>,
    /// How much of a connection a session has to itself.
    pub isolation: IsolationLevel,
    /// The classes of statements that are allowed; `None`: those that the connection's `read_only` leaves.
    pub statements: Option<ClassSet>,
    /// The role that bounds it; `None`: none.
    pub access_role: Option<String>,
    /// Which names may be used.
    pub names: NameLists,
    /// The tools that are offered; `None`: all.
    pub tools: Option<Vec<String>>,
    /// Whether no client is told of the page for results.
    pub hides_app: bool,
    /// The folder that results may be exported into, absolute; `None`: none.
    pub export_folder: Option<PathBuf>,
    /// Rows of one result; `None`: `limits.rows_max`, which it never exceeds. 1 to 1000000.
    pub rows_max: Option<u64>,
    /// Bytes of one result; `None`: `limits.bytes_max`, which it never exceeds. 1024 to 7340032.
    pub bytes_max: Option<u64>,
    /// Run time of one statement; `None`: `limits.statement_timeout_ms`, which it never exceeds. In milliseconds, 1 to
    /// 86400000.
    pub statement_timeout: Option<Duration>,
    /// After what time a call is answered although its statement still runs; `None`: `limits.answer_within_ms`. In milliseconds, 0 to 86400000; 0: never.
    pub answer_within: Option<Duration>,
    /// Requests of one session that run at once; `None`: `gateway.session_requests_max`, which it never exceeds. 1 to
    /// 1024.
    pub requests_max: Option<usize>,
    /// Its part of the connections by weight, 1 to 1000; `None`: 1.
    pub weight: Option<u64>,
    /// Its part of the connections by priority, 1 to 5; `None`: 3.
    pub priority: Option<u64>,
    /// Connections that one client uses at once, 1 to 256; `None`: all.
    pub slots_max: Option<usize>,
    /// What one client may use over time.
    pub limits: ProfileLimits,
    /// What a statement may cost.
    pub cost: CostConfig,
    /// How long a session's last connection stays its favourite; `None`: [`LEASE_IDLE`]. In milliseconds, 0 to 86400000.
    pub lease_idle: Option<Duration>,
    /// How long a connection that a session holds for its state may be unused; `None`: [`PIN_IDLE`]. In milliseconds, 1 to
    /// 86400000.
    pub pin_idle: Option<Duration>,
    /// Whether the log-in must be an agent's session.
    pub require_agent_session: bool,
    /// The session scope that the log-in must have.
    pub require_scope: Option<String>,
    /// Who is asked about each statement.
    pub validator: Option<ValidatorConfig>,
    /// The role.
    pub role: Option<String>,
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The schema.
    pub schema: Option<String>,
}

/// `profiles.NAME.lease_idle_ms` where it is not set.
pub const LEASE_IDLE: Duration = Duration::from_secs(30);

/// `profiles.NAME.pin_idle_ms` where it is not set.
pub const PIN_IDLE: Duration = Duration::from_secs(300);

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
            serves_client_settings: settings.text(&keys::CLIENT_SETTINGS) == "serve",
            backends_max: count(settings, &keys::BACKENDS_MAX),
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
            check_after: milliseconds(settings, &keys::CHECK_AFTER),
            max_age: milliseconds(settings, &keys::MAX_AGE),
            metadata_cache: settings
                .find(&keys::METADATA_CACHE)
                .map(|_| milliseconds(settings, &keys::METADATA_CACHE)),
            allocator: AllocatorConfig::from_settings(settings),
            breaker: BreakerConfig::from_settings(settings),
        }
    }
}

impl LimitsConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self {
            rows_max: settings.integer(&keys::ROWS_MAX),
            bytes_max: settings.integer(&keys::BYTES_MAX),
            row_bytes_max: settings.integer(&keys::ROW_BYTES_MAX),
            statement_timeout: milliseconds(settings, &keys::STATEMENT_TIMEOUT),
            answer_within: milliseconds(settings, &keys::ANSWER_WITHIN),
            count_rows_max: settings.integer(&keys::COUNT_ROWS_MAX),
            export_bytes_max: settings.integer(&keys::EXPORT_BYTES_MAX),
            usage: UsageLimits::from_settings(settings),
        }
    }
}

impl ProfileConfig {
    pub(super) fn from_settings(settings: &ProfileSettings, paths: &Paths) -> Self {
        let of = SetKeys { settings, paths };
        let list = |name| of.texts(name).unwrap_or_default();
        Self {
            matches: of.matches(),
            connection: of.text("connection"),
            secondary_roles: of.text("secondary_roles").map(|word| match word.as_str() {
                "all" => SecondaryRoles::All,
                _ => SecondaryRoles::None,
            }),
            isolation: match of.text("isolation").as_deref() {
                Some("strict") => IsolationLevel::Strict,
                Some("relaxed") => IsolationLevel::Relaxed,
                _ => IsolationLevel::Moderate,
            },
            statements: of
                .texts("statements")
                .map(|words| words.iter().filter_map(|word| word.parse::<Class>().ok()).collect()),
            access_role: of.text(ACCESS_ROLE),
            names: NameLists {
                allowed_databases: list("allowed_databases"),
                denied_databases: list("denied_databases"),
                allowed_schemas: list("allowed_schemas"),
                denied_schemas: list("denied_schemas"),
                allowed_tables: list("allowed_tables"),
                denied_tables: list("denied_tables"),
            },
            tools: of.texts("tools"),
            hides_app: of.value("result_app") == Some(&Value::Boolean(false)),
            export_folder: of.path(EXPORT_FOLDER),
            rows_max: of.number("rows_max"),
            bytes_max: of.number("bytes_max"),
            statement_timeout: of.number("statement_timeout_ms").map(Duration::from_millis),
            answer_within: of.number("answer_within_ms").map(Duration::from_millis),
            requests_max: of.number("requests_max").map(|max| usize::try_from(max).unwrap_or(usize::MAX)),
            weight: of.number("weight"),
            priority: of.number("priority"),
            slots_max: of.number("slots_max").map(|max| usize::try_from(max).unwrap_or(usize::MAX)),
            limits: ProfileLimits::from_numbers(|name| of.number(name)),
            cost: CostConfig::of(|name| of.number(name), |name| of.text(name)),
            lease_idle: of.number("lease_idle_ms").map(Duration::from_millis),
            pin_idle: of.number("pin_idle_ms").map(Duration::from_millis),
            require_agent_session: of.truth("require_agent_session"),
            require_scope: of.text("require_scope"),
            validator: of
                .command("validator")
                .map(|command| ValidatorConfig { command, sends_text: of.truth("validator_text") }),
            role: of.text("role"),
            warehouse: of.text("warehouse"),
            database: of.text("database"),
            schema: of.text("schema"),
        }
    }
}

/// The keys of a profile that are set, by kind.
struct SetKeys<'a> {
    settings: &'a ProfileSettings,
    paths: &'a Paths,
}

impl<'a> SetKeys<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.settings.get(name).map(|setting| &setting.value)
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        match self.value(name)? {
            Value::Path(path) => Some(path.clone()),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Texts(texts) => Some(texts.clone()),
            _ => None,
        }
    }

    fn command(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Command(words) => Some(words.clone()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn truth(&self, name: &str) -> bool {
        self.value(name) == Some(&Value::Boolean(true))
    }

    fn matches(&self) -> Vec<ProfileMatch> {
        let Some(Value::Matches(tables)) = self.value(MATCH) else { return Vec::new() };
        let home = self.paths.home_dir.as_deref();
        let table = |table: &matches::MatchTable| {
            let pattern = |wanted: &str| {
                let found = table.iter().find(|(subject, _)| *subject == wanted);
                found.map(|(subject, pattern)| matches::expanded(subject, pattern, home))
            };
            ProfileMatch {
                client: pattern("client"),
                parent: pattern("parent"),
                folder: pattern("folder"),
                key: pattern("key"),
            }
        };
        tables.iter().map(table).collect()
    }
}

pub(super) fn milliseconds(settings: &Settings, key: &Key) -> Duration {
    Duration::from_millis(settings.integer(key))
}

/// A count as an index type; the bounds in the table fit every machine's.
pub(super) fn count(settings: &Settings, key: &Key) -> usize {
    usize::try_from(settings.integer(key)).unwrap_or(usize::MAX)
}
