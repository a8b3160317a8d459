//! What waits for a stream's thread.
//!
//! The thread sleeps after a batch ([`PAUSE`]) and not on the queue: what comes meanwhile needs no wake-up, which would cost more
//! than the line. Only one that found nothing sleeps on the queue (`is_asleep`), and the first push wakes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pause after a batch. Lines that come meanwhile are the next one; a gateway that is killed loses them.
const PAUSE: Duration = Duration::from_millis(20);

/// The most items that wait; further ones are dropped and counted, because logging must not slow requests.
pub(super) const ITEMS_WAITING_MAX: usize = 8_192;

/// The most bytes that they take, but for one item.
const BYTES_WAITING_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    /// What there was no room for since the thread has asked last.
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: Vec<T>,
    bytes: usize,
    /// Whether the thread waits for the next item.
    is_asleep: bool,
    is_closed: bool,
    /// Whether the thread has written everything and ended.
    has_ended: bool,
}

/// What the thread finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Items, or nothing within the time.
    Open,
    /// The last items, if any.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        let inner =
            Inner { waiting: Vec::new(), bytes: 0, is_asleep: false, is_closed: false, has_ended: false };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), dropped: AtomicU64::new(0) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits. `bytes` is about what the item takes.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let mut inner = self.inner();
        if inner.waiting.len() >= ITEMS_WAITING_MAX || inner.bytes >= BYTES_WAITING_MAX || inner.is_closed {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        inner.waiting.push(item);
        inner.bytes += bytes;
        let wakes = std::mem::take(&mut inner.is_asleep);
        drop(inner);
        if wakes {
            self.changed.notify_all();
        }
    }

    /// Moves what waits to `batch`, which is empty; waits up to `idle` for it.
    pub(super) fn take(&self, batch: &mut Vec<T>, idle: Duration) -> Found {
        let mut inner = self.inner();
        if inner.waiting.is_empty() && !inner.is_closed {
            inner.is_asleep = true;
            (inner, _) = self
                .changed
                .wait_timeout_while(inner, idle, |inner| inner.waiting.is_empty() && !inner.is_closed)
                .unwrap_or_else(PoisonError::into_inner);
            inner.is_asleep = false;
        }
        std::mem::swap(&mut inner.waiting, batch);
        inner.bytes = 0;
        if inner.is_closed { Found::Closed } else { Found::Open }
    }

    /// What was dropped since this was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// The thread's pause; ends early when the queue is closed.
    pub(super) fn pause(&self) {
        let inner = self.inner();
        let paused = self.changed.wait_timeout_while(inner, PAUSE, |inner| !inner.is_closed);
        drop(paused);
    }

    /// The thread has ended.
    pub(super) fn end(&self) {
        self.inner().has_ended = true;
        self.changed.notify_all();
    }

    /// Takes no more, and waits until everything is written, for `timeout` at most.
    pub(super) fn close(&self, timeout: Duration) {
        let mut inner = self.inner();
        inner.is_closed = true;
        self.changed.notify_all();
        let until = Instant::now() + timeout;
        while !inner.has_ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (inner, _) = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_counted() {
        let queue = Queue::new();
        (0..ITEMS_WAITING_MAX + 3).for_each(|item| queue.push(item, 1));
        let mut batch = Vec::new();
        assert_eq!(queue.take(&mut batch, NOW), Found::Open);
        assert_eq!((batch.len(), queue.take_dropped(), queue.take_dropped()), (ITEMS_WAITING_MAX, 3, 0));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = Queue::new();
        (0..4).for_each(|item| queue.push(item, BYTES_WAITING_MAX / 2));
        let mut batch = Vec::new();
        queue.take(&mut batch, NOW);
        assert_eq!((batch, queue.take_dropped()), (vec![0, 1], 2));
        queue.push(9, 1);
        let mut batch = Vec::new();
        queue.take(&mut batch, NOW);
        assert_eq!(batch, [9]);
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
        let queue = Queue::new();
        queue.push(1, 1);
        queue.close(NOW);
        queue.push(2, 1);
        let mut batch = Vec::new();
        assert_eq!(queue.take(&mut batch, Duration::MAX), Found::Closed);
        assert_eq!((batch, queue.take_dropped()), (vec![1], 1));
    }
}
