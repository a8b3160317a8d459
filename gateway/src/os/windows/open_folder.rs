//! A folder that is open: while it is, it can be neither moved nor removed, so its path leads to it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::ERROR_ALREADY_EXISTS;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_SHARE_READ, FILE_SHARE_WRITE, MOVEFILE_WRITE_THROUGH,
    MoveFileExW, SYNCHRONIZE,
};

use snowgate_link::os::wide_path;

use super::disk::disk_of;
use super::files::create_private;
use super::folders::make_private_folders;
use super::{check, is_error};
use crate::os::{Disk, FileStamp};

/// A folder that is open. Links in the place of its files are neither followed nor replaced.
#[derive(Debug)]
pub struct OpenFolder {
    path: PathBuf,
    handle: File,
}

impl OpenFolder {
    /// Opens the folder at `path`; the last part of that is no link.
    ///
    /// # Errors
    /// The system's; `NotADirectory` for a link or a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options
            .access_mode(FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        let handle = options.open(path)?;
        let found = handle.metadata()?;
        if !found.is_dir() || found.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: path.to_owned(), handle })
    }

    /// Makes a folder that is its user's alone; those above it are there.
    ///
    /// # Errors
    /// The system's.
    pub fn make(path: &Path) -> io::Result<()> {
        make_private_folders(path)
    }

    /// Makes a file that is not there yet, its user's alone.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something is, also a link.
    pub fn create(&self, name: &str) -> io::Result<File> {
        create_private(&self.path.join(name))
    }

    /// Opens a regular file to read it, and nothing else.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for what is no regular file.
    pub fn read(&self, name: &str) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
            .open(self.path.join(name))?;
        let found = file.metadata()?;
        let is_link = found.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0;
        if found.is_file() && !is_link { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Whether something has this name, also a link to nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        match std::fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives `file`, whose name is `from`, the name `to`, and replaces nothing.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something is, also a link; `NotFound` where `from` is another file by now.
    pub fn publish(&self, file: File, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        let ours = FileStamp::of(&file)?.id;
        if FileStamp::of_entry(&from)?.id != ours {
            return Err(io::ErrorKind::NotFound.into());
        }
        // Some systems move no file that is open.
        drop(file);
        let (from, new) = (wide_path(&from), wide_path(&to));
        // SAFETY: two names that end with NUL.
        match check(unsafe { MoveFileExW(from.as_ptr(), new.as_ptr(), MOVEFILE_WRITE_THROUGH) }) {
            Err(error) if is_error(&error, ERROR_ALREADY_EXISTS) => Err(io::ErrorKind::AlreadyExists.into()),
            moved => moved,
        }?;
        if FileStamp::of_entry(&to)?.id == ours { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    /// The names in it that are Unicode and `wanted`.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| wanted(name)));
        }
        Ok(names)
    }

    /// Its disk.
    ///
    /// # Errors
    /// The system's.
    pub fn disk(&self) -> io::Result<Disk> {
        disk_of(&self.path)
    }

    /// Whether `path` still leads to it.
    pub fn is_at(&self, path: &Path) -> bool {
        let own = FileStamp::of(&self.handle);
        own.is_ok_and(|own| FileStamp::of_entry(path).is_ok_and(|found| found.id == own.id))
    }

    /// Names are on disk once [`OpenFolder::publish`] has returned.
    ///
    /// # Errors
    /// None.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
