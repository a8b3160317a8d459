//! Signals of the gateway's process.
//!
//! One thread takes them, all others block them. So there is no moment at which one is lost, not even around
//! a restart: up to [`StopSignals::close`] this thread takes it and the restart becomes a stop; from then on
//! it stays pending and the program that takes this one's place finds it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::os::{self, Signal};

/// Listens for signals.
pub(super) struct StopSignals {
    /// Fires at the first SIGTERM or SIGINT.
    stop: CancellationToken,
    /// Told at each SIGHUP; several that come before it is listened to are one.
    hang_up: Arc<Notify>,
    /// Set before the thread is woken for the last time.
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl StopSignals {
    /// Listens from here on. Call it before any other thread is started.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn listen() -> io::Result<Self> {
        os::block_signals()?;
        let (stop, closing) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let hang_up = Arc::new(Notify::new());
        let (stopping, ends, hanging_up) = (stop.clone(), Arc::clone(&closing), Arc::clone(&hang_up));
        let thread = std::thread::Builder::new()
            .name("snowgate-signals".to_owned())
            .spawn(move || take_signals(&stopping, &hanging_up, &ends))?;
        Ok(Self { stop, hang_up, closing, thread })
    }

    /// Fires when the gateway is to stop.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Told when the configuration is to be read again.
    pub(super) fn hang_up(&self) -> Arc<Notify> {
        Arc::clone(&self.hang_up)
    }

    /// Takes no more signals; returns whether one said "stop" until now. Those that come later stay pending.
    pub(super) fn close(self) -> bool {
        self.closing.store(true, Ordering::SeqCst);
        os::wake(&self.thread);
        // A panic of it is in the log.
        let _ = self.thread.join();
        self.stop.is_cancelled()
    }
}

fn take_signals(stop: &CancellationToken, hang_up: &Notify, closing: &AtomicBool) {
    loop {
        match os::wait_for_signal() {
            Ok(Signal::Terminate | Signal::Interrupt) => stop.cancel(),
            Ok(Signal::HangUp) => hang_up.notify_one(),
            Ok(Signal::User) if closing.load(Ordering::SeqCst) => return,
            Ok(Signal::User | Signal::FileSize) => {}
            Err(error) => {
                tracing::error!(%error, "cannot wait for signals; only SIGKILL and `snowgate stop` end this gateway");
                return;
            }
        }
    }
}
