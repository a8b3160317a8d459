//! Who takes all rows of a result.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::block::{CellKind, RowBlock};
use super::spill::Overflow;

/// What a backend says of the values of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// The type's name, in the backend's own words.
    pub name: String,
    /// What its values are, where all are of one kind.
    pub kind: CellKind,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, whole.
    pub name: String,
    /// Its type in the backend's own words, where that says.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
}

/// Whether more rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The next ones.
    More,
    /// None: what is read from here on is for others.
    Nothing,
}

/// Takes the rows of a result, in their order, also those that the result's caps cut. Used by one thread at a time, which may be blocked.
pub trait RowSink: Send + Sync + Debug {
    /// The result has these columns; called before the first rows, also for a result without rows. Called again where a statement is begun
    /// anew: what was taken before is void.
    ///
    /// # Errors
    /// The rows cannot be taken: the statement fails.
    fn begin(&self, columns: &[Column]) -> io::Result<()>;

    /// Takes rows.
    ///
    /// # Errors
    /// They cannot be taken: the statement fails.
    fn write(&self, rows: &RowBlock) -> io::Result<Want>;

    /// There are no further rows; `is_whole`: all have been given. Not called where the statement fails.
    ///
    /// # Errors
    /// They cannot be kept.
    fn finish(&self, is_whole: bool) -> io::Result<()>;

    /// What is kept of the rows for who has the result, once they are finished.
    fn overflow(&self) -> Option<Arc<Overflow>> {
        None
    }
}
