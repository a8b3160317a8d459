//! The disk behind a path: space, whether it can be written, and whether it is on this machine.

use std::io;
use std::path::Path;

use rustix::fs::{Access, StatVfs, StatVfsMountFlags, access, statvfs};

use crate::os::Disk;
use crate::os::kernel::network_of;

/// The disk behind `path`, which exists.
///
/// # Errors
/// The system's.
pub fn disk_of(path: &Path) -> io::Result<Disk> {
    Ok(Disk { network: network_of(path), ..disk_in(&statvfs(path)?) })
}

/// What the system says of a disk, but for its kind.
pub(super) fn disk_in(found: &StatVfs) -> Disk {
    let bytes_of = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Disk {
        bytes: bytes_of(found.f_blocks),
        free_bytes: bytes_of(found.f_bavail),
        free_files: (found.f_files > 0).then_some(found.f_favail),
        is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        network: None,
    }
}

/// Whether this user may write to the folder or file at `path`.
pub fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}
