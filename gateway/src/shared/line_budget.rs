//! Memory for long lines, of all sessions together: how much of them may be read, wait and run at once.
//!
//! | | while a line | where there is none |
//! |---|---|---|
//! | to read | arrives and is looked at | its connection is not read, in order of arrival; what holds some is soon done |
//! | to hold | waits and runs as a request | it waits for as long as others come and go; then it is refused |

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Bytes of long lines that are read and looked at, at most: two of the longest.
const READ_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes that long requests take while they wait and run, at most. One that takes more runs alone.
const HELD_BYTES_MAX: usize = 48 * 1024 * 1024;

/// How long there may be no memory to hold a request, and nothing that comes or goes, before it is refused:
/// what holds it then waits for slow requests.
const STANDSTILL: Duration = Duration::from_secs(5);

/// The memory of all sessions.
#[derive(Clone, Debug)]
pub struct LineBudget {
    read: Arc<Semaphore>,
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    bytes: Arc<Semaphore>,
    /// When some was last taken or given back.
    moved: Mutex<Instant>,
}

/// Memory to read one line; given back when it is dropped.
#[derive(Debug)]
pub struct ReadPermit(#[expect(dead_code, reason = "held")] Option<OwnedSemaphorePermit>);

/// Memory to hold one request; given back when it is dropped.
#[derive(Debug)]
pub struct HoldPermit {
    held: Arc<Held>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// There is no memory to hold a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway holds {} bytes of long requests, which is its limit, and none ended for {} s", HELD_BYTES_MAX, STANDSTILL.as_secs())]
pub struct NoRoom;

impl Default for LineBudget {
    fn default() -> Self {
        let held =
            Held { bytes: Arc::new(Semaphore::new(HELD_BYTES_MAX)), moved: Mutex::new(Instant::now()) };
        Self { read: Arc::new(Semaphore::new(READ_BYTES_MAX)), held: Arc::new(held) }
    }
}

impl LineBudget {
    /// Memory to read a line of `bytes`, as soon as there is some.
    pub async fn read(self, bytes: usize) -> ReadPermit {
        ReadPermit(permit(&self.read, bytes, READ_BYTES_MAX).await)
    }

    /// Memory to hold a request that takes `bytes`.
    ///
    /// # Errors
    /// There is none, and it is not to be expected soon.
    pub async fn hold(&self, bytes: usize) -> Result<HoldPermit, NoRoom> {
        let mut permit = std::pin::pin!(permit(&self.held.bytes, bytes, HELD_BYTES_MAX));
        loop {
            let deadline = self.held.moved() + STANDSTILL;
            tokio::select! {
                biased;
                permit = &mut permit => {
                    self.held.note_move();
                    return Ok(HoldPermit { held: Arc::clone(&self.held), _permit: permit });
                }
                () = sleep_until(deadline) => {
                    if self.held.moved() + STANDSTILL <= Instant::now() {
                        return Err(NoRoom);
                    }
                }
            }
        }
    }
}

/// A semaphore of ours is never closed; if it were, there would be no bound.
async fn permit(bytes: &Arc<Semaphore>, wanted: usize, most: usize) -> Option<OwnedSemaphorePermit> {
    let wanted = u32::try_from(wanted.min(most)).unwrap_or(u32::MAX);
    Arc::clone(bytes).acquire_many_owned(wanted).await.ok()
}

impl Held {
    fn moved(&self) -> Instant {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_move(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for HoldPermit {
    fn drop(&mut self) {
        self.held.note_move();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_read_waits_its_turn_for_as_long_as_it_takes() {
        let budget = LineBudget::default();
        let first = budget.clone().read(READ_BYTES_MAX).await;
        let second = tokio::spawn(budget.clone().read(1));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_more_than_there_is_runs_alone() {
        let budget = LineBudget::default();
        let alone = budget.hold(10 * HELD_BYTES_MAX).await.unwrap();
        assert_eq!(budget.hold(1).await.unwrap_err(), NoRoom);
        drop(alone);
        budget.hold(1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn requests_wait_while_others_come_and_go_and_are_refused_once_nothing_moves() {
        let budget = LineBudget::default();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut held = budget.hold(HELD_BYTES_MAX).await.unwrap();
        for _ in 0..3 {
            let next = tokio::spawn({
                let budget = budget.clone();
                async move { budget.hold(HELD_BYTES_MAX).await }
            });
            tokio::time::sleep(STANDSTILL - Duration::from_millis(1)).await;
            assert!(!next.is_finished(), "the one that has it may still end");
            drop(held);
            held = next.await.unwrap().unwrap();
        }
        let begun = Instant::now();
        assert_eq!(budget.hold(1).await.unwrap_err(), NoRoom);
        assert_eq!(begun.elapsed(), STANDSTILL);
        assert_eq!(budget.hold(1).await.unwrap_err(), NoRoom);
        assert_eq!(begun.elapsed(), STANDSTILL, "nothing has moved since: the next need not wait");
    }
}
