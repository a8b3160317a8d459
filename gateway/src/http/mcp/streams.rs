//! The streams of each session that has an id, and what is kept of them for clients that come back.
//!
//! A session's lock is held for a look or an event, never across an await. Waiting for more: [`Streams::changed`] is asked
//! for before the look, so that what comes in between wakes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::event::EventId;
use super::replay::{Behind, Replay};
use crate::http::session::{Exchange, HttpSession};

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
        if let Some((known, streams)) = sessions.get(session.id())
            && known.ptr_eq(&Arc::downgrade(session))
        {
            return Arc::clone(streams);
        }
        // What waits for a client that comes back holds its session, also when that has ended.
        sessions.retain(|_, (known, _)| known.upgrade().is_some_and(|known| !known.ended().is_cancelled()));
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
    state: Mutex<State>,
    changed: Notify,
    /// Of all sessions.
    all_bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct State {
    replay: Replay,
    /// Requests whose answer is kept, and of which no client is known to have it.
    undelivered: HashMap<u32, Exchange>,
    /// Streams whose answer a client that came back has, while they are known.
    delivered: HashSet<u32>,
}

impl Streams {
    fn new(all_bytes: Arc<AtomicUsize>) -> Self {
        let mut epoch = [0; 4];
        // Without randomness an id of an earlier gateway might be taken for one of this: its stream then ends, or goes on.
        let _ = SystemRandom::new().fill(&mut epoch);
        let replay = Replay::new(u32::from_be_bytes(epoch));
        let state = State { replay, undelivered: HashMap::new(), delivered: HashSet::new() };
        Self { state: Mutex::new(state), changed: Notify::new(), all_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new stream: the id that it begins with.
    pub(super) fn open(&self, is_standalone: bool) -> EventId {
        self.lock().replay.open(is_standalone)
    }

    /// The client of `stream` has left, and may come back.
    pub(super) fn suspend(&self, stream: u32) {
        self.lock().replay.suspend(stream);
        self.changed.notify_waiters();
    }

    /// A client has come back to `stream`.
    pub(super) fn resume(&self, stream: u32) {
        self.lock().replay.resume(stream);
    }

    /// Adds an event to `stream`.
    pub(super) fn add(&self, stream: u32, line: &Bytes, is_last: bool) -> EventId {
        let mut state = self.lock();
        let before = state.replay.bytes();
        let has_room = self.all_bytes.load(Ordering::Relaxed) + line.len() <= ALL_BYTES_MAX;
        let id = state.replay.add(stream, line.clone(), is_last, has_room);
        self.count(before, state.replay.bytes());
        state.drop_unkept();
        drop(state);
        self.changed.notify_waiters();
        id
    }

    /// `stream` gets no more events. A request whose answer no client is known to have waits for one that comes back.
    pub(super) fn end(&self, stream: u32, undelivered: Option<Exchange>) {
        let mut state = self.lock();
        state.replay.end(stream);
        if let Some(mut exchange) = undelivered {
            if state.delivered.contains(&stream) {
                exchange.delivered();
            } else {
                state.undelivered.insert(stream, exchange);
            }
        }
        state.drop_unkept();
        drop(state);
        self.changed.notify_waiters();
    }

    /// What comes behind `id`.
    pub(super) fn behind(&self, id: EventId) -> Behind {
        self.lock().replay.behind(id)
    }

    /// The client has the last event of `stream`.
    pub(super) fn delivered(&self, stream: u32) {
        let mut state = self.lock();
        if let Some(mut exchange) = state.undelivered.remove(&stream) {
            exchange.delivered();
        } else if state.replay.knows(stream) {
            state.delivered.insert(stream);
        }
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

impl State {
    /// A request whose answer is no longer kept waits for no client.
    fn drop_unkept(&mut self) {
        let replay = &self.replay;
        self.undelivered.retain(|&stream, _| replay.knows(stream));
        self.delivered.retain(|&stream| replay.knows(stream));
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let bytes = self.lock().replay.bytes();
        self.all_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
