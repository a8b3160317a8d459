//! What a client can ask, and what the right answer is.

use std::time::Duration;

use serde_json::{Value, json};

use super::backend::Backend;
use super::databases::Database;

/// One thing that a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The opening of the client's era.
    Open,
    /// A read of this number.
    Constant(u64),
    /// Which database an unqualified name is looked for in.
    WhoAmI,
    /// The same of a database that the call names.
    Elsewhere(Database),
    /// The tables of the current database.
    ListTables,
    /// The session's context, as the gateway has it.
    SessionInfo,
    /// Another current database.
    SetContext(Database),
    /// A row whose key nobody else writes, into the current database.
    Write {
        /// In a transaction of the gateway's, which commits it.
        transaction: bool,
    },
    /// A read that counts so many rows and then ends.
    Long {
        /// How many.
        rows: u64,
    },
    /// A read that never ends.
    Endless,
}

/// Something to ask, and whether to think better of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// What to ask.
    pub(super) step: Step,
    /// When to cancel it.
    pub(super) cancel: Option<Cancel>,
}

/// When to cancel a request, and what to do with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cancel {
    /// From the request to its cancel.
    pub(super) after: Duration,
    /// Whether the next request takes the same id.
    pub(super) reuse_id: bool,
}

impl From<Step> for Task {
    fn from(step: Step) -> Self {
        Self { step, cancel: None }
    }
}

impl Step {
    /// Its name in reports.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open => "opening",
            Self::Constant(_) => "constant",
            Self::WhoAmI => "whoami",
            Self::Elsewhere(_) => "elsewhere",
            Self::ListTables => "list_tables",
            Self::SessionInfo => "session_info",
            Self::SetContext(_) => "set_context",
            Self::Write { .. } => "write",
            Self::Long { .. } => "long",
            Self::Endless => "endless",
        }
    }

    /// Whether it leaves a row.
    pub(super) fn is_write(&self) -> bool {
        matches!(self, Self::Write { .. })
    }

    /// The tool that does it and the arguments; `key` is what a write writes. The opening is no tool call.
    pub(super) fn call(&self, backend: Backend, key: &str) -> Option<(&'static str, Value)> {
        let query = |sql: String| ("execute_query", json!({"query": sql}));
        Some(match self {
            Self::Open => return None,
            Self::Constant(number) => query(format!("select {number} as n")),
            Self::WhoAmI => query(backend.whoami().to_owned()),
            Self::Elsewhere(database) => {
                ("execute_query", json!({"query": backend.whoami(), "database": database}))
            }
            Self::ListTables => ("list_tables", json!({})),
            Self::SessionInfo => ("session_info", json!({})),
            Self::SetContext(database) => ("set_context", json!({"database": database})),
            Self::Write { transaction } => (
                "execute_query",
                json!({"query": format!("insert into log values ('{key}')"), "use_transaction": transaction}),
            ),
            Self::Long { rows } => query(backend.counting(Some(*rows))),
            Self::Endless => query(backend.counting(None)),
        })
    }

    /// The text of the right answer in a session whose current database is `context`; `None` where the answer
    /// is told by more than its text, or there is none.
    pub(super) fn text(&self, backend: Backend, context: Database) -> Option<String> {
        let one = |column: &str, value: &dyn std::fmt::Display| {
            Some(format!("{}\n{value}\n(1 row)", backend.column(column)))
        };
        match self {
            Self::Constant(number) => one("n", number),
            Self::WhoAmI => one("name", &context),
            Self::Elsewhere(database) => one("name", database),
            Self::ListTables => {
                Some(format!("database|schema|name|rows\n{}\n(2 rows)", backend.tables(context)))
            }
            Self::Write { .. } => Some("1 row changed".to_owned()),
            Self::Long { rows } => one("n", rows),
            Self::Open | Self::SessionInfo | Self::SetContext(_) | Self::Endless => None,
        }
    }
}
