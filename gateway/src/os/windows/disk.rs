//! The disk behind a path: space, whether it can be written, and whether it is on this machine.

use std::fs::OpenOptions;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_WRITE_DATA, GetDiskFreeSpaceExW, GetDriveTypeW, GetVolumeInformationW,
    GetVolumePathNameW,
};
use windows_sys::Win32::System::SystemServices::FILE_READ_ONLY_VOLUME;
use windows_sys::Win32::System::WindowsProgramming::DRIVE_REMOTE;

use super::check;
use crate::os::Disk;
use snowgate_link::os::wide_path;

/// Units of a volume's path; more than the system allows for any.
const PATH_UNITS_MAX: u32 = 32_768;

/// The disk behind `path`, which exists.
///
/// # Errors
/// The system's.
pub fn disk_of(path: &Path) -> io::Result<Disk> {
    std::fs::metadata(path)?;
    let (path, mut volume) = (wide_path(path), vec![0; PATH_UNITS_MAX as usize]);
    let (mut bytes, mut free_bytes) = (0, 0);
    let mut flags = 0;
    // SAFETY: texts that end with NUL, as much room as is said, and room for the numbers that are asked for; the volume is a text
    // that ends with NUL, too, once the first call has written it.
    let (kind, has_flags) = unsafe {
        check(GetVolumePathNameW(path.as_ptr(), volume.as_mut_ptr(), PATH_UNITS_MAX))?;
        check(GetDiskFreeSpaceExW(volume.as_ptr(), &raw mut free_bytes, &raw mut bytes, ptr::null_mut()))?;
        let has_flags = GetVolumeInformationW(
            volume.as_ptr(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut flags,
            ptr::null_mut(),
            0,
        );
        (GetDriveTypeW(volume.as_ptr()), has_flags != 0)
    };
    Ok(Disk {
        bytes,
        free_bytes,
        free_files: None,
        is_read_only: has_flags && flags & FILE_READ_ONLY_VOLUME != 0,
        network: (kind == DRIVE_REMOTE).then_some("network drive"),
    })
}

/// Whether this user may write to the folder or file at `path`. For a folder the right has the same number.
pub fn may_write(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    options.access_mode(FILE_WRITE_DATA).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).is_ok()
}
