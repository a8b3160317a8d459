//! Next steps for unknown names in a statement.

use rusqlite::{Connection, Error};

use super::names::did_you_mean;
use crate::backend::BackendError;

/// The most names compared with an unknown one.
const NAMES_MAX: i64 = 2000;

/// Adds to `error` the names nearest to the one that SQLite did not find.
pub(super) fn add(error: &mut BackendError, connection: &Connection, sql: &str) {
    if error.next_step.is_some() {
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

/// The name after `prefix`, without its qualifiers and without the position that we added.
fn missing<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    let name = message.strip_prefix(prefix)?;
    let name = name.split_once(" (").map_or(name, |(name, _)| name);
    let name = name.split_once(" - ").map_or(name, |(name, _)| name);
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

    fn hinted(message: &str, sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE orders(o_orderkey, o_total); ATTACH ':memory:' AS crm; CREATE TABLE crm.people(name)")
            .unwrap();
        let mut error = BackendError::new(ErrorKind::Statement, message);
        add(&mut error, &connection, sql);
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
