//! How many files the system lets this process have open.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::os::kernel::DESCRIPTORS;

/// What to do about a limit that is too low. A restart keeps the limit, so it does not help.
pub const RAISE_LIMIT: &str = "raise the hard limit of open files (`ulimit -Hn`, /etc/security/limits.conf, or \
                               LimitNOFILE= of the systemd unit), then run `snowgate stop`";

/// The most that a system may allow which calls its hard limit infinite and yet refuses more (macOS).
const FALLBACK_LIMIT: u64 = 10_240;

/// Every session is a descriptor: takes as many as the system lets this user have.
///
/// # Errors
/// The system's; the limit stays what it was.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(());
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if raised.is_ok() || limit.current.is_some_and(|current| current >= FALLBACK_LIMIT) {
        return Ok(raised?);
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(FALLBACK_LIMIT), ..limit })?)
}

/// How many descriptors this process may have; `None`: any number.
pub fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many descriptors are open, at least: three where the system does not tell.
pub fn open_descriptors() -> u64 {
    let count = std::fs::read_dir(DESCRIPTORS).map_or(0, Iterator::count);
    // The one that looks is among them.
    u64::try_from(count.saturating_sub(1)).unwrap_or(0).max(3)
}

/// Whether `error` says that there are no descriptors left, in this process or in the system.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE))
}

/// Whether there are none left now, for errors that do not say.
pub fn test_out_of_descriptors() -> bool {
    open_nothing().is_err_and(|error| is_out_of_descriptors(&error))
}

/// A file in which nothing is, for its descriptor.
///
/// # Errors
/// The system's.
pub fn open_nothing() -> io::Result<File> {
    File::open("/dev/null")
}
