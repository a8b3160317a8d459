//! Rows beside their caps: in blocks, in files, and what is said of them as a whole. Knows nothing of backends or clients.
//!
//! A [`RowBlock`] holds some rows, a [`RowSink`] takes all rows of a result, block by block. [`SpillSink`] is the one that keeps
//! them in a file (`spill`), from which [`SpillFile`] reads pages; `summary` says what each column holds. `csv` and `json` write values, `names` tells columns of one name apart.

mod block;
mod csv;
mod json;
mod names;
mod sink;
mod spill;
mod summary;

pub use block::{CELL_BYTES_MAX, CellKind, RowBlock};
pub use csv::write_csv_row;
pub(crate) use json::digits_of;
#[cfg(feature = "parquet")]
pub(crate) use json::{is_exact, is_number};
pub use json::{write_json_string, write_json_value};
pub use names::unique_names;
pub use sink::{Column, ColumnType, RowSink, Want};
pub use spill::{Overflow, RowFile, SpillBounds, SpillFile, SpillSink};
pub use summary::{ColumnSummary, Summary};
