//! The rows of a result: those that came with the answer, then those of its chunks, one at a time.

mod chunks;
mod feed;
mod links;
mod row;
mod splitter;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chunks::Chunks;
pub(crate) use links::{FetchedLinks, LinkSource, Links, RemoteRows};
pub use row::Row;
use splitter::Splitter;

use crate::column::Column;
use crate::error::{Error, Operation};
use crate::http::Http;
use crate::render::Renderer;

/// The rows of a result, in the result's order.
///
/// Memory stays within [`crate::Limits`] whatever the result's size: a few downloads run ahead and wait for
/// the reader. Dropping it stops them.
pub struct Rows {
    columns: Arc<[Column]>,
    total: Option<u64>,
    renderer: Renderer,
    inline: Splitter,
    chunks: Chunks,
    given_up: bool,
}

impl Rows {
    pub(crate) fn new(
        http: &Http,
        renderer: Renderer,
        columns: Arc<[Column]>,
        total: Option<u64>,
        inline: &Bytes,
        remote: RemoteRows,
    ) -> Self {
        let inline = Splitter::of_list(inline, http.limits().row_bytes_max);
        Self { columns, total, renderer, inline, chunks: Chunks::new(http.clone(), remote), given_up: false }
    }

    /// The columns, also of a result without rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows in all, as the server says.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next row; `None` after the last. The future may be dropped and asked for again: no row is lost.
    ///
    /// Downloads that break are started again, and addresses that have expired are asked for again, within
    /// the retry policy's attempts for each chunk; what was read before comes only once.
    ///
    /// # Errors
    /// The result cannot be read on; after that, always [`Error::GivenUp`].
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.given_up {
            return Err(Error::GivenUp);
        }
        let row = self.read().await;
        self.given_up = row.is_err();
        row
    }

    async fn read(&mut self) -> Result<Option<Row>, Error> {
        let inline = self.inline.next().map_err(|error| error.into_error(Operation::Result))?;
        let json = match inline {
            Some(json) => Some(json),
            None => self.chunks.next().await?,
        };
        let Some(json) = json else { return Ok(None) };
        row::read(&json, &self.renderer).map(Some).map_err(|error| {
            // The error's own text may quote a cell.
            let width = self.columns.len();
            let detail = format!("a row is not a list of {width} cells, at its column {}", error.column());
            Error::malformed(Operation::Result, detail)
        })
    }

    pub(crate) fn into_links(self) -> Links {
        self.chunks.into_links()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns.len())
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
