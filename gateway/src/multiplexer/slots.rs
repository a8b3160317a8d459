//! How many requests may have a connection at once.
//!
//! `deadpool` has a bound of its own, but it cannot be lowered below connections that are still to be opened.
//! Slots can: where a backend opens no more connections, requests that have one keep it, and the others wait
//! for theirs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The slots of a pool; at least one stays.
pub(super) struct Slots {
    /// One permit for each free slot.
    free: Arc<Semaphore>,
    /// Slots there are, free or not. Lowered by [`Slots::retire`] only.
    limit: Mutex<usize>,
    /// Requests in [`Slots::acquire`].
    waiting: AtomicUsize,
}

/// Permission to have one connection; its slot comes free when this is dropped.
pub(super) struct SlotPermit(OwnedSemaphorePermit);

/// Counts a waiting request, until dropped.
struct WaitingGuard<'a>(&'a AtomicUsize);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit)), limit: Mutex::new(limit), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a slot, in order of arrival; `None` if none came free within `wait`.
    pub(super) async fn acquire(&self, wait: Duration) -> Option<SlotPermit> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = WaitingGuard(&self.waiting);
        let permit = timeout(wait, Arc::clone(&self.free).acquire_owned()).await;
        // The semaphore is never closed.
        permit.ok()?.ok().map(SlotPermit)
    }

    /// A slot, if one is free and nobody waits for it.
    pub(super) fn try_acquire(&self) -> Option<SlotPermit> {
        Arc::clone(&self.free).try_acquire_owned().ok().map(SlotPermit)
    }

    /// Removes free slots until there are `limit`, or none is free.
    pub(super) fn lower(&self, to: usize) {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = limit.saturating_sub(to);
        *limit -= self.free.forget_permits(surplus);
    }

    /// Removes the slot of `permit` and all free ones, but never the last. Returns how many are left.
    pub(super) fn retire(&self, permit: SlotPermit) -> usize {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if *limit > 1 {
            *limit -= 1;
            permit.0.forget();
        }
        *limit -= self.free.forget_permits(*limit - 1);
        *limit
    }

    /// How many are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// How many there are.
    pub(super) fn limit(&self) -> usize {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests wait for one.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn slots_in_use_are_kept_and_the_last_one_is_never_retired() {
        let slots = Slots::new(5);
        let (first, second) = (slots.acquire(SOON).await.unwrap(), slots.acquire(SOON).await.unwrap());
        assert_eq!(slots.retire(second), 1);
        assert!(slots.acquire(SOON).await.is_none());
        drop(first);
        let only = slots.acquire(SOON).await.unwrap();
        assert_eq!(slots.retire(only), 1);
        assert!(slots.acquire(SOON).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_counted_while_it_waits_and_not_after() {
        let slots = Slots::new(1);
        let permit = slots.acquire(SOON).await;
        let waiting = slots.acquire(SOON);
        let mut waiting = std::pin::pin!(waiting);
        assert!(is_pending(&mut waiting).await);
        assert_eq!(slots.waiting(), 1);
        assert!(waiting.await.is_none());
        assert_eq!((slots.waiting(), slots.limit()), (0, 1));
        drop(permit);
    }

    /// Polls once; returns whether the future still waits.
    async fn is_pending(waiting: &mut std::pin::Pin<&mut impl Future<Output = Option<SlotPermit>>>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending()))
            .await
    }
}
