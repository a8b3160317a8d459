//! Compiling a client's text. Its double quotes are names; in the file's own views and triggers they may also
//! be texts.
//!
//! Where no column is called x, SQLite reads `"x"` as a text, or refuses it, by one switch for the client's
//! statement and for the views, triggers and checks compiled with it. Files in use need the first (`WHERE status
//! = "active"`); in a client's text that would make a misspelled name a text, and the result wrong without an
//! error. So SQLite reads them as texts, and never sees a client's: that text is compiled with back-ticks in
//! their place, which SQLite reads as names only ([`DoubleQuotes`]).

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, Statement};

use super::double_quotes::DoubleQuotes;
use super::guard::Guard;
use crate::backend::Ownership;

const NO_SUCH_COLUMN: &str = "no such column: ";

/// What a client's text is compiled with.
pub(super) struct Compiler<'a> {
    pub(super) connection: &'a Connection,
    pub(super) guard: &'a Guard,
    /// The name of the main database.
    pub(super) main: &'a str,
    /// Whose connection it is.
    pub(super) ownership: Ownership,
}

/// A statement that can be stepped.
pub(super) struct Compiled<'a> {
    pub(super) statement: Statement<'a>,
    /// The names of its columns, as they follow from the client's own text.
    pub(super) columns: Vec<String>,
    /// Held while it runs, if double quotes are names in the file's views, too.
    _strict: Option<Strict<'a>>,
}

impl<'a> Compiled<'a> {
    fn new(statement: Statement<'a>, strict: Option<Strict<'a>>) -> Self {
        let columns = statement.column_names().map(str::to_owned).collect();
        Self { statement, columns, _strict: strict }
    }
}

impl<'a> Compiler<'a> {
    /// Compiles the one statement of `sql`.
    pub(super) fn compile(&self, sql: &str) -> Result<Compiled<'a>, Error> {
        let Some(quotes) = DoubleQuotes::of(sql) else {
            return Ok(Compiled::new(self.prepare(sql)?, None));
        };
        self.check_view(&quotes)?;
        let statement = match self.prepare(&quotes.as_back_ticks) {
            Ok(statement) => statement,
            Err(error) => return self.compile_strictly(sql, as_written(error)),
        };
        if statement.column_count() == 0 && !quotes.are_kept {
            return Ok(Compiled::new(statement, None));
        }
        // All its names are found, so as it is written it means the same. A part of the text may name a column,
        // or be kept in the file.
        let written = self.prepare(sql)?;
        if quotes.are_kept {
            return Ok(Compiled::new(written, None));
        }
        Ok(Compiled { statement, ..Compiled::new(written, None) })
    }

    /// Compiles `sql` as it is, where back-ticks led to `error`: an expression's text can be the name of a
    /// column, and an error that quotes the text should quote the client's.
    fn compile_strictly(&self, sql: &str, error: Error) -> Result<Compiled<'a>, Error> {
        let strict = Strict::begin(self.connection)?;
        match self.prepare(sql) {
            Ok(statement) => Ok(Compiled::new(statement, Some(strict))),
            // It may be a text in a view that is now taken for a name.
            Err(other) if is_of_column(&other) => Err(error),
            Err(other) => Err(other),
        }
    }

    /// Checks the names of a new view, which SQLite looks up only when it is used: from then on they would be
    /// the file's.
    fn check_view(&self, quotes: &DoubleQuotes) -> Result<(), Error> {
        let Some(start) = quotes.view_body() else { return Ok(()) };
        match self.prepare(&quotes.as_back_ticks[start..]).map_err(as_written) {
            Err(Error::SqlInputError { error, msg, sql: _, offset }) if msg.contains("\" - should") => {
                let offset = offset.saturating_add(i32::try_from(start).unwrap_or(i32::MAX));
                Err(Error::SqlInputError { error, msg, sql: quotes.as_back_ticks.clone(), offset })
            }
            _ => Ok(()),
        }
    }

    /// An error in the text after the first statement means, above all, that there is more than one.
    fn prepare(&self, text: &str) -> Result<Statement<'a>, Error> {
        self.guard.begin(text, self.main, self.ownership);
        self.connection.prepare(text).map_err(|error| match error {
            Error::SqlInputError { sql: failed, .. } if failed.len() < text.len() => Error::MultipleStatement,
            other => other,
        })
    }
}

/// While it lives, double quotes are names everywhere.
struct Strict<'a>(&'a Connection);

impl<'a> Strict<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, Error> {
        let strict = Self(connection);
        allow_texts(connection, false)?;
        Ok(strict)
    }
}

impl Drop for Strict<'_> {
    fn drop(&mut self) {
        // It can fail only for a switch that there is not.
        let _ = allow_texts(self.0, true);
    }
}

/// Has SQLite read double quotes as texts where they are no names, or refuse them.
pub(super) fn allow_texts(connection: &Connection, allow: bool) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, allow)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, allow)?;
    Ok(())
}

fn is_of_column(error: &Error) -> bool {
    match error {
        Error::SqlInputError { msg, .. } => msg.contains(NO_SUCH_COLUMN),
        Error::SqliteFailure(_, msg) => msg.as_ref().is_some_and(|msg| msg.contains(NO_SUCH_COLUMN)),
        _ => false,
    }
}

/// An error about a name in back-ticks, as SQLite says it of one in double quotes.
fn as_written(error: Error) -> Error {
    let Error::SqlInputError { error, msg, sql, offset } = error else { return error };
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let is_quoted = sql.as_bytes().get(at) == Some(&b'`');
    let msg = match msg.strip_prefix(NO_SUCH_COLUMN).filter(|_| is_quoted) {
        Some(name) => {
            format!("{NO_SUCH_COLUMN}\"{name}\" - should this be a string literal in single-quotes?")
        }
        None => msg,
    };
    Error::SqlInputError { error, msg, sql, offset }
}
