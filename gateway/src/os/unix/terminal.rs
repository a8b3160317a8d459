//! The keys that are pressed at the terminal, which does not show them.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The keys, as bytes; the terminal's modes are set back when this is dropped.
pub(in crate::os) struct HiddenKeys {
    terminal: File,
    before: Termios,
}

impl HiddenKeys {
    /// Those of the terminal at stdin. Keys come one by one and are not shown. Signals are keys, too: one that ended the process
    /// would leave the terminal as it is now.
    ///
    /// # Errors
    /// It is no terminal.
    pub(in crate::os) fn of_stdin() -> io::Result<Self> {
        let terminal = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Read for HiddenKeys {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.terminal.read(bytes)
    }
}

impl Drop for HiddenKeys {
    fn drop(&mut self) {
        // There is nothing else to be done about it.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
