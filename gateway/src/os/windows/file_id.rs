//! Which file is at a path.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_ID_INFO, FILE_INFO_BY_HANDLE_CLASS, FILE_READ_ATTRIBUTES, FileBasicInfo, FileIdInfo,
    GetFileInformationByHandle, GetFileInformationByHandleEx,
};

use super::{check, size_of_u32};
use crate::os::{FileId, FileStamp};

pub(in crate::os) fn stamp_at(path: &Path) -> io::Result<FileStamp> {
    stamp_of(&open(path, 0)?)
}

pub(in crate::os) fn stamp_of_entry(path: &Path) -> io::Result<FileStamp> {
    stamp_of(&open(path, FILE_FLAG_OPEN_REPARSE_POINT)?)
}

/// Asks for nothing that another program could have forbidden. Folders can be opened, too.
fn open(path: &Path, flags: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flags).open(path)
}

pub(in crate::os) fn stamp_of(file: &File) -> io::Result<FileStamp> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: a handle that is open, and room for the structure.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) })?;
    let whole = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    // ReFS numbers files in 128 bits; a file system that does not know of them has 64.
    let id = match ask::<FILE_ID_INFO>(file, FileIdInfo) {
        Some(id) => {
            FileId { volume: id.VolumeSerialNumber, number: u128::from_le_bytes(id.FileId.Identifier) }
        }
        None => FileId {
            volume: u64::from(found.dwVolumeSerialNumber),
            number: whole(found.nFileIndexHigh, found.nFileIndexLow).into(),
        },
    };
    let changed = ask::<FILE_BASIC_INFO>(file, FileBasicInfo).map_or(0, |times| times.ChangeTime);
    let times = file.metadata()?;
    Ok(FileStamp {
        id,
        bytes: whole(found.nFileSizeHigh, found.nFileSizeLow),
        names: found.nNumberOfLinks.into(),
        // NTFS uses a number again with another sequence number in it, and gives a file that is made anew the time of the one that
        // had its name 15 s before (tunneling): the time says nothing more. (Wine makes it of the time of the last change.)
        created: None,
        modified: times.modified().ok(),
        changed: (changed, 0),
    })
}

/// One of the structures that the system fills in for an open file; `None` where the file system does not.
fn ask<T: Default>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS) -> Option<T> {
    let mut found = T::default();
    // SAFETY: a handle that is open, and as much room as is said; the callers name the class of `T`, which is made of numbers.
    let done = unsafe {
        GetFileInformationByHandleEx(file.as_raw_handle(), class, (&raw mut found).cast(), size_of_u32::<T>())
    };
    (done != 0).then_some(found)
}
