//! What the gateways have behind them, and how it wants to be asked. Pure.

use super::databases::{DEFAULT_DATABASE, Database};

/// A backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Files of SQLite, below the run's home.
    #[default]
    Sqlite,
    /// fakesnow, which keeps all in its memory: nothing is done to it.
    Fakesnow,
}

impl Backend {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Fakesnow => "fakesnow",
        }
    }

    /// Between two requests of one client, at most, for each client there is, in ms: so that the load does
    /// not depend on their number, and leaves a machine of two cores time to start gateways.
    pub(super) fn think_ms_max_each(self) -> u64 {
        match self {
            Self::Sqlite => 4,
            // A statement costs it 4 ms of one core and more.
            Self::Fakesnow => 16,
        }
    }

    /// A column's name as a result has it.
    pub(super) fn column(self, name: &str) -> String {
        match self {
            Self::Sqlite => name.to_owned(),
            Self::Fakesnow => name.to_uppercase(),
        }
    }

    /// The statement that asks which database it runs in.
    pub(super) fn whoami(self) -> &'static str {
        match self {
            Self::Sqlite => "select name from whoami",
            // What is in the database, and what the session says.
            Self::Fakesnow => "select case when name = current_database() then name end as name from whoami",
        }
    }

    /// The statement that counts so many rows, which cost time and no memory; without an end where none are
    /// named.
    pub(super) fn counting(self, rows: Option<u64>) -> String {
        let end = match (self, rows) {
            (_, None) => String::new(),
            (Self::Sqlite, Some(rows)) => format!("limit {rows}"),
            (Self::Fakesnow, Some(rows)) => format!("where i < {rows}"),
        };
        format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n {end}) select max(i) as n from n"
        )
    }

    /// Rows of a long read: it takes 50 to 300 ms on a machine that does nothing else.
    pub(super) fn long_rows(self) -> (u64, u64) {
        match self {
            Self::Sqlite => (200_000, 1_000_000),
            Self::Fakesnow => (5_000, 30_000),
        }
    }

    /// The tables of a database, as the tool lists them.
    pub(super) fn tables(self, database: Database) -> String {
        match self {
            Self::Sqlite => format!("{database}|main|log|\n{database}|main|whoami|"),
            // It says of every table that it has no row.
            Self::Fakesnow => format!("{database}|PUBLIC|LOG|0\n{database}|PUBLIC|WHOAMI|0"),
        }
    }

    /// The text of a result without the name of its query.
    pub(super) fn without_query_id(self, text: &str) -> &str {
        match self {
            Self::Sqlite => text,
            Self::Fakesnow => text.rsplit_once(" query id ").map_or(text, |(text, _)| text),
        }
    }

    /// The database that a session's context names; `None` where it names none and need not.
    pub(super) fn current(self, named: Option<&str>) -> Option<&str> {
        match self {
            Self::Sqlite => named,
            // A session that has not changed it is where the log-in goes.
            Self::Fakesnow => named.or(Some(DEFAULT_DATABASE)),
        }
    }
}
