//! Hellos under way: how many are handled at once, and what those hear that wait.
//!
//! After a gateway was killed, all its shims come back at the same moment. Each is accepted and read at once,
//! waits for its turn here, and is told so: it does not have to guess whether the gateway is alive, and does
//! not come again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use snowgate_link::hello::ServerHello;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval_at};

/// Hellos whose sessions are opened at once; the others wait. Those are bounded by the connections.
const HELLOS_AT_ONCE: u32 = 64;

/// How long a hello takes before its shim is told that it is in the queue, and how often it hears so again.
/// (A shim that hears nothing gives up after `START_TIMEOUT`, 20 s.)
const QUEUED_AFTER: Duration = Duration::from_millis(250);
const QUEUED_EVERY: Duration = Duration::from_secs(5);

/// The turns of the hellos of one gateway.
pub struct Hellos {
    turns: Semaphore,
}

impl Default for Hellos {
    fn default() -> Self {
        Self { turns: Semaphore::new(HELLOS_AT_ONCE as usize) }
    }
}

impl Hellos {
    /// Does `work` in its turn, and tells the peer behind `writer` meanwhile that it is in the queue, if it
    /// `understands` that. `None` if the peer is gone, or `is_gone` says so when its turn comes: its work is
    /// not done for nothing.
    pub(super) async fn in_turn<T>(
        &self,
        mut writer: impl AsyncWrite + Unpin,
        understands: bool,
        is_gone: impl Fn() -> bool,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut done = pin!(async {
            // Never closed.
            let _turn = self.turns.acquire().await;
            if is_gone() { None } else { Some(work.await) }
        });
        let mut sign_of_life = interval_at(Instant::now() + QUEUED_AFTER, QUEUED_EVERY);
        loop {
            tokio::select! {
                biased;
                done = &mut done => return done,
                _ = sign_of_life.tick(), if understands => {
                    // A few bytes, a few times: they fit into the socket's buffer.
                    writer.write_all(&ServerHello::Queued.to_line()).await.ok()?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hello_that_waits_is_told_so_again_and_again() {
        let (hellos, (mut gateway, mut shim)) = (Hellos::default(), duplex(4096));
        let turns = hellos.turns.acquire_many(HELLOS_AT_ONCE).await.unwrap();
        let released = async {
            let line = ServerHello::Queued.to_line();
            let mut bytes = vec![0; line.len()];
            for _ in 0..3 {
                shim.read_exact(&mut bytes).await.unwrap();
                assert_eq!(bytes, line);
            }
            drop(turns);
        };
        let began = Instant::now();
        let (opened, ()) = tokio::join!(hellos.in_turn(&mut gateway, true, || false, ready(7)), released);
        assert_eq!(opened, Some(7));
        assert!(began.elapsed() >= QUEUED_AFTER + 2 * QUEUED_EVERY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shim_of_an_earlier_build_hears_nothing_but_the_answer() {
        let (hellos, (mut gateway, mut shim)) = (Hellos::default(), duplex(4096));
        let slow = tokio::time::sleep(10 * QUEUED_EVERY);
        assert_eq!(hellos.in_turn(&mut gateway, false, || false, slow).await, Some(()));
        drop(gateway);
        assert_eq!(shim.read(&mut [0; 64]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_handled_at_once_and_nothing_is_done_for_those_who_left() {
        let (hellos, (mut gateway, shim)) = (Hellos::default(), duplex(4096));
        let turns = hellos.turns.acquire_many(HELLOS_AT_ONCE).await.unwrap();
        let done = Cell::new(false);
        let work = async { done.set(true) };
        drop(shim);
        assert_eq!(hellos.in_turn(&mut gateway, true, || false, work).await, None, "the pipe is broken");
        drop(turns);
        let work = async { done.set(true) };
        assert_eq!(hellos.in_turn(&mut gateway, true, || true, work).await, None);
        assert!(!done.get());
        let (mut gateway, _shim) = duplex(4096);
        let never = hellos.in_turn(&mut gateway, true, || false, pending::<()>());
        assert!(tokio::time::timeout(QUEUED_EVERY, never).await.is_err());
        assert_eq!(
            hellos.turns.available_permits(),
            HELLOS_AT_ONCE as usize,
            "a turn ends with its connection"
        );
    }
}
