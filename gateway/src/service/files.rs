//! Reading the files of a service, in whose places anything may be.

use std::io;
use std::path::Path;

/// Bytes of such a file, at most.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The text of a file of a service as it was before it was encoded. What is no text is none.
pub(super) fn text_of(bytes: &[u8]) -> Option<String> {
    let Some(units) = bytes.strip_prefix(b"\xff\xfe") else { return String::from_utf8(bytes.to_vec()).ok() };
    let units: Vec<u16> = units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(String::from_utf16(&units).ok()?.replace("\r\n", "\n"))
}

/// What is in a file. It is never waited for.
///
/// # Errors
/// Those of [`crate::os::read_whole`]: a larger file is none of ours.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    crate::os::read_whole(path, FILE_BYTES_MAX)
}
