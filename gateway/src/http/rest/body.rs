//! AnswerMemory of answers. A long one is written as its client reads, from a bounded memory.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::document::Rewriter;
use super::problem::Problem;

/// Memory for all answers that clients have not read yet.
const MEMORY_KIB: usize = 128 * 1024;
/// Shorter answers need none of it: connections bound them.
const SHORT_BYTES_MAX: usize = 64 * 1024;
/// How long an answer waits for memory.
const MEMORY_WAIT: Duration = Duration::from_secs(10);
/// A client that has read nothing for so long gets no more: its answer's memory is freed, and the connection closed.
const STALLED: Duration = Duration::from_secs(30);
/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;

/// The memory of answers on their way to clients.
#[derive(Clone, Debug)]
pub(in crate::http) struct AnswerMemory(Arc<Semaphore>);

impl Default for AnswerMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MEMORY_KIB)))
    }
}

impl AnswerMemory {
    /// Memory for an answer of `bytes`; `must`: it is given in any case, because the call changed something.
    ///
    /// # Errors
    /// There is none, for as long as an answer may wait.
    pub(super) async fn room(
        &self,
        bytes: usize,
        must: bool,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SHORT_BYTES_MAX {
            return Ok(None);
        }
        let kib = u32::try_from(bytes.div_ceil(1024).min(MEMORY_KIB)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0).acquire_many_owned(kib);
        match timeout(MEMORY_WAIT, room).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ if must => Ok(None),
            _ => {
                let message = "the memory for answers that clients have not read yet is in use";
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
                    .or_do("read the answers that wait, or ask for less at once; nothing was changed")
                    .after(1))
            }
        }
    }
}

/// How a document is written.
#[derive(Debug)]
pub(super) enum Writing {
    /// As it is, without its first byte, between these two.
    Within(String, String),
    /// In another form.
    Rewritten(Rewriter),
}

/// A document on its way.
struct Document {
    /// None once its client has not read for too long.
    text: Mutex<Option<Arc<str>>>,
    /// Counts the pieces that were taken.
    taken: AtomicU64,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Document {
    fn text(&self) -> Option<Arc<str>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn free(&self) {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.room.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The pieces of a body, made when they are asked for.
struct Pieces {
    document: Arc<Document>,
    writing: Writing,
    at: usize,
    is_over: bool,
}

impl Pieces {
    fn of(&mut self, text: &str) -> Option<Bytes> {
        match &mut self.writing {
            Writing::Rewritten(rewriter) => rewriter.next(text).map(Bytes::from),
            Writing::Within(before, after) => {
                let (at, rest) = (self.at, text.len().saturating_sub(self.at));
                if at == 0 {
                    self.at = 1;
                    return Some(std::mem::take(before).into());
                }
                if rest == 0 {
                    return Some(std::mem::take(after)).filter(|after| !after.is_empty()).map(Bytes::from);
                }
                self.at += rest.min(PIECE_BYTES);
                Some(Bytes::copy_from_slice(&text.as_bytes()[at..self.at]))
            }
        }
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let Some(text) = self.document.text() else {
            self.is_over = true;
            return Some(Err(io::ErrorKind::TimedOut.into()));
        };
        self.document.taken.fetch_add(1, Ordering::Relaxed);
        let piece = self.of(&text);
        self.is_over = piece.is_none();
        piece.map(Ok)
    }
}

/// The body that writes `text`, which holds `room`.
pub(super) fn of_document(text: String, writing: Writing, room: Option<OwnedSemaphorePermit>) -> Body {
    let is_long = text.len() > SHORT_BYTES_MAX;
    let document = Arc::new(Document {
        text: Mutex::new(Some(text.into())),
        taken: AtomicU64::new(0),
        room: Mutex::new(room),
    });
    if is_long {
        tokio::spawn(watch(Arc::downgrade(&document)));
    }
    Body::from_stream(tokio_stream::iter(Pieces { document, writing, at: 0, is_over: false }))
}

/// Frees the memory of a document whose client does not read.
async fn watch(document: Weak<Document>) {
    let mut before = None;
    loop {
        sleep(STALLED).await;
        let Some(document) = document.upgrade() else { return };
        let taken = document.taken.load(Ordering::Relaxed);
        if before == Some(taken) {
            tracing::warn!("an answer was dropped: its client does not read it");
            return document.free();
        }
        before = Some(taken);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_document_is_written_whole_and_one_that_is_not_read_is_dropped() {
        let text = format!("{{{}}}", "x".repeat(300_000));
        let body = |room| of_document(text.clone(), Writing::Within("{\"a\":1,".into(), "}".into()), room);
        let whole = to_bytes(body(None), usize::MAX).await.unwrap();
        assert_eq!(whole, format!("{{\"a\":1,{}}}", &text[1..]));
        let bodies = AnswerMemory::default();
        let room = bodies.room(text.len(), false).await.unwrap();
        let unread = body(room);
        assert!(bodies.0.available_permits() < MEMORY_KIB);
        sleep(STALLED * 3).await;
        assert_eq!(bodies.0.available_permits(), MEMORY_KIB);
        assert!(to_bytes(unread, usize::MAX).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_memory_is_refused_unless_it_changed_something() {
        let bodies = AnswerMemory::default();
        let all = bodies.room(usize::MAX, false).await.unwrap();
        assert_eq!(bodies.room(1 << 20, false).await.unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(bodies.room(1 << 20, true).await.is_ok());
        assert!(bodies.room(1, false).await.is_ok());
        drop(all);
        assert!(bodies.room(1 << 20, false).await.unwrap().is_some());
    }
}
