//! Objects that show the names, definitions and statements of others.

use crate::pattern::{Known, Pattern, Place};

/// The schema of every Snowflake database that shows what is in it.
pub(crate) const INFORMATION_SCHEMA: &str = "INFORMATION_SCHEMA";

/// The database that every account has.
pub(crate) const SNOWFLAKE: &str = "SNOWFLAKE";

/// Schemas of the database `SNOWFLAKE` that hold built-in functions.
const FUNCTION_SCHEMAS: [&str; 2] = ["CORTEX", "CORE"];

/// Functions in them that read what their arguments name.
const READING_FUNCTIONS: [&str; 6] =
    ["ANALYST", "AGENT_RUN", "DATA_AGENT_RUN", "SEARCH", "SEARCH_PREVIEW", "SEARCH_DATA_SCAN"];

/// What is in an `INFORMATION_SCHEMA` and is not about its database alone.
const OF_ACCOUNT: [&str; 4] =
    ["DATABASES", "REPLICATION_DATABASES", "REPLICATION_GROUPS", "APPLICATION_CONFIGURATIONS"];

/// Ends of the names of functions in `INFORMATION_SCHEMA`.
const TABLE_FUNCTION_ENDS: [&str; 7] =
    ["_HISTORY", "_REFERENCES", "_FILES", "_DEPENDENTS", "_STATUS", "_GRAPH_HISTORY", "_METRICS"];

/// Functions in `INFORMATION_SCHEMA` that show no objects.
const SHOW_NO_OBJECTS: [&str; 6] = [
    "DATA_TRANSFER_HISTORY",
    "LOGIN_HISTORY",
    "LOGIN_HISTORY_BY_USER",
    "WAREHOUSE_LOAD_HISTORY",
    "WAREHOUSE_METERING_HISTORY",
    "REPLICATION_USAGE_HISTORY",
];

/// Of what something shows the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Its own database.
    Database,
    /// The account, or what its arguments say.
    Account,
}

/// Of what the object `name` of the schema at `place`, or the schema itself, shows the names; `None`: it is an ordinary
/// one.
pub(crate) fn shown(place: Place<'_>, name: Option<&str>) -> Option<Shown> {
    if place.database == Known::Name(SNOWFLAKE) {
        return Some(Shown::Account);
    }
    if place.schema != Known::Name(INFORMATION_SCHEMA) {
        return None;
    }
    let is_of_account = name.is_some_and(|name| {
        OF_ACCOUNT.contains(&name) || is_table_function(name) && !SHOW_NO_OBJECTS.contains(&name)
    });
    Some(if is_of_account { Shown::Account } else { Shown::Database })
}

/// Whether `pattern` names what shows others' names, so that it is meant.
pub(crate) fn is_named_by(pattern: &Pattern, place: Place<'_>) -> bool {
    let of = |known| if let Known::Name(name) = known { name } else { "" };
    match of(place.database) {
        SNOWFLAKE => pattern.names_database(SNOWFLAKE),
        _ => {
            pattern.names_schema(INFORMATION_SCHEMA)
                && pattern.fit(Place { table: Known::Within, ..place }).is_some_of_it()
        }
    }
}

/// Whether a function of this name shows statements that others have run.
pub(crate) fn shows_statements(name: &str) -> bool {
    name.starts_with("QUERY_HISTORY") || name == "TASK_HISTORY"
}

/// Whether a name is like those of the functions in `INFORMATION_SCHEMA`.
pub(crate) fn is_table_function(name: &str) -> bool {
    TABLE_FUNCTION_ENDS.iter().any(|end| name.ends_with(end))
        || name.contains("_HISTORY_")
        || name == "COMPLETE_TASK_GRAPHS"
}

/// Whether a qualified function is built in and reads nothing but its arguments.
pub(crate) fn is_built_in(parts: &[String]) -> bool {
    let [database, schema, name] = parts else { return false };
    database == SNOWFLAKE
        && FUNCTION_SCHEMAS.contains(&schema.as_str())
        && !READING_FUNCTIONS.contains(&name.as_str())
}

/// Whether SQLite itself has this table or table function, in lower case: it shows all names.
pub(crate) fn is_of_sqlite(name: &str) -> bool {
    name.starts_with("sqlite_") || name.starts_with("pragma_") || name == "dbstat"
}
