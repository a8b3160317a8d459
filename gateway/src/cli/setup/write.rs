//! Replaces the config file, with a copy of the one before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Copies that are kept beside a file, at most.
const COPIES_MAX: usize = 100;

/// Replaces `file` by `text`, for its user alone, whole or not at all; returns where the file before is. `before` is what it is
/// replaced in the knowledge of.
pub(super) fn replace(file: &Path, before: Option<&str>, text: &str) -> Result<Option<PathBuf>> {
    // A link stays one.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().context("the config file is in no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let now = read_if_there(&file)?;
    if now.as_deref() != before {
        bail!("{} has changed meanwhile, and was left alone; run the set-up again", file.display());
    }
    let copy = before.map(|before| keep_copy(&file, before)).transpose()?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.snowgate-{}", std::process::id()));
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write {}", file.display()))?;
    Ok(copy)
}

/// The file's text; `None` if it is not there.
pub(super) fn read_if_there(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Keeps `before` beside `file`, under the first name that is free.
fn keep_copy(file: &Path, before: &str) -> Result<PathBuf> {
    for number in 1..=COPIES_MAX {
        let mut name = file.as_os_str().to_owned();
        name.push(if number == 1 { ".bak".to_owned() } else { format!(".bak{number}") });
        let copy = PathBuf::from(name);
        match write_new(&copy, before) {
            Ok(()) => return Ok(copy),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", copy.display())),
        }
    }
    bail!("there are {COPIES_MAX} copies beside {} already; remove some", file.display())
}

/// Writes a file that is not there, for its user alone (`os::make_files_private` has set the mask).
fn write_new(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new: File = options.write(true).create_new(true).open(file)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_new_file_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/config.toml");
        assert_eq!(replace(&file, None, "a = 1\n").unwrap(), None);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(file.parent().unwrap()), ["config.toml"]);
    }

    #[test]
    fn the_file_before_is_kept_each_time_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("config.toml"), folder.path().join("real.toml"));
        fs::write(&real, "1").unwrap();
        symlink("real.toml", &link).unwrap();
        let first = replace(&link, Some("1"), "2").unwrap().unwrap();
        let second = replace(&link, Some("2"), "3").unwrap().unwrap();
        assert_eq!(
            (fs::read_to_string(first).unwrap(), fs::read_to_string(second).unwrap()),
            ("1".into(), "2".into())
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "3");
    }

    #[test]
    fn what_has_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, "another's").unwrap();
        for before in [None, Some("ours")] {
            assert!(replace(&file, before, "new").is_err());
        }
        assert_eq!(names(folder.path()), ["config.toml"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "another's");
    }
}
