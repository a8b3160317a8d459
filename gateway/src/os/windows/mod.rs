//! What Windows does in its own way. The functions are those of `unix`.
//!
//! A mode of a file is an access list here: `security` has identifiers and lists, `file_access` reads them as modes. What systemd
//! and launchd are elsewhere, nothing is here: `notify` and `activation` have nothing to do.
#![allow(unsafe_code)]

mod activation;
mod console_events;
mod descriptors;
mod disk;
mod ending;
mod file_access;
mod file_id;
mod files;
mod folders;
mod job;
mod listeners;
mod notify;
mod open_folder;
mod path_listener;
mod places;
mod processes;
mod programs;
mod release;
mod secrets;
mod session_end;
mod shim_listener;
mod signals;
mod snapshot;
mod standard_streams;
mod successor;
mod terminal;
mod trust;
mod usage;
mod users;

use std::io;

pub use activation::{PassedSocket, activated_sockets, garbled_activation};
pub use descriptors::{
    RAISE_LIMIT, descriptor_limit, is_out_of_descriptors, open_descriptors, open_nothing,
    raise_descriptor_limit, test_out_of_descriptors,
};
pub use disk::{disk_of, may_write};
pub use ending::{KILL, TERMINATE, close_stdout, keep_while_removed, kill, terminate};
pub use file_access::{
    ADMINISTRATOR, command_to_forbid_others, command_to_forbid_writing, command_to_give_to_administrators,
    command_to_protect_from_users,
};
pub use files::{
    append_private, copy_access, create_private, is_refused_link, set_length, set_mode, set_mode_at,
    sync_folder,
};
pub use folders::{make_folder_private, make_private_folders};
pub use job::ProcessGroup;
pub use listeners::is_reached_at;
pub use notify::{
    tell_alive, tell_ready, tell_reloading, tell_starting, tell_status, tell_stopping, watchdog_timeout,
};
pub use open_folder::OpenFolder;
pub use path_listener::{HAS_PATH_LISTENERS, PathConnection, PathListener};
pub use places::{home_variable, snowflake_folder, sqlite_uri_path, system_config_folder};
pub use processes::{
    control_groups, environment_of, process_start, processes_named, processes_with, running_programs,
};
pub use programs::{open_in_browser, unblock_signals_in};
pub use release::release;
pub use secrets::{open_sealed, seal};
pub use shim_listener::{LinkConnection, ShimListener, has_peer_gone, peer_of, waiting_at, why_not_at};
pub use signals::{EndSignals, block_signals, wait_for_signal, wake};
pub use standard_streams::{empty_stderr, is_reader_gone_within, stderr_identity, write_ready_to_stderr};
pub use successor::{
    PassedNumber, hand_over_to, pass_lock_on, pass_socket_on, take_over_lock, take_over_socket,
};
pub use trust::{
    is_executable, is_of_a_process, is_program, others_may_write, quarantine_of, real_path, set_folder_mode,
};
pub use usage::private_memory_of;
pub use users::{own_user, user_name};

#[cfg(test)]
pub use programs::program_that_waits;

pub(super) use file_access::{access_at, access_of};
pub(super) use file_id::{stamp_at, stamp_of, stamp_of_entry};
pub(super) use files::{open_regular, rename_over};
pub(super) use programs::{
    DEFAULT_PATH, Handle, program_file, read_ready, read_without_waiting, system_browser,
};
pub(super) use terminal::HiddenKeys;
pub(super) use usage::{cpu, memory_bytes};

/// Whether the system is Wine, which the tests say of what it does not do.
#[cfg(test)]
pub(super) fn is_wine() -> bool {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
    let library = snowgate_link::os::wide("ntdll.dll");
    // SAFETY: names that end with NUL, of a library that every process has.
    unsafe { GetProcAddress(GetModuleHandleW(library.as_ptr()), c"wine_get_version".as_ptr().cast()) }
        .is_some()
}

/// The system's error, if a call says with 0 that it has failed.
fn check(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether `error` has this number of the system's.
fn is_error(error: &io::Error, number: u32) -> bool {
    error.raw_os_error() == Some(number.cast_signed())
}

/// How many bytes a `T` has, as the system's calls want it.
fn size_of_u32<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}
