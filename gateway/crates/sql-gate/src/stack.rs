//! Stacks for work that recurses as deep as a statement is nested.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Bytes of a large stack: what the deepest statement within the caps needs in a build without optimisation (see the
/// tests), four times over. Only what is touched takes memory.
const STACK_BYTES: usize = 256 << 20;

/// Large stacks at a time.
const STACKS_MAX: usize = 4;

/// Callers that wait for one; further ones are turned away.
const WAITING_MAX: usize = 256;

#[derive(Debug)]
struct Turns {
    running: usize,
    waiting: usize,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { running: 0, waiting: 0 });
static FREED: Condvar = Condvar::new();

/// The right to have a large stack; dropped, it is the next caller's.
struct Turn;

impl Turn {
    fn wait() -> Option<Self> {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.running >= STACKS_MAX {
            if turns.waiting >= WAITING_MAX {
                return None;
            }
            turns.waiting += 1;
            turns = FREED
                .wait_while(turns, |turns| turns.running >= STACKS_MAX)
                .unwrap_or_else(PoisonError::into_inner);
            turns.waiting -= 1;
        }
        turns.running += 1;
        Some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        FREED.notify_one();
    }
}

/// Does `work` on the caller's stack. `None`: it panicked.
pub(crate) fn in_place<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Does `work` on a large stack, of which there are a few: waits for one, and until the work is done. `None`: too many
/// wait, there is no memory for it, or the work panicked.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    let _turn = Turn::wait()?;
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("sql-gate".to_owned()).stack_size(STACK_BYTES);
        builder.spawn_scoped(scope, work).ok()?.join().ok()
    })
}
