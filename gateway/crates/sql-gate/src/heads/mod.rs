//! The heads of all statements that are no query and no DML, by a grammar of our own.

mod sqlite;

use crate::tokens::Tok;
use crate::{Class, Statement};

/// Reads one Snowflake statement into `out`, unless it is a query or DML (`WITH`, `SELECT`, `FROM`, `VALUES`, `(`,
/// `INSERT`, `UPDATE`, `DELETE`, `MERGE`): then `false`, and `out` is as it was.
pub(crate) fn read(tokens: &[Tok<'_>], out: &mut Statement) -> bool {
    let is_query = tokens.first().is_none_or(|first| {
        ["WITH", "SELECT", "FROM", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE"]
            .iter()
            .any(|word| first.token.is_word(word))
            || first.token == snowflake_tokens::Token::Open
    });
    if !is_query {
        out.raise(Class::Unknown);
        out.miss("the statement");
    }
    !is_query
}

/// Whether the statement may have semicolons inside: a script, or what defines one.
pub(crate) fn may_hold_semicolons(tokens: &[Tok<'_>]) -> bool {
    let _ = tokens;
    false
}

/// Reads an SQLite statement.
pub(crate) fn read_sqlite(sql: &str) -> Statement {
    sqlite::read(sql)
}
