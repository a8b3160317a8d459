//! What the harness asks of the system, chosen here once: processes by `/proc` on Linux and by `sysinfo` elsewhere, signals where
//! there are any, and a disk that can be full where one can be mounted.

#[cfg_attr(not(target_os = "linux"), path = "no_disk.rs")]
mod disk;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
pub(super) mod processes;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod signals;
#[cfg(unix)]
mod terminal;

pub use disk::{Full, SmallDisk};
#[cfg(unix)]
pub use signals::write_script;
pub(super) use signals::{STARTS_BY_FORK, homes};
pub use signals::{Signal, ask_to_stop, send_signal, set_mode};
pub(crate) use signals::{freeze, thaw};
#[cfg(unix)]
pub use terminal::{Terminal, open_terminal};
