//! The one table of settings. A new key is a row here, a field in `sections` and nothing else. A row says what
//! a later layer may do with it ([`Protection`]); without a word on that, the later value is used.

use super::environment::PREFIX;
use super::kind::{Kind, TextList};
use super::protection::Protection;
use super::words::{self, AUTHENTICATORS, PROVIDERS};

/// The value of a key that is not set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// This number.
    Integer(u64),
    /// This truth value.
    Boolean(bool),
    /// This text.
    Text(&'static str),
    /// This folder inside the data folder.
    DataFolder(&'static str),
    /// None: the key is optional.
    Unset,
}

/// One scalar setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its TOML table.
    pub(super) section: &'static str,
    /// Its name in that table.
    pub(super) name: &'static str,
    /// `section.name`: its name in errors, and its key in [`super::Settings`].
    pub(super) path: &'static str,
    /// The values that it accepts.
    pub(super) kind: Kind,
    /// Its value if it is not set.
    pub(super) fallback: Fallback,
    /// How a later layer may change it.
    pub(super) protection: Protection,
    /// What it does: one or more sentences.
    pub(super) doc: &'static str,
}

impl Key {
    /// The variable that overrides it.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}_{}", self.section, self.name).to_ascii_uppercase()
    }
}

/// A table of the file, for the reference page and for suggestions.
pub(super) struct Section {
    /// Its name.
    pub(super) name: &'static str,
    /// What its keys are for.
    pub(super) doc: &'static str,
}

/// The tables with fixed keys, in display order.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "gateway", doc: "The gateway process and its sessions." },
    Section { name: "session", doc: "Sessions, and how long their context is kept." },
    Section {
        name: "http",
        doc: "The HTTP front: MCP over HTTP and WebSocket, REST and health ([HTTP](http.md)).",
    },
    Section { name: "backend", doc: "The backend that runs the statements." },
    Section { name: "sqlite", doc: "The embedded backend: a folder of SQLite files, each one a database." },
    Section {
        name: "snowflake",
        doc: "The Snowflake account, if that is the backend. Passwords, passphrases and tokens go in `SNOWFLAKE_*` variables or\n\
              in Snowflake's own `connections.toml` instead.",
    },
    Section { name: "pool", doc: "The connections shared by all sessions." },
    Section { name: "allocator", doc: "Who gets the next connection, where several clients wait." },
    Section {
        name: "breaker",
        doc: "The circuit breaker of each connection: while its backend does not answer, requests are refused at once, and\n\
              a few try whether it is back ([Faults](faults.md)).",
    },
    Section {
        name: "limits",
        doc: "Limits on the cost and result of one statement; and on what a client, and all clients together, may use: 0 is no\n\
              limit. `docs/limits.md` says how they count.",
    },
    Section {
        name: "results",
        doc: "Results that are larger than what is shown of them, and keep a handle ([Results](results.md)).",
    },
    Section {
        name: "logs",
        doc: "The log files: their form, and how much of them is kept ([Logs](log.md)).",
    },
    Section { name: "audit", doc: "The audit trail: one record a decision ([Audit](audit.md))." },
    Section { name: "metrics", doc: "Metrics for Prometheus ([Metrics](metrics.md))." },
    Section {
        name: "alerts",
        doc: "Alerts of the gateway itself, for machines without Prometheus: a log line, `status`, and a webhook\n\
              ([Alerts](alerts.md)). A threshold of 0 switches its alert off.",
    },
    Section { name: "queries", doc: "The statistics of statements ([Queries](queries.md))." },
];

/// The table of connections besides the built-in ones.
pub(super) const CONNECTIONS: &str = "connections";

/// The table of profiles.
pub(super) const PROFILES: &str = "profiles";

/// The section that has the saved questions, too.
pub(super) const QUERIES: &str = "queries";

/// The table of roles.
pub(super) const ROLES: &str = "roles";

/// The profile that always exists.
pub const PROFILE_DEFAULT: &str = "default";

/// The table of single database files inside `[sqlite]`.
pub(super) const DATABASES: &str = "databases";

/// The table of session parameters inside `[snowflake]`.
pub(super) const SESSION_PARAMETERS: &str = "session_parameters";

/// No limit.
const NONE: Fallback = Fallback::Integer(0);

macro_rules! keys {
    ($all:ident: $($(#[doc = $doc:literal])+ $id:ident = $section:ident.$name:ident: $kind:expr,
        default $fallback:expr $(, narrows $protection:ident)?;)+) => {
        $($(#[doc = $doc])+ pub(in crate::config) const $id: Key = Key {
            section: stringify!($section),
            name: stringify!($name),
            path: concat!(stringify!($section), ".", stringify!($name)),
            kind: $kind,
            fallback: $fallback,
            protection: keys!(@protection $($protection)?),
            doc: concat!($($doc),+),
        };)+

        /// These keys.
        pub(in crate::config) const $all: &[Key] = &[$($id),+];
    };
    (@protection) => { Protection::Free };
    (@protection $protection:ident) => { Protection::$protection };
}

mod observing;

pub(in crate::config) use observing::*;

/// Every scalar key, section by section.
pub(super) const KEYS: &[Key] = &joined::<{ SERVING.len() + OBSERVING.len() }>(SERVING, OBSERVING);

const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    let mut all = [first[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < first.len() { first[index] } else { second[index - first.len()] };
        index += 1;
    }
    all
}

keys! { SERVING:
    /// Minutes without a session, a query or an open transaction after which the gateway exits; 0: never.
    IDLE_EXIT = gateway.idle_exit_minutes: Kind::integer(0, 10_080), default Fallback::Integer(15);
    /// Milliseconds that running statements get to finish when the gateway stops.
    DRAIN_TIMEOUT = gateway.drain_timeout_ms: Kind::integer(0, 15_000), default Fallback::Integer(5_000);
    /// Sessions open at once; further clients are refused with a message.
    SESSIONS_MAX = gateway.sessions_max: Kind::integer(1, 100_000), default Fallback::Integer(2_000), narrows AtMost;
    /// Requests of one session that run at once; further ones wait.
    SESSION_REQUESTS_MAX = gateway.session_requests_max: Kind::integer(1, 1_024),
        default Fallback::Integer(32), narrows AtMost;
    /// Milliseconds that a new connection has to send its hello before it is closed.
    HELLO_TIMEOUT = gateway.hello_timeout_ms: Kind::integer(100, 60_000), default Fallback::Integer(5_000), narrows AtMost;
    /// What a client gets whose own environment (`SNOWFLAKE_*`, `SNOWGATE_*`) names another account, user, role or
    /// folder than the gateway's. `serve`: a connection of its own, shared by all clients with the same settings.
    /// `refuse`: its calls are refused.
    CLIENT_SETTINGS = gateway.client_settings: Kind::choice(&["serve", "refuse"]),
        default Fallback::Text("serve"), narrows Fixed;
    /// Connections for such clients open at once; one that no session uses makes room for another.
    BACKENDS_MAX = gateway.backends_max: Kind::integer(1, 64), default Fallback::Integer(8), narrows AtMost;
    /// How much is logged; `SNOWGATE_LOG` overrides it.
    LOG_LEVEL = gateway.log_level: Kind::choice(&["error", "warn", "info", "debug", "trace"]),
        default Fallback::Text("info");

    /// How long (minutes) to keep a disconnected client's context for its next session; 0: not at all.
    SESSION_TTL = session.ttl_minutes: Kind::integer(0, 43_200), default Fallback::Integer(1_440);

    /// Whether clients that are no child process of an MCP client (a container, a web application, a script) are served over
    /// HTTP.
    HTTP_ENABLED = http.enabled: Kind::Boolean, default Fallback::Boolean(false), narrows Fixed;
    /// Where: `ADDRESS:PORT`, or the absolute path of a Unix socket.
    HTTP_LISTEN = http.listen: Kind::Name, default Fallback::Text("127.0.0.1:8473"), narrows Fixed;
    /// By which names clients may call it (`"host"` or `"host:port"`), besides `localhost`, loopback addresses and the address
    /// that it listens on. Requests for another `Host` are refused: a web page could have them sent (DNS rebinding).
    HTTP_ALLOWED_HOSTS = http.allowed_hosts: Kind::Texts(TextList::Hosts), default Fallback::Unset, narrows Fixed;
    /// The web pages that may call it (`"https://app.example.com"`), besides its own. Requests of others are refused.
    HTTP_ALLOWED_ORIGINS = http.allowed_origins: Kind::Texts(TextList::Origins), default Fallback::Unset, narrows Fixed;
    /// The certificate for TLS and those of its issuers, a PEM file. It is read again when it changes.
    HTTP_TLS_CERTIFICATE = http.tls_certificate: Kind::Path, default Fallback::Unset, narrows Fixed;
    /// The certificate's private key, a PEM file.
    HTTP_TLS_KEY = http.tls_key: Kind::SecretFile, default Fallback::Unset, narrows Fixed;
    /// Who is let in. `keys`: who has an API key (`snowgate keys create`). `none`: every client that can connect; only on a loopback address
    /// or a Unix socket.
    HTTP_AUTH = http.auth: Kind::choice(&["keys", "none"]), default Fallback::Text("keys"), narrows Fixed;
    /// The proxies whose `X-Forwarded-For` says where a request comes from: for the addresses of API keys, and for those that
    /// wrong keys came from. From others it is not read.
    HTTP_TRUSTED_PROXIES = http.trusted_proxies: Kind::Texts(TextList::Ranges), default Fallback::Unset, narrows Fixed;
    /// Bytes of a request's body, at most.
    HTTP_REQUEST_BYTES_MAX = http.request_bytes_max: Kind::integer(1_024, 16_777_216),
        default Fallback::Integer(4_194_304), narrows AtMost;
    /// HTTP connections open at once; further ones are refused.
    HTTP_CONNECTIONS_MAX = http.connections_max: Kind::integer(1, 65_536), default Fallback::Integer(1_024), narrows AtMost;
    /// Milliseconds that a connection without a request stays open.
    HTTP_IDLE_TIMEOUT = http.idle_timeout_ms: Kind::integer(1_000, 86_400_000),
        default Fallback::Integer(120_000), narrows AtMost;
    /// Milliseconds that a new connection has to send a request's headers, and a request to begin to send its body.
    HTTP_HEADER_TIMEOUT = http.header_timeout_ms: Kind::integer(100, 60_000), default Fallback::Integer(10_000), narrows AtMost;

    /// The backend. If it is not set, it follows from the one section of `[sqlite]` and `[snowflake]` that is;
    /// the variable `SNOWFLAKE_ACCOUNT` counts as `[snowflake]`. If both are set, it must be set.
    BACKEND_KIND = backend.kind: Kind::choice(&["sqlite", "snowflake"]), default Fallback::Text("sqlite"), narrows Fixed;

    /// The folder of database files. A relative path is relative to the config file's folder; `~/` is the
    /// home folder. Only the default folder is created.
    SQLITE_FOLDER = sqlite.folder: Kind::Path, default Fallback::DataFolder("databases"), narrows Fixed;
    /// Whether the sample database `SNOWFLAKE_SAMPLE_DATA` exists. The first start writes it (13 MB) to the
    /// folder `sample` in the data folder; it is the default database only if there is no other.
    SAMPLE_DATA = sqlite.sample_data: Kind::Boolean, default Fallback::Boolean(true);
    /// Whether statements that write are refused.
    READ_ONLY = sqlite.read_only: Kind::Boolean, default Fallback::Boolean(true), narrows True;
    /// Milliseconds that a statement waits for the lock of another process, or of an open transaction, on a file. Statements
    /// of other clients that write to it are waited for in turn, for as long as they get on.
    BUSY_TIMEOUT = sqlite.busy_timeout_ms: Kind::integer(0, 600_000), default Fallback::Integer(5_000);

    /// The connection in Snowflake's `connections.toml` that supplies every value not set elsewhere. If
    /// neither it nor an account is set, the default connection is used.
    SNOWFLAKE_CONNECTION = snowflake.connection: Kind::Name, default Fallback::Unset, narrows Account;
    /// The account identifier: `organization-account`.
    SNOWFLAKE_ACCOUNT = snowflake.account: Kind::Name, default Fallback::Unset, narrows Account;
    /// The account's region, if the identifier is a locator without one: the host is then
    /// `account.region.snowflakecomputing.com`. It takes the place of a region in the identifier.
    SNOWFLAKE_REGION = snowflake.region: Kind::Name, default Fallback::Unset, narrows Account;
    /// The user.
    SNOWFLAKE_USER = snowflake.user: Kind::Name, default Fallback::Unset, narrows Fixed;
    /// How to log in, in any spelling of Snowflake's own tools. If it is not set, it follows from the one
    /// credential that is set: a private key or a password. A token needs it, because there are several kinds
    /// of tokens.
    AUTHENTICATOR = snowflake.authenticator: Kind::Word { accepted: AUTHENTICATORS, read: words::authenticator },
        default Fallback::Unset, narrows Fixed;
    /// Whether the password ends with the passcode of a second factor. It is good for one log-in.
    PASSCODE_IN_PASSWORD = snowflake.passcode_in_password: Kind::Boolean, default Fallback::Boolean(false);
    /// The private key, a PEM or DER file (PKCS#8, PKCS#1; plain or encrypted).
    PRIVATE_KEY_FILE = snowflake.private_key_file: Kind::SecretFile, default Fallback::Unset, narrows Fixed;
    /// A file that contains the token. It is read at every log-in, so a renewed token is picked up.
    TOKEN_FILE_PATH = snowflake.token_file_path: Kind::SecretFile, default Fallback::Unset, narrows Fixed;
    /// A program that prints the token, and its arguments. It runs at every log-in, without a shell, for 10
    /// seconds at most; it may print 64 KiB. Used by `oauth`, `programmatic_access_token` and
    /// `workload_identity`, instead of `token_file_path`.
    TOKEN_COMMAND = snowflake.token_command: Kind::SecretCommand, default Fallback::Unset, narrows Fixed;
    /// Whose identity `workload_identity` shows. Snowgate does not ask the metadata services of clouds: the token
    /// comes from `token_file_path`, `token_command` or `SNOWFLAKE_TOKEN`.
    WORKLOAD_IDENTITY_PROVIDER = snowflake.workload_identity_provider:
        Kind::Word { accepted: PROVIDERS, read: words::provider }, default Fallback::Unset, narrows Fixed;
    /// The client's id at the OAuth server. Its secret goes in `SNOWFLAKE_OAUTH_CLIENT_SECRET`, or
    /// `oauth_client_secret` of `connections.toml`. If neither is set, `oauth_authorization_code` uses Snowflake's
    /// own client for local applications.
    OAUTH_CLIENT_ID = snowflake.oauth_client_id: Kind::Name, default Fallback::Unset, narrows Fixed;
    /// Where a browser logs in (`oauth_authorization_code`). If it is not set, Snowflake's own page.
    OAUTH_AUTHORIZATION_URL = snowflake.oauth_authorization_url: Kind::Name, default Fallback::Unset, narrows Account;
    /// Where the OAuth server returns tokens. If it is not set, `oauth_authorization_code` uses Snowflake's own
    /// server.
    OAUTH_TOKEN_REQUEST_URL = snowflake.oauth_token_request_url: Kind::Name, default Fallback::Unset, narrows Account;
    /// Where the browser returns to, as registered with the OAuth server: `http` on this machine
    /// (`http://localhost:8001/path`). Without a port, a free one is used; if it is not set,
    /// `http://127.0.0.1:PORT`.
    OAUTH_REDIRECT_URI = snowflake.oauth_redirect_uri: Kind::Name, default Fallback::Unset, narrows Fixed;
    /// The scopes to ask for, separated by spaces. If it is not set, `session:role:ROLE` where a role is set.
    OAUTH_SCOPE = snowflake.oauth_scope: Kind::Name, default Fallback::Unset, narrows Fixed;
    /// Whether `oauth_authorization_code` also asks for the scope `offline_access`, so that the server returns a
    /// refresh token. One that it returns without being asked is used in any case.
    OAUTH_ENABLE_REFRESH_TOKENS = snowflake.oauth_enable_refresh_tokens: Kind::Boolean, default Fallback::Boolean(false);
    /// Whether Snowflake's own OAuth server is asked for refresh tokens that are good for one use.
    OAUTH_ENABLE_SINGLE_USE_REFRESH_TOKENS = snowflake.oauth_enable_single_use_refresh_tokens: Kind::Boolean,
        default Fallback::Boolean(false);
    /// Whether the client's id and secret are sent in the request's body, for OAuth servers that do not take them
    /// in its `Authorization` header.
    OAUTH_CREDENTIALS_IN_BODY = snowflake.oauth_credentials_in_body: Kind::Boolean, default Fallback::Boolean(false);
    /// The role that sessions start with, unless their profile sets another.
    SNOWFLAKE_ROLE = snowflake.role: Kind::Name, default Fallback::Unset;
    /// Whether the user's other roles count besides the session's role. If it is not set, the user's default.
    SECONDARY_ROLES = snowflake.secondary_roles: Kind::choice(&["all", "none"]), default Fallback::Unset;
    /// The warehouse that sessions start with, unless their profile sets another.
    SNOWFLAKE_WAREHOUSE = snowflake.warehouse: Kind::Name, default Fallback::Unset;
    /// The database that sessions start with, unless their profile sets another.
    SNOWFLAKE_DATABASE = snowflake.database: Kind::Name, default Fallback::Unset;
    /// The schema that sessions start with, unless their profile sets another.
    SNOWFLAKE_SCHEMA = snowflake.schema: Kind::Name, default Fallback::Unset;
    /// The host to use instead of the account's own: a private link, or a test server.
    SNOWFLAKE_HOST = snowflake.host: Kind::Name, default Fallback::Unset, narrows Account;
    /// The port to use instead of the protocol's default.
    SNOWFLAKE_PORT = snowflake.port: Kind::integer(1, 65_535), default Fallback::Unset, narrows Account;
    /// The protocol. `http` sends everything unencrypted, credentials included: only for test servers.
    SNOWFLAKE_PROTOCOL = snowflake.protocol: Kind::choice(&["https", "http"]), default Fallback::Text("https"), narrows Account;
    /// The proxy, as `http://host:port`. If it is not set, `HTTPS_PROXY`, else `ALL_PROXY` is used (put a proxy
    /// with a password there). Hosts in `NO_PROXY` are reached without it.
    SNOWFLAKE_PROXY = snowflake.proxy: Kind::Name, default Fallback::Unset, narrows Fixed;
    /// Whether statements that may change something are refused.
    SNOWFLAKE_READ_ONLY = snowflake.read_only: Kind::Boolean, default Fallback::Boolean(true), narrows True;
    /// Whether a log-in by browser or with a second factor is remembered, if the account allows it: in a file
    /// that only you can read, so you are not asked again.
    TOKEN_CACHE = snowflake.token_cache: Kind::Boolean, default Fallback::Boolean(true), narrows False;

    /// Connections kept open while nothing runs. If it is not set, it is lowered to `pool.connections_max`
    /// where needed.
    CONNECTIONS_MIN = pool.connections_min: Kind::integer(0, 256), default Fallback::Integer(2);
    /// Connections open at once.
    CONNECTIONS_MAX = pool.connections_max: Kind::integer(1, 256), default Fallback::Integer(10), narrows AtMost;
    /// Milliseconds that a statement waits for a connection that its session has to itself, because it makes state,
    /// before it is refused. For all others, see `allocator.max_wait_ms`.
    WAIT_TIMEOUT = pool.wait_timeout_ms: Kind::integer(1, 3_600_000), default Fallback::Integer(30_000);
    /// Milliseconds after which an unused connection above the minimum is closed.
    IDLE_TIMEOUT = pool.idle_timeout_ms: Kind::integer(1_000, 86_400_000), default Fallback::Integer(300_000);
    /// Milliseconds without an answer after which an idle connection is asked whether it still works: on a schedule,
    /// and before a statement runs on it. One that does not is closed.
    CHECK_AFTER = pool.check_after_ms: Kind::integer(1_000, 86_400_000), default Fallback::Integer(60_000);
    /// Milliseconds after which a connection is closed, as soon as nobody uses it and it holds nothing of anybody's.
    MAX_AGE = pool.max_age_ms: Kind::integer(1_000, 604_800_000), default Fallback::Integer(14_400_000);
    /// Milliseconds that answers about the catalog (the list and describe tools) are kept and given to all sessions that ask
    /// the same; 0: not at all. They are dropped by every statement through the gateway that may change them. If it is
    /// not set: 5000 on Snowflake, and 0 on SQLite, whose files other programs change.
    METADATA_CACHE = pool.metadata_cache_ms: Kind::integer(0, 3_600_000), default Fallback::Unset;

    /// How clients share connections. `weighted_fair`: each gets time on them in proportion to the `weight` of its
    /// profile. `fair_share`: all the same. `priority_based`: twice as much for each step of `priority`.
    /// `round_robin`: one statement a turn, however long it takes.
    STRATEGY = allocator.strategy: Kind::choice(&["weighted_fair", "fair_share", "priority_based", "round_robin"]),
        default Fallback::Text("weighted_fair");
    /// Between whom they are shared. `client`: clients, each with all its sessions. `session`: sessions. `profile`:
    /// profiles, each with all its sessions. `key`: API keys; who has none counts as its client.
    FAIR_BY = allocator.fair_by: Kind::choice(&["client", "session", "profile", "key"]),
        default Fallback::Text("client");
    /// Connections of `pool.connections_max` that are kept for short requests, the tools that list and describe, and that
    /// no statement uses. One always stays for statements. If it is not set: 1 of four connections or more, else 0.
    LANE_SLOTS = allocator.lane_slots: Kind::integer(0, 64), default Fallback::Unset;
    /// Milliseconds that a short request may take there. One that takes longer is stopped, and runs again where the
    /// others run.
    LANE_TIMEOUT = allocator.lane_timeout_ms: Kind::integer(100, 60_000), default Fallback::Integer(2_000);
    /// Requests of one client that wait for a connection; further ones are refused at once.
    QUEUE_MAX = allocator.queue_max: Kind::integer(1, 10_000), default Fallback::Integer(256), narrows AtMost;
    /// Milliseconds that a request waits for a connection before it is refused.
    MAX_WAIT = allocator.max_wait_ms: Kind::integer(1, 3_600_000), default Fallback::Integer(300_000);

    /// Failed attempts in a row that open the breaker: attempts to reach the backend, never a statement's own error. A
    /// request to Snowflake is attempted 5 times before it fails, and counts as 5.
    BREAKER_FAILURES = breaker.failures: Kind::integer(1, 1_000), default Fallback::Integer(5);
    /// Milliseconds within which they count.
    BREAKER_WINDOW = breaker.window_ms: Kind::integer(1_000, 3_600_000), default Fallback::Integer(60_000);
    /// Milliseconds after which the backend is tried again for the first time. The pause doubles with each try that
    /// fails, and is shortened by up to half at random. If it is not set, it is lowered to
    /// `breaker.recovery_max_ms` where needed.
    BREAKER_RECOVERY = breaker.recovery_ms: Kind::integer(10, 10_000), default Fallback::Integer(1_000);
    /// The longest pause between two tries, in milliseconds.
    BREAKER_RECOVERY_MAX = breaker.recovery_max_ms: Kind::integer(10, 15_000), default Fallback::Integer(10_000);
    /// Requests that try at once.
    BREAKER_PROBES = breaker.probes: Kind::integer(1, 16), default Fallback::Integer(1);

    /// The most rows in one result, even if the client asks for more.
    ROWS_MAX = limits.rows_max: Kind::integer(1, 1_000_000), default Fallback::Integer(10_000), narrows AtMost;
    /// The most bytes of one result: rows and column names as they are written, notes not counted. Most clients pass 12 to 100 KB of a result on to the model and
    /// cut the rest away themselves. The upper bound is 7 MiB, because TypeScript clients close the connection on a
    /// message over 10 MiB.
    BYTES_MAX = limits.bytes_max: Kind::integer(1_024, 7_340_032), default Fallback::Integer(65_536), narrows AtMost;
    /// The same for rows that a program asks for over HTTP, as JSON, CSV or NDJSON: they go to no model. A profile's
    /// `bytes_max` bounds them, too.
    ROW_BYTES_MAX = limits.row_bytes_max: Kind::integer(1_024, 7_340_032), default Fallback::Integer(7_340_032), narrows AtMost;
    /// Milliseconds after which a running statement is cancelled.
    STATEMENT_TIMEOUT = limits.statement_timeout_ms: Kind::integer(1, 86_400_000),
        default Fallback::Integer(300_000), narrows AtMost;
    /// Rows to count past the end of a cut result, to report how many are missing; beyond that the count is
    /// "at least".
    COUNT_ROWS_MAX = limits.count_rows_max: Kind::integer(0, 1_000_000_000),
        default Fallback::Integer(100_000), narrows AtMost;
    /// The most bytes of one file that `export_result` writes; a larger one fails, and nothing of it is left.
    EXPORT_BYTES_MAX = limits.export_bytes_max: Kind::integer(1_024, 1_099_511_627_776),
        default Fallback::Integer(4_294_967_296), narrows AtMost;

    /// Milliseconds after which a call is answered although its statement still runs: with a handle, with which `get_result` waits on. Most
    /// clients give a call up after 60 s, some after 30 s or less. 0: calls wait for their statements, however long.
    ANSWER_WITHIN = limits.answer_within_ms: Kind::integer(0, 86_400_000), default Fallback::Integer(50_000);

    /// The most bytes of rows that one result keeps beyond what is shown, for `get_result` and `export_result`. On Snowflake the warehouse keeps them.
    RESULT_BYTES_MAX = results.result_bytes_max: Kind::integer(0, 1_099_511_627_776),
        default Fallback::Integer(268_435_456), narrows AtMost;
    /// The most bytes of rows that all results keep together.
    RESULTS_TOTAL_BYTES_MAX = results.total_bytes_max: Kind::integer(0, 1_099_511_627_776),
        default Fallback::Integer(2_147_483_648), narrows AtMost;
    /// Milliseconds that a statement is read on for rows beyond what is shown; what has not come by then is left out, and
    /// the result says so.
    RESULT_READ_MAX = results.read_ms_max: Kind::integer(0, 3_600_000), default Fallback::Integer(5_000);
    /// Results of one session that keep a handle; the oldest goes first.
    RESULT_HANDLES_MAX = results.handles_max: Kind::integer(1, 1_000), default Fallback::Integer(32), narrows AtMost;
    /// Minutes for which a result keeps its handle, at most; it goes with its session in any case.
    RESULT_AGE_MAX = results.age_max_minutes: Kind::integer(1, 10_080), default Fallback::Integer(1_440), narrows AtMost;

    /// Of one client: tool calls a second, on average: the bucket of `requests_burst` refills at this rate.
    REQUESTS_PER_SECOND = limits.requests_per_second: Kind::integer(0, 1_000_000), default NONE, narrows Limit;
    /// Of one client: tool calls at once, before `requests_per_second` counts. If it is not set, that many.
    REQUESTS_BURST = limits.requests_burst: Kind::integer(0, 1_000_000), default NONE, narrows Limit;
    /// Of one client: tool calls in any minute.
    REQUESTS_PER_MINUTE = limits.requests_per_minute: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// Of one client: tool calls in any hour.
    REQUESTS_PER_HOUR = limits.requests_per_hour: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// Of one client: tool calls in any 24 hours.
    REQUESTS_PER_DAY = limits.requests_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// Of one client: calls of `execute_query`, `query_view` and `export_result` in any minute.
    QUERIES_PER_MINUTE = limits.queries_per_minute: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// Of one client: queries at once: the bucket of this size refills at `queries_per_minute`. If it is not set, a
    /// minute's may all come at once.
    QUERIES_BURST = limits.queries_burst: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// Of one client: calls of `execute_query`, `query_view` and `export_result` in any hour.
    QUERIES_PER_HOUR = limits.queries_per_hour: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// Of one client: calls of `execute_query`, `query_view` and `export_result` in any 24 hours.
    QUERIES_PER_DAY = limits.queries_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// Of one client: rows of results in any 24 hours. Counted when a call ends, so the last one may exceed it.
    ROWS_PER_DAY = limits.rows_per_day: Kind::integer(0, 1_000_000_000_000_000), default NONE, narrows Limit;
    /// Of one client: bytes of results, as their text is written, in any 24 hours. Counted as rows are.
    BYTES_PER_DAY = limits.bytes_per_day: Kind::integer(0, 1_000_000_000_000_000), default NONE, narrows Limit;
    /// Of one client: seconds for which statements ran on a connection in any 24 hours, cancelled and failed ones
    /// too. Counted as rows are.
    BACKEND_SECONDS_PER_DAY = limits.backend_seconds_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// Of one client: tool calls that are served at once; further ones are refused.
    CONCURRENT_MAX = limits.concurrent_max: Kind::integer(0, 100_000), default NONE, narrows Limit;
    /// As `requests_per_second`, of all clients together.
    GLOBAL_REQUESTS_PER_SECOND = limits.global_requests_per_second: Kind::integer(0, 1_000_000), default NONE, narrows Limit;
    /// As `requests_burst`, of all clients together.
    GLOBAL_REQUESTS_BURST = limits.global_requests_burst: Kind::integer(0, 1_000_000), default NONE, narrows Limit;
    /// As `requests_per_minute`, of all clients together.
    GLOBAL_REQUESTS_PER_MINUTE = limits.global_requests_per_minute: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// As `requests_per_hour`, of all clients together.
    GLOBAL_REQUESTS_PER_HOUR = limits.global_requests_per_hour: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// As `requests_per_day`, of all clients together.
    GLOBAL_REQUESTS_PER_DAY = limits.global_requests_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// As `queries_per_minute`, of all clients together.
    GLOBAL_QUERIES_PER_MINUTE = limits.global_queries_per_minute: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// As `queries_burst`, of all clients together.
    GLOBAL_QUERIES_BURST = limits.global_queries_burst: Kind::integer(0, 10_000_000), default NONE, narrows Limit;
    /// As `queries_per_hour`, of all clients together.
    GLOBAL_QUERIES_PER_HOUR = limits.global_queries_per_hour: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// As `queries_per_day`, of all clients together.
    GLOBAL_QUERIES_PER_DAY = limits.global_queries_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// As `rows_per_day`, of all clients together.
    GLOBAL_ROWS_PER_DAY = limits.global_rows_per_day: Kind::integer(0, 1_000_000_000_000_000), default NONE, narrows Limit;
    /// As `bytes_per_day`, of all clients together.
    GLOBAL_BYTES_PER_DAY = limits.global_bytes_per_day: Kind::integer(0, 1_000_000_000_000_000), default NONE, narrows Limit;
    /// As `backend_seconds_per_day`, of all clients together.
    GLOBAL_BACKEND_SECONDS_PER_DAY = limits.global_backend_seconds_per_day: Kind::integer(0, 1_000_000_000), default NONE, narrows Limit;
    /// As `concurrent_max`, of all clients together.
    GLOBAL_CONCURRENT_MAX = limits.global_concurrent_max: Kind::integer(0, 100_000), default NONE, narrows Limit;
    /// Sessions of one client open at once; 0: no limit. One more closes the one that has been idle for the longest time, and
    /// is refused if none is idle.
    SESSIONS_PER_CLIENT_MAX = limits.sessions_per_client_max: Kind::integer(0, 100_000), default NONE, narrows Limit;
    /// Bytes of memory for the results of one client that run or are not read yet; what needs more waits until it has read.
    RESULT_BYTES_IN_FLIGHT_MAX = limits.result_bytes_in_flight_max: Kind::integer(1_048_576, 17_179_869_184),
        default Fallback::Integer(67_108_864), narrows AtMost;
    /// Bytes of memory for the results of all clients that are not read yet. From five sevenths of it on, connections that
    /// do not read are closed; a large result beyond it is refused.
    GLOBAL_RESULT_BYTES_IN_FLIGHT_MAX = limits.global_result_bytes_in_flight_max: Kind::integer(16_777_216, 17_179_869_184),
        default Fallback::Integer(234_881_024), narrows AtMost;
}

/// The key at `section.name`.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The names of the keys of `section`, tables included.
pub(super) fn names(section: &str) -> Vec<&'static str> {
    let scalars = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    let table = match section {
        "sqlite" => Some(DATABASES),
        "snowflake" => Some(SESSION_PARAMETERS),
        _ => None,
    };
    scalars.chain(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_belong_to_a_known_section() {
        for (index, key) in KEYS.iter().enumerate() {
            assert!(SECTIONS.iter().any(|section| section.name == key.section), "{}", key.path);
            assert!(KEYS[..index].iter().all(|other| other.path != key.path), "{}", key.path);
            assert_eq!(find(key.section, key.name).map(|found| found.path), Some(key.path));
        }
    }

    #[test]
    fn every_default_is_within_its_bounds() {
        for key in KEYS {
            match (key.kind, key.fallback) {
                (Kind::Integer { min, max }, Fallback::Integer(value)) => {
                    assert!((min..=max).contains(&value), "{}", key.path);
                }
                (_, Fallback::Unset)
                | (Kind::Boolean, Fallback::Boolean(_))
                | (Kind::Name, Fallback::Text(_))
                | (Kind::Path, Fallback::DataFolder(_)) => {}
                (Kind::Choice { accepted }, Fallback::Text(text)) => assert!(accepted.contains(&text)),
                (kind, fallback) => panic!("{}: {kind:?} with {fallback:?}", key.path),
            }
        }
    }

    #[test]
    fn a_variable_is_named_after_section_and_key() {
        assert_eq!(CONNECTIONS_MAX.variable(), "SNOWGATE_POOL_CONNECTIONS_MAX");
    }

    #[test]
    fn every_typed_field_documents_the_bounds_of_its_number() {
        let sources = concat!(
            include_str!("sections.rs"),
            include_str!("allocator.rs"),
            include_str!("limits.rs"),
            include_str!("breaker.rs"),
            include_str!("http.rs"),
            include_str!("observing.rs"),
            include_str!("results.rs"),
            include_str!("snowflake/mod.rs")
        );
        let words: Vec<_> = sources.split_whitespace().filter(|word| *word != "///").collect();
        let source = words.join(" ");
        for key in KEYS {
            if let Kind::Integer { min, max } = key.kind {
                let sentence = format!("`{}`, {min} to {max}", key.path);
                assert!(source.contains(&sentence), "no typed field says: {sentence}");
            }
        }
    }
}
