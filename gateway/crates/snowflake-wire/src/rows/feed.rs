//! Downloading one chunk, no further ahead of its reader than it may be.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use url::Url;

use crate::http::{AttemptError, Http, next_piece, retry_after};

/// One attempt to download a chunk. Dropping it stops the download.
pub(super) struct Feed {
    /// Bounded by the permits that its pieces hold, which count bytes.
    parts: UnboundedReceiver<Part>,
    task: JoinHandle<()>,
}

/// What the download passes on. After all but pieces nothing comes.
enum Part {
    Piece(Bytes, OwnedSemaphorePermit),
    End,
    Failed(AttemptError),
}

impl Feed {
    /// Starts downloading from `address`. At most `chunk_buffer_bytes` wait to be read; then the connection
    /// waits.
    pub(super) fn start(http: Http, address: Url, headers: HeaderMap) -> Self {
        let (to, parts) = unbounded_channel();
        let room_bytes = http.limits().chunk_buffer_bytes.max(1);
        let download = Download { http, room: Arc::new(Semaphore::new(room_bytes)), room_bytes, to };
        let task = tokio::spawn(async move {
            let last = match download.run(address, headers).await {
                Ok(()) => Part::End,
                Err(error) => Part::Failed(error),
            };
            // Fails only if the reader is gone, which needs no end then.
            let _ = download.to.send(last);
        });
        Self { parts, task }
    }

    /// The next piece as it came; `None` at the chunk's end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, AttemptError> {
        match self.parts.recv().await {
            Some(Part::Piece(piece, _room)) => Ok(Some(piece)),
            Some(Part::End) => Ok(None),
            Some(Part::Failed(error)) => Err(error),
            None => Err(AttemptError::Truncated),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Download {
    http: Http,
    /// A permit for each byte that may wait, of which there are `room_bytes`.
    room: Arc<Semaphore>,
    room_bytes: usize,
    to: UnboundedSender<Part>,
}

impl Download {
    async fn run(&self, address: Url, headers: HeaderMap) -> Result<(), AttemptError> {
        let limits = self.http.limits();
        let mut request = reqwest::Request::new(Method::GET, address);
        *request.headers_mut() = headers;
        // Without it, some storage inflates what it holds compressed.
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let mut response = self.http.send(request, limits.answer_timeout).await?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(AttemptError::Status { status, retry_after: retry_after(response.headers()) });
        }
        while let Some(piece) = next_piece(&mut response, limits.stall_timeout).await? {
            let size = u32::try_from(piece.len().min(self.room_bytes)).unwrap_or(u32::MAX);
            let Ok(room) = Arc::clone(&self.room).acquire_many_owned(size).await else { break };
            if self.to.send(Part::Piece(piece, room)).is_err() {
                break;
            }
        }
        Ok(())
    }
}
