//! Starting a gateway that is clear of its client, and hearing that this process is to end.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM};

use super::raw;

/// The gateway's program.
pub const GATEWAY_PROGRAM: &str = "snowgate";

/// For glibc: memory of large results is returned to the system, instead of staying with one of many arenas.
/// (Measured: 10 MB instead of 470 MB after a client with 60 unread answers of 7 MB had died.)
pub const GATEWAY_VARIABLES: [(&str, &str); 2] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// Signals that a user or the system sends, as against the gateway's own faults.
const TERMINATION_SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGKILL, SIGTERM];

/// Where a gateway runs: in a folder that it keeps from nothing.
pub fn root_dir() -> PathBuf {
    PathBuf::from("/")
}

/// Whether a gateway inherits the system's variable of this name: what it finds its folders and programs by, and what opens a
/// browser.
pub fn is_variable_of_system(name: &str) -> bool {
    matches!(
        name,
        "HOME"
            | "USER"
            | "LOGNAME"
            | "SHELL"
            | "PATH"
            | "LANG"
            | "TZ"
            | "TMPDIR"
            | "RUST_BACKTRACE"
            | "SSL_CERT_FILE"
            | "SSL_CERT_DIR"
            | "BROWSER"
            | "DISPLAY"
            | "WAYLAND_DISPLAY"
            | "DBUS_SESSION_BUS_ADDRESS"
    )
}

/// Starts a program that is to outlive this one; here it does what is needed itself.
///
/// # Errors
/// The system's.
pub fn spawn_apart(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// Leaves behind what the client's processes left to this one: descriptors, signals, session. Call before anything is opened.
pub fn leave_client() {
    raw::close_inherited();
    raw::reset_signals();
    start_session();
}

/// Programs inherit no descriptor here that is not meant for them.
pub fn keep_handles() {}

/// Starts a session without the caller's terminal, so that signals to the client's group do not reach this process. Fails for a
/// process group leader only, which a freshly spawned child never is.
pub fn start_session() {
    let _ = rustix::process::setsid();
}

/// Whether a signal of a user or the system has ended a process that ended like this, as against a failure of its own.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal().is_some_and(|signal| TERMINATION_SIGNALS.contains(&signal))
}

/// Ends the intermediate and all that was started through it: it leads a process group of its own.
pub fn kill_launched(intermediate: &mut Child, _gateway: u32) {
    let _ = kill_process_group(Pid::from_child(intermediate), Signal::KILL);
}

/// The process that started this one.
pub fn parent() -> Option<u32> {
    rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
}

/// What asks this process to end: SIGTERM, SIGINT, SIGHUP.
#[derive(Debug)]
pub struct ExitRequests(UnixStream);

impl ExitRequests {
    /// Listens from here on.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Self(read))
    }

    /// Waits for a request; `false`: none can come any more.
    pub fn wait(&mut self) -> bool {
        // A byte is a signal.
        self.0.read_exact(&mut [0]).is_ok()
    }
}
