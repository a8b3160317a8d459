//! The disk behind a path.

/// Bytes of a disk that stay free whatever clients have written there: the state file, the journal and the log need some.
pub const FREE_BYTES_MIN: u64 = 256 << 20;

/// The disk behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Files that this user may still make; `None`: the file system has no bound.
    pub free_files: Option<u64>,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// The kind of a network's file system, if it is one.
    pub network: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use crate::os::{disk_of, may_write};

    #[test]
    fn a_folder_of_this_machine_has_space_and_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk_of(folder.path()).unwrap();
        assert!(disk.free_bytes > 0 && !disk.is_read_only, "{disk:?}");
        assert!(may_write(folder.path()) && !may_write(&folder.path().join("missing")));
        assert!(disk_of(&folder.path().join("missing")).is_err());
    }
}
