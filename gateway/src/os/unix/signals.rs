//! Signals. The process waits for them, and what a backend starts must not inherit how it does that.
//!
//! The gateway's threads all *block* the signals in [`Signal`], so that none is ever delivered: a signal stays
//! pending in the process until [`wait_for_signal`] takes it, also over an `exec`. A handler would take it at once, and
//! what a handler has noted dies with the program that an `exec` replaces.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::os::unix::thread::JoinHandleExt;
use std::process::Command;
use std::thread::JoinHandle;

use crate::os::Signal;

const NUMBERS: [(Signal, libc::c_int); 5] = [
    (Signal::Terminate, libc::SIGTERM),
    (Signal::Interrupt, libc::SIGINT),
    (Signal::HangUp, libc::SIGHUP),
    (Signal::FileSize, libc::SIGXFSZ),
    (Signal::User, libc::SIGUSR1),
];

impl Signal {
    /// The system's number.
    pub fn number(self) -> i32 {
        NUMBERS.iter().find(|(signal, _)| *signal == self).map_or(0, |(_, number)| *number)
    }
}

/// The set of all [`Signal`]s.
fn set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, and sigaddset is given numbers that exist.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for (_, number) in NUMBERS {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        set.assume_init()
    }
}

fn change_mask(how: libc::c_int) -> io::Result<()> {
    // SAFETY: the set is initialised, and the mask before is not asked for.
    match unsafe { libc::pthread_sigmask(how, &set(), std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Blocks the signals in this thread and those that it starts from here on: call it before any other runs.
///
/// # Errors
/// The system's.
pub fn block_signals() -> io::Result<()> {
    change_mask(libc::SIG_BLOCK)
}

/// Waits for one of the signals and takes it.
///
/// # Errors
/// The system's.
pub fn wait_for_signal() -> io::Result<Signal> {
    let mut number = 0;
    // SAFETY: both are valid for the call.
    match unsafe { libc::sigwait(&set(), &raw mut number) } {
        0 => {
            let known = NUMBERS.iter().find(|(_, known)| *known == number);
            known.map(|(signal, _)| *signal).ok_or_else(|| io::ErrorKind::InvalidData.into())
        }
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Sends [`Signal::User`] to a thread that was not joined yet.
pub fn wake<T>(thread: &JoinHandle<T>) {
    // SAFETY: a thread whose handle is not joined has a valid id, also after its end. The signal is blocked
    // in every thread, so it does no more than wake.
    unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
}

/// What says that a command at a terminal is to end: SIGTERM, SIGINT, and that the terminal is gone.
#[derive(Debug)]
pub struct EndSignals([tokio::signal::unix::Signal; 3]);

impl EndSignals {
    /// Listens from here on, in the runtime that is entered.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
        ]))
    }

    /// Waits for one of them.
    pub async fn next(&mut self) {
        let [term, hangup, interrupt] = &mut self.0;
        tokio::select! {
            _ = term.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Lets the program of `command` be ended by signals as any other: a child inherits what is blocked.
pub fn unblock_signals_in(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec this calls nothing but sigemptyset, sigaddset and pthread_sigmask, which
    // are async-signal-safe.
    unsafe { command.pre_exec(|| change_mask(libc::SIG_UNBLOCK)) }
}
