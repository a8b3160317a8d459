//! One config file of a client: read whole, replaced whole.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::ClientError;
use crate::os::{
    FileAccess, FileStamp, PRIVATE, copy_access, read_whole, real_path, replace_file_if, set_folder_mode,
    set_mode,
};

/// Larger files are no configs. Claude Code's own file, which also has its history, is the largest that there is.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;

/// How many links are followed to a file that is not there, as many as Linux follows.
const LINKS_MAX: usize = 40;

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct Target {
    /// The file itself, behind all links.
    pub(crate) file: PathBuf,
    /// What was in it; `None` if it was not there.
    pub(crate) before: Option<String>,
    /// The mode that it gets if it is new.
    new_mode: u32,
}

/// How a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The file is the new one.
    Done,
    /// Another program has changed it since it was read; nothing was written.
    Changed,
}

/// Why a file is not replaced.
enum Unwritten {
    Client(ClientError),
    Io(io::Error),
}

impl From<ClientError> for Unwritten {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Target {
    /// Reads what is at `path`, which may be a link.
    ///
    /// # Errors
    /// It is no file, too large, not text, or cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, ClientError> {
        let file = behind_links(path);
        let before = match fs::metadata(&file) {
            Err(error) if is_absent(&error) => None,
            Err(source) => return Err(failed("read", &file, source)),
            Ok(metadata) if !metadata.is_file() => return Err(ClientError::NoFile { path: path.to_owned() }),
            Ok(_) => Some(read_text(&file)?),
        };
        Ok(Self { file, before, new_mode: PRIVATE })
    }

    /// The same, with the mode that the file gets if it is new. Folders that are made for it can be entered by those who may
    /// read it.
    pub(crate) fn with_new_mode(self, new_mode: u32) -> Self {
        Self { new_mode, ..self }
    }

    /// What is in the file; nothing if it is not there.
    pub(crate) fn text(&self) -> &str {
        self.before.as_deref().unwrap_or_default()
    }

    /// The folders that a write has to make, the outermost first.
    pub(crate) fn missing_folders(&self) -> Vec<PathBuf> {
        let folders = self.file.ancestors().skip(1).take_while(|folder| !folder.exists());
        let mut missing: Vec<_> = folders.map(Path::to_owned).collect();
        missing.reverse();
        missing
    }

    /// Replaces the file, or makes it, with the folders that it needs. Mode and owner stay.
    ///
    /// # Errors
    /// It is read-only, or the system refuses.
    pub(crate) fn write(&self, text: &str) -> Result<Written, ClientError> {
        let before = self.check_writable()?;
        self.make_folders()?;
        let finish = |new: &File| match &before {
            Some(_) => Ok(copy_access(new, &self.file).map_err(|source| self.not_given(source))?),
            None => Ok(set_mode(new, self.new_mode)?),
        };
        let written = replace_file_if(&self.file, text.as_bytes(), finish, || Ok(self.is_as_it_was()?));
        match written {
            Ok(true) => Ok(Written::Done),
            Ok(false) => Ok(Written::Changed),
            Err(Unwritten::Client(error)) => Err(error),
            Err(Unwritten::Io(source)) => {
                Err(failed("write to", self.file.parent().unwrap_or(&self.file), source))
            }
        }
    }

    fn make_folders(&self) -> Result<(), ClientError> {
        for folder in self.missing_folders() {
            let fail = |source| failed("make", &folder, source);
            match fs::create_dir(&folder) {
                // Another program has made it meanwhile, and says who may enter it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(fail)?,
            }
            set_folder_mode(&folder, self.new_mode | ((self.new_mode & 0o444) >> 2)).map_err(fail)?;
        }
        Ok(())
    }

    /// Removes the file.
    ///
    /// # Errors
    /// It is read-only, or the system refuses.
    pub(crate) fn delete(&self) -> Result<Written, ClientError> {
        self.check_writable()?;
        if !self.is_as_it_was()? {
            return Ok(Written::Changed);
        }
        fs::remove_file(&self.file).map_err(|source| failed("remove", &self.file, source))?;
        Ok(Written::Done)
    }

    /// The file's metadata, if it is there.
    ///
    /// # Errors
    /// It may not be written, or has several names.
    pub(crate) fn check_writable(&self) -> Result<Option<Metadata>, ClientError> {
        let read_only = || ClientError::ReadOnly { path: self.file.clone() };
        match fs::metadata(&self.file) {
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(failed("read", &self.file, source)),
            // Replacing it would be possible, and is not meant to be.
            Ok(metadata) if metadata.permissions().readonly() => Err(read_only()),
            // Of the names that one file has, only one would get the new text.
            Ok(_) if FileStamp::at(&self.file).is_ok_and(|found| found.names > 1) => {
                Err(ClientError::HardLinked { path: self.file.clone() })
            }
            Ok(metadata) => match OpenOptions::new().write(true).open(&self.file) {
                Ok(_) => Ok(Some(metadata)),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                    ) =>
                {
                    Err(read_only())
                }
                Err(source) => Err(failed("write to", &self.file, source)),
            },
        }
    }

    /// The new file cannot be made like the one before.
    fn not_given(&self, source: io::Error) -> ClientError {
        let owner =
            FileAccess::at(&self.file).map_or_else(|_| "another user".to_owned(), |found| found.owner);
        ClientError::Owner { path: self.file.clone(), owner, source }
    }

    fn is_as_it_was(&self) -> Result<bool, ClientError> {
        Ok(Self::read(&self.file)?.before == self.before)
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> ClientError {
    ClientError::Io { what, path: path.to_owned(), source }
}

/// Not there, nor is a folder of its path.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_text(file: &Path) -> Result<String, ClientError> {
    let fail = |source| failed("read", file, source);
    let bytes = read_whole(file, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => ClientError::TooLarge { path: file.to_owned(), bytes_max: FILE_BYTES_MAX },
        ErrorKind::InvalidInput => ClientError::NoFile { path: file.to_owned() },
        _ => fail(error),
    })?;
    String::from_utf8(bytes).map_err(|_| ClientError::NotText { path: file.to_owned() })
}

/// Where a path leads, behind the links of each of its parts, whether they are there or not: it is the same before the file is made
/// and afterwards. A path with more than [`LINKS_MAX`] links stays as it is.
pub(crate) fn behind_links(path: &Path) -> PathBuf {
    if let Ok(real) = real_path(path) {
        return real;
    }
    let Ok(path) = std::path::absolute(path) else { return path.to_owned() };
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut real, mut left, mut links) = (PathBuf::new(), parts(&path), 0);
    while let Some(part) = left.pop() {
        // No part of it is a link, so the folder above is the one that is meant.
        if part == "." {
            continue;
        }
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        match fs::read_link(&next) {
            Ok(_) if links == LINKS_MAX => return path,
            Ok(to) => {
                links += 1;
                left.extend(parts(&to));
            }
            Err(_) => real = next,
        }
    }
    real
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn written(path: &Path, text: &str) -> Result<Written, ClientError> {
        Target::read(path)?.write(text)
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("link"), folder.path().join("real"));
        fs::write(&real, "old").unwrap();
        symlink("real", &link).unwrap();
        assert_eq!(written(&link, "new").unwrap(), Written::Done);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    }

    #[test]
    fn a_link_to_nothing_gets_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("link"), folder.path().join("deep/real"));
        symlink("deep/real", &link).unwrap();
        assert_eq!(written(&link, "new").unwrap(), Written::Done);
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    }

    #[test]
    fn a_file_has_one_path_before_it_is_made_and_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("data/homes/ada")).unwrap();
        symlink("data/homes", root.join("homes")).unwrap();
        symlink(root.join("homes/ada"), root.join("home")).unwrap();
        // Links to what is not there: of a file, of a folder, over another link, and through `..`.
        symlink("../dotfiles/cursor/./mcp.json", root.join("home/file")).unwrap();
        symlink(root.join("home/stow"), root.join("home/folder")).unwrap();
        symlink("folder/../elsewhere/x", root.join("home/chain")).unwrap();
        for name in ["plain/x", "file", "folder/x", "chain", "missing/../y", "./z"] {
            let path = root.join("home").join(name);
            let before = behind_links(&path);
            assert!(before.starts_with(root.join("data/homes")), "{name}: {}", before.display());
            fs::create_dir_all(before.parent().unwrap()).unwrap();
            fs::write(&before, "").unwrap();
            assert_eq!(behind_links(&path), before, "{name}");
            if name != "missing/../y" {
                assert_eq!(path.canonicalize().unwrap(), before, "{name}");
            }
        }
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(behind_links(&root.join("loop")), root.join("loop"));
    }

    #[test]
    fn the_mode_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        written(&file, "new").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_new_file_has_its_mode_and_so_have_the_folders_that_are_made_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (name, of_file, of_folder) in
            [("private", 0o600, 0o700), ("shared", 0o644, 0o755), ("group", 0o640, 0o750)]
        {
            let file = folder.path().join(name).join("deep/file");
            Target::read(&file).unwrap().with_new_mode(of_file).write("new").unwrap();
            assert_eq!((mode(&file), mode(file.parent().unwrap())), (of_file, of_folder), "{name}");
            assert_eq!(mode(&folder.path().join(name)), of_folder);
            Target::read(&file).unwrap().with_new_mode(0o666).write("newer").unwrap();
            assert_eq!(mode(&file), of_file, "one that was there keeps its mode");
        }
        let usual = folder.path().join("usual");
        written(&usual, "new").unwrap();
        assert_eq!(mode(&usual), 0o600);
    }

    #[test]
    fn a_file_that_changes_after_it_was_read_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        let target = Target::read(&file).unwrap();
        fs::write(&file, "another's").unwrap();
        assert_eq!(target.write("ours").unwrap(), Written::Changed);
        assert_eq!(target.delete().unwrap(), Written::Changed);
        assert_eq!(fs::read_to_string(&file).unwrap(), "another's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file is left beside it");
    }

    #[test]
    fn what_is_no_small_text_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        assert!(matches!(Target::read(folder.path()), Err(ClientError::NoFile { .. })));
        fs::write(path("bytes"), [0xff, 0xfe, 0x00]).unwrap();
        assert!(matches!(Target::read(&path("bytes")), Err(ClientError::NotText { .. })));
        fs::File::create(path("large")).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(matches!(Target::read(&path("large")), Err(ClientError::TooLarge { .. })));
        fs::File::create(path("largest")).unwrap().set_len(FILE_BYTES_MAX).unwrap();
        assert!(Target::read(&path("largest")).is_ok());
        fs::write(path("fixed"), "old").unwrap();
        fs::set_permissions(path("fixed"), fs::Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(written(&path("fixed"), "new"), Err(ClientError::ReadOnly { .. })));
        assert_eq!(fs::read_to_string(path("fixed")).unwrap(), "old");
    }

    #[test]
    fn a_file_with_two_names_keeps_both() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        fs::write(&file, "old").unwrap();
        fs::hard_link(&file, &other).unwrap();
        assert!(matches!(written(&file, "new"), Err(ClientError::HardLinked { .. })));
        assert!(matches!(Target::read(&file).unwrap().delete(), Err(ClientError::HardLinked { .. })));
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        fs::remove_file(&other).unwrap();
        assert_eq!(written(&file, "new").unwrap(), Written::Done);
    }

    #[test]
    fn missing_folders_are_named_and_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/file");
        let target = Target::read(&file).unwrap();
        let missing = target.missing_folders();
        target.write("new").unwrap();
        assert_eq!(missing, [folder.path().join("a"), folder.path().join("a/b")]);
    }
}
