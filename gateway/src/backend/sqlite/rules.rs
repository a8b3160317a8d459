//! The rules of the [`super::guard`]: what is refused, why, and what to do instead.

use rusqlite::ffi;
use rusqlite::hooks::{AuthAction, TransactionOperation};

use crate::backend::{BackendError, ErrorKind, Ownership};

/// Whose statement is being processed, and its stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ours: everything is allowed.
    #[default]
    Internal,
    /// The client's is being compiled.
    Prepare,
    /// The client's runs; anything compiled now is compiled by SQLite itself on its behalf.
    Step,
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    kind: ErrorKind,
    message: String,
    next_step: String,
    /// The name, where the refusal is about an unqualified one.
    pub(super) unqualified: Option<String>,
}

impl Denial {
    fn new(what: impl std::fmt::Display, why: &str, next_step: &str) -> Self {
        Self {
            kind: ErrorKind::Refused,
            message: format!("{what} is refused: {why}"),
            next_step: next_step.to_owned(),
            unqualified: None,
        }
    }

    /// An unqualified name that only another database has.
    pub(super) fn unqualified(table: &str, database: &str) -> Self {
        Self {
            kind: ErrorKind::Statement,
            message: format!("no such table: {table} (not in the current database, but in {database})"),
            next_step: format!("write {database}.{table}, or make {database} the current database"),
            unqualified: Some(table.to_owned()),
        }
    }

    /// The same, as the value of a function of a pragma.
    pub(super) fn unqualified_value(table: &str, database: &str) -> Self {
        let next_step = format!(
            "name the database in the function's last argument, pragma_table_info(name, '{database}'), or make \
             {database} the current database"
        );
        Self { next_step, ..Self::unqualified(table, database) }
    }

    /// An unqualified name in the context `database`, while the session holds state in `held_in`.
    pub(super) fn held_elsewhere(table: &str, database: &str, held_in: &str) -> Self {
        Self {
            kind: ErrorKind::Statement,
            message: format!(
                "{table} is ambiguous: the session's open transaction or temporary objects are in the database \
                 {held_in}, where unqualified names belong until they end, and its context is {database}"
            ),
            next_step: format!(
                "write {database}.{table} or {held_in}.{table}; or end the transaction and drop the temporary objects, \
                 and unqualified names belong to the context again"
            ),
            unqualified: None,
        }
    }

    /// With lists of names, a value of a function of a pragma that the text does not name.
    pub(super) fn unnamed_value(value: &str) -> Self {
        Self::new(
            format_args!("the value {value} of a function of a pragma"),
            "the session's profile has lists of names, and the text does not name it",
            "write the table's name as a text, pragma_table_info('name'); describe_table shows a table's columns",
        )
    }

    /// Something temporary is written, and a file's table with it.
    pub(super) fn hidden_write(verb: &str, table: &str) -> Self {
        Self::new(
            format_args!("{verb} {table}"),
            "a temporary object would change a table of a file while it runs",
            "write to the table itself, in a statement of its own",
        )
    }

    /// The refusal as an error.
    pub(super) fn into_error(self) -> BackendError {
        BackendError::new(self.kind, self.message).with_next_step(self.next_step)
    }
}

const SHARED: &str = "connections are shared, so it would affect other sessions";
const RELAXED: &str =
    "it leaves state on the connection, which sessions share: the session's isolation level is `relaxed`";
const NO_TEMP: &str = "use a common table expression (WITH name AS (...)) in the statement itself, or a profile with \
                       isolation = \"moderate\" or \"strict\"";
const NO_TRANSACTION: &str = "set use_transaction on the call, and the statement runs in its own transaction; or use a \
                              profile with isolation = \"moderate\" or \"strict\"";
const NO_ATTACH: &str = "write database.table: every file in the folder, and every file that sqlite.databases in \
                         config.toml names, is available without ATTACH";

/// Functions that reach outside the database.
const FUNCTIONS_REFUSED: [&str; 5] = ["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"];

/// Functions that show the connection's last change, and what to do instead.
const FUNCTIONS_OF_CONNECTION: [(&str, &str); 3] = [
    ("changes", "the result of a statement that writes shows how many rows it changed"),
    ("last_insert_rowid", "use INSERT ... RETURNING rowid"),
    ("total_changes", "the result of a statement that writes shows how many rows it changed"),
];

/// Pragmas that read, without a value.
const PRAGMAS_PLAIN: [&str; 21] = [
    "application_id",
    "auto_vacuum",
    "cache_size",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "journal_mode",
    "max_page_count",
    "module_list",
    "page_count",
    "page_size",
    "pragma_list",
    "query_only",
    "recursive_triggers",
    "schema_version",
    "user_version",
];

/// Pragmas that read, and whose value only selects what to read.
const PRAGMAS_WITH_ARGUMENT: [&str; 10] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Whether `action` calls a function that shows the connection's last change.
pub(super) fn is_of_connection(action: &AuthAction<'_>) -> bool {
    matches!(action, AuthAction::Function { function_name } if of_connection(function_name).is_some())
}

/// The function's name and what to do instead.
fn of_connection(name: &str) -> Option<(&'static str, &'static str)> {
    FUNCTIONS_OF_CONNECTION.into_iter().find(|(refused, _)| name.eq_ignore_ascii_case(refused))
}

/// Checks whether a client's statement may do `action`.
pub(super) fn rule(
    action: &AuthAction<'_>,
    database: Option<&str>,
    phase: Phase,
    ownership: Ownership,
) -> Result<(), Denial> {
    if ownership == Ownership::Shared {
        rule_of_shared(action, database)?;
    }
    match *action {
        AuthAction::Attach { .. } | AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } => {
            Err(attach(phase))
        }
        AuthAction::Detach { .. } | AuthAction::Unknown { code: ffi::SQLITE_DETACH, .. } => Err(Denial::new(
            "DETACH",
            SHARED,
            "nothing: databases are attached and detached as statements name them",
        )),
        AuthAction::Function { function_name } => function(function_name),
        AuthAction::Pragma { pragma_name, pragma_value } => pragma(pragma_name, pragma_value),
        AuthAction::Unknown { code, .. } => Err(Denial::new(
            format_args!("the statement (SQLite's action {code})"),
            "its effect is not known to the gateway",
            "if this is an ordinary statement, report it as a bug",
        )),
        _ => Ok(()),
    }
}

/// What a statement may not do on a connection that sessions share.
fn rule_of_shared(action: &AuthAction<'_>, database: Option<&str>) -> Result<(), Denial> {
    if let Some(what) = temporary(action, database) {
        return Err(Denial::new(format_args!("CREATE TEMP {what}"), RELAXED, NO_TEMP));
    }
    match *action {
        AuthAction::Transaction { operation } => Err(Denial::new(verb(operation), RELAXED, NO_TRANSACTION)),
        AuthAction::Savepoint { .. } => Err(Denial::new("SAVEPOINT", RELAXED, NO_TRANSACTION)),
        AuthAction::Function { function_name } => match of_connection(function_name) {
            Some((name, next_step)) => Err(Denial::new(
                format_args!("the function {name}()"),
                "it shows the state of a connection shared by several sessions",
                next_step,
            )),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A client's ATTACH is refused when it is compiled; an ATTACH compiled while another statement runs is
/// VACUUM's own.
fn attach(phase: Phase) -> Denial {
    if phase == Phase::Step {
        return Denial::new(
            "VACUUM",
            "it rewrites the whole file, or writes a new one",
            "stop the gateway and run VACUUM with the sqlite3 shell",
        );
    }
    Denial::new("ATTACH", "it could open any file", NO_ATTACH)
}

/// The kind of temporary object that `action` creates: with the keyword TEMP, or only with the qualifier
/// `temp.`.
fn temporary(action: &AuthAction<'_>, database: Option<&str>) -> Option<&'static str> {
    let qualified = database.is_some_and(|name| name.eq_ignore_ascii_case("temp"));
    match action {
        AuthAction::CreateTempTable { .. } => Some("TABLE"),
        AuthAction::CreateTempView { .. } => Some("VIEW"),
        AuthAction::CreateTempTrigger { .. } => Some("TRIGGER"),
        AuthAction::CreateTempIndex { .. } => Some("INDEX"),
        AuthAction::CreateTable { .. } if qualified => Some("TABLE"),
        AuthAction::CreateView { .. } if qualified => Some("VIEW"),
        AuthAction::CreateTrigger { .. } if qualified => Some("TRIGGER"),
        AuthAction::CreateIndex { .. } if qualified => Some("INDEX"),
        AuthAction::CreateVtable { .. } if qualified => Some("VIRTUAL TABLE"),
        _ => None,
    }
}

fn verb(operation: TransactionOperation) -> &'static str {
    match operation {
        TransactionOperation::Begin => "BEGIN",
        TransactionOperation::Rollback => "ROLLBACK",
        _ => "COMMIT",
    }
}

fn function(name: &str) -> Result<(), Denial> {
    if FUNCTIONS_REFUSED.iter().any(|refused| name.eq_ignore_ascii_case(refused)) {
        let what = format!("the function {}()", name.to_ascii_lowercase());
        return Err(Denial::new(what, "it reaches outside the database", "leave it out"));
    }
    if name.eq_ignore_ascii_case("optimize") {
        return Err(Denial::new(
            "the function optimize()",
            "it writes within a query",
            "use INSERT INTO t(t) VALUES ('optimize') with the full-text table's name for t",
        ));
    }
    Ok(())
}

fn pragma(name: &str, value: Option<&str>) -> Result<(), Denial> {
    let name = name.to_ascii_lowercase();
    let plain = PRAGMAS_PLAIN.contains(&name.as_str());
    if PRAGMAS_WITH_ARGUMENT.contains(&name.as_str()) || (plain && value.is_none()) {
        return Ok(());
    }
    if plain {
        let next = format!("use PRAGMA {name} without a value to read it");
        return Err(Denial::new(format_args!("setting PRAGMA {name}"), SHARED, &next));
    }
    Err(Denial::new(
        format_args!("PRAGMA {name}"),
        "only pragmas that read are allowed",
        "use PRAGMA table_info, table_list, index_list, foreign_key_list and the like, or the list and describe \
         tools",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma_is_allowed(name: &str, value: Option<&str>) -> bool {
        let action = AuthAction::Pragma { pragma_name: name, pragma_value: value };
        rule(&action, None, Phase::Prepare, Ownership::Shared).is_ok()
    }

    #[test]
    fn pragmas_are_allowed_only_in_the_form_that_reads() {
        assert!(pragma_is_allowed("TABLE_INFO", Some("t")));
        assert!(pragma_is_allowed("user_version", None));
        assert!(!pragma_is_allowed("user_version", Some("3")));
        assert!(!pragma_is_allowed("writable_schema", None));
        assert!(!pragma_is_allowed("key", None));
    }

    #[test]
    fn unknown_actions_are_refused() {
        let action = AuthAction::Unknown { code: 4711, arg1: None, arg2: None };
        assert!(rule(&action, None, Phase::Prepare, Ownership::Shared).is_err());
    }

    #[test]
    fn an_attach_whose_file_is_an_expression_is_refused_too() {
        let action = AuthAction::Unknown { code: ffi::SQLITE_ATTACH, arg1: None, arg2: None };
        let denial = rule(&action, None, Phase::Prepare, Ownership::Shared).unwrap_err();
        assert_eq!(denial.message, "ATTACH is refused: it could open any file");
    }
}
