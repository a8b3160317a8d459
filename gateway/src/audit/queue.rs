//! What waits to be written to the trail, and how that goes.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::notice::Notice;
use super::refusals::{Refusal, Refusals};
use super::trail::Trail;
use crate::state::{PendingKey, StateStore};
use crate::telemetry::RequestEvent;

/// Records that wait, at most; with `audit.required` as many have a place of their own besides.
pub(super) const WAITING_MAX: usize = 8_192;

/// Bytes of statements' texts and names that wait, at most; further records are lost.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Statements whose rows could not be removed from the outbox and are kept in mind, at most; the next gateway looks after the
/// rest.
const TOLD_MAX: usize = 4_096;

/// How long an answer waits for its record, and a write may take before statements are refused, with `audit.required`.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is to be in the trail.
#[derive(Debug)]
pub(super) enum Item {
    Request(Arc<RequestEvent>),
    Notice(Box<Notice>),
    /// The fields of a record of a statement that an earlier gateway began.
    Recovered(String, PendingKey),
    /// Nothing comes behind this.
    End,
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Request(event) => event.statement.as_ref().map_or(0, |statement| {
                let objects: usize = statement.objects.iter().map(String::len).sum();
                statement.text.as_ref().map_or(0, |text| text.len()) + objects
            }),
            Self::Recovered(fields, _) => fields.len(),
            Self::Notice(_) | Self::End => 0,
        }
    }
}

/// The audit trail, as `status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Whether there is one (`audit.enabled`).
    pub on: bool,
    /// Whether statements are refused without it (`audit.required`).
    pub required: bool,
    /// The file that is written to.
    pub file: Option<String>,
    /// Records that it ever had.
    pub records: u64,
    /// Records that could not be written since the gateway started.
    pub lost: u64,
    /// Why it cannot be written.
    pub problem: Option<String>,
    /// The last signed head.
    pub head: Option<String>,
}

#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Item>,
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Statements that have a place.
    pub(super) places: AtomicUsize,
    pub(super) lost: AtomicU64,
    /// Records that were sent to the thread; held while one is, so that their order is that of the numbers.
    sent: Mutex<u64>,
    done: watch::Sender<u64>,
    is_required: bool,
    view: Mutex<AuditView>,
    /// Since when a write goes on.
    writing: Mutex<Option<Instant>>,
    /// Set when an answer went without its record being in the file.
    is_late: AtomicBool,
    pub(super) is_ending: AtomicBool,
    /// Held for some steps in memory.
    refusals: Mutex<Refusals>,
    /// Removes what was told from the outbox.
    outbox: Mutex<(Weak<StateStore>, Vec<PendingKey>)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub(super) fn new(sender: SyncSender<Item>, is_required: bool, state: &Arc<StateStore>) -> Self {
        Self {
            sender,
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            places: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            sent: Mutex::new(0),
            done: watch::Sender::new(0),
            is_required,
            view: Mutex::new(AuditView { on: true, required: is_required, ..AuditView::default() }),
            writing: Mutex::new(None),
            is_late: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            refusals: Mutex::default(),
            outbox: Mutex::new((Arc::downgrade(state), Vec::new())),
        }
    }

    /// Adds `item`; without a place, only while there is room. Never waits.
    pub(super) fn add(&self, item: Item, has_place: bool) {
        let bytes = item.bytes();
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting_bytes = self.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        let has_room = has_place || (waiting < WAITING_MAX && waiting_bytes + bytes <= WAITING_BYTES_MAX);
        let is_sent = has_room && {
            let mut sent = lock(&self.sent);
            let is_sent = self.sender.try_send(item).is_ok();
            *sent += u64::from(is_sent);
            is_sent
        };
        if !is_sent {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            self.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts `refusal`, and adds a record where it is time for one. Never waits.
    pub(super) fn refused(&self, refusal: Refusal) {
        let counted = lock(&self.refusals).note(Instant::now(), refusal);
        if let Some(counted) = counted {
            self.add(Item::Notice(Box::new(Notice::refused(&counted))), false);
        }
    }

    /// Adds the records of refusals that were counted, of all if `is_last`, else of those whose time has come.
    pub(super) fn add_refusals(&self, is_last: bool) {
        let counted = {
            let mut refusals = lock(&self.refusals);
            if is_last { refusals.take() } else { refusals.due(Instant::now()) }
        };
        for counted in counted {
            self.add(Item::Notice(Box::new(Notice::refused(&counted))), false);
        }
    }

    /// Ends the thread, once what waits is written, also where there is no room.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
        self.waiting.fetch_add(1, Ordering::AcqRel);
        // One that is full ends by the flag.
        let _ = self.sender.try_send(Item::End);
    }

    /// The thread has `item`.
    pub(super) fn taken(&self, item: &Item) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.waiting_bytes.fetch_sub(item.bytes(), Ordering::AcqRel);
    }

    pub(super) fn begins_to_write(&self) {
        *lock(&self.writing) = Some(Instant::now());
    }

    pub(super) fn has_written(&self) {
        *lock(&self.writing) = None;
    }

    /// So many records more are in the file.
    pub(super) fn written(&self, records: u64, trail: &Trail) {
        let was = {
            let mut view = lock(&self.view);
            view.file = Some(trail.file_name());
            view.records = trail.records();
            view.head = trail.head().map(str::to_owned);
            view.problem.take()
        };
        if was.is_some() {
            tracing::info!("the audit trail is written again");
        }
        self.is_late.store(false, Ordering::Release);
        self.done.send_modify(|done| *done += records);
    }

    /// The trail cannot be written.
    pub(super) fn failed(&self, error: &io::Error, folder: &Path) {
        let problem = format!("the audit trail in {} cannot be written: {error}", folder.display());
        let mut view = lock(&self.view);
        if view.problem.as_ref() != Some(&problem) {
            tracing::error!("{problem}");
        }
        view.problem = Some(problem);
    }

    /// The records of these statements are in the file.
    pub(super) fn told(&self, keys: Vec<PendingKey>) {
        let mut outbox = lock(&self.outbox);
        let room = TOLD_MAX.saturating_sub(outbox.1.len());
        outbox.1.extend(keys.into_iter().take(room));
        let Some(state) = outbox.0.upgrade() else { return };
        let keys = std::mem::take(&mut outbox.1);
        if let Err(keys) = state.remove_audit_pending(keys) {
            outbox.1 = keys;
        }
    }

    /// Why it is not written, as far as that is known.
    pub(super) fn problem(&self) -> Option<String> {
        let stuck = lock(&self.writing).filter(|since| since.elapsed() >= WRITE_TIMEOUT);
        let stuck = stuck
            .map(|since| format!("a write to the audit trail has taken {} s", since.elapsed().as_secs()));
        let late = || {
            let is_late = self.is_late.load(Ordering::Acquire);
            is_late.then(|| format!("a record of the audit trail was not written within {WRITE_TIMEOUT:?}"))
        };
        lock(&self.view).problem.clone().or(stuck).or_else(late)
    }

    pub(super) fn view(&self) -> AuditView {
        let view = lock(&self.view).clone();
        AuditView { problem: self.problem(), lost: self.lost.load(Ordering::Relaxed), ..view }
    }

    /// Waits until all that was added is in the file, for [`WRITE_TIMEOUT`] at most.
    pub(super) async fn wait(&self) {
        if !self.is_required || self.problem().is_some() {
            return;
        }
        let wanted = *lock(&self.sent);
        let mut done = self.done.subscribe();
        let is_done = async { done.wait_for(|done| *done >= wanted).await.is_ok() };
        if tokio::time::timeout(WRITE_TIMEOUT, is_done).await.is_err() {
            self.is_late.store(true, Ordering::Release);
        }
    }
}
