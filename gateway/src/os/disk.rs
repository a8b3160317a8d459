//! The disk behind a path.

use std::io;

/// Bytes of a disk that stay free whatever clients have written there: the state file, the journal and the log need some.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// So many parts of a disk, at most, is one of them that stays free: half of a small one would be too much.
const FREE_PARTS: u64 = 20;

/// The disk behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its size in bytes, as far as this user may use it.
    pub bytes: u64,
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Files that this user may still make; `None`: the file system has no bound.
    pub free_files: Option<u64>,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// The kind of a network's file system, if it is one.
    pub network: Option<&'static str>,
}

impl Disk {
    /// Bytes of it that stay free whatever clients have written there: 256 MiB, of a disk of less than 5 GiB a twentieth.
    pub fn bytes_to_leave(&self) -> u64 {
        FREE_BYTES_MIN.min(self.bytes / FREE_PARTS)
    }
}

/// Why nothing more is written to a disk of which `left` bytes stay free.
pub fn full_disk(left: u64) -> io::Error {
    let message = format!("its disk has less than {} MiB left, which stay free", left.div_ceil(1 << 20));
    io::Error::new(io::ErrorKind::StorageFull, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{disk_of, may_write};

    #[test]
    fn of_a_small_disk_a_part_stays_free_and_of_a_large_one_no_more_than_is_needed() {
        let disk =
            |bytes| Disk { bytes, free_bytes: 0, free_files: None, is_read_only: false, network: None };
        assert_eq!(disk(64 << 20).bytes_to_leave(), (64 << 20) / 20);
        assert_eq!(disk(1 << 40).bytes_to_leave(), 256 << 20);
        assert_eq!(full_disk(1000).to_string(), "its disk has less than 1 MiB left, which stay free");
    }

    #[test]
    fn a_folder_of_this_machine_has_space_and_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk_of(folder.path()).unwrap();
        assert!(disk.free_bytes > 0 && disk.bytes >= disk.free_bytes && !disk.is_read_only, "{disk:?}");
        assert!(may_write(folder.path()) && !may_write(&folder.path().join("missing")));
        assert!(disk_of(&folder.path().join("missing")).is_err());
    }
}
