//! Next steps for unknown names in a statement.

use rusqlite::{Connection, Error};

use super::databases::Databases;
use super::failure::from_sqlite;
use super::foreign;
use super::names::{did_you_mean, quoted};
use crate::backend::BackendError;

/// The most names compared with an unknown one.
const NAMES_MAX: i64 = 2000;

/// Relations whose columns are compared.
const RELATIONS_MAX: usize = 100;

const NO_TABLE: &str = "no such table: ";
const NO_COLUMN: &str = "no such column: ";

/// Adds to `error` the names nearest to the one that SQLite did not find, or what there is in its place;
/// `databases`: those that there are. `listed`: the session's profile has lists of names, so nothing is named.
pub(super) fn add(
    error: &mut BackendError,
    connection: &Connection,
    databases: &Databases,
    sql: &str,
    listed: bool,
) {
    // It knows the whole text, and the error's own hint only the sign where SQLite stopped.
    if let Some(next_step) = foreign::next_step(&error.message, sql) {
        error.next_step = Some(next_step);
        return;
    }
    if error.next_step.is_some() {
        return;
    }
    let catalog =
        error.message.strip_prefix(NO_TABLE).and_then(|table| foreign::of_catalog_table(bare(table)));
    if let Some(next_step) = catalog {
        error.next_step = Some(next_step.to_owned());
        return;
    }
    if listed {
        let unknown = [NO_TABLE, NO_COLUMN].iter().any(|prefix| missing(&error.message, prefix).is_some());
        let next_step = "list_tables and describe_table show what the session may use";
        error.next_step = unknown.then(|| next_step.to_owned());
        return;
    }
    let own = next_step(error, connection, sql);
    match broken_view(&error.message, connection, sql) {
        Some(view) => {
            let own = own.map(|own| format!("; {own}")).unwrap_or_default();
            let next = format!("the view {view} no longer works; describe_view shows its definition{own}");
            error.next_step = Some(next);
        }
        None => match missing_database(&error.message, databases) {
            Some(unknown) => {
                error.message = format!("{}; {}", error.message, unknown.message);
                error.next_step = unknown.next_step;
            }
            None => error.next_step = own,
        },
    }
}

/// `error` without the names of what a session with lists of names may not see.
pub(super) fn without_names(mut error: BackendError) -> BackendError {
    const ELSEWHERE: &str = " (not in the current database, but in ";
    if error.message.starts_with("no such database: ") {
        error.next_step = Some("list_databases shows those that the session may use".to_owned());
    } else if let Some(at) = error.message.find(ELSEWHERE) {
        error.message.truncate(at);
        error.next_step = Some("write database.table for one of another database".to_owned());
    } else if let Some(next_step) = &error.next_step
        && next_step.starts_with("did you mean ")
    {
        error.next_step = next_step.split_once("? ").map(|(_, rest)| rest.to_owned());
    }
    error
}

fn next_step(error: &BackendError, connection: &Connection, sql: &str) -> Option<String> {
    let message = &error.message;
    if let Some(name) = missing(message, NO_TABLE) {
        let known = tables(connection).unwrap_or_default();
        Some(format!("{}list_tables and list_views show what exists", hint(name, &known)))
    } else if let Some(name) = missing(message, NO_COLUMN) {
        let known = columns(connection, sql).unwrap_or_default();
        Some(format!("{}describe_table shows a table's columns", hint(name, &known)))
    } else if missing(message, "no such function: ").is_some() {
        Some("the SQL dialect is SQLite's; PRAGMA function_list shows its functions".into())
    } else if message.contains("unknown function: ") {
        Some(
            "the file uses a function of the program that made it, which is not in this engine; leave out the \
             columns that are computed with it"
                .into(),
        )
    } else if missing(message, "no such collation sequence: ").is_some() {
        Some(
            "the file uses an order of text of the program that made it, which is not in this engine; name another \
             one where the statement compares or sorts (name COLLATE NOCASE = 'x', ORDER BY name COLLATE NOCASE), \
             or count with FROM table NOT INDEXED"
                .into(),
        )
    } else {
        None
    }
}

fn hint(name: &str, known: &[String]) -> String {
    // One that there is elsewhere is not misspelled.
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return String::new();
    }
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

/// The name after `prefix`, which may stand behind the name of a view, without its qualifiers and without the
/// position that we added.
fn missing<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(prefix)?;
    let name = bare(rest);
    Some(name.rsplit('.').next().unwrap_or(name).trim_matches('"'))
}

/// The view of the file, used by `sql`, that leads to the error with this `message`: the innermost. An error in
/// the client's own text has a position.
fn broken_view(message: &str, connection: &Connection, sql: &str) -> Option<String> {
    if !message.starts_with("no such ") || message.contains(" (line ") {
        return None;
    }
    let views = names(
        connection,
        &format!("{NAMED} SELECT name FROM named WHERE name IS NOT NULL ORDER BY depth DESC LIMIT ?2"),
        sql,
    );
    views.ok()?.into_iter().take(RELATIONS_MAX).find(|view| {
        let read = format!("SELECT * FROM {}", quoted(view));
        let failed = connection.prepare(&read).err().map(|error| from_sqlite(&error).message);
        failed.as_deref() == Some(message)
    })
}

/// `named`: the statement's text, and the definitions of the views of the main database whose names occur in
/// it, in turn.
const NAMED: &str = "WITH named(name, text, depth) AS (SELECT NULL, ?1, 0 UNION SELECT m.name, m.sql, n.depth + 1 \
                     FROM sqlite_schema AS m, named AS n WHERE m.type = 'view' AND n.depth < 5 \
                     AND instr(lower(n.text), lower(m.name)) > 0)";

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

/// Columns of the relations whose names occur in the statement, or in a view that it names.
fn columns(connection: &Connection, sql: &str) -> Result<Vec<String>, Error> {
    let relations = format!(
        "{NAMED} SELECT DISTINCT l.name, l.schema FROM named AS n, pragma_table_list AS l \
         WHERE instr(lower(n.text), lower(l.name)) > 0 LIMIT ?2"
    );
    let mut relations = connection.prepare(&relations)?;
    let found = relations.query_map((sql, RELATIONS_MAX), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<Result<_, _>>()?;
    let mut columns = Vec::new();
    let mut of = connection.prepare("SELECT name FROM pragma_table_xinfo(?1, ?2)")?;
    for (relation, schema) in found {
        // A view that does not work has none.
        let Ok(names) = of.query_map((relation, schema), |row| row.get(0)) else { continue };
        columns.extend(names.map_while(Result::ok));
    }
    Ok(columns)
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
            add(&mut error, &connection, &databases(), "", false);
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
        add(&mut error, &connection, &databases(), sql, false);
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
        let hint = hinted("no such column: name", "SELECT name FROM orders, people");
        assert_eq!(hint, "describe_table shows a table's columns", "it is not misspelled");
    }

    #[test]
    fn a_name_behind_that_of_a_view_is_found_too() {
        let hint = hinted("error in view v after rename: no such table: main.oders", "");
        assert!(hint.starts_with("did you mean orders? "), "{hint}");
        let hint = hinted("error in view v: no such column: o_orderky", "ALTER TABLE orders DROP COLUMN x");
        assert!(hint.starts_with("did you mean o_orderkey? "), "{hint}");
    }

    #[test]
    fn other_errors_get_no_hint() {
        assert_eq!(hinted("near \"x\": syntax error", ""), "");
    }
}
