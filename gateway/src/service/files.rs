//! Reading the files of a service, in whose places anything may be.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Bytes of a file that are read, at most.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is in a file, [`FILE_BYTES_MAX`] of it at most. It is never waited for: a pipe in its place has no end.
///
/// # Errors
/// The system's, and what is no regular file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_read_and_no_more_than_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unit");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        for odd in [path.as_path(), folder.path(), Path::new("/dev/null")] {
            assert_eq!(read(odd).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{}", odd.display());
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
        assert_eq!(read(&path).unwrap().len() as u64, FILE_BYTES_MAX);
    }
}
