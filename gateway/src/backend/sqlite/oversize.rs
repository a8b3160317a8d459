//! Stored values that are longer than a value may be: a statement that reads rows with one shows how long it is
//! in its place, and all other values.
//!
//! SQLite gives such a statement up. It runs once more then, inside another that asks for the lengths of its
//! columns' values first: SQLite knows the length of a stored value without reading it, and it knows that a
//! column of the inner statement is the table's own where that only selects, joins and sorts.

use std::collections::BTreeSet;

use super::functions::VALUE_BYTES_MAX;
use super::names::quoted;
use super::tokens::Tokens;
use crate::backend::BackendError;

/// Whether `error` says that a value is too long.
pub(super) fn is_too_big(error: &BackendError) -> bool {
    error.code.as_deref() == Some("SQLITE_TOOBIG (18)")
}

/// The statement that returns the rows of `sql`, which has `columns`, without the values that are too long;
/// `None` if it cannot be made. Its columns have no names worth showing.
///
/// The order and the limit come outside: SQLite does not look through a statement that has its own.
pub(super) fn shortened(sql: &str, columns: &[String]) -> Option<String> {
    let sql = sql.trim_end().trim_end_matches(';');
    let (sql, order) = sql.split_at(order_of(sql).unwrap_or(sql.len()));
    let rows = free_name(sql)?;
    let names: Vec<String> = if unique(columns) {
        columns.iter().map(|column| quoted(column)).collect()
    } else {
        (0..columns.len()).map(|at| format!("c{at}")).collect()
    };
    let values: Vec<String> = names.iter().map(|name| value(name)).collect();
    // The last line may be a comment.
    Some(format!(
        "WITH {rows}({}) AS ({sql}\n) SELECT {} FROM {rows} {order}",
        names.join(", "),
        values.join(", ")
    ))
}

/// Where the ORDER BY of the statement as a whole begins.
fn order_of(sql: &str) -> Option<usize> {
    let (mut depth, mut found) = (0u32, None);
    for (range, _) in Tokens::of(sql).with_ranges() {
        match &sql[range.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            order if order.eq_ignore_ascii_case("order") => found = Some(range.start),
            _ => {}
        }
    }
    found
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

/// A name that does not occur in `sql`.
fn free_name(sql: &str) -> Option<String> {
    let sql = sql.to_ascii_lowercase();
    (0..100).map(|number| format!("snowgate_rows_{number}")).find(|name| !sql.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stay_those_of_the_statement() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL)").unwrap();
        for sql in [
            "SELECT a AS \"a \"\"quoted\"\" name\", b FROM t ORDER BY \"a \"\"quoted\"\" name\" DESC;",
            "WITH snowgate_rows_0 AS (SELECT * FROM t) SELECT * FROM snowgate_rows_0 -- with a comment",
            "SELECT a, (SELECT b FROM t ORDER BY a LIMIT 1) AS \"order\" FROM t -- ORDER BY
             ORDER  BY a DESC LIMIT 1",
            "SELECT a, a FROM t ORDER BY 1 DESC",
            "VALUES (1, 2)",
            "SELECT 1, 1 ; \n",
        ] {
            let rows = |sql: &str| -> Vec<Option<i64>> {
                let mut statement = connection.prepare(sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            };
            let statement = connection.prepare(sql).unwrap();
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let shortened = shortened(sql, &columns).unwrap();
            assert_eq!(rows(&shortened), rows(sql), "{shortened}");
        }
    }
}
