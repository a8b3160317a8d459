//! The databases of a run, read and written without Snowgate.

use rusqlite::Connection;

use super::writes::Rows;
use crate::harness::Home;

/// A database's name.
pub(super) type Database = &'static str;

/// All of them.
pub(super) const DATABASES: [Database; 4] = ["ALPHA", "BRAVO", "CHARLIE", "DELTA"];

/// Where a session begins: the first by name.
pub(super) const DEFAULT_DATABASE: Database = DATABASES[0];

/// Puts them into `home`, each with an empty table `log` and its own name in the table `whoami`.
///
/// # Panics
/// SQLite refuses.
pub(super) fn create(home: &Home) {
    for database in DATABASES {
        home.add_database(database);
        // No constraint on the key: a row that was written twice must show.
        let sql = format!(
            "create table log (key text); create table whoami (name text); insert into whoami values ('{database}')"
        );
        open(home, database).execute_batch(&sql).expect("filling a database");
    }
}

/// The rows of every table `log`. No gateway may run.
///
/// # Panics
/// SQLite refuses, or a file is damaged.
pub(super) fn rows(home: &Home) -> Rows {
    let mut rows = Rows::default();
    for database in DATABASES {
        let connection = open(home, database);
        let sound: String = connection
            .query_row("pragma integrity_check", [], |row| row.get(0))
            .expect("checking a database");
        assert_eq!(sound, "ok", "{database} is damaged");
        let mut statement = connection.prepare("select key from log").expect("a table of keys");
        let keys = statement.query_map([], |row| row.get(0)).expect("reading the keys");
        keys.for_each(|key| rows.add(database, key.expect("a key")));
    }
    rows
}

fn open(home: &Home, database: Database) -> Connection {
    Connection::open(home.databases().join(format!("{database}.db"))).expect("opening a database")
}
