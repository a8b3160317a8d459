//! What the system tells this process, in the words that signals have elsewhere: taken by one thread, kept until then.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use super::{console_events, session_end};
use crate::os::Signal;

/// Signals that wait to be taken, at most. Each kind is there once: a second one says nothing new.
const WAITING_MAX: usize = 5;

/// Written by whatever thread the system calls, taken from by the one that waits.
static WAITING: Mutex<VecDeque<Signal>> = Mutex::new(VecDeque::new());
static HAS_COME: Condvar = Condvar::new();

impl Signal {
    /// The number that it has elsewhere, for exit codes.
    pub fn number(self) -> i32 {
        match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::User => 10,
            Self::Terminate => 15,
            Self::FileSize => 25,
        }
    }
}

/// Listens for Ctrl-C, Ctrl-Break, the console's end, and the end of the user's session from here on.
///
/// # Errors
/// The system's.
pub fn block_signals() -> io::Result<()> {
    console_events::listen()?;
    session_end::listen();
    Ok(())
}

/// Waits for one of the signals and takes it.
///
/// # Errors
/// None.
pub fn wait_for_signal() -> io::Result<Signal> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(signal) = waiting.pop_front() {
            return Ok(signal);
        }
        waiting = HAS_COME.wait(waiting).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Sends [`Signal::User`], by which a thread in [`wait_for_signal`] is woken; one is.
pub fn wake<T>(_thread: &JoinHandle<T>) {
    note(Signal::User);
}

/// What says that a command at a console is to end: Ctrl-C, Ctrl-Break, and that the console is closed.
#[derive(Debug)]
pub struct EndSignals(CtrlC, CtrlBreak, CtrlClose);

impl EndSignals {
    /// Listens from here on, in the runtime that is entered.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(ctrl_c()?, ctrl_break()?, ctrl_close()?))
    }

    /// Waits for one of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
            _ = self.2.recv() => {}
        }
    }
}

/// Notes that a signal has come.
pub(super) fn note(signal: Signal) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < WAITING_MAX && !waiting.contains(&signal) {
        waiting.push_back(signal);
        HAS_COME.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_waits_until_it_is_taken_and_is_there_once() {
        console_events::listen().unwrap();
        for signal in [Signal::Interrupt, Signal::Interrupt, Signal::Terminate] {
            note(signal);
        }
        assert_eq!(wait_for_signal().unwrap(), Signal::Interrupt);
        assert_eq!(wait_for_signal().unwrap(), Signal::Terminate);
        let waiter = std::thread::spawn(wait_for_signal);
        wake(&waiter);
        assert_eq!(waiter.join().unwrap().unwrap(), Signal::User);
    }
}
