//! The streams of each session that has an id, and what is kept of them for clients that come back.
//!
//! A session's lock is held for a look or an event, never across an await. Waiting for more: [`Streams::changed`] is asked
//! for before the look, so that what comes in between wakes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::event::EventId;
use super::replay::{Behind, Replay};
use crate::http::session::HttpSession;

/// Bytes that are kept for clients that come back, of all sessions together, at most.
const ALL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A session's streams, for as long as it is open.
type Known = (Weak<HttpSession>, Arc<Streams>);

/// The streams of all sessions.
#[derive(Debug, Default)]
pub(super) struct AllStreams {
    /// By session id. Written by the first stream of a session, and by its end.
    sessions: Mutex<HashMap<String, Known>>,
    bytes: Arc<AtomicUsize>,
}

impl AllStreams {
    /// Those of `session`. One that was closed and opened again has new ones: what the old one sent is gone.
    pub(super) fn of(&self, session: &Arc<HttpSession>) -> Arc<Streams> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let has_ended =
            |known: &Weak<HttpSession>| known.upgrade().is_none_or(|known| known.ended().is_cancelled());
        // What sessions that have ended keep counts among what living ones may.
        if self.bytes.load(Ordering::Relaxed) > ALL_BYTES_MAX / 2 {
            sessions.retain(|_, (known, _)| !has_ended(known));
        }
        if let Some((known, streams)) = sessions.get(session.id())
            && known.ptr_eq(&Arc::downgrade(session))
        {
            return Arc::clone(streams);
        }
        sessions.retain(|_, (known, _)| !has_ended(known));
        let streams = Arc::new(Streams::new(Arc::clone(&self.bytes)));
        sessions.insert(session.id().to_owned(), (Arc::downgrade(session), Arc::clone(&streams)));
        streams
    }

    /// Forgets those of `session`, which has ended.
    pub(super) fn forget(&self, session: &HttpSession) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(session.id());
    }
}

/// The streams of one session.
#[derive(Debug)]
pub(super) struct Streams {
    replay: Mutex<Replay>,
    changed: Notify,
    /// Of all sessions.
    all_bytes: Arc<AtomicUsize>,
}

impl Streams {
    fn new(all_bytes: Arc<AtomicUsize>) -> Self {
        let mut epoch = [0; 4];
        // Without randomness an id of an earlier gateway might be taken for one of this: its stream then ends, or goes on.
        let _ = SystemRandom::new().fill(&mut epoch);
        let replay = Replay::new(u32::from_be_bytes(epoch));
        Self { replay: Mutex::new(replay), changed: Notify::new(), all_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new stream: the id that it begins with.
    pub(super) fn open(&self, is_standalone: bool) -> EventId {
        self.lock().open(is_standalone)
    }

    /// The client of `stream` has left, and may come back.
    pub(super) fn suspend(&self, stream: u32) {
        self.lock().suspend(stream);
        self.changed.notify_waiters();
    }

    /// A client has come back to `stream`.
    pub(super) fn resume(&self, stream: u32) {
        self.lock().resume(stream);
    }

    /// Adds an event to `stream`.
    pub(super) fn add(&self, stream: u32, line: &Bytes, is_last: bool) -> EventId {
        let mut replay = self.lock();
        let before = replay.bytes();
        let has_room = self.all_bytes.load(Ordering::Relaxed) + line.len() <= ALL_BYTES_MAX;
        let id = replay.add(stream, line.clone(), is_last, has_room);
        self.count(before, replay.bytes());
        drop(replay);
        self.changed.notify_waiters();
        id
    }

    /// `stream` gets no more events. What it had is there for a client that comes back.
    pub(super) fn end(&self, stream: u32) {
        self.lock().end(stream);
        self.changed.notify_waiters();
    }

    /// What comes behind `id`.
    pub(super) fn behind(&self, id: EventId) -> Behind {
        self.lock().behind(id)
    }

    /// Fires when there may be more events.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn count(&self, before: usize, now: usize) {
        if now >= before {
            self.all_bytes.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.all_bytes.fetch_sub(before - now, Ordering::Relaxed);
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let bytes = self.lock().bytes();
        self.all_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
