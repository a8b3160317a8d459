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
use tokio::task::{JoinHandle, spawn_blocking};

use crate::column::Column;
use crate::error::{Error, Operation};
use crate::http::Http;
use crate::render::Renderer;

/// A row of more bytes than this is read on a thread of its own: it would hold up the runtime.
const LARGE_ROW_BYTES: usize = 64 * 1024;

/// The rows of a result, in the result's order.
///
/// Memory stays within [`crate::Limits`] whatever the result's size: a few downloads run ahead and wait for
/// the reader. Dropping it stops them.
pub struct Rows {
    columns: Arc<[Column]>,
    total: Option<u64>,
    /// Rows that the server says are in this result, and those that were found in it.
    announced: Option<u64>,
    found: u64,
    renderer: Arc<Renderer>,
    /// A large row that is being read.
    reading: Option<JoinHandle<Result<Row, Error>>>,
    inline: Splitter,
    chunks: Chunks,
    given_up: bool,
}

impl Rows {
    pub(crate) fn new(
        http: &Http,
        renderer: Renderer,
        columns: Arc<[Column]>,
        (total, announced): (Option<u64>, Option<u64>),
        inline: &Bytes,
        remote: RemoteRows,
    ) -> Self {
        let inline = Splitter::of_list(inline, http.limits().row_bytes_max);
        Self {
            columns,
            total,
            announced,
            found: 0,
            renderer: Arc::new(renderer),
            reading: None,
            inline,
            chunks: Chunks::new(http.clone(), remote),
            given_up: false,
        }
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
    /// The result cannot be read on, or ends before as many rows have come as were announced; after that,
    /// always [`Error::GivenUp`].
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.given_up {
            return Err(Error::GivenUp);
        }
        let row = self.read().await;
        self.given_up = row.is_err();
        row
    }

    /// The next row of those that came with the answer; `None` behind the last of them: nothing is downloaded.
    ///
    /// # Errors
    /// The result cannot be read on.
    pub fn next_here(&mut self) -> Result<Option<Row>, Error> {
        let json = self.inline.next().map_err(|error| error.into_error(Operation::Result))?;
        let Some(json) = json else { return Ok(None) };
        self.found += 1;
        read_row(&json, &self.renderer, self.columns.len()).map(Some)
    }

    /// Leaves out the next `rows` rows. Chunks that are whole among them are not downloaded.
    ///
    /// # Errors
    /// See [`Rows::next`].
    pub async fn skip(&mut self, mut rows: u64) -> Result<(), Error> {
        while rows > 0 {
            let inline = self.inline.next().map_err(|error| error.into_error(Operation::Result))?;
            if inline.is_none() {
                break;
            }
            (rows, self.found) = (rows - 1, self.found + 1);
        }
        let chunks = self.chunks.skip(rows);
        (rows, self.found) = (rows - chunks, self.found + chunks);
        while rows > 0 && self.next_json().await?.is_some() {
            rows -= 1;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Row>, Error> {
        if self.reading.is_none() {
            let Some(json) = self.next_json().await? else { return Ok(None) };
            let (renderer, width) = (Arc::clone(&self.renderer), self.columns.len());
            if json.len() <= LARGE_ROW_BYTES {
                return read_row(&json, &renderer, width).map(Some);
            }
            self.reading = Some(spawn_blocking(move || read_row(&json, &renderer, width)));
        }
        let Some(reading) = &mut self.reading else { return Ok(None) };
        let row = reading.await;
        self.reading = None;
        // It is never aborted, and a panic in there is one here.
        row.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())).map(Some)
    }

    async fn next_json(&mut self) -> Result<Option<Bytes>, Error> {
        let next = match self.inline.next().map_err(|error| error.into_error(Operation::Result))? {
            Some(json) => Some(json),
            None => self.chunks.next().await?,
        };
        self.found += u64::from(next.is_some());
        match self.announced.filter(|announced| next.is_none() && self.found < *announced) {
            Some(announced) => {
                let detail = format!("the server announced {announced} rows and delivered {}", self.found);
                Err(Error::malformed(Operation::Result, detail))
            }
            None => Ok(next),
        }
    }

    pub(crate) fn into_links(self) -> Links {
        self.chunks.into_links()
    }
}

fn read_row(json: &[u8], renderer: &Renderer, width: usize) -> Result<Row, Error> {
    row::read(json, renderer).map_err(|error| {
        // The error's own text may quote a cell.
        let detail = format!("a row is not a list of {width} cells, at its column {}", error.column());
        Error::malformed(Operation::Result, detail)
    })
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns.len())
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
