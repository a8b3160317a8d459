//! Next steps for what other databases and the sqlite3 shell understand, and SQLite does not.

use super::tokens::Tokens;

/// First words of a text, in lower case, that are looked at.
const WORDS: usize = 4;

const SHOW: &str = "list_databases, list_tables, list_views and describe_table show what exists, session_info the \
                    session's context";
const CONTEXT: &str = "session_info shows the session's database and schema, set_context changes them";

/// Functions, some of them without parentheses, that ask for the context.
const OF_CONTEXT: [&str; 14] = [
    "current_account",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_user",
    "current_warehouse",
    "database",
    "db_name",
    "schema",
    "session_user",
    "user",
    "schema_name",
];

/// The next step after SQLite's `message` about `sql`; `None` if SQLite should have understood it.
pub(super) fn next_step(message: &str, sql: &str) -> Option<String> {
    if message.starts_with("near \"") || message.starts_with("unrecognized token") {
        return Some(of_statement(sql)?.to_owned());
    }
    if let Some(name) = message.strip_prefix("no such function: ") {
        return of_function(&word(name));
    }
    let name = word(message.strip_prefix("no such column: ")?);
    OF_CONTEXT[..9].contains(&name.as_str()).then(|| CONTEXT.to_owned())
}

fn word(text: &str) -> String {
    text.split([' ', '\n']).next().unwrap_or_default().to_ascii_lowercase()
}

fn of_function(name: &str) -> Option<String> {
    match name {
        "version" | "current_version" => Some("SELECT sqlite_version() shows SQLite's".into()),
        "now" | "getdate" | "sysdate" => {
            Some("the SQL dialect is SQLite's: write datetime('now') or CURRENT_TIMESTAMP".into())
        }
        name => OF_CONTEXT.contains(&name).then(|| CONTEXT.to_owned()),
    }
}

/// For a whole statement, by its first words.
fn of_statement(sql: &str) -> Option<&'static str> {
    let sql = sql.trim_start();
    if sql.starts_with('.') {
        return Some(
            "commands of the sqlite3 shell are no SQL: use list_tables, describe_table, list_databases",
        );
    }
    if sql.starts_with('\\') {
        return Some("commands of psql are no SQL: use list_tables, describe_table, list_databases");
    }
    let words: Vec<String> =
        Tokens::of(sql).take(WORDS).map(|token| token.name().unwrap_or_default()).collect();
    let first = words.first()?.as_str();
    let mut rest = words.iter().skip(1).map(String::as_str);
    match first {
        "show" => {
            let how = ["all", "extended", "full", "terse", "global", "session"];
            let what = rest.by_ref().find(|word| !how.contains(word)).unwrap_or_default();
            Some(of_show(what, rest.next().unwrap_or_default()))
        }
        "desc" | "describe" => {
            Some("describe_table shows a table's columns, describe_view a view's definition")
        }
        "use" => Some("set_context changes the session's database; list_databases shows which there are"),
        _ => None,
    }
}

fn of_show(what: &str, of: &str) -> &'static str {
    match what {
        "tables" | "table" => "list_tables shows the tables",
        "views" => "list_views shows the views",
        "databases" | "catalogs" => "list_databases shows the databases",
        "schemas" => "list_databases shows the databases; each has the one schema main",
        "columns" | "fields" => "describe_table shows a table's columns",
        "index" | "indexes" | "indices" | "keys" => "PRAGMA index_list(table) shows a table's indexes",
        "create" if of == "view" => "describe_view shows a view's definition",
        "create" => "SELECT sql FROM sqlite_schema WHERE name = 'table' shows a table's definition",
        _ => SHOW,
    }
}

/// For a table of a schema that describes others; `None` if `table` is none.
pub(super) fn of_catalog_table(table: &str) -> Option<&'static str> {
    let table = table.to_ascii_lowercase();
    let (schema, table) =
        table.split_once('.').map_or(("", table.as_str()), |(schema, table)| (schema, table));
    if schema.is_empty() {
        return (table == "dual").then_some("leave FROM out: SELECT 1");
    }
    if !["information_schema", "pg_catalog", "sys"].contains(&schema) {
        return None;
    }
    Some(match table {
        "tables" | "pg_tables" => {
            "list_tables shows the tables, SELECT * FROM sqlite_schema their definitions"
        }
        "columns" | "pg_attribute" => "describe_table shows a table's columns",
        "views" | "pg_views" => "list_views shows the views",
        "schemata" | "databases" => "list_databases shows the databases; each has the one schema main",
        _ => SHOW,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(sql: &str) -> String {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(x)").unwrap();
        let error = connection.prepare(sql).unwrap_err();
        let error = super::super::failure::from_sqlite(&error);
        next_step(&error.message, sql).unwrap_or_default()
    }

    #[test]
    fn statements_of_other_databases_name_the_tool() {
        for (sql, tool) in [
            ("SHOW TABLES", "list_tables "),
            ("show full tables from crm", "list_tables "),
            ("SHOW TABLES LIKE 'x%';", "list_tables "),
            ("-- all\nSHOW  TERSE VIEWS IN DATABASE x", "list_views "),
            ("SHOW DATABASES", "list_databases "),
            ("show schemas", "list_databases "),
            ("SHOW COLUMNS FROM t", "describe_table "),
            ("SHOW INDEX FROM t", "PRAGMA index_list"),
            ("SHOW CREATE TABLE t", "SELECT sql FROM sqlite_schema"),
            ("SHOW CREATE VIEW t", "describe_view "),
            ("SHOW VARIABLES", "list_databases, "),
            ("SHOW", "list_databases, "),
            ("DESCRIBE t", "describe_table "),
            ("DESC t", "describe_table "),
            ("describe table t", "describe_table "),
            ("USE crm", "set_context "),
            ("USE DATABASE crm", "set_context "),
            ("use `crm`", "set_context "),
            (".tables", "commands of the sqlite3 shell"),
            ("  .schema t", "commands of the sqlite3 shell"),
            ("\\d t", "commands of psql"),
            ("SELECT CURRENT_DATABASE()", "session_info "),
            ("SELECT current_database(), x FROM t", "session_info "),
            ("SELECT DATABASE()", "session_info "),
            ("SELECT CURRENT_SCHEMA()", "session_info "),
            ("SELECT CURRENT_ROLE", "session_info "),
            ("SELECT user()", "session_info "),
            ("SELECT VERSION()", "SELECT sqlite_version()"),
            ("SELECT now()", "the SQL dialect is SQLite's"),
        ] {
            assert!(step(sql).starts_with(tool), "{sql}: {:?}", step(sql));
        }
    }

    #[test]
    fn ordinary_errors_are_left_alone() {
        for sql in [
            "SELECT FROM t",
            "SELECT 'show tables' FRM t x y",
            "SELECT user FROM (SELECT 1) x, y",
            "SELECT nope(1)",
            "SELECT usr FROM t",
        ] {
            assert_eq!(step(sql), "", "{sql}");
        }
        assert_eq!(of_catalog_table("crm.people"), None);
        assert!(of_catalog_table("INFORMATION_SCHEMA.TABLES").unwrap().starts_with("list_tables"));
    }
}
