//! Folders that are their user's alone, and so is what is made in them.

use std::io;
use std::path::Path;

use snowgate_link::os::make_parents;

use super::files::set_mode_at;

const PRIVATE_FOLDER: u32 = 0o700;

/// Makes a folder, and those above it that are missing, for their user alone. One that is there stays as it is.
///
/// # Errors
/// The system's.
pub fn make_private_folders(path: &Path) -> io::Result<()> {
    make_parents(path)
}

/// The same, and a folder that is there becomes its user's alone, with what is in it.
///
/// # Errors
/// The system's.
pub fn make_folder_private(path: &Path) -> io::Result<()> {
    make_private_folders(path)?;
    set_mode_at(path, PRIVATE_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::FileAccess;
    use crate::os::test_support::lacks_in_wine;

    #[test]
    fn what_is_made_in_a_private_folder_is_private_too() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a").join("é 日本");
        make_private_folders(&deep).unwrap();
        make_private_folders(&deep).unwrap();
        std::fs::write(deep.join("file"), "").unwrap();
        std::fs::create_dir(deep.join("folder")).unwrap();
        for (path, mode) in [(deep.clone(), 0o700), (deep.join("folder"), 0o700), (deep.join("file"), 0o600)]
        {
            if path != deep && lacks_in_wine("passes no access list down") {
                continue;
            }
            let access = FileAccess::at(&path).unwrap();
            assert_eq!(access.mode, mode, "{} {access:?}", path.display());
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        make_private_folders(&file.join("below")).unwrap_err();
    }

    #[test]
    fn a_folder_that_is_there_becomes_private() {
        let folder = tempfile::tempdir().unwrap();
        set_mode_at(folder.path(), 0o777).unwrap();
        assert!(FileAccess::at(folder.path()).unwrap().is_writable_by_others());
        make_folder_private(folder.path()).unwrap();
        assert_eq!(FileAccess::at(folder.path()).unwrap().mode, 0o700);
    }
}
