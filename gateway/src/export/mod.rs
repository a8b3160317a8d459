//! Results in files: all rows of a statement, written as they come, below a name that replaces nothing.
//!
//! `name` says which names a file may have, `format` what it is; `folder` opens the folder that a profile names, `part` is the file that
//! is being written, [`ExportSink`] takes rows and has an `Encoder` make bytes of them (`csv`, `json`, `parquet`).
//!
//! | what becomes of the export | what is in the folder |
//! |---|---|
//! | it succeeds | the file, whole and on disk, below its name |
//! | it fails, is cancelled, or its name was taken meanwhile | nothing of it |
//! | the gateway is killed | `.NAME.RANDOM.part`, which the next export into the folder removes |

mod csv;
mod folder;
mod format;
mod json;
mod name;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
mod parquet;
mod part;
mod sink;

use std::io;

pub use folder::{ExportFolder, FolderProblem};
pub use format::{ExportFormat, UnknownFormat};
pub use name::{NAME_BYTES_MAX, NameProblem, check_name};
pub use part::PartFile;
pub use sink::{ExportBounds, ExportSink, Exported};

use crate::rows::{Column, RowBlock};

/// Makes bytes of rows. What it holds at once is bounded.
trait Encoder: Send + std::fmt::Debug {
    /// What stands before the rows.
    fn begin(&mut self, columns: &[Column], out: &mut PartFile) -> io::Result<()>;

    /// Some rows.
    fn write(&mut self, rows: &RowBlock, out: &mut PartFile) -> io::Result<()>;

    /// What stands behind them.
    fn finish(&mut self, out: &mut PartFile) -> io::Result<()>;
}

fn encoder(format: ExportFormat) -> Box<dyn Encoder> {
    match format {
        ExportFormat::Csv => Box::new(csv::CsvEncoder::default()),
        ExportFormat::Jsonl => Box::new(json::JsonEncoder::lines()),
        ExportFormat::Json => Box::new(json::JsonEncoder::array()),
        ExportFormat::Parquet => parquet::encoder(),
    }
}
