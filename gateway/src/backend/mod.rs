//! Backends: what runs statements.
//!
//! A [`Backend`] opens [`Connection`]s; a connection runs one [`Request`] at a time and fills a capped
//! [`Collector`] (`traits`, `request`, `catalog`, `context`, `place`, `collector`, `log_in`, `error`), and reports whether its
//! other end answers (`health`). The [`Registry`] knows
//! the backends by the names of their connections and opens each when it is first used. None of them knows of
//! sessions, clients or MCP: each request carries the context that it runs in and the [`WriteJournal`] to
//! ask, and nothing of a request outlives its call.

mod catalog;
mod check;
mod collector;
mod context;
mod cost;
mod delivery;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod health;
mod held;
mod journal;
mod log_in;
mod parameter;
mod place;
mod registry;
mod request;
mod rows_read;
mod rule;
#[cfg(test)]
mod sample;
mod shorten;
pub mod snowflake;
pub mod sqlite;
mod statement_gate;
mod traits;
mod wall;
mod written;

pub use crate::rows::{CellKind, ColumnType};
pub use catalog::{Catalog, Relation, RelationKind, SearchFor, is_like, like_of};
pub use check::{check_connection, check_statement};
pub use collector::{Caps, Cell, Collector, Cut, Flow, RowWriter};
pub use context::{Context, SecondaryRoles};
pub use cost::{CostBounds, CostGuard, Estimate};
pub use delivery::{SinkUse, Taking};
pub use error::{BackendError, ErrorKind};
pub use health::{Health, HealthReports};
pub use held::{HELD_NAMES_MAX, Held, OPEN_TRANSACTION, Ownership};
pub use journal::WriteJournal;
pub use log_in::{LogInError, LogInNeed, LogInRequest};
pub use parameter::{PARAMETER_BYTES_MAX, Parameter, ParameterKind, ParameterValue, Parameters};
pub use place::Place;
pub use registry::Registry;
pub use request::{Completion, Operation, Request, RequestOrigin, Transaction};
pub use rows_read::RowsRead;
pub use rule::Rule;
#[cfg(test)]
pub(crate) use sample::{Sample, sample};
pub(crate) use shorten::shorten;
pub use statement_gate::{OpenGate, RowFilter, StatementGate};
pub use traits::{Backend, BackendStatus, BoxFuture, Cancel, Connection};
pub use wall::Wall;
pub(crate) use written::{CELL_BYTES_MIN, escapes, fitting, is_like_null, written_bytes};
