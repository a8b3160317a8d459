//! What clients and saboteur share during a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run in which so much went wrong ends early.
const VIOLATIONS_MAX: u64 = 100;

/// A moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since the run's start.
    pub(super) at: Duration,
    /// The number of the last fault before it.
    pub(super) epoch: u64,
    /// How often the disk had become full or had room again: odd while it is full.
    pub(super) disk: u64,
}

impl Moment {
    /// Whether the disk had room all the time from then to `now`.
    pub(super) fn had_room_until(self, now: Self) -> bool {
        self.disk == now.disk && now.disk.is_multiple_of(2)
    }
}

/// The state of a run.
#[derive(Debug)]
pub(super) struct Stage {
    started: Instant,
    /// How often the disk became full or had room again: odd while it is full. Written by the saboteur.
    disk: AtomicU64,
    /// The number of the last fault; written by the saboteur.
    epoch: AtomicU64,
    /// The highest number of a fault after which a request was sent that is answered; written by every
    /// client.
    answered: AtomicU64,
    /// For each client the number of the last fault when it was answered last; written by that client.
    heard: Vec<AtomicU64>,
    /// How much went wrong; written by every client.
    violations: AtomicU64,
    /// Whether nobody is to ask any more; written by the saboteur.
    over: AtomicBool,
    shims: Mutex<Shims>,
}

#[derive(Debug, Default)]
struct Shims {
    /// The process of each client; written by the client.
    running: BTreeMap<u64, u32>,
    /// Those that were killed, noted before they were; written by the saboteur.
    killed: BTreeSet<u32>,
}

impl Stage {
    /// The beginning, with so many clients.
    pub(super) fn new(clients: u64) -> Self {
        Self {
            started: Instant::now(),
            disk: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            heard: (0..clients).map(|_| AtomicU64::new(0)).collect(),
            violations: AtomicU64::new(0),
            over: AtomicBool::new(false),
            shims: Mutex::default(),
        }
    }

    /// How long it has been going on.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// This very moment.
    pub(super) fn moment(&self) -> Moment {
        Moment { at: self.now(), epoch: self.epoch(), disk: self.disk.load(Ordering::Acquire) }
    }

    /// The disk becomes full, or has room again.
    pub(super) fn disk_changes(&self) {
        self.disk.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of the last fault.
    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// A fault is done: whoever is answered from here on is answered after it.
    pub(super) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// A client's request that was sent in `epoch` is answered.
    pub(super) fn answered(&self, client: u64, epoch: u64) {
        self.answered.fetch_max(epoch, Ordering::AcqRel);
        if let Some(heard) = usize::try_from(client).ok().and_then(|client| self.heard.get(client)) {
            heard.store(self.epoch(), Ordering::Release);
        }
    }

    /// The most faults in a row that any client has seen without an answer in between.
    pub(super) fn unheard(&self) -> u64 {
        let heard = self.heard.iter().map(|heard| heard.load(Ordering::Acquire)).min();
        heard.map_or(0, |heard| self.epoch().saturating_sub(heard))
    }

    /// Whether a request that was sent after the last fault is answered.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire) == self.epoch()
    }

    /// Something went wrong.
    pub(super) fn violated(&self) {
        self.violations.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether so much went wrong that it is no use to go on.
    pub(super) fn is_broken(&self) -> bool {
        self.violations.load(Ordering::Relaxed) >= VIOLATIONS_MAX
    }

    /// Whether nobody is to ask any more.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Nobody is to ask any more, once what is given back is dropped: also where a panic drops it.
    pub(super) fn end_on_drop(&self) -> EndOnDrop<'_> {
        EndOnDrop(self)
    }

    fn shims(&self) -> MutexGuard<'_, Shims> {
        self.shims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has a new shim.
    pub(super) fn enter(&self, client: u64, pid: u32) {
        self.shims().running.insert(client, pid);
    }

    /// The shim of a client, which the caller is about to kill.
    pub(super) fn condemn(&self, client: u64) -> Option<u32> {
        let mut shims = self.shims();
        let pid = shims.running.get(&client).copied()?;
        shims.killed.insert(pid);
        Some(pid)
    }

    /// Whether this shim was killed, or is about to be.
    pub(super) fn is_condemned(&self, pid: u32) -> bool {
        self.shims().killed.contains(&pid)
    }
}

/// Ends the run when dropped.
pub(super) struct EndOnDrop<'a>(&'a Stage);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_the_fault_that_its_request_came_after() {
        let stage = Stage::new(2);
        stage.next_epoch();
        stage.answered(0, 0);
        assert!(!stage.is_answered(), "the request was sent before the fault");
        stage.answered(0, 1);
        assert!(stage.is_answered());
    }

    #[test]
    fn a_disk_that_was_full_meanwhile_had_no_room() {
        let stage = Stage::new(1);
        let moments = [0, 1, 2].map(|_| {
            let moment = stage.moment();
            stage.disk_changes();
            moment
        });
        assert!(moments[0].had_room_until(moments[0]));
        assert!(!moments[0].had_room_until(moments[1]) && !moments[1].had_room_until(moments[1]));
        assert!(!moments[0].had_room_until(moments[2]) && moments[2].had_room_until(moments[2]));
    }

    #[test]
    fn the_client_that_waits_longest_counts() {
        let stage = Stage::new(2);
        (0..3).for_each(|_| stage.next_epoch());
        stage.answered(0, 3);
        assert_eq!(stage.unheard(), 3);
        // Whatever its request is: the shim has heard from this gateway.
        stage.answered(1, 0);
        assert_eq!(stage.unheard(), 0);
    }
}
