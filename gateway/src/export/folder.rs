//! The folder that a profile allows.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::part::is_part;
use crate::os::{OpenFolder, others_may_write, real_path};

/// Why files cannot be written to a folder.
#[derive(Debug)]
pub enum FolderProblem {
    /// It is a link, or a file.
    NoFolder,
    /// It is not there, and neither is the folder above it.
    NoParent,
    /// Others than this user could put a link or a file in it, or another folder in its place.
    OthersMayWrite,
    /// The system refuses.
    System(io::Error),
}

impl fmt::Display for FolderProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder => formatter.write_str("is a link or a file, and no folder"),
            Self::NoParent => formatter.write_str("does not exist, and neither does the folder above it"),
            Self::OthersMayWrite => {
                formatter.write_str("can be written by other users, or a folder above it can")
            }
            Self::System(error) => write!(formatter, "cannot be used: {error}"),
        }
    }
}

impl From<io::Error> for FolderProblem {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotADirectory { Self::NoFolder } else { Self::System(error) }
    }
}

/// A folder for exports, open: a link that is put in its place, or in that of a file in it, leads nowhere.
#[derive(Debug)]
pub struct ExportFolder {
    path: PathBuf,
    pub(super) open: OpenFolder,
}

impl ExportFolder {
    /// Opens the folder at `path`, and makes it where the one above it is there.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn open(path: &Path) -> Result<Self, FolderProblem> {
        let open = match OpenFolder::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path)?,
            opened => opened?,
        };
        let real = real_path(path)?;
        // Also on the way there: what is checked is what is open.
        if !open.is_at(&real) {
            return Err(FolderProblem::NoFolder);
        }
        if others_may_write(&real) {
            return Err(FolderProblem::OthersMayWrite);
        }
        Ok(Self { path: path.to_owned(), open })
    }

    fn make(path: &Path) -> Result<OpenFolder, FolderProblem> {
        match path.parent() {
            Some(parent) if parent.is_dir() => {}
            _ => return Err(FolderProblem::NoParent),
        }
        match OpenFolder::make(path) {
            // Another export was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        Ok(OpenFolder::open(path)?)
    }

    /// Bytes of its disk that stay free; what is wrong with that is found when it is written to.
    pub fn bytes_to_leave(&self) -> u64 {
        self.open.disk().map_or(0, |disk| disk.bytes_to_leave())
    }

    /// The path of the file `name` in it.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether something has this name.
    ///
    /// # Errors
    /// The system's.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        self.open.has(name)
    }

    /// Whether its path still leads to it.
    pub(super) fn is_in_place(&self) -> bool {
        self.open.is_at(&self.path)
    }

    /// Removes what gateways have left that were killed while they wrote; what one still writes is locked.
    pub fn sweep(&self) {
        for name in self.open.names(is_part).unwrap_or_default() {
            let Ok(file) = self.open.read(&name) else { continue };
            if file.try_lock().is_ok() && self.open.remove(&name).is_ok() {
                tracing::info!("a file that a killed gateway had begun to export was removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_made_below_one_that_is_there_and_is_its_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("exports");
        let folder = ExportFolder::open(&path).unwrap();
        assert!(path.is_dir() && folder.is_in_place());
        assert!(!crate::os::FileAccess::at(&path).unwrap().is_open_to_others());
        ExportFolder::open(&path).unwrap();
        let problem = ExportFolder::open(&home.path().join("a/b")).unwrap_err();
        assert!(matches!(problem, FolderProblem::NoParent), "{problem}");
        fs::write(home.path().join("file"), "").unwrap();
        let problem = ExportFolder::open(&home.path().join("file")).unwrap_err();
        assert!(matches!(problem, FolderProblem::NoFolder), "{problem}");
        crate::os::set_mode_at(&path, 0o777).unwrap();
        let problem = ExportFolder::open(&path).unwrap_err();
        assert!(matches!(problem, FolderProblem::OthersMayWrite), "{problem}");
    }

    #[test]
    fn what_a_killed_gateway_left_is_removed_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = ExportFolder::open(&home.path().join("exports")).unwrap();
        let at = |name: &str| folder.path_of(name);
        let (dead, live) = (at(".a.csv.0123456789abcdef.part"), at(".b.csv.0123456789abcdef.part"));
        for path in [&dead, &live, &at("a.csv"), &at(".a.csv.part"), &at(".a.csv.0123456789abcdeg.part")] {
            fs::write(path, "x").unwrap();
        }
        let writer = fs::File::options().write(true).open(&live).unwrap();
        writer.try_lock().unwrap();
        folder.sweep();
        assert!(!dead.exists() && live.exists());
        assert_eq!(fs::read_dir(home.path().join("exports")).unwrap().count(), 4);
        drop(writer);
        folder.sweep();
        assert!(!live.exists());
    }
}
