//! Calls that neither std nor rustix has: what keeps a gateway clear of its client's leftovers.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

unsafe extern "C" {
    fn close(fd: c_int) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    #[cfg(target_os = "linux")]
    fn syscall(number: std::ffi::c_long, ...) -> std::ffi::c_long;
    #[cfg(not(target_os = "linux"))]
    fn getpeereid(fd: c_int, uid: *mut u32, gid: *mut u32) -> c_int;
    #[cfg(target_os = "macos")]
    fn proc_pidpath(pid: c_int, buffer: *mut u8, size: u32) -> c_int;
}

/// Room for the set of any system; all zero, it is empty.
type SignalSet = [u64; 16];

/// SIG_SETMASK.
const SET_MASK: c_int = if cfg!(target_os = "linux") { 2 } else { 3 };

/// Descriptors above this are left alone where each is a call of its own.
const DESCRIPTORS_MAX: u64 = 65_536;

/// The number of the highest signal.
const SIGNALS_MAX: c_int = 64;

/// SIGPIPE, the same number everywhere: std ignores it in every program and resets it in those it starts.
const SIGPIPE: c_int = 13;

/// Closes every descriptor above the standard streams. Call before this process has opened any: they were
/// leaked by those who started it, and would stay open, their locks held, for as long as a gateway lives.
pub(super) fn close_inherited() {
    #[cfg(target_os = "linux")]
    {
        /// The same on every architecture that Rust's std supports.
        const CLOSE_RANGE: std::ffi::c_long = 436;
        // SAFETY: no descriptor above 2 has an owner in this process (see above); the call takes numbers only.
        if unsafe { syscall(CLOSE_RANGE, 3, u32::MAX, 0) } == 0 {
            return;
        }
    }
    // Kernels before 5.9, other systems. (Listing them would add 3 kB to the shim.)
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let end = limit.map_or(DESCRIPTORS_MAX, |limit| limit.min(DESCRIPTORS_MAX));
    for fd in 3..c_int::try_from(end).unwrap_or(c_int::MAX) {
        // SAFETY: as above. One that is not open is an error, which does not matter.
        unsafe { close(fd) };
    }
}

/// Gives every signal its default action and blocks none: what a client ignores (`nohup`, SIGCHLD) or blocks
/// is passed on to the programs that this process starts.
pub(super) fn reset_signals() {
    // SAFETY: an empty set, which is only read; the old one is not asked for.
    unsafe { sigprocmask(SET_MASK, &[0; 16], ptr::null_mut()) };
    for number in (1..=SIGNALS_MAX).filter(|number| *number != SIGPIPE) {
        // SAFETY: 0 is SIG_DFL; no handler of this process is replaced, which has none at its start. KILL and
        // STOP are refused.
        unsafe { signal(number, 0) };
    }
}

/// See `macos::peer_user`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_uid(stream: &impl std::os::fd::AsRawFd) -> Option<u32> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: an open descriptor, and two numbers to write to.
    (unsafe { getpeereid(stream.as_raw_fd(), &raw mut uid, &raw mut gid) } == 0).then_some(uid)
}

/// See `macos::executable_of`. Source: `proc_pidpath(3)` of libproc, which is part of libSystem.
#[cfg(target_os = "macos")]
pub(crate) fn executable_of(pid: u32) -> Option<std::path::PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    /// PROC_PIDPATHINFO_MAXSIZE.
    const PATH_BYTES_MAX: u32 = 4096;
    let mut path = vec![0; PATH_BYTES_MAX as usize];
    // SAFETY: room for as many bytes as are said.
    let length = unsafe { proc_pidpath(c_int::try_from(pid).ok()?, path.as_mut_ptr(), PATH_BYTES_MAX) };
    path.truncate(usize::try_from(length).ok().filter(|&length| length > 0)?);
    Some(std::ffi::OsString::from_vec(path).into())
}

/// No call for it is known here.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn executable_of(_pid: u32) -> Option<std::path::PathBuf> {
    None
}
