//! The disk behind a path: space, whether it can be written, and whether it is on this machine.

use std::io;
use std::path::Path;

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

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

/// The disk behind `path`, which exists.
///
/// # Errors
/// The system's.
pub fn disk_of(path: &Path) -> io::Result<Disk> {
    let found = statvfs(path)?;
    Ok(Disk {
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        free_files: (found.f_files > 0).then_some(found.f_favail),
        is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        network: network_of(path),
    })
}

/// Whether this user may write to the folder or file at `path`.
pub fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

/// Kinds of network file systems, by the numbers of statfs(2).
#[cfg(target_os = "linux")]
const NETWORKS: [(u32, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
];

#[cfg(target_os = "linux")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the kernel's numbers have 32 bits"
)]
fn network_of(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type as u32;
    NETWORKS.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network_of(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_has_space_and_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk_of(folder.path()).unwrap();
        assert!(disk.free_bytes > 0 && !disk.is_read_only, "{disk:?}");
        assert!(may_write(folder.path()) && !may_write(&folder.path().join("missing")));
        assert!(disk_of(&folder.path().join("missing")).is_err());
    }
}
