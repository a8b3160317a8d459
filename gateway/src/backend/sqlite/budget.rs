//! What one statement may take: memory of SQLite's, and space for its temporary files.
//!
//! A connection has a thread of its own, so the thread's account is the connection's. SQLite asks it for each
//! block (`ffi`), and one that is refused is an error of that statement alone. So a statement cannot take what
//! others need: each has a share that is always there, and only what it needs beyond that comes from a pot
//! that all share. Threads without an account (the state file's, above all) take what they need.
//!
//! Together the connections of SQLite take `connections_max` shares and the pot, and for a moment a value
//! more each: see [`leniently`].

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that a connection always has, in bytes.
const SHARE_BYTES: usize = 12 << 20;
/// The most memory that a connection may use, in bytes. A value, and a row that is sorted, may have 8 MiB,
/// and both are there in a few copies.
pub(super) const MEMORY_BYTES_MAX: usize = 32 << 20;
/// What all connections together may use beyond their shares, in bytes.
const POT_BYTES: usize = 24 << 20;
/// The most that a connection may have in temporary files, in bytes: sorted rows and intermediate results
/// that do not fit in its caches.
const TEMPORARY_BYTES_MAX: u64 = 1 << 30;
/// A connection that uses more than this after a statement gives back what it can, in bytes.
const IDLE_BYTES_MAX: usize = 4 << 20;

static POT: Pot = Pot::new();

thread_local! {
    static ACCOUNT: Account = const { Account::new() };
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The connection uses [`MEMORY_BYTES_MAX`].
    Memory,
    /// It uses its share, and the pot is empty.
    Pot,
    /// It has [`TEMPORARY_BYTES_MAX`] in temporary files.
    Temporary,
}

impl Refusal {
    /// What happened, and what to do about it.
    pub(super) fn message(self) -> (String, &'static str) {
        let mebibytes = |bytes: usize| bytes >> 20;
        match self {
            Self::Memory => (
                format!(
                    "the statement needs more than {} MiB of memory, the most that one statement may use",
                    mebibytes(MEMORY_BYTES_MAX)
                ),
                "request less data at once: fewer columns, or parts of long values with substr()",
            ),
            Self::Pot => (
                format!(
                    "the statement needs more than {} MiB of memory, and the {} MiB that large statements share are in use",
                    mebibytes(SHARE_BYTES),
                    mebibytes(POT_BYTES)
                ),
                "try again in a moment, or request less data at once",
            ),
            Self::Temporary => (
                format!(
                    "the statement needs more than {} MiB of temporary files, the most that one statement may use",
                    TEMPORARY_BYTES_MAX >> 20
                ),
                "sort, group or combine less data at once: fewer columns, or a narrower WHERE",
            ),
        }
    }
}

/// Memory beyond the shares.
struct Pot {
    used: AtomicUsize,
}

impl Pot {
    const fn new() -> Self {
        Self { used: AtomicUsize::new(0) }
    }

    /// Takes `bytes`, if they are there or `anyway`.
    fn take(&self, bytes: usize, anyway: bool) -> bool {
        let taken = |used: usize| Some(used + bytes).filter(|used| anyway || *used <= POT_BYTES);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a thread uses. Read and written by that thread alone.
struct Account {
    is_open: Cell<bool>,
    memory: Cell<usize>,
    temporary: Cell<u64>,
    /// How many calls of [`leniently`] run.
    lenient: Cell<u32>,
    /// The first refusal since the statement began.
    refusal: Cell<Option<Refusal>>,
}

impl Account {
    const fn new() -> Self {
        Self {
            is_open: Cell::new(false),
            memory: Cell::new(0),
            temporary: Cell::new(0),
            lenient: Cell::new(0),
            refusal: Cell::new(None),
        }
    }

    fn refuse(&self, why: Refusal) -> bool {
        self.refusal.set(self.refusal.get().or(Some(why)));
        false
    }

    fn charge(&self, pot: &Pot, bytes: usize) -> bool {
        if !self.is_open.get() {
            return true;
        }
        let (before, is_lenient) = (self.memory.get(), self.lenient.get() > 0);
        let after = before.saturating_add(bytes);
        if after > MEMORY_BYTES_MAX && !is_lenient {
            return self.refuse(Refusal::Memory);
        }
        let beyond = beyond_share(after) - beyond_share(before);
        if beyond > 0 && !pot.take(beyond, is_lenient) {
            return self.refuse(Refusal::Pot);
        }
        self.memory.set(after);
        true
    }

    /// A block that another thread allocated may be freed by this one: they are few and small, and the
    /// account never goes below zero.
    fn release(&self, pot: &Pot, bytes: usize) {
        if !self.is_open.get() {
            return;
        }
        let before = self.memory.get();
        let after = before.saturating_sub(bytes);
        self.memory.set(after);
        let beyond = beyond_share(before) - beyond_share(after);
        if beyond > 0 {
            pot.give_back(beyond);
        }
    }

    fn charge_temporary(&self, bytes: u64) -> bool {
        let after = self.temporary.get().saturating_add(bytes);
        if self.is_open.get() && after > TEMPORARY_BYTES_MAX {
            return self.refuse(Refusal::Temporary);
        }
        self.temporary.set(after);
        true
    }

    fn release_temporary(&self, bytes: u64) {
        self.temporary.set(self.temporary.get().saturating_sub(bytes));
    }
}

fn beyond_share(bytes: usize) -> usize {
    bytes.saturating_sub(SHARE_BYTES)
}

/// From here on this thread has an account.
pub(super) fn open_account() {
    ACCOUNT.with(|account| account.is_open.set(true));
}

/// A statement begins.
pub(super) fn begin() {
    ACCOUNT.with(|account| account.refusal.set(None));
}

/// Why something was refused since the statement began.
pub(super) fn refusal() -> Option<Refusal> {
    ACCOUNT.with(|account| account.refusal.get())
}

/// Whether the thread uses more than a statement may, which only [`leniently`] lets happen.
pub(super) fn is_over() -> bool {
    ACCOUNT.with(|account| {
        let is_over = account.memory.get() > MEMORY_BYTES_MAX;
        if is_over {
            account.refuse(Refusal::Memory);
        }
        is_over
    })
}

/// Whether the thread uses more than it should between two statements.
pub(super) fn is_large() -> bool {
    ACCOUNT.with(|account| account.memory.get() > IDLE_BYTES_MAX)
}

/// Calls `call` without refusing it memory: for what must not fail (a rollback), and for what cannot report
/// that it failed. That is reading one value, or the arguments of one function: look at [`is_over`]
/// afterwards.
pub(super) fn leniently<T>(call: impl FnOnce() -> T) -> T {
    struct Strict;
    impl Drop for Strict {
        fn drop(&mut self) {
            ACCOUNT.with(|account| account.lenient.set(account.lenient.get() - 1));
        }
    }
    ACCOUNT.with(|account| account.lenient.set(account.lenient.get() + 1));
    let _strict = Strict;
    call()
}

/// Whether SQLite may allocate `bytes` more.
pub(super) fn charge(bytes: usize) -> bool {
    ACCOUNT.with(|account| account.charge(&POT, bytes))
}

/// SQLite has freed `bytes`.
pub(super) fn release(bytes: usize) {
    ACCOUNT.with(|account| account.release(&POT, bytes));
}

/// Whether temporary files may grow by `bytes`.
pub(super) fn charge_temporary(bytes: u64) -> bool {
    ACCOUNT.with(|account| account.charge_temporary(bytes))
}

/// Temporary files are smaller by `bytes`.
pub(super) fn release_temporary(bytes: u64) {
    ACCOUNT.with(|account| account.release_temporary(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn account() -> Account {
        let account = Account::new();
        account.is_open.set(true);
        account
    }

    #[test]
    fn a_share_is_there_however_greedy_the_others_are() {
        let pot = Pot::new();
        let greedy = [account(), account(), account(), account()];
        for account in &greedy {
            while account.charge(&pot, MIB) {}
        }
        assert_eq!(pot.used.load(Ordering::Relaxed), POT_BYTES);
        let used: usize = greedy.iter().map(|account| account.memory.get()).sum();
        assert_eq!(used, greedy.len() * SHARE_BYTES + POT_BYTES);
        assert_eq!(greedy[0].refusal.get(), Some(Refusal::Memory));
        assert_eq!(greedy[3].refusal.get(), Some(Refusal::Pot));
        let modest = account();
        assert!(modest.charge(&pot, SHARE_BYTES) && !modest.charge(&pot, 1));
    }

    #[test]
    fn what_is_released_is_there_for_others() {
        let (pot, one) = (Pot::new(), account());
        assert!(one.charge(&pot, MEMORY_BYTES_MAX) && !one.charge(&pot, 1));
        one.release(&pot, MEMORY_BYTES_MAX - MIB);
        assert_eq!((one.memory.get(), pot.used.load(Ordering::Relaxed)), (MIB, 0));
        one.release(&pot, 5 * MIB);
        assert_eq!((one.memory.get(), pot.used.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn what_cannot_fail_is_counted_all_the_same() {
        let (pot, one) = (Pot::new(), account());
        one.lenient.set(1);
        assert!(one.charge(&pot, 2 * POT_BYTES));
        one.lenient.set(0);
        assert!(!one.charge(&pot, 1));
        one.release(&pot, 2 * POT_BYTES);
        assert_eq!(pot.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_thread_without_an_account_takes_what_it_needs() {
        let (pot, other) = (Pot::new(), Account::new());
        assert!(other.charge(&pot, 1 << 40) && other.charge_temporary(u64::MAX));
        other.release(&pot, 1 << 40);
        assert_eq!((other.memory.get(), pot.used.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn temporary_files_are_bounded_and_smaller_again_when_they_are_closed() {
        let one = account();
        assert!(one.charge_temporary(TEMPORARY_BYTES_MAX) && !one.charge_temporary(1));
        assert_eq!(one.refusal.get(), Some(Refusal::Temporary));
        one.release_temporary(TEMPORARY_BYTES_MAX);
        assert!(one.charge_temporary(1));
    }
}
