//! A program on a terminal of its own: what its user types, and what the user sees.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use warehouse::support::until;

/// A program that asks questions line by line. Dropping it ends the program.
pub struct Terminal {
    keys: File,
    /// The program's side of the terminal: its modes are those that the program sets.
    side: File,
    child: Child,
    shown: Arc<Mutex<String>>,
    /// Up to where the test has read what is shown.
    read: usize,
    before: Termios,
}

/// A new terminal: where keys are typed and output is read, and the side of a program.
///
/// # Panics
/// The system has none.
#[track_caller]
pub fn open_terminal() -> (File, File) {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&keys).expect("its other side");
    unlockpt(&keys).expect("its other side");
    let name = ptsname(&keys, Vec::new()).expect("its name");
    let name = name.to_str().expect("a path").to_owned();
    let side = OpenOptions::new().read(true).write(true).open(name).expect("its other side");
    (File::from(keys), side)
}

impl Terminal {
    /// Runs `command` on a terminal. Its stdout goes there, too.
    ///
    /// # Panics
    /// The system has no terminal for it, or it does not start.
    #[track_caller]
    pub fn run(command: &mut Command) -> Self {
        let (keys, side) = open_terminal();
        let before = tcgetattr(&side).expect("its modes");
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut output, text) = (keys.try_clone().expect("a copy"), Arc::clone(&shown));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                // All that is tested is ASCII.
                let more = String::from_utf8_lossy(&bytes[..read]).into_owned();
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&more);
            }
        });
        let copy = || Stdio::from(side.try_clone().expect("a copy"));
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("the program starts");
        Self { keys, side, child, shown, read: 0, before }
    }

    fn shown(&self) -> MutexGuard<'_, String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was shown so far.
    pub fn text(&self) -> String {
        self.shown().clone()
    }

    /// Waits until `what` is shown, behind what earlier calls have waited for.
    ///
    /// # Panics
    /// It is not shown in time.
    #[track_caller]
    pub fn expect(&mut self, what: &str) {
        let (shown, read) = (Arc::clone(&self.shown), self.read);
        let mut end = read;
        let text = || shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        until(&format!("{what:?} is shown behind {:?}", text()), || {
            let found = text().get(read..).and_then(|new| new.find(what));
            end = found.map_or(read, |at| read + at + what.len());
            found.is_some()
        });
        self.read = end;
    }

    /// Types a line.
    ///
    /// # Panics
    /// The terminal is gone.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).expect("keys");
    }

    /// Waits until what is typed is not shown, then types a line.
    ///
    /// # Panics
    /// The program goes on showing it.
    #[track_caller]
    pub fn type_hidden(&mut self, line: &str) {
        until("keys are not shown", || {
            !tcgetattr(&self.side).expect("its modes").local_modes.contains(LocalModes::ECHO)
        });
        self.type_line(line);
    }

    /// Ends the program by a signal, as the terminal does for Ctrl-C. (By SIGTERM: a shell that starts tests in the background has
    /// them ignore SIGINT.)
    ///
    /// # Panics
    /// The program is gone.
    pub fn kill(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a signal");
    }

    /// Waits for its end, with the terminal as it was; returns its exit code.
    ///
    /// # Panics
    /// It goes on, or leaves the terminal in another mode.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut code = None;
        until(&format!("the program ends behind {:?}", self.text()), || {
            code = self.child.try_wait().expect("its end");
            code.is_some()
        });
        let after = tcgetattr(&self.side).expect("its modes");
        assert_eq!(after.local_modes, self.before.local_modes);
        (code.and_then(|code| code.code()), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
