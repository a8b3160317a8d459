//! System calls about the process itself: signals, descriptors, what its service manager gives it and is told; other processes,
//! disks, and permissions of files. Below every folder.

mod activation;
mod descriptors;
mod disk;
mod environment;
mod files;
mod listeners;
mod notify;
mod processes;
#[cfg(unix)]
mod programs;
mod signals;
#[cfg(unix)]
mod terminal;
mod umask;
mod usage;

pub use activation::{ACTIVATION_VARIABLES, LAUNCHD_SOCKET, activated_sockets, garbled_activation};
pub use descriptors::{
    RAISE_LIMIT, descriptor_limit, is_out_of_descriptors, open_descriptors, raise_descriptor_limit,
    test_out_of_descriptors,
};
pub use disk::{Disk, disk_of, may_write};
pub use environment::environment_of;
pub use files::{
    PRIVATE, READABLE, copy_mode_and_owner, create_file, read_whole, replace_file, replace_file_if,
    replace_locked, replace_often, set_mode, sync_folder,
};
pub use listeners::is_reached_at;
pub use notify::{
    tell_alive, tell_ready, tell_reloading, tell_starting, tell_status, tell_stopping, watchdog_timeout,
};
pub use processes::{Found, processes_named, processes_with, running_programs};
#[cfg(unix)]
pub use programs::{RunError, Said, folders_of_path, program, run_bounded};
pub use signals::{Signal, block_signals, unblock_signals_in, wait_for_signal, wake};
#[cfg(unix)]
pub use terminal::read_hidden_line;
pub use umask::{make_files_private, umask_of_caller};
pub use usage::{Usage, usage};
