//! Folders that are their user's alone.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

const PRIVATE_FOLDER: u32 = 0o700;

/// Makes a folder, and those above it that are missing, for their user alone. One that is there stays as it is.
///
/// # Errors
/// The system's.
pub fn make_private_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path)
}

/// The same, and a folder that is there becomes its user's alone.
///
/// # Errors
/// The system's.
pub fn make_folder_private(path: &Path) -> io::Result<()> {
    make_private_folders(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(PRIVATE_FOLDER))
}
