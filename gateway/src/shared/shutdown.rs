//! The gateway's end: that it is to come, and what follows it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Whether the gateway shuts down, and whether another program is to take its place.
#[derive(Debug, Default)]
pub struct Shutdown {
    /// Fires when the gateway is to shut down: signals, `stop`, `restart`, idleness, a newer build, a removed
    /// socket.
    pub drain: CancellationToken,
    /// Fires after `drain`: sessions whose connections have not ended in time are answered nothing more, so that what they
    /// still ask is the next gateway's to answer, and not refused by one that closes.
    pub abandon: CancellationToken,
    /// Set before `drain` fires if the program that is on disk then is to take this one's place.
    restart: AtomicBool,
    /// Set by what ends the gateway for good, which a restart does not undo.
    stop: AtomicBool,
}

impl Shutdown {
    /// Shuts down for good, also where a restart is under way or asked for later.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.drain.cancel();
    }

    /// Shuts down, and has the program that is on disk then take this one's place.
    pub fn restart(&self) {
        self.restart.store(true, Ordering::Relaxed);
        self.drain.cancel();
    }

    /// Whether another program is to take this one's place.
    pub fn is_restart(&self) -> bool {
        self.restart.load(Ordering::Relaxed) && !self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_during_a_restart_makes_it_a_stop() {
        let shutdown = Shutdown::default();
        shutdown.restart();
        assert!(shutdown.is_restart() && shutdown.drain.is_cancelled());
        shutdown.stop();
        assert!(!shutdown.is_restart());
        shutdown.restart();
        assert!(!shutdown.is_restart(), "the order does not matter");
    }
}
