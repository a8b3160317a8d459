//! What a backend asks before it changes anything.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park_timeout};
use std::time::Duration;

use super::{BackendError, BoxFuture};

/// How often a thread that waits looks whether it is still to wait.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Keeps a statement from running twice: asked before one that may change something reaches the backend, and
/// told the query ids of those that take long. A backend with threads of its own waits with `wait_unless`.
pub trait WriteJournal: std::fmt::Debug + Send + Sync {
    /// Records that the statement is about to run, with `query_id` if the backend has one by then. If the
    /// future is dropped, the statement must not run.
    ///
    /// # Errors
    /// The statement must not run; the error is its answer.
    fn begin<'a>(&'a self, query_id: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Records that the backend runs the statement as `query_id`: from now on its result can be fetched by
    /// that id, also by a later gateway. A backend without query ids never calls it.
    fn record_query_id<'a>(&'a self, query_id: &'a str) -> BoxFuture<'a, ()>;
}

/// Drives `future` on a thread of its own, which is no runtime's; drops it, and returns `None`, once
/// `is_unwanted`.
pub(super) fn wait_unless<T>(future: impl Future<Output = T>, is_unwanted: impl Fn() -> bool) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
        if is_unwanted() {
            return None;
        }
        park_timeout(LOOK_INTERVAL);
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_thread_waits_for_an_answer_until_it_is_unwanted() {
        let (answer, answered) = oneshot::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| answer.send(7).unwrap());
            assert_eq!(wait_unless(answered, || false), Some(Ok(7)));
        });
        let (answer, answered) = oneshot::channel::<()>();
        let is_unwanted = AtomicBool::new(false);
        let looks = || is_unwanted.swap(true, Ordering::Relaxed);
        assert_eq!(wait_unless(answered, looks), None);
        assert!(answer.is_closed(), "the one who would answer learns of it");
    }
}
