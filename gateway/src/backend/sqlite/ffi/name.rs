//! Naming a connection's main database.

use std::ffi::{CString, c_char};

use rusqlite::{Connection, Error, ffi};

/// A connection whose main database has a second name besides `main`.
///
/// Invariant: SQLite keeps the pointer to `_name` for as long as the connection is open, so the connection is
/// declared (and therefore dropped) first, and only lent by shared reference: it cannot be moved out of here.
pub(in super::super) struct NamedConnection {
    connection: Connection,
    _name: CString,
}

impl NamedConnection {
    /// Names the main database of `connection`.
    ///
    /// # Errors
    /// SQLite's, which documents none for this option.
    pub(in super::super) fn new(connection: Connection, name: CString) -> Result<Self, Error> {
        let pointer: *const c_char = name.as_ptr();
        // SAFETY: the handle is open, owned by `connection`, and used by this thread alone; MAINDBNAME takes
        // exactly one variadic argument, a `const char *` that must outlive the connection. `_name` owns that
        // memory on the heap (moving the CString does not move it), is never changed, and is dropped after
        // the connection.
        let code =
            unsafe { ffi::sqlite3_db_config(connection.handle(), ffi::SQLITE_DBCONFIG_MAINDBNAME, pointer) };
        if code == ffi::SQLITE_OK {
            Ok(Self { connection, _name: name })
        } else {
            Err(Error::SqliteFailure(ffi::Error::new(code), None))
        }
    }

    /// The connection.
    pub(in super::super) fn get(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NamedConnection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (7)").unwrap();
        NamedConnection::new(connection, CString::new(name).unwrap()).unwrap()
    }

    fn number(connection: &NamedConnection, sql: &str) -> i64 {
        connection.get().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_main_database_answers_to_both_names() {
        let connection = named("Shop");
        for sql in ["SELECT x FROM shop.t", "SELECT main.t.x FROM main.t", "SELECT SHOP.t.x FROM t"] {
            assert_eq!(number(&connection, sql), 7, "{sql}");
        }
    }

    #[test]
    fn attached_databases_keep_their_names_beside_it() {
        let connection = named("shop");
        connection
            .get()
            .execute_batch("ATTACH ':memory:' AS other; CREATE TABLE other.u AS SELECT 5 AS y")
            .unwrap();
        assert_eq!(number(&connection, "SELECT shop.t.x + other.u.y FROM shop.t, other.u"), 12);
    }

    #[test]
    fn the_name_outlives_moves_and_schema_changes() {
        let boxed = Box::new(named("a name with spaces"));
        let connection = *boxed;
        connection
            .get()
            .execute_batch("CREATE TABLE \"a name with spaces\".u(x); DROP TABLE main.u")
            .unwrap();
        assert_eq!(connection.get().db_name(0).unwrap(), "a name with spaces");
    }
}
