//! What macOS does in its own way. `linux` has the same functions. It is compiled and has never been run by us.
#![allow(unsafe_code)]

mod activation;
mod arguments;
mod disk;
mod listeners;
mod processes;
mod usage;
mod users;

use std::path::{Path, PathBuf};

pub use arguments::environment_of;
pub use processes::{process_start, processes_named, processes_with, running_programs};
pub use usage::private_memory_of;
pub use users::user_name;

pub(super) use activation::activated_sockets;
pub(super) use disk::network_of;
pub(super) use listeners::{is_same_owner, may_listen, new_socket};
pub(super) use usage::{cpu, memory_bytes};

/// The folder with an entry for each descriptor of this process.
pub(super) const DESCRIPTORS: &str = "/dev/fd";

/// The folder of the system's config file.
pub(super) const SYSTEM_CONFIG_FOLDER: &str = "/Library/Application Support/snowgate";

/// The program that opens an address in the user's browser.
pub(super) const BROWSER: &str = "open";

/// Whether there is a screen. `open` says itself where there is none.
pub(super) fn has_screen() -> bool {
    true
}

/// Where programs have their settings.
pub(super) fn settings_folder(home: &Path, _config_home: Option<PathBuf>) -> PathBuf {
    home.join("Library").join("Application Support")
}

/// The control groups that this process is in: there are none here.
pub fn control_groups() -> String {
    String::new()
}

/// A structure of the system as it is before the system has filled it in.
///
/// # Safety
/// Zeros are a valid `T`.
unsafe fn zeroed<T>() -> T {
    // SAFETY: see above.
    unsafe { std::mem::zeroed() }
}

/// How many bytes a `T` has, as the system's calls want it.
fn size_of_i32<T>() -> i32 {
    i32::try_from(size_of::<T>()).unwrap_or(0)
}

/// What macOS has marked the file at `path` with, if it was downloaded and its user has not yet said that it may be run.
pub fn quarantine_of(path: &Path) -> Option<String> {
    const NAME: &str = "com.apple.quarantine";
    const BYTES_MAX: usize = 1024;
    let mut value = [0; BYTES_MAX];
    let bytes = rustix::fs::getxattr(path, NAME, &mut value[..]).ok()?;
    Some(String::from_utf8_lossy(&value[..bytes]).into_owned())
}
