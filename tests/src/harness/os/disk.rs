//! A small disk that can be full: a tmpfs, which only a user who may mount can have.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

/// What takes up the space of a full disk.
const FILLER: &str = "filler";

/// Looks for space that is left, at most: whoever else has files there may give some back meanwhile.
const LOOKS_MAX: usize = 100;

/// A mounted disk; dropping it unmounts it, and with it goes everything on it.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `bytes` on `folder`, for this user alone.
    ///
    /// # Errors
    /// This user may not mount.
    ///
    /// # Panics
    /// Never: the options hold no NUL.
    pub(in crate::harness) fn mount(folder: PathBuf, bytes: u64) -> io::Result<Self> {
        let options = CString::new(format!("size={bytes},mode=0700")).expect("no NUL");
        mount("tmpfs", &folder, "tmpfs", MountFlags::empty(), &*options)?;
        Ok(Self { folder })
    }

    /// From here on nothing can be written to it.
    ///
    /// # Panics
    /// The system refuses.
    pub fn set_read_only(&self) {
        mount_remount(&self.folder, MountFlags::RDONLY, "").expect("mounting the disk anew");
    }

    /// Takes up all space that is left, until what is given back is dropped.
    ///
    /// # Errors
    /// The file system refuses more than space.
    pub fn fill(&self) -> io::Result<Full> {
        let full = Full { filler: self.folder.join(FILLER) };
        let file = File::create(&full.filler)?;
        let mut taken = 0;
        for _ in 0..LOOKS_MAX {
            let left = statvfs(&self.folder)?;
            let bytes = left.f_bavail * left.f_bsize;
            if bytes == 0 {
                break;
            }
            match fallocate(&file, FallocateFlags::empty(), taken, bytes) {
                Ok(()) => taken += bytes,
                // Somebody took some of it first: look again.
                Err(rustix::io::Errno::NOSPC) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(full)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also where a process still holds a file there: it goes once that is closed.
        let unmounted = unmount(&self.folder, UnmountFlags::DETACH);
        if !std::thread::panicking() {
            unmounted.expect("unmounting the small disk");
        }
    }
}

/// A disk without space; dropping it makes room.
#[derive(Debug)]
pub struct Full {
    filler: PathBuf,
}

impl Drop for Full {
    fn drop(&mut self) {
        let removed = fs::remove_file(&self.filler);
        if !std::thread::panicking() {
            removed.expect("removing the filler");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// How long the room of a file may take to be free that no program has open any more.
    const ROOM_PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_can_be_written_to_a_full_disk_until_there_is_room_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = match SmallDisk::mount(folder.path().to_owned(), 1 << 20) {
            Ok(disk) => disk,
            Err(error) => return println!("not tested: this user may not mount: {error}"),
        };
        let write = |name: &str| fs::write(folder.path().join(name), "x").map_err(|error| error.kind());
        assert_eq!(write("first"), Ok(()));
        let full = disk.fill().expect("filling the disk");
        assert_eq!(write("second"), Err(io::ErrorKind::StorageFull));
        drop(full);
        // A program that another test starts just then has the file open until it runs, and its room is not free before.
        let deadline = Instant::now() + ROOM_PATIENCE;
        while write("third") == Err(io::ErrorKind::StorageFull) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(write("third"), Ok(()));
    }
}
