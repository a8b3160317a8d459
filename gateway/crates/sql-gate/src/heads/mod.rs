//! The heads of all statements that are no query and no DML, by a grammar of our own.
//!
//! | file | statements |
//! |---|---|
//! | `context` | USE |
//! | `session` | SET, UNSET, ALTER SESSION, transactions |
//! | `listing` | SHOW, DESCRIBE, LIST |
//! | `define` | CREATE, ALTER, DROP, UNDROP, COMMENT, TRUNCATE; `kinds` has the kinds of objects, `rest` what may stand behind a name |
//! | `files` | COPY, PUT, GET, REMOVE |
//! | `act` | CALL, EXECUTE, scripts, GRANT, REVOKE, EXPLAIN |
//! | `sqlite` | all of SQLite's |
//!
//! What a head does not know is "not understood", never left out. Source of the grammars: Snowflake's SQL command
//! reference.

mod act;
mod context;
mod define;
mod files;
mod kinds;
mod listing;
mod rest;
mod session;
mod sqlite;
#[cfg(test)]
mod tests;

use crate::tokens::{Cursor, Tok};
use crate::{Class, ObjectKind, Statement};
use snowflake_tokens::Token;

/// Reads one Snowflake statement into `out`, unless it is a query or DML (`WITH`, `SELECT`, `FROM`, `VALUES`, `(`,
/// `INSERT`, `UPDATE`, `DELETE`, `MERGE`): then `false`, and `out` is as it was.
pub(crate) fn read(tokens: &[Tok<'_>], out: &mut Statement) -> bool {
    let mut cursor = Cursor::new(tokens);
    let Some(first) = cursor.peek_word() else {
        if cursor.peek() == Some(Token::Open) {
            return false;
        }
        unknown(out);
        return true;
    };
    if ["WITH", "SELECT", "FROM", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE"].contains(&first.as_str()) {
        return false;
    }
    cursor.take();
    out.verb.clone_from(&first);
    match first.as_str() {
        "USE" => context::read_use(&mut cursor, out),
        "SHOW" => listing::read_show(&mut cursor, out),
        "DESCRIBE" | "DESC" => listing::read_describe(&mut cursor, out),
        "LIST" | "LS" => files::read_list(&mut cursor, out),
        "REMOVE" | "RM" => files::read_remove(&mut cursor, out),
        "PUT" | "GET" => files::read_transfer(out),
        "COPY" => files::read_copy(&mut cursor, out),
        "SET" => session::read_set(&mut cursor, out),
        "UNSET" => session::read_unset(&mut cursor, out),
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" => session::read_transaction(&mut cursor, out),
        "ALTER" if cursor.peek().is_some_and(|next| next.is_word("SESSION")) && !is_policy(&cursor) => {
            cursor.take();
            session::read_alter_session(&mut cursor, out);
        }
        "CREATE" | "ALTER" | "DROP" | "UNDROP" | "COMMENT" | "TRUNCATE" => define::read(&mut cursor, out),
        "GRANT" | "REVOKE" => act::read_grant(&mut cursor, out),
        "CALL" => act::read_call(&mut cursor, out),
        "EXECUTE" => act::read_execute(&mut cursor, out),
        "DECLARE" => act::script(out),
        "EXPLAIN" => act::read_explain(&mut cursor, out),
        _ => unknown(out),
    }
    true
}

/// `ALTER SESSION POLICY p` is about a policy.
fn is_policy(cursor: &Cursor<'_, '_>) -> bool {
    cursor.peek_at(1).is_some_and(|next| next.is_word("POLICY"))
}

fn unknown(out: &mut Statement) {
    out.raise(Class::Unknown);
    out.miss("the statement");
}

/// What is left of a statement that should be at its end.
fn end(cursor: &Cursor<'_, '_>, out: &mut Statement) {
    if !cursor.is_at_end() {
        let verb = out.verb.clone();
        out.miss(format!("the end of {verb}"));
    }
}

/// Whether the statement may have semicolons inside: a script, or what defines one.
pub(crate) fn may_hold_semicolons(tokens: &[Tok<'_>]) -> bool {
    let mut cursor = Cursor::new(tokens);
    if cursor.eat_word("DECLARE") {
        return true;
    }
    if cursor.eat_word("BEGIN") {
        return session::is_script(&cursor);
    }
    let has_body = tokens.windows(2).any(|pair| {
        ["AS", "THEN"].iter().any(|word| pair[0].token.is_word(word))
            && ["BEGIN", "DECLARE"].iter().any(|word| pair[1].token.is_word(word))
    });
    has_body && defines_code(cursor)
}

/// Whether what it defines is code.
fn defines_code(mut cursor: Cursor<'_, '_>) -> bool {
    if cursor.eat_word("WITH") {
        return cursor.rest().windows(3).any(|three| {
            three[0].token.is_word("AS")
                && three[1].token.is_word("PROCEDURE")
                && three[2].token == Token::Open
        });
    }
    if cursor.eat_word("CREATE") {
        kinds::Modifiers::read(&mut cursor);
    } else if !cursor.eat_word("ALTER") {
        return false;
    }
    let kind = kinds::Kind::read(&mut cursor);
    kind.is_some_and(|kind| {
        kind.object == ObjectKind::Function || ["TASK", "ALERT"].contains(&kind.name().as_str())
    })
}

/// Reads an SQLite statement.
pub(crate) fn read_sqlite(sql: &str) -> Statement {
    sqlite::read(sql)
}
