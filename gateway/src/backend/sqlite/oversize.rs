//! Stored values that are longer than a value may be: a statement that reads rows with one shows how long it is
//! in its place, and all other values.
//!
//! SQLite gives such a statement up. It runs once more then, inside another that asks for the lengths of its
//! columns' values first: SQLite knows the length of a stored value without reading it. It can ask where it
//! makes one statement of both (its "subquery flattening"), which it does where the inner one only selects,
//! joins and sorts.
//!
//! Invariant: the rows and their order are those of the statement itself. So its ORDER BY stays where it is, and
//! SQLite moves it: written outside, a name or position in it could mean another value, or the text that stands
//! for a long one. Where SQLite cannot, it reads the long value, and the error stays the client's.

use std::collections::BTreeSet;

use super::functions::VALUE_BYTES_MAX;
use super::names::quoted;
use super::tokens::Tokens;
use crate::backend::BackendError;

/// The columns whose long values one number counts: an expression has a greatest depth.
const COLUMNS_COUNTED_TOGETHER: usize = 100;

/// Whether `error` says that a value is too long.
pub(super) fn is_too_big(error: &BackendError) -> bool {
    error.code.as_deref() == Some("SQLITE_TOOBIG (18)")
}

/// The statement that returns the rows of `sql`, which has `columns`, without the values that are too long;
/// `None` if it cannot be made. Its columns have no names worth showing; behind them are numbers whose sum is how
/// many values of the row it left out.
pub(super) fn shortened(sql: &str, columns: &[String]) -> Option<String> {
    let sql = sql.trim_end().trim_end_matches(';');
    if columns.is_empty() || is_fickle(sql) {
        return None;
    }
    let (sql, limit) = sql.split_at(limit_of(sql).unwrap_or(sql.len()));
    let rows = free_name(sql)?;
    let names: Vec<String> = if unique(columns) {
        columns.iter().map(|column| quoted(column)).collect()
    } else {
        (0..columns.len()).map(|at| format!("c{at}")).collect()
    };
    let mut values: Vec<String> = names.iter().map(|name| value(name)).collect();
    values.extend(names.chunks(COLUMNS_COUNTED_TOGETHER).map(count));
    // SQLite does not flatten a statement with an ORDER BY into one that has functions, so these stand between.
    // The last line of `sql` may be a comment.
    Some(format!(
        "WITH {rows}({}) AS ({sql}\n), {rows}_shown AS (SELECT {} FROM {rows}) SELECT * FROM {rows}_shown {limit}",
        names.join(", "),
        values.join(", ")
    ))
}

/// Whether `sql` may have values that differ each time that they are asked for, as by a statement made of two.
fn is_fickle(sql: &str) -> bool {
    Tokens::of(sql).any(|token| token.name().is_some_and(|name| name.starts_with("random")))
}

/// Where the LIMIT of the statement as a whole begins, if it only has numbers. SQLite does not flatten a
/// statement with an OFFSET; outside it means the same.
fn limit_of(sql: &str) -> Option<usize> {
    let (mut depth, mut found, mut is_plain) = (0u32, None, false);
    for (range, _) in Tokens::of(sql).with_ranges() {
        let text = &sql[range.clone()];
        match text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            limit if limit.eq_ignore_ascii_case("limit") => {
                (found, is_plain) = (Some(range.start), true);
                continue;
            }
            _ => {}
        }
        is_plain &= text == "," || text.eq_ignore_ascii_case("offset") || is_number(text);
    }
    found.filter(|_| is_plain)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unique(columns: &[String]) -> bool {
    let folded: BTreeSet<String> = columns.iter().map(|column| column.to_ascii_lowercase()).collect();
    folded.len() == columns.len()
}

fn value(name: &str) -> String {
    let mebibytes = VALUE_BYTES_MAX >> 20;
    format!(
        "CASE WHEN octet_length({name}) > {VALUE_BYTES_MAX} THEN '... (' || octet_length({name}) || ' bytes; a value \
         over {mebibytes} MiB is not read)' ELSE {name} END"
    )
}

/// How many values of the columns `names` are too long.
fn count(names: &[String]) -> String {
    let counted: Vec<String> =
        names.iter().map(|name| format!("(ifnull(octet_length({name}), 0) > {VALUE_BYTES_MAX})")).collect();
    counted.join(" + ")
}

/// A name that does not occur in `sql`.
fn free_name(sql: &str) -> Option<String> {
    let sql = sql.to_ascii_lowercase();
    (0..100).map(|number| format!("snowgate_rows_{number}")).find(|name| !sql.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of every type whose column `doc` has two values that are too long, and one without.
    fn connection() -> rusqlite::Connection {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let script = format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT, r REAL, doc);
             INSERT INTO t VALUES (1, 'b', 3, 1, 'b'), (2, 'A', 1, 2, CAST(zeroblob({VALUE_BYTES_MAX} + 1) AS TEXT)),
               (3, 'a', 2, NULL, 'a'), (4, NULL, 1, 4.5, zeroblob({VALUE_BYTES_MAX} + 5)), (5, 'c', NULL, 5, NULL);
             CREATE TABLE u(id INTEGER, doc); INSERT INTO u VALUES (1, 'one'), (2, 'two'), (7, NULL);
             CREATE TABLE cased(name TEXT COLLATE NOCASE, c0, doc);
             INSERT INTO cased VALUES ('B', 9, 1), ('a', 8, zeroblob({VALUE_BYTES_MAX} + 2)), ('C', 7, NULL);
             CREATE VIEW v AS SELECT id AS number, doc AS name FROM t ORDER BY n DESC, id;"
        );
        connection.execute_batch(&script).unwrap();
        connection
    }

    type Rows = Vec<Vec<rusqlite::types::Value>>;

    fn rows(connection: &rusqlite::Connection, sql: &str) -> Result<Rows, rusqlite::Error> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
        rows.collect()
    }

    /// The rows of `sql` by the statement that shortens, and how many values each leaves out.
    fn shortened_rows(
        connection: &rusqlite::Connection,
        sql: &str,
    ) -> Option<Result<(Rows, u64), rusqlite::Error>> {
        let columns: Vec<String> =
            connection.prepare(sql).unwrap().column_names().map(str::to_owned).collect();
        let shortened = shortened(sql, &columns)?;
        Some(rows(connection, &shortened).map(|mut rows| {
            let mut unread = 0;
            for row in &mut rows {
                for count in row.drain(columns.len()..) {
                    let rusqlite::types::Value::Integer(count) = count else { panic!("{count:?}") };
                    unread += u64::try_from(count).unwrap();
                }
            }
            (rows, unread)
        }))
    }

    /// The statements' own rows: those of a connection without the limit, with long values replaced.
    fn expected(connection: &rusqlite::Connection, sql: &str) -> (Rows, u64) {
        use rusqlite::types::Value;
        let mut unread = 0;
        let mut rows = rows(connection, sql).unwrap();
        let limit = usize::try_from(VALUE_BYTES_MAX).unwrap();
        for value in rows.iter_mut().flatten() {
            let bytes = match value {
                Value::Text(text) => text.len(),
                Value::Blob(blob) => blob.len(),
                _ => 0,
            };
            if bytes > limit {
                *value = Value::Text(format!("... ({bytes} bytes; a value over 8 MiB is not read)"));
                unread += 1;
            }
        }
        (rows, unread)
    }

    fn limit_values(connection: &rusqlite::Connection) {
        let limit = VALUE_BYTES_MAX;
        connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH, limit).unwrap();
    }

    #[test]
    fn the_rows_and_their_order_stay_those_of_the_statement() {
        let (free, limited) = (connection(), connection());
        limit_values(&limited);
        for sql in [
            "SELECT * FROM t",
            "SELECT * FROM t ORDER BY id DESC;",
            "SELECT * FROM t ORDER BY 1 DESC",
            "SELECT doc, name FROM t ORDER BY 2 COLLATE NOCASE DESC NULLS LAST, 1 + 1, id",
            "SELECT * FROM t ORDER BY t.id",
            "SELECT * FROM t AS x ORDER BY x.n DESC, x.id",
            "SELECT id, doc FROM t ORDER BY n, id DESC",
            "SELECT n AS id, id AS n, doc FROM t ORDER BY id + 0 DESC",
            "SELECT n AS id, id AS n, doc FROM t ORDER BY id, n DESC",
            "SELECT id AS doc, doc AS id FROM t ORDER BY doc DESC",
            // The columns' own order of text; several of one name, or with the names that stand for those.
            "SELECT name, doc FROM cased ORDER BY 1",
            "SELECT n AS c1, id AS c1, doc FROM t ORDER BY c1, id",
            "SELECT id AS c1, n AS c1, t.doc, c0 FROM t, cased ORDER BY c0, c1",
            "SELECT * FROM t LIMIT 2 OFFSET 1",
            "SELECT * FROM t LIMIT 1, 2 -- a comment",
            "SELECT * FROM t ORDER BY name LIMIT 2 OFFSET 1",
            "SELECT rowid, * FROM t ORDER BY rowid DESC",
            "SELECT x.name, y.doc FROM t AS x JOIN t AS y ON y.id = 2 ORDER BY x.name, x.id",
            "SELECT u.id, t.doc FROM t LEFT JOIN u USING (id) ORDER BY id DESC",
            "SELECT u.id, t.doc FROM t NATURAL LEFT JOIN (SELECT id FROM u) AS u ORDER BY id DESC LIMIT 3",
            "SELECT * FROM v",
            "WITH snowgate_rows_0 AS (SELECT * FROM t) SELECT * FROM snowgate_rows_0 -- with a comment",
            "SELECT id, (SELECT name FROM t ORDER BY 1 LIMIT 1) AS \"order\", doc FROM t -- ORDER BY
             ORDER  BY id DESC LIMIT 4",
            "SELECT id AS \"a \"\"quoted\"\" name\", doc FROM t ORDER BY \"a \"\"quoted\"\" name\" DESC",
        ] {
            assert!(rows(&limited, sql).is_err(), "{sql}");
            let shortened = shortened_rows(&limited, sql).expect(sql).expect(sql);
            assert!(shortened.1 > 0, "{sql}");
            assert_eq!(shortened, expected(&free, sql), "{sql}");
        }
    }

    #[test]
    fn where_rows_or_order_need_a_long_value_the_error_stays() {
        let limited = connection();
        limit_values(&limited);
        for sql in [
            "SELECT id, doc FROM t ORDER BY 2",
            "SELECT id, doc FROM t ORDER BY 2 DESC LIMIT 1",
            "SELECT doc, id FROM t ORDER BY (1) LIMIT 1",
            "SELECT id, doc FROM t ORDER BY +2 COLLATE NOCASE",
            "SELECT id, doc AS x FROM t ORDER BY n, x",
            "SELECT DISTINCT doc FROM t",
            "SELECT doc, count(*) FROM t GROUP BY doc ORDER BY 1",
            "SELECT max(doc), id FROM t",
            "SELECT id, doc FROM t UNION SELECT 1, 2",
            "SELECT id, doc FROM t UNION ALL SELECT id, name FROM t",
            "SELECT id, doc FROM t UNION ALL SELECT 1, 2 ORDER BY 2",
            "SELECT id, doc, row_number() OVER (ORDER BY doc) FROM t",
            "SELECT id, doc || 'x' FROM t",
        ] {
            assert!(rows(&limited, sql).is_err(), "{sql}");
            let shortened = shortened_rows(&limited, sql);
            assert!(shortened.is_none_or(|rows| rows.is_err()), "{sql}");
        }
        for sql in ["SELECT random() AS r, doc FROM t ORDER BY r", "PRAGMA encoding"] {
            let columns = ["r".to_owned(), "doc".to_owned()];
            let rows = shortened(sql, &columns).map(|sql| rows(&limited, &sql));
            assert!(rows.is_none_or(|rows| rows.is_err()), "{sql}");
        }
    }

    #[test]
    fn only_a_limit_of_numbers_moves() {
        for (sql, moves) in [
            ("SELECT 1 LIMIT 2", true),
            ("SELECT 1 LIMIT 2, 3 /* end */", true),
            ("SELECT 1 limit 2 offset 3", true),
            ("SELECT 1 LIMIT (SELECT 1)", false),
            ("SELECT 1 LIMIT 1 + 1", false),
            ("SELECT 1 LIMIT -1", false),
            ("SELECT (SELECT 1 LIMIT 1)", false),
            ("SELECT \"limit\" FROM t", false),
        ] {
            assert_eq!(limit_of(sql).is_some(), moves, "{sql}");
        }
    }
}
