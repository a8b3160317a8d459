//! What differs between operating systems, in one place: signals, descriptors, what a service manager gives this process and is
//! told; other processes, disks, and who may use a file. Below every folder.
//!
//! The files here are the same everywhere. `unix` and `windows` have the same functions, and `linux` and `macos` those that each
//! Unix does in its own way; which of them are used is decided here and nowhere else.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as kernel;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as kernel;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
compile_error!("Snowgate runs on Linux, macOS and Windows");

mod activation;
mod disk;
mod file_access;
mod file_stamp;
mod files;
mod link;
mod path_listen_error;
mod platform;
mod processes;
mod programs;
mod signals;
mod terminal;
#[cfg(test)]
pub mod test_support;
mod umask;
mod usage;

pub use activation::{ACTIVATION_VARIABLES, LAUNCHD_SOCKET};
pub use disk::{Disk, full_disk};
pub use file_access::FileAccess;
pub use file_stamp::{FileId, FileStamp};
pub use files::{
    PRIVATE, READABLE, create_file, read_whole, replace_file, replace_file_if, replace_locked, replace_often,
};
pub use link::{LinkPeer, ListenError};
pub use path_listen_error::PathListenError;
pub use platform::{GATEWAY_PROGRAM, Release, SHIM_PROGRAM, System};
pub use processes::Found;
pub use programs::{Browser, RunError, Said, folders_of_path, program, run_bounded};
pub use signals::Signal;
#[cfg(test)]
pub use system::program_that_waits;
pub use system::{
    ADMINISTRATOR, EndSignals, HAS_PATH_LISTENERS, KILL, LinkConnection, OpenFolder, PassedNumber,
    PassedSocket, PathConnection, PathListener, ProcessGroup, RAISE_LIMIT, ShimListener, TERMINATE,
    activated_sockets, append_private, block_signals, close_stdout, command_to_forbid_others,
    command_to_forbid_writing, command_to_give_to_administrators, command_to_protect_from_users,
    control_groups, copy_access, create_private, descriptor_limit, disk_of, empty_stderr, environment_of,
    garbled_activation, hand_over_to, has_peer_gone, home_variable, is_executable, is_of_a_process,
    is_out_of_descriptors, is_program, is_reached_at, is_reader_gone_within, is_refused_link,
    keep_while_removed, kill, make_folder_private, make_private_folders, may_write, open_descriptors,
    open_in_browser, open_nothing, open_sealed, others_may_write, own_user, pass_lock_on, pass_socket_on,
    peer_of, private_memory_of, process_start, processes_named, processes_with, quarantine_of,
    raise_descriptor_limit, real_path, release, running_programs, seal, set_folder_mode, set_length,
    set_mode, set_mode_at, snowflake_folder, sqlite_uri_path, stderr_identity, sync_folder,
    system_config_folder, take_over_lock, take_over_socket, tell_alive, tell_ready, tell_reloading,
    tell_starting, tell_status, tell_stopping, terminate, test_out_of_descriptors, unblock_signals_in,
    user_name, wait_for_signal, waiting_at, wake, watchdog_timeout, why_not_at, write_ready_to_stderr,
};
pub use terminal::read_hidden_line;
pub use umask::{make_files_private, umask_of_caller};
pub use usage::{Usage, usage};
