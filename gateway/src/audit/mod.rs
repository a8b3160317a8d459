//! The audit trail: one record a decision, chained and signed.
//!
//! `record` and `notice` say what is in a record, `refusals` counts what would have too many; `queue` takes what happens, without waiting, `writer` is the thread that writes
//! it to the `trail`: lines of JSON in `files`, each of which names the hash of the one before (`chain`), signed at intervals
//! (`head`). `recover` writes the records that a gateway before could not. `verify` and `search` read the files, whether a
//! gateway writes them or not.

mod chain;
mod files;
mod head;
mod notice;
mod queue;
mod record;
mod recover;
mod refusals;
mod search;
#[cfg(test)]
mod tests;
mod time;
mod trail;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use head::{HeadKey, kept as kept_head};
pub use notice::Notice;
pub use queue::{AuditView, WRITE_TIMEOUT};
use queue::{Item, Queue, WAITING_MAX};
pub use refusals::{Refusal, RefusalCause};
pub use search::{LIMIT_MAX, SearchQuery, SearchResult, search};
pub use time::text_of_ms;
pub use verify::{Expected, Fault, Report, TornEnd, verify};
use writer::Writer;

use crate::config::AuditConfig;
use crate::state::{AuditDraft, StateStore};
use crate::telemetry::RequestEvent;

/// The trail's folder in the state folder.
const FOLDER: &str = "audit";

/// How long the end of a gateway waits for its last records.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The folder of the trail of the gateway whose state is in `state`.
pub fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// Where records go; nowhere by default.
#[derive(Debug, Default)]
pub struct Audit {
    queue: Option<Arc<Queue>>,
    is_required: bool,
    has_text: bool,
    ended: Mutex<Option<Receiver<()>>>,
}

/// A place in the queue, for the record of a statement that is about to run.
#[derive(Debug)]
pub struct AuditPlace(Arc<Queue>);

impl Drop for AuditPlace {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Audit {
    /// The trail in the state folder, as it is configured, with what an earlier gateway left. Only for the holder of the
    /// gateway's lock.
    pub async fn open(state_folder: &Path, config: AuditConfig, state: &Arc<StateStore>) -> Self {
        if !config.enabled {
            return Self::default();
        }
        let (sender, received) = sync_channel(2 * WAITING_MAX + 1);
        let queue = Arc::new(Queue::new(sender, config.required, state));
        let (end, ended) = channel();
        let (folder, state_folder) = (folder(state_folder), state_folder.to_owned());
        let trail_folder = folder.clone();
        let for_writer = Arc::clone(&queue);
        let run = move || {
            Writer::new(for_writer, received, folder, state_folder, config).run();
            // The other end may not wait any more.
            let _ = end.send(());
        };
        if let Err(error) = std::thread::Builder::new().name("audit".to_owned()).spawn(run) {
            queue.failed(&error, Path::new(FOLDER));
        }
        recover(&queue, &trail_folder, state).await;
        Self {
            queue: Some(queue),
            is_required: config.required,
            has_text: config.statement_text,
            ended: Mutex::new(Some(ended)),
        }
    }

    /// Whether there is a trail.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether records have the text of statements.
    pub fn has_text(&self) -> bool {
        self.has_text && self.is_on()
    }

    /// A request has ended. Never waits.
    pub fn note_request(&self, event: &Arc<RequestEvent>) {
        if let Some(queue) = self.queue.as_ref().filter(|_| event.is_call()) {
            queue.add(Item::Request(Arc::clone(event)), event.has_audit_place);
        }
    }

    /// Something else has happened. Never waits.
    pub fn note(&self, notice: impl FnOnce() -> Notice) {
        if let Some(queue) = &self.queue {
            queue.add(Item::Notice(Box::new(notice())), false);
        }
    }

    /// A request came with a key that is not good. Never waits.
    pub fn note_refusal(&self, refusal: impl FnOnce() -> Refusal) {
        if let Some(queue) = &self.queue {
            queue.refused(refusal());
        }
    }

    /// A place for the record of a statement that is about to run, where none may run without one.
    ///
    /// # Errors
    /// The trail cannot be written: why.
    pub fn admit(&self) -> Result<Option<AuditPlace>, String> {
        let Some(queue) = self.queue.as_ref().filter(|_| self.is_required) else { return Ok(None) };
        if let Some(problem) = queue.problem() {
            return Err(problem);
        }
        let place = AuditPlace(Arc::clone(queue));
        if queue.places.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            return Err(format!("{WAITING_MAX} statements wait for their records to be written"));
        }
        Ok(Some(place))
    }

    /// Waits until the records of what has ended are in the file, where answers wait for that; see [`WRITE_TIMEOUT`].
    pub async fn written(&self) {
        if let Some(queue) = &self.queue {
            queue.wait().await;
        }
    }

    /// How it is.
    pub fn view(&self) -> AuditView {
        self.queue.as_ref().map_or_else(AuditView::default, |queue| queue.view())
    }

    /// Writes what waits, and the last head. Blocks, for a bounded time.
    pub fn close(&self, is_restart: bool) {
        let Some(queue) = &self.queue else { return };
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(ended) = ended else { return };
        queue.add_refusals(true);
        self.note(|| Notice::gateway_stopped(is_restart));
        queue.end();
        if ended.recv_timeout(CLOSE_TIMEOUT).is_err() {
            tracing::error!("the last records of the audit trail could not be written in time");
        }
    }
}

/// Has the records written that an earlier gateway left in the outbox.
async fn recover(queue: &Arc<Queue>, folder: &Path, state: &StateStore) {
    let pending = match state.audit_pending().await {
        Ok(pending) if pending.is_empty() => return,
        Ok(pending) => pending,
        Err(error) => {
            tracing::warn!(%error, "what earlier gateways left for the audit trail is written by the next one");
            return;
        }
    };
    let folder = folder.to_owned();
    let look = move || recover::told(&folder, &pending).map(|told| (told, pending));
    let (told, pending) = match tokio::task::spawn_blocking(look).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(%error, "what earlier gateways left for the audit trail is written by the next one");
            return;
        }
        // It has panicked, and the log has that.
        Err(_) => return,
    };
    let (mut recovered, mut left) = (0, 0);
    for row in pending.iter().filter(|row| !told.contains(&row.key)) {
        match recover::record_of(row) {
            Some(fields) => {
                recovered += 1;
                queue.add(Item::Recovered(fields, row.key.clone()), true);
            }
            None => left += 1,
        }
    }
    queue.told(told.into_iter().collect());
    tracing::info!(recovered, left, "statements of an earlier gateway, for the audit trail");
}

/// What is known of a statement that is about to run, written for the outbox.
pub fn draft(event: RequestEvent, has_text: bool) -> AuditDraft {
    AuditDraft(Arc::new(move || record::draft_of(&event, &mut record::Users::default(), has_text)))
}
