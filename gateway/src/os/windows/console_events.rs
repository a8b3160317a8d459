//! Ctrl-C, Ctrl-Break, the end of the console, and, in a process that has no window, that of the session
//! (<https://learn.microsoft.com/windows/console/handlerroutine>).

use std::io;
use std::time::Duration;

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::core::BOOL;

use super::check;
use super::signals::note;
use crate::os::Signal;

/// For how long the end of the console is held up, while what runs is brought to its end. The system waits for 5 s, and then ends
/// the process.
pub(super) const END_TIMEOUT: Duration = Duration::from_millis(4_900);

/// Listens from here on.
///
/// # Errors
/// The system's.
pub(super) fn listen() -> io::Result<()> {
    // SAFETY: a function of this program, which may be called at any time from any thread.
    check(unsafe { SetConsoleCtrlHandler(Some(take), 1) })
}

/// Called by the system, in a thread of its own. Returns whether nothing else is to be done about the event.
unsafe extern "system" fn take(event: u32) -> BOOL {
    match event {
        CTRL_C_EVENT => note(Signal::Interrupt),
        CTRL_BREAK_EVENT => note(Signal::Terminate),
        // The console is closed, the user logs off, or the system shuts down: the process ends when this returns. It ends before
        // that, as after any other signal, where what runs takes no longer.
        _ => {
            note(Signal::Terminate);
            std::thread::sleep(END_TIMEOUT);
        }
    }
    1
}
