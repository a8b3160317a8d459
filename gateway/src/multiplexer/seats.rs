//! How many requests may have a connection at once.
//!
//! The pool has a bound of its own, which cannot be lowered while connections below it are still to be opened. Seats can,
//! where a backend gives no further connection: those who have one keep it, and the others wait for theirs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The seats of a pool. At least one stays.
pub(super) struct Seats {
    free: Arc<Semaphore>,
    limit: Mutex<usize>,
    waiting: AtomicUsize,
}

/// A seat; it comes free when this is dropped.
pub(super) struct Seat(OwnedSemaphorePermit);

/// Counts one who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seats {
    pub(super) fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit)), limit: Mutex::new(limit), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a seat, in order of arrival; `None` where none came free in time.
    pub(super) async fn take(&self, wait: Duration) -> Option<Seat> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let seat = timeout(wait, Arc::clone(&self.free).acquire_owned()).await;
        // The semaphore is never closed.
        seat.ok()?.ok().map(Seat)
    }

    /// Gives up `seat` and all that nobody has; one stays. Gives how many there are now.
    pub(super) fn give_up(&self, seat: Seat) -> usize {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if *limit > 1 {
            *limit -= 1;
            seat.0.forget();
        }
        *limit -= self.free.forget_permits(*limit - 1);
        *limit
    }

    /// How many there are.
    pub(super) fn limit(&self) -> usize {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait for one.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn those_who_have_a_seat_keep_it_and_one_stays() {
        let seats = Seats::new(5);
        let (first, second) = (seats.take(SOON).await.unwrap(), seats.take(SOON).await.unwrap());
        assert_eq!(seats.give_up(second), 1);
        assert!(seats.take(SOON).await.is_none());
        drop(first);
        let only = seats.take(SOON).await.unwrap();
        assert_eq!(seats.give_up(only), 1);
        assert!(seats.take(SOON).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_counted_and_who_gave_up_is_not() {
        let seats = Seats::new(1);
        let seat = seats.take(SOON).await;
        let waiting = seats.take(SOON);
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_pending(&mut waiting).await);
        assert_eq!(seats.waiting(), 1);
        assert!(waiting.await.is_none());
        assert_eq!((seats.waiting(), seats.limit()), (0, 1));
        drop(seat);
    }

    /// Polls once; gives whether it waits.
    async fn futures_pending(waiting: &mut std::pin::Pin<&mut impl Future<Output = Option<Seat>>>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending()))
            .await
    }
}
