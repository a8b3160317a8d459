//! Permissions of files that are replaced.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Gives `file` the mode and the owner that `like` has. The owner only if it is another one: only root may do that.
///
/// # Errors
/// The system's.
pub fn copy_mode_and_owner(file: &File, like: &Metadata) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
        let owner = (now.uid() != like.uid()).then_some(like.uid());
        fchown(file, owner, Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

/// Waits until the names in `folder` are on disk; file systems that cannot say so count as done.
pub fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
