//! The one table of a profile's keys. A new one is a row here, and a field of
//! [`ProfileConfig`](super::ProfileConfig).

use super::cost::BOUND_MAX;
use super::kind::{Kind, TextList};
use super::matches::MATCH;
use super::roles::ACCESS_ROLE;

/// The classes of statements: those of `sql_gate::Class`.
pub(super) const CLASSES: &[&str] =
    &["read", "context", "write", "ddl", "transaction", "session", "admin", "call", "file", "unknown"];

/// The tools: those of `mcp::ToolName`.
pub const TOOLS: &[&str] = &[
    "list_databases",
    "list_schemas",
    "list_tables",
    "list_views",
    "describe_table",
    "describe_view",
    "query_view",
    "execute_query",
    "explain_query",
    "get_result",
    "cancel_query",
    "export_result",
    "search_objects",
    "list_semantic_views",
    "describe_semantic_view",
    "set_context",
    "session_info",
];

/// The key of a profile without which nothing is exported.
pub(super) const EXPORT_FOLDER: &str = "export_folder";

/// The lists of names, by key.
pub(super) const LISTS: [&str; 6] = [
    "allowed_databases",
    "denied_databases",
    "allowed_schemas",
    "denied_schemas",
    "allowed_tables",
    "denied_tables",
];

/// One key of `[profiles.NAME]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProfileKey {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// The values that it accepts.
    pub(super) kind: Kind,
    /// What holds if it is not set, for people.
    pub(super) default: &'static str,
    /// Whether it protects: that of the usual file then holds, too, if a variable names another.
    pub(super) protects: bool,
    /// What it does: one or more sentences.
    pub(super) doc: &'static str,
}

const fn protects(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> ProfileKey {
    ProfileKey { name, kind, default, protects: true, doc }
}

const fn chooses(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> ProfileKey {
    ProfileKey { name, kind, default, protects: false, doc }
}

const fn words(accepted: &'static [&'static str]) -> Kind {
    Kind::Texts(TextList::Words(accepted))
}

const NAMES: Kind = Kind::Texts(TextList::Names);

/// The keys of a profile, in display order.
pub(super) const PROFILE_KEYS: &[ProfileKey] = &[
    protects(
        MATCH,
        Kind::Matches,
        "it is used by its name",
        "Who it is for: a list of tables, of which one must fit. A table has any of `client` (the client's own name, in \
         whatever case), `parent` (the file name of the program that launched the shim, or its whole path if the pattern has \
         a `/`), `folder` (the client's working directory) and `key` (an API key's name), each a pattern that must fit: `*` is \
         any text; in `folder`, it stays within one folder, and `**` does not. The first profile of the file that fits is \
         used, unless `--profile` names one.",
    ),
    chooses(
        "connection",
        Kind::Name,
        "the one of `backend.kind`",
        "The connection of its sessions: `sqlite`, `snowflake`, or one of your own.",
    ),
    chooses("role", Kind::Name, "the connection's", "The role that sessions start with."),
    chooses("warehouse", Kind::Name, "the connection's", "The warehouse that sessions start with."),
    chooses("database", Kind::Name, "the connection's", "The database that sessions start with."),
    chooses("schema", Kind::Name, "the connection's", "The schema that sessions start with."),
    chooses(
        "secondary_roles",
        Kind::choice(&["all", "none"]),
        "the connection's",
        "Whether the user's other roles count besides the session's role.",
    ),
    chooses(
        "isolation",
        Kind::choice(&["strict", "moderate", "relaxed"]),
        "`\"moderate\"`",
        "`strict`: each session has a connection of its own. `moderate`: sessions share connections, and one that makes state \
         (a transaction, a temporary table, a variable) has its own for as long. `relaxed`: they share them, state is refused, \
         and identical reads at the same time run once.",
    ),
    protects(
        "statements",
        words(CLASSES),
        "what the connection's `read_only` leaves: if that is `true`, `read`, `context`, `transaction` and `session`; else all",
        "The classes of statements that may run. What `read_only` refuses stays refused.",
    ),
    protects(
        ACCESS_ROLE,
        Kind::Name,
        "none: what the profile allows",
        "The role that bounds what its sessions may do, and use over time: one of [roles.NAME], or a built-in one. `role` is \
         another thing: the database's.",
    ),
    protects(
        "allowed_databases",
        NAMES,
        "all",
        "Patterns of the databases that may be used. An empty list: all.",
    ),
    protects(
        "denied_databases",
        NAMES,
        "none",
        "Patterns of the databases that may not, whatever else allows them.",
    ),
    protects(
        "allowed_schemas",
        NAMES,
        "all",
        "Patterns of the schemas that may be used: `SCHEMA` or `DB.SCHEMA`.",
    ),
    protects("denied_schemas", NAMES, "none", "Patterns of the schemas that may not."),
    protects(
        "allowed_tables",
        NAMES,
        "all",
        "Patterns of the tables and views that may be used: `TABLE`, `SCHEMA.TABLE` or `DB.SCHEMA.TABLE`.",
    ),
    protects("denied_tables", NAMES, "none", "Patterns of the tables and views that may not."),
    protects(
        "tools",
        Kind::Texts(TextList::Tools),
        "all",
        "The tools and saved questions that sessions are offered. Calls of others are refused.",
    ),
    chooses(
        "result_app",
        Kind::Boolean,
        "`true`",
        "Whether clients that show MCP Apps are told of the page that shows a result as a table and a chart.",
    ),
    protects(
        EXPORT_FOLDER,
        Kind::Path,
        "none: nothing is exported",
        "The folder into which `export_result` writes files; without it, that tool is not offered. It is made if the folder above it \
         is there; no other user may be able to write to it.",
    ),
    protects(
        "rows_max",
        Kind::integer(1, 1_000_000),
        "`limits.rows_max`",
        "The most rows in one result; never more than `limits.rows_max`.",
    ),
    protects(
        "bytes_max",
        Kind::integer(1_024, 7_340_032),
        "`limits.bytes_max`",
        "The most bytes of one result; never more than `limits.bytes_max`, or `limits.row_bytes_max` of rows for a program.",
    ),
    protects(
        "statement_timeout_ms",
        Kind::integer(1, 86_400_000),
        "`limits.statement_timeout_ms`",
        "Milliseconds after which a running statement is cancelled; never more than `limits.statement_timeout_ms`.",
    ),
    chooses(
        "answer_within_ms",
        Kind::integer(0, 86_400_000),
        "`limits.answer_within_ms`",
        "Milliseconds after which a call is answered with a handle although its statement still runs; 0: never. For clients that wait longer than others, \
         or less.",
    ),
    protects(
        "requests_max",
        Kind::integer(1, 1_024),
        "`gateway.session_requests_max`",
        "Requests of one session that run at once; never more than `gateway.session_requests_max`.",
    ),
    protects(
        "weight",
        Kind::integer(1, 1_000),
        "`1`",
        "Its part of the connections, in relation to the weights of others, with `allocator.strategy = \"weighted_fair\"`: \
         twice the weight, twice the time.",
    ),
    protects(
        "priority",
        Kind::integer(1, 5),
        "`3`",
        "The same with `allocator.strategy = \"priority_based\"`: each step is twice the time. It is a share, never an order.",
    ),
    protects(
        "slots_max",
        Kind::integer(1, 256),
        "all",
        "Connections that one client of this profile uses for statements at once; further ones of it wait. Short requests count \
         by themselves.",
    ),
    protects(
        "requests_per_second",
        Kind::integer(0, 1_000_000),
        "`limits.requests_per_second`",
        "Tool calls a second, on average: the bucket of `requests_burst` refills at this rate. Of each client with this profile; never more than `limits.requests_per_second`.",
    ),
    protects(
        "requests_burst",
        Kind::integer(0, 1_000_000),
        "`limits.requests_burst`",
        "Tool calls at once, before `requests_per_second` counts. If it is not set, that many. Of each client with this profile; never more than `limits.requests_burst`.",
    ),
    protects(
        "requests_per_minute",
        Kind::integer(0, 10_000_000),
        "`limits.requests_per_minute`",
        "Tool calls in any minute. Of each client with this profile; never more than `limits.requests_per_minute`.",
    ),
    protects(
        "requests_per_hour",
        Kind::integer(0, 1_000_000_000),
        "`limits.requests_per_hour`",
        "Tool calls in any hour. Of each client with this profile; never more than `limits.requests_per_hour`.",
    ),
    protects(
        "requests_per_day",
        Kind::integer(0, 1_000_000_000),
        "`limits.requests_per_day`",
        "Tool calls in any 24 hours. Of each client with this profile; never more than `limits.requests_per_day`.",
    ),
    protects(
        "queries_per_minute",
        Kind::integer(0, 10_000_000),
        "`limits.queries_per_minute`",
        "Calls of `execute_query`, `query_view` and `export_result` in any minute. Of each client with this profile; never more than `limits.queries_per_minute`.",
    ),
    protects(
        "queries_burst",
        Kind::integer(0, 10_000_000),
        "`limits.queries_burst`",
        "Queries at once: the bucket of this size refills at `queries_per_minute`. If it is not set, a minute's may all come at once. Of each client with this profile; never more than `limits.queries_burst`.",
    ),
    protects(
        "queries_per_hour",
        Kind::integer(0, 1_000_000_000),
        "`limits.queries_per_hour`",
        "Calls of `execute_query`, `query_view` and `export_result` in any hour. Of each client with this profile; never more than `limits.queries_per_hour`.",
    ),
    protects(
        "queries_per_day",
        Kind::integer(0, 1_000_000_000),
        "`limits.queries_per_day`",
        "Calls of `execute_query`, `query_view` and `export_result` in any 24 hours. Of each client with this profile; never more than `limits.queries_per_day`.",
    ),
    protects(
        "rows_per_day",
        Kind::integer(0, 1_000_000_000_000_000),
        "`limits.rows_per_day`",
        "Rows of results in any 24 hours. Counted when a call ends, so the last one may exceed it. Of each client with this profile; never more than `limits.rows_per_day`.",
    ),
    protects(
        "bytes_per_day",
        Kind::integer(0, 1_000_000_000_000_000),
        "`limits.bytes_per_day`",
        "Bytes of results, as their text is written, in any 24 hours. Counted as rows are. Of each client with this profile; never more than `limits.bytes_per_day`.",
    ),
    protects(
        "backend_seconds_per_day",
        Kind::integer(0, 1_000_000_000),
        "`limits.backend_seconds_per_day`",
        "Seconds for which statements ran on a connection in any 24 hours, cancelled and failed ones too. Counted as rows are. Of each client with this profile; never more than `limits.backend_seconds_per_day`.",
    ),
    protects(
        "concurrent_max",
        Kind::integer(0, 100_000),
        "`limits.concurrent_max`",
        "Tool calls that are served at once; further ones are refused. Of each client with this profile; never more than `limits.concurrent_max`.",
    ),
    protects(
        "sessions_per_client_max",
        Kind::integer(0, 100_000),
        "`limits.sessions_per_client_max`",
        "Sessions of one client open at once; never more than `limits.sessions_per_client_max`.",
    ),
    protects(
        "result_bytes_in_flight_max",
        Kind::integer(1_048_576, 17_179_869_184),
        "`limits.result_bytes_in_flight_max`",
        "Bytes of memory for the results of one client that run or are not read yet; never more than \
         `limits.result_bytes_in_flight_max`.",
    ),
    protects(
        "max_bytes_scanned",
        Kind::integer(0, BOUND_MAX),
        "no bound",
        "Bytes that a statement may scan by Snowflake's own estimate (EXPLAIN), which is asked for before it runs.",
    ),
    protects(
        "max_partitions",
        Kind::integer(0, BOUND_MAX),
        "no bound",
        "Micro-partitions that a statement may scan by Snowflake's own estimate.",
    ),
    protects(
        "max_rows_estimated",
        Kind::integer(0, BOUND_MAX),
        "no bound",
        "Rows that the plan of a statement may visit on SQLite, estimated from the plan and the sizes of its tables.",
    ),
    protects(
        "cost_guard",
        Kind::choice(&["refuse", "ask"]),
        "`\"refuse\"`",
        "What becomes of a statement over one of these bounds. `refuse`: it is refused, with the figure. `ask`: the user is \
         asked, where the client can do that; else it is refused.",
    ),
    protects(
        "cost_unknown",
        Kind::choice(&["run", "refuse"]),
        "`\"run\"`",
        "What becomes of a statement that cannot be estimated, where one of these bounds is set.",
    ),
    chooses(
        "lease_idle_ms",
        Kind::integer(0, 86_400_000),
        "`30000`",
        "Milliseconds that a session's last connection stays its favourite; a `strict` session without state gives its \
         connection back after it.",
    ),
    chooses(
        "pin_idle_ms",
        Kind::integer(1, 86_400_000),
        "`300000`",
        "Milliseconds that a connection which a session holds for its state may be unused: then the state ends, with a \
         rollback, and the session's next call says so.",
    ),
    protects(
        "require_agent_session",
        Kind::Boolean,
        "`false`",
        "Whether the log-in must be an agent's session of Snowflake's; else it is refused.",
    ),
    protects(
        "require_scope",
        Kind::Name,
        "none",
        "The session scope that the log-in must have; else it is refused.",
    ),
    protects(
        "validator",
        Kind::Command,
        "none",
        "A program, and its arguments, that is asked about each statement and can refuse it.",
    ),
    chooses(
        "validator_text",
        Kind::Boolean,
        "`false`",
        "Whether the validator is given the statement's text.",
    ),
];

/// The key called `name`.
pub(super) fn find(name: &str) -> Option<&'static ProfileKey> {
    PROFILE_KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_the_lists_are_among_them() {
        for (index, key) in PROFILE_KEYS.iter().enumerate() {
            assert!(PROFILE_KEYS[..index].iter().all(|other| other.name != key.name), "{}", key.name);
        }
        assert!(LISTS.iter().all(|list| find(list).is_some_and(|key| key.protects)));
    }

    #[test]
    fn the_classes_are_those_of_the_gate() {
        let classes: Vec<_> = sql_gate::Class::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(CLASSES, classes);
    }

    #[test]
    fn the_bounds_of_caps_are_those_of_the_settings_that_they_lower() {
        for (name, path) in [
            ("rows_max", "limits.rows_max"),
            ("bytes_max", "limits.bytes_max"),
            ("statement_timeout_ms", "limits.statement_timeout_ms"),
            ("requests_max", "gateway.session_requests_max"),
        ] {
            let (section, key) = path.split_once('.').unwrap();
            let setting = super::super::keys::find(section, key).unwrap();
            assert_eq!(find(name).unwrap().kind.describe(), setting.kind.describe(), "{name}");
        }
    }
}
