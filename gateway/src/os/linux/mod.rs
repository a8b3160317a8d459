//! What Linux does in its own way. `macos` has the same functions.

mod disk;
mod environment;
mod listeners;
mod processes;
mod usage;
mod users;

use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

pub use environment::environment_of;
pub use processes::{process_start, processes_named, processes_with, running_programs};
pub use usage::private_memory_of;
pub use users::user_name;

pub(super) use disk::network_of;
pub(super) use listeners::{is_same_owner, may_listen, new_socket};
pub(super) use usage::{cpu, memory_bytes};

/// The folder with an entry for each descriptor of this process.
pub(super) const DESCRIPTORS: &str = "/proc/self/fd";

/// The folder of the system's config file.
pub(super) const SYSTEM_CONFIG_FOLDER: &str = "/etc/snowgate";

/// The program that opens an address in the user's browser.
pub(super) const BROWSER: &str = "xdg-open";

/// The control groups that this process is in (cgroups(7)).
pub fn control_groups() -> String {
    std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// Whether there is a screen.
pub(super) fn has_screen() -> bool {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set)
}

/// Sockets that the system passes in another way than systemd does: none.
#[allow(clippy::unnecessary_wraps, reason = "launchd may fail")]
pub(super) fn activated_sockets() -> io::Result<Vec<RawFd>> {
    Ok(Vec::new())
}

/// Where programs have their settings.
pub(super) fn settings_folder(home: &Path, config_home: Option<PathBuf>) -> PathBuf {
    config_home.unwrap_or_else(|| home.join(".config"))
}

/// Only macOS marks what was downloaded so that it cannot be run.
pub fn quarantine_of(_path: &Path) -> Option<String> {
    None
}
