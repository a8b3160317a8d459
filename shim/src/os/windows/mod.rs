//! Windows. `user`, `security` and `access` have security identifiers and access lists, `pipe` the connection to a gateway, `place` where
//! it listens, `locks` locks of files, `start` what keeps a gateway clear of its client, `requests` how this process hears that
//! it is to end.
#![allow(unsafe_code)]

mod access;
mod locks;
mod pipe;
mod place;
mod requests;
mod security;
mod start;
mod stdio;
mod user;
mod wide;

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;

pub use access::{entry, make_parents, make_private_dir, make_private_step, open_private};
pub use access::{private_file, private_folder, private_pipe};
pub use locks::{holder_of_mark, mark, try_lock, try_lock_shared};
pub use pipe::{Stream, connect, peer_user, user_of_process};
pub use place::{
    NO_HOME_STEP, OTHER_SOCKET, OWN_SOCKET, SHORTER_SOCKET, SOCKET_PATH_BYTES_MAX, named_place, run_dir,
    socket_in,
};
pub use requests::ExitRequests;
pub use security::{ADMINISTRATORS, Descriptor, Grant, SYSTEM, is_trusted, rights_of_others};
pub use start::*;
pub use stdio::*;
pub use user::{User, user};
pub use wide::{text_at, text_of, wide, wide_path};

/// What ends the process whose number stands behind it, at once.
pub const KILL: &str = "taskkill /F /PID";

/// Files are made private one by one here, and folders by what they inherit: there is no mask.
pub fn make_files_private() -> u32 {
    0
}

/// Reads from `file` at `offset`.
///
/// # Errors
/// The system's.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(bytes, offset)
}

/// The system's error, if a call says with 0 that it has failed.
fn check(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
