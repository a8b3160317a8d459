//! Reading the files of a service, in whose places anything may be.

use std::io;
use std::path::Path;

/// Bytes of such a file, at most.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is in a file. It is never waited for.
///
/// # Errors
/// Those of [`crate::os::read_whole`]: a larger file is none of ours.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    crate::os::read_whole(path, FILE_BYTES_MAX)
}
