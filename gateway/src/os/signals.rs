//! What the system tells this process.

/// The signals that are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: stop.
    Terminate,
    /// SIGINT: stop, says somebody at a terminal.
    Interrupt,
    /// SIGHUP: read the config again; also where the terminal is gone, which does no harm.
    HangUp,
    /// SIGXFSZ: a file has the size that the process may write (`ulimit -f`). The write fails, too, and that is dealt with;
    /// the signal would end the process.
    FileSize,
    /// SIGUSR1, by which a thread in [`wait_for_signal`](super::wait_for_signal) is woken.
    User,
}
