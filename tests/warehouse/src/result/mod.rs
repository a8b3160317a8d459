//! Results: columns, rows, and how they are cut into an answer and its chunks.

mod chunk;
mod column;
mod rows;

pub(super) use chunk::{Encoding, KeyForm, Paging, chunk_body};
pub(super) use column::Column;
pub(super) use rows::{ResultSet, Rows, StatementType};
