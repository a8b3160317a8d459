//! Next steps for unknown names in a statement.

use rusqlite::{Connection, Error};

use super::databases::Databases;
use super::names::did_you_mean;
use crate::backend::BackendError;

/// The most names compared with an unknown one.
const NAMES_MAX: i64 = 2000;

/// Adds to `error` the names nearest to the one that SQLite did not find; `databases`: those that there are.
pub(super) fn add(error: &mut BackendError, connection: &Connection, databases: &Databases, sql: &str) {
    if error.next_step.is_some() {
        return;
    }
    if let Some(unknown) = missing_database(&error.message, databases) {
        error.message = format!("{}; {}", error.message, unknown.message);
        error.next_step = unknown.next_step;
        return;
    }
    if let Some(name) = missing(&error.message, "no such table: ") {
        let known = tables(connection).unwrap_or_default();
        error.next_step = Some(format!("{}list_tables and list_views show what exists", hint(name, &known)));
    } else if let Some(name) = missing(&error.message, "no such column: ") {
        let known = columns(connection, sql).unwrap_or_default();
        error.next_step = Some(format!("{}describe_table shows a table's columns", hint(name, &known)));
    } else if missing(&error.message, "no such function: ").is_some() {
        error.next_step =
            Some("the SQL dialect is SQLite's; PRAGMA function_list shows its functions".into());
    }
}

fn hint(name: &str, known: &[String]) -> String {
    did_you_mean(name, known.iter().map(String::as_str))
}

/// What there is to say of the database that an error is about, if there is no such database.
fn missing_database(message: &str, databases: &Databases) -> Option<BackendError> {
    let name = match (message.strip_prefix("no such table: "), message.strip_prefix("unknown database ")) {
        (Some(table), _) => bare(table).rsplit_once('.')?.0,
        (None, Some(database)) => bare(database),
        (None, None) => return None,
    };
    // The names that SQLite itself has for its databases.
    if ["main", "temp"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return None;
    }
    let mut unknown = databases.find(name).err()?;
    let next_step = unknown.next_step.unwrap_or_default();
    unknown.next_step = Some(format!("{next_step}; a table of another database is written database.table"));
    Some(unknown)
}

/// A name in a message, without the position that we added.
fn bare(text: &str) -> &str {
    let name = text.split_once(" (").map_or(text, |(name, _)| name);
    name.split_once(" - ").map_or(name, |(name, _)| name)
}

/// The name after `prefix`, without its qualifiers and without the position that we added.
fn missing<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    let name = bare(message.strip_prefix(prefix)?);
    Some(name.rsplit('.').next().unwrap_or(name).trim_matches('"'))
}

/// Relations of the main database by their names, of the others as `database.name`.
fn tables(connection: &Connection) -> Result<Vec<String>, Error> {
    names(
        connection,
        "SELECT CASE WHEN l.schema = d.name THEN l.name ELSE l.schema || '.' || l.name END \
         FROM pragma_table_list AS l, (SELECT name FROM pragma_database_list WHERE seq = 0) AS d \
         WHERE l.type <> 'shadow' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND length(?1) >= 0 LIMIT ?2",
        "",
    )
}

/// Columns of the relations whose names occur in the statement.
fn columns(connection: &Connection, sql: &str) -> Result<Vec<String>, Error> {
    names(
        connection,
        "SELECT DISTINCT c.name FROM pragma_table_list AS l, pragma_table_xinfo(l.name, l.schema) AS c \
         WHERE instr(lower(?1), lower(l.name)) > 0 LIMIT ?2",
        sql,
    )
}

fn names(connection: &Connection, sql: &str, text: &str) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map((text, NAMES_MAX), |row| row.get(0))?;
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ErrorKind;
    use crate::backend::sqlite::databases::{Database, Origin};

    fn databases() -> Databases {
        let database = |name: &str| Database { name: name.into(), path: "/x".into(), origin: Origin::Folder };
        Databases::new(["crm", "sales"].map(|name| (name.to_owned(), database(name))).into())
    }

    #[test]
    fn a_database_that_there_is_not_is_named_with_those_there_are() {
        let connection = Connection::open_in_memory().unwrap();
        for message in [
            "no such table: nosuch.t",
            "no such table: nosuch.t (line 1, column 3)",
            "unknown database nosuch",
        ] {
            let mut error = BackendError::new(ErrorKind::Statement, message);
            add(&mut error, &connection, &databases(), "");
            assert_eq!(error.message, format!("{message}; no such database: nosuch"));
            let next_step = error.next_step.unwrap();
            assert!(next_step.starts_with("databases: crm, sales; "), "{next_step}");
        }
        assert!(!hinted("no such table: sales.oders", "").contains("databases: "));
        assert!(hinted("no such table: sale.t", "").contains("did you mean sales?"));
    }

    fn hinted(message: &str, sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE orders(o_orderkey, o_total); ATTACH ':memory:' AS crm; CREATE TABLE crm.people(name)")
            .unwrap();
        let mut error = BackendError::new(ErrorKind::Statement, message);
        add(&mut error, &connection, &databases(), sql);
        error.next_step.unwrap_or_default()
    }

    #[test]
    fn for_a_misspelled_table_similar_names_are_suggested() {
        let hint = hinted("no such table: main.oders (line 1, column 3)", "");
        assert_eq!(hint, "did you mean orders? list_tables and list_views show what exists");
    }

    #[test]
    fn for_a_misspelled_column_those_of_the_statements_tables_are_suggested() {
        let hint = hinted("no such column: o_orderky (line 1, column 8)", "SELECT o_orderky FROM Orders");
        assert!(hint.starts_with("did you mean o_orderkey? "), "{hint}");
        assert!(!hinted("no such column: nam", "SELECT nam FROM orders").contains("did you mean name?"));
    }

    #[test]
    fn other_errors_get_no_hint() {
        assert_eq!(hinted("near \"x\": syntax error", ""), "");
    }
}
