//! Whose turn it is to write to a file: SQLite lets one connection write at a time, and says nothing of order.
//!
//! A connection that finds the file locked looks again after a pause, so on a slow disk one that waits may find it locked
//! each time, until its patience is over, while others come and go. So the writers of this process stand in a line, first
//! come, first served, and only the first asks SQLite for the lock.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::interrupt::Interrupt;

/// The lines of the files that are written to. As long as there are connections at most.
#[derive(Default)]
pub(super) struct WriteTurns {
    lines: Mutex<HashMap<String, Line>>,
}

/// Those who wait for a file that has a writer.
struct Line {
    waiting: VecDeque<Arc<Ticket>>,
    /// When a writer last got what it waited for.
    moved: Instant,
}

struct Ticket {
    is_due: AtomicBool,
    interrupt: Arc<Interrupt>,
}

/// The turn at a file, or at several; the next one's as soon as it is dropped.
#[must_use]
pub(super) struct Turn<'a> {
    turns: &'a WriteTurns,
    files: Vec<String>,
    /// Whether the file was locked by others all the while, so that those who wait have no reason to go on.
    is_vain: bool,
}

/// Why there is no turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// The request was cancelled.
    Cancelled,
    /// The line did not move for as long as the caller has patience.
    Stuck,
}

impl WriteTurns {
    /// Waits for the turn at each of `files`. Gives up when a line has not moved for `patience` since the caller joined it:
    /// a long line that moves is waited out, however slow the disk is, and the caller's own time-out cancels it.
    ///
    /// # Errors
    /// There is no turn.
    pub(super) fn take(
        &self,
        mut files: Vec<String>,
        interrupt: &Arc<Interrupt>,
        patience: Duration,
    ) -> Result<Turn<'_>, NoTurn> {
        // In the order of their names: so no two wait for a file of each other.
        files.sort_unstable();
        files.dedup();
        let mut turn = Turn { turns: self, files: Vec::with_capacity(files.len()), is_vain: false };
        for file in files {
            if let Err(none) = self.take_one(&file, interrupt, patience) {
                turn.is_vain = true;
                return Err(none);
            }
            turn.files.push(file);
        }
        Ok(turn)
    }

    fn take_one(&self, file: &str, interrupt: &Arc<Interrupt>, patience: Duration) -> Result<(), NoTurn> {
        let Some(ticket) = self.join(file, interrupt) else { return Ok(()) };
        let is_due = || ticket.is_due.load(Ordering::Acquire);
        let mut since = Instant::now();
        loop {
            let left = patience.saturating_sub(since.elapsed());
            let is_cancelled = interrupt.wait_unless(left, is_due);
            let mut lines = self.lines();
            if is_cancelled {
                leave(&mut lines, file, &ticket);
                return Err(NoTurn::Cancelled);
            }
            if is_due() {
                return Ok(());
            }
            match lines.get(file).map(|line| line.moved).filter(|moved| *moved > since) {
                Some(moved) => since = moved,
                None => {
                    leave(&mut lines, file, &ticket);
                    return Err(NoTurn::Stuck);
                }
            }
        }
    }

    /// The ticket of one who has to wait.
    fn join(&self, file: &str, interrupt: &Arc<Interrupt>) -> Option<Arc<Ticket>> {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(file) else {
            let line = Line { waiting: VecDeque::new(), moved: Instant::now() };
            lines.insert(file.to_owned(), line);
            return None;
        };
        let ticket = Arc::new(Ticket { is_due: AtomicBool::new(false), interrupt: Arc::clone(interrupt) });
        line.waiting.push_back(Arc::clone(&ticket));
        Some(ticket)
    }

    /// How many wait, at all files.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lines().values().map(|line| line.waiting.len()).sum()
    }

    /// How many files have a writer.
    #[cfg(test)]
    pub(super) fn lines_in_use(&self) -> usize {
        self.lines().len()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up a place in the line, or the turn that has come meanwhile.
fn leave(lines: &mut HashMap<String, Line>, file: &str, ticket: &Arc<Ticket>) {
    if ticket.is_due.load(Ordering::Acquire) {
        pass_on(lines, file, false);
    } else if let Some(line) = lines.get_mut(file) {
        line.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
    }
}

/// Ends a turn: the next one's has come.
fn pass_on(lines: &mut HashMap<String, Line>, file: &str, has_moved: bool) {
    let Some(line) = lines.get_mut(file) else { return };
    if has_moved {
        line.moved = Instant::now();
    }
    let Some(next) = line.waiting.pop_front() else {
        lines.remove(file);
        return;
    };
    next.is_due.store(true, Ordering::Release);
    next.interrupt.wake();
}

impl Turn<'_> {
    /// The file was locked, by another process or a client's open transaction, for as long as the writer had patience.
    pub(super) fn was_in_vain(&mut self) {
        self.is_vain = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lines = self.turns.lines();
        for file in &self.files {
            pass_on(&mut lines, file, !self.is_vain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Cancel;
    use std::sync::mpsc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    fn interrupt() -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        interrupt.begin();
        interrupt
    }

    fn one(file: &str) -> Vec<String> {
        vec![file.to_owned()]
    }

    /// Returns when `count` wait.
    fn until_waiting(turns: &WriteTurns, count: usize) {
        while turns.waiting() != count {
            thread::yield_now();
        }
    }

    #[test]
    fn writers_come_in_the_order_of_their_arrival() {
        let turns = Arc::new(WriteTurns::default());
        let first = turns.take(one("a"), &interrupt(), LONG).map_err(drop).unwrap();
        let (sender, order) = mpsc::channel();
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (theirs, sender) = (Arc::clone(&turns), sender.clone());
                let thread = thread::spawn(move || {
                    let turn = theirs.take(one("a"), &interrupt(), LONG).map_err(drop).unwrap();
                    sender.send(number).unwrap();
                    drop(turn);
                });
                until_waiting(&turns, number + 1);
                thread
            })
            .collect();
        drop(turns.take(one("b"), &interrupt(), Duration::ZERO).map_err(drop).unwrap());
        drop(first);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert!(turns.lines().is_empty(), "nothing is left of a file without a writer");
    }

    #[test]
    fn who_is_cancelled_leaves_the_line() {
        let turns = Arc::new(WriteTurns::default());
        let first = turns.take(one("a"), &interrupt(), LONG).map_err(drop).unwrap();
        let stopped = interrupt();
        let (theirs, their_interrupt) = (Arc::clone(&turns), Arc::clone(&stopped));
        let waits = thread::spawn(move || theirs.take(one("a"), &their_interrupt, LONG).err());
        until_waiting(&turns, 1);
        stopped.cancel();
        assert_eq!(waits.join().unwrap(), Some(NoTurn::Cancelled));
        until_waiting(&turns, 0);
        drop(first);
        assert!(turns.lines().is_empty());
    }

    #[test]
    fn a_line_that_does_not_move_is_left() {
        const PATIENCE: Duration = Duration::from_millis(30);
        let turns = Arc::new(WriteTurns::default());
        let mut first = turns.take(one("a"), &interrupt(), LONG).map_err(drop).unwrap();
        assert_eq!(turns.take(one("a"), &interrupt(), PATIENCE).err(), Some(NoTurn::Stuck));
        let theirs = Arc::clone(&turns);
        let waits = thread::spawn(move || theirs.take(one("a"), &interrupt(), LONG).map(drop));
        until_waiting(&turns, 1);
        first.was_in_vain();
        drop(first);
        waits.join().unwrap().unwrap();
    }

    /// Each of a line of eight needs more than half of what each has patience for.
    #[test]
    fn a_line_that_moves_is_waited_out() {
        const PATIENCE: Duration = Duration::from_secs(2);
        let turns = Arc::new(WriteTurns::default());
        let first = turns.take(one("a"), &interrupt(), LONG).map_err(drop).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let theirs = Arc::clone(&turns);
                let thread = thread::spawn(move || {
                    let turn = theirs.take(one("a"), &interrupt(), PATIENCE).map_err(drop)?;
                    thread::sleep(PATIENCE * 6 / 10);
                    drop(turn);
                    Ok::<_, ()>(())
                });
                until_waiting(&turns, number + 1);
                thread
            })
            .collect();
        drop(first);
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }

    #[test]
    fn two_files_are_taken_in_one_order() {
        let turns = Arc::new(WriteTurns::default());
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let turns = Arc::clone(&turns);
                let files = if number % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
                thread::spawn(move || {
                    for _ in 0..200 {
                        drop(
                            turns
                                .take(files.map(str::to_owned).to_vec(), &interrupt(), LONG)
                                .unwrap_or_else(|_| panic!()),
                        );
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(turns.lines().is_empty());
    }
}
