//! A folder that is open: what is in it is named relative to it, whatever becomes of its path.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, fstatvfs, fsync, linkat, mkdir, openat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::disk::disk_in;
use crate::os::{Disk, FileId, FileStamp};

/// A folder that is open. Links in the place of its files are neither followed nor replaced.
#[derive(Debug)]
pub struct OpenFolder {
    descriptor: OwnedFd,
}

impl OpenFolder {
    /// Opens the folder at `path`; the last part of that is no link.
    ///
    /// # Errors
    /// The system's; `NotADirectory` for a link or a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(CWD, path, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { descriptor }),
            // What a link is told by depends on the system.
            Err(Errno::LOOP | Errno::MLINK) => Err(Errno::NOTDIR.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a folder that is its user's alone; those above it are there.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something is.
    pub fn make(path: &Path) -> io::Result<()> {
        Ok(mkdir(path, Mode::RWXU)?)
    }

    /// Makes a file that is not there yet, its user's alone.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something is, also a link.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Opens a regular file to read it, and nothing else.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for what is no regular file.
    pub fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = openat(&self.descriptor, name, flags, Mode::empty())?.into();
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Whether something has this name, also a link to nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        match statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives `file`, whose name is `from`, the name `to`, and replaces nothing.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something is, also a link; `NotFound` where `from` is another file by now.
    pub fn publish(&self, file: File, from: &str, to: &str) -> io::Result<()> {
        self.expect(&file, from)?;
        match renameat_with(&self.descriptor, from, &self.descriptor, to, RenameFlags::NOREPLACE) {
            // A file system that cannot do that has hard links.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                linkat(&self.descriptor, from, &self.descriptor, to, AtFlags::empty())?;
                unlinkat(&self.descriptor, from, AtFlags::empty())?;
            }
            renamed => renamed?,
        }
        self.expect(&file, to)?;
        // With it goes its lock.
        drop(file);
        Ok(())
    }

    /// Whether `name` is that of `file`.
    fn expect(&self, file: &File, name: &str) -> io::Result<()> {
        let found: Stat = statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let ours = file.metadata()?;
        let is_ours = FileType::from_raw_mode(found.st_mode).is_file() && found.st_ino as u64 == ours.ino();
        if is_ours { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// The names in it that are UTF-8 and `wanted`.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            names.extend(entry.file_name().to_str().ok().filter(|name| wanted(name)).map(str::to_owned));
        }
        Ok(names)
    }

    /// Its disk; whether that is a network's is not looked at.
    ///
    /// # Errors
    /// The system's.
    pub fn disk(&self) -> io::Result<Disk> {
        Ok(disk_in(&fstatvfs(&self.descriptor)?))
    }

    /// Whether `path` still leads to it.
    pub fn is_at(&self, path: &Path) -> bool {
        self.stamp().is_ok_and(|own| FileStamp::of_entry(path).is_ok_and(|found| found.id == own))
    }

    fn stamp(&self) -> io::Result<FileId> {
        let file = File::from(self.descriptor.try_clone()?);
        FileStamp::of(&file).map(|stamp| stamp.id)
    }

    /// Waits until the names in it are on disk, where the file system has that promise.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        match fsync(&self.descriptor) {
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
