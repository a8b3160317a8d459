//! What Linux and macOS do in the same way. The functions are those of `windows`.

mod activation;
mod descriptors;
mod disk;
mod ending;
mod file_access;
mod file_id;
mod files;
mod folders;
mod listeners;
mod notify;
mod open_folder;
mod path_listener;
mod places;
mod programs;
mod release;
mod secrets;
mod shim_listener;
mod signals;
mod standard_streams;
mod successor;
mod terminal;
mod trust;
mod users;

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
pub use listeners::is_reached_at;
pub use notify::{
    tell_alive, tell_ready, tell_reloading, tell_starting, tell_status, tell_stopping, watchdog_timeout,
};
pub use open_folder::OpenFolder;
pub use path_listener::{HAS_PATH_LISTENERS, PathConnection, PathListener};
pub use places::{home_variable, snowflake_folder, sqlite_uri_path, system_config_folder};
pub use programs::{ProcessGroup, open_in_browser};
pub use release::release;
pub use secrets::{open_sealed, seal};
pub use shim_listener::{LinkConnection, ShimListener, has_peer_gone, peer_of, waiting_at, why_not_at};
pub use signals::{EndSignals, block_signals, unblock_signals_in, wait_for_signal, wake};
pub use standard_streams::{empty_stderr, is_reader_gone_within, stderr_identity, write_ready_to_stderr};
pub use successor::{
    PassedNumber, hand_over_to, pass_lock_on, pass_socket_on, take_over_lock, take_over_socket,
};
pub use trust::{is_executable, is_of_a_process, is_program, others_may_write, real_path, set_folder_mode};
pub use users::own_user;

pub use super::kernel::{
    control_groups, environment_of, private_memory_of, process_start, processes_named, processes_with,
    quarantine_of, running_programs, user_name,
};

#[cfg(test)]
pub use programs::program_that_waits;

pub(super) use super::kernel::{cpu, memory_bytes};
pub(super) use file_access::{access_at, access_of};
pub(super) use file_id::{stamp_at, stamp_of, stamp_of_entry};
pub(super) use files::{open_regular, rename_over};
pub(super) use programs::{
    DEFAULT_PATH, Handle, program_file, read_ready, read_without_waiting, system_browser,
};
pub(super) use terminal::HiddenKeys;
