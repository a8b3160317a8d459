//! The memory of results: reserved before a statement runs, given back when its answer is written.
//!
//! Each session has a share. A request that would exceed it waits, without a connection of the pool, until
//! its client has read: so a client that does not read waits for itself, and for nobody else.
//!
//! The sessions of one client have a share together, too. One that would exceed it waits until any of them has read; those
//! of them that have not read for [`STALLED`] are closed.
//!
//! What is kept counts against a total, for which no request waits:
//!
//! | all sessions together keep | what happens |
//! |---|---|
//! | up to [`PRESSURE`] of the total | nothing |
//! | more | connections that have not read for [`STALLED`] are closed, those that keep most first |
//! | the total (`limits.global_result_bytes_in_flight_max`) | a further large result is not kept: its request is refused |
//!
//! Closing loses nothing: the shim has the lines that are not answered, and sends them again once its client
//! reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Principal;

/// Results up to this size do not count: with `session_requests_max` they are bounded well enough.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// The share of a session, in bytes, if [`SHARE_RESULTS_MIN`] results fit in it.
const SHARE_BYTES: usize = 16 << 20;
/// As many results of the largest size always fit in a session's share.
const SHARE_RESULTS_MIN: usize = 3;
/// See the table above: a part of the total.
const PRESSURE: (usize, usize) = (5, 7);
/// The total unless the configuration says otherwise.
const TOTAL_BYTES: usize = 224 << 20;
/// A client that has read nothing for so long does not read.
const STALLED: Duration = Duration::from_secs(2);

/// No memory is left for a large result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {} MiB for results that clients have not read yet are in use (limits.global_result_bytes_in_flight_max = {total})",
    total >> 20
)]
pub struct NoRoom {
    /// The memory for all, in bytes.
    total: usize,
}

/// What all sessions keep.
#[derive(Debug)]
pub struct ResultMemory {
    total: Mutex<Total>,
    /// The shares of clients that have sessions.
    clients: Mutex<HashMap<Principal, Weak<ClientShare>>>,
}

impl Default for ResultMemory {
    fn default() -> Self {
        Self::new(TOTAL_BYTES)
    }
}

/// What the sessions of one client may keep together.
#[derive(Debug)]
struct ClientShare {
    id: u64,
    bytes_max: usize,
    /// As [`ResultShare::reserved`], of all its sessions.
    reserved: Mutex<usize>,
    /// Signalled when something is given back.
    room: Notify,
}

impl ClientShare {
    fn reserved(&self) -> MutexGuard<'_, usize> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves `bytes`. Where nothing is reserved there always is room.
    fn try_reserve(&self, bytes: usize) -> bool {
        let mut reserved = self.reserved();
        if *reserved > 0 && reserved.saturating_add(bytes) > self.bytes_max {
            return false;
        }
        *reserved += bytes;
        true
    }

    fn give_back(&self, bytes: usize) {
        let mut reserved = self.reserved();
        *reserved = reserved.saturating_sub(bytes);
        drop(reserved);
        self.room.notify_waiters();
    }
}

/// Pure.
#[derive(Debug)]
struct Total {
    bytes_max: usize,
    bytes: usize,
    next: u64,
    sessions: BTreeMap<u64, Kept>,
}

/// What one session keeps.
#[derive(Debug)]
struct Kept {
    bytes: usize,
    /// When its client last read, or had nothing to read.
    read_at: Instant,
    /// Closes its connection.
    gone: CancellationToken,
    /// Whose it is, once that is known.
    client: Option<u64>,
}

impl Total {
    /// Session `id` keeps `bytes` more; closes connections that do not read if that is needed.
    fn keep(&mut self, id: u64, bytes: usize, now: Instant) -> Result<(), NoRoom> {
        self.relieve(bytes, now);
        if self.bytes + bytes > self.bytes_max {
            return Err(NoRoom { total: self.bytes_max });
        }
        self.add(id, bytes, now);
        Ok(())
    }

    fn add(&mut self, id: u64, bytes: usize, now: Instant) {
        if let Some(kept) = self.sessions.get_mut(&id) {
            if kept.bytes == 0 {
                kept.read_at = now;
            }
            kept.bytes += bytes;
            self.bytes += bytes;
        }
    }

    fn release(&mut self, id: u64, bytes: usize) {
        if let Some(kept) = self.sessions.get_mut(&id) {
            kept.bytes -= bytes;
            self.bytes -= bytes;
        }
    }

    fn relieve(&mut self, bytes: usize, now: Instant) {
        let pressure = self.bytes_max / PRESSURE.1 * PRESSURE.0;
        self.close_stalled((self.bytes + bytes).saturating_sub(pressure), None, now);
    }

    /// Closes connections that do not read, of all or of one client, until they have kept `excess` bytes.
    fn close_stalled(&mut self, mut excess: usize, of: Option<u64>, now: Instant) {
        if excess == 0 {
            return;
        }
        let stalled = |kept: &&Kept| {
            kept.bytes > 0
                && now.duration_since(kept.read_at) >= STALLED
                && !kept.gone.is_cancelled()
                && (of.is_none() || of == kept.client)
        };
        let mut stalled: Vec<&Kept> = self.sessions.values().filter(stalled).collect();
        stalled.sort_by_key(|kept| std::cmp::Reverse(kept.bytes));
        for kept in stalled {
            if excess == 0 {
                return;
            }
            tracing::warn!(bytes = kept.bytes, "closing a connection that does not read its results");
            kept.gone.cancel();
            excess = excess.saturating_sub(kept.bytes);
        }
    }
}

impl ResultMemory {
    /// With so many bytes for all.
    pub fn new(bytes_max: usize) -> Self {
        let total = Total { bytes_max, bytes: 0, next: 0, sessions: BTreeMap::new() };
        Self { total: Mutex::new(total), clients: Mutex::default() }
    }

    /// The share of a session whose connection `gone` closes.
    pub(super) fn share(self: &Arc<Self>, gone: CancellationToken) -> Arc<ResultShare> {
        let mut total = self.lock();
        let id = total.next;
        total.next += 1;
        total.sessions.insert(id, Kept { bytes: 0, read_at: Instant::now(), gone, client: None });
        Arc::new(ResultShare {
            memory: Arc::clone(self),
            id,
            client: OnceLock::new(),
            reserved: Mutex::default(),
            kept: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
            room: Notify::new(),
            answers: Mutex::new(Some(BTreeMap::new())),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Total> {
        self.total.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The results of one session.
#[derive(Debug)]
pub struct ResultShare {
    memory: Arc<ResultMemory>,
    id: u64,
    /// What its client's sessions have together, once its client is known.
    client: OnceLock<Arc<ClientShare>>,
    /// Bytes of running requests, at their largest, and of results that are not written.
    reserved: Mutex<usize>,
    /// Bytes of results that are not written: what `memory` has of it.
    kept: AtomicUsize,
    /// Requests in [`ResultShare::reserve`].
    waiting: AtomicUsize,
    /// Held by the request that waits first: the others follow in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// Signalled when something is given back.
    room: Notify,
    /// Results on their way through `rmcp`, by the numbers of their requests.
    /// None once nothing is answered any more.
    answers: Mutex<Option<BTreeMap<u64, Reservation>>>,
}

impl ResultShare {
    /// Waits until the session's share has room for a result of up to `bytes`. One that is alone always has.
    pub async fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let _turn = self.turn.lock().await;
        loop {
            // Before the look: a notification in between is not missed.
            let room = self.room.notified();
            let client = self.client.get();
            let client_room = client.map(|client| client.room.notified());
            match self.try_reserve(bytes) {
                Ok(reservation) => return reservation,
                Err(Full::Session) => room.await,
                Err(Full::Client) => {
                    let stalled = tokio::time::sleep(STALLED);
                    tokio::select! {
                        () = async { if let Some(room) = client_room { room.await } } => {}
                        () = room => {}
                        () = stalled => {
                            let of = client.map(|client| client.id);
                            self.memory.lock().close_stalled(bytes, of, Instant::now());
                        }
                    }
                }
            }
        }
    }

    /// It is a session of `client`, whose sessions may keep `bytes_max` together.
    pub(super) fn join(&self, client: &Principal, bytes_max: usize) {
        if self.client.get().is_some() {
            return;
        }
        let mut clients = self.memory.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.get(client).and_then(Weak::upgrade);
        let share = known.unwrap_or_else(|| {
            clients.retain(|_, share| share.strong_count() > 0);
            let id = {
                let mut total = self.memory.lock();
                total.next += 1;
                total.next
            };
            let share = ClientShare { id, bytes_max, reserved: Mutex::default(), room: Notify::new() };
            let share = Arc::new(share);
            clients.insert(client.clone(), Arc::downgrade(&share));
            share
        });
        drop(clients);
        if let Some(kept) = self.memory.lock().sessions.get_mut(&self.id) {
            kept.client = Some(share.id);
        }
        // The first one to join has set the same.
        let _ = self.client.set(share);
    }

    /// Whether a request of it runs that has a result, or one is not read yet.
    pub fn is_in_use(&self) -> bool {
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) > 0 || self.waiting() > 0
    }

    fn try_reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, Full> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let share = SHARE_BYTES.max(bytes.saturating_mul(SHARE_RESULTS_MIN));
        if *reserved > 0 && reserved.saturating_add(bytes) > share {
            return Err(Full::Session);
        }
        let client = self.client.get().cloned();
        if client.as_ref().is_some_and(|client| !client.try_reserve(bytes)) {
            return Err(Full::Client);
        }
        *reserved += bytes;
        Ok(Reservation { share: Arc::clone(self), client, bytes, kept: 0 })
    }

    /// Requests that wait for their client to read.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The client has read something.
    pub fn note_read(&self) {
        if self.kept.load(Ordering::Relaxed) > 0
            && let Some(kept) = self.memory.lock().sessions.get_mut(&self.id)
        {
            kept.read_at = Instant::now();
        }
    }

    /// The result of request `number` is on its way.
    pub fn put(&self, number: u64, reservation: Reservation) {
        // Whatever is dropped here gives back what it has, and needs no lock of this session's answers.
        let before = match &mut *self.answers() {
            Some(answers) => answers.insert(number, reservation),
            None => Some(reservation),
        };
        drop(before);
    }

    /// The answer to request `number` is there, or not wanted any more.
    pub fn take(&self, number: u64) -> Option<Reservation> {
        self.answers().as_mut()?.remove(&number)
    }

    /// Nothing is answered any more.
    pub fn close(&self) {
        let answers = self.answers().take();
        drop(answers);
    }

    fn answers(&self) -> MutexGuard<'_, Option<BTreeMap<u64, Reservation>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: usize) {
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.room.notify_waiters();
    }

    fn release(&self, kept: usize) {
        if kept > 0 {
            self.kept.fetch_sub(kept, Ordering::Relaxed);
            self.memory.lock().release(self.id, kept);
        }
    }
}

impl Drop for ResultShare {
    fn drop(&mut self) {
        self.memory.lock().sessions.remove(&self.id);
    }
}

/// Counts a waiting request, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What has no room for a result.
enum Full {
    Session,
    Client,
}

/// Memory for one result, until dropped.
#[derive(Debug)]
pub struct Reservation {
    share: Arc<ResultShare>,
    /// Where it counts, too.
    client: Option<Arc<ClientShare>>,
    bytes: usize,
    kept: usize,
}

impl Reservation {
    /// The result is there and has `bytes`; `None`: it is small, and does not count.
    ///
    /// # Errors
    /// All sessions together keep too much.
    pub fn keep(mut self, bytes: u64) -> Result<Option<Self>, NoRoom> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes <= SMALL_BYTES_MAX {
            return Ok(None);
        }
        self.share.memory.lock().keep(self.share.id, bytes, Instant::now())?;
        self.share.kept.fetch_add(bytes, Ordering::Relaxed);
        self.kept = bytes;
        self.shrink(bytes);
        Ok(Some(self))
    }

    fn shrink(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.give_back(less);
    }

    fn give_back(&self, bytes: usize) {
        self.share.give_back(bytes);
        if let Some(client) = &self.client {
            client.give_back(bytes);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.share.release(self.kept);
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
