//! Replaces the config file, with a copy of the one before.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::SetupError;
use crate::clients::{ClientError, Target, Written};
use crate::os::create_file;

/// Copies that are kept beside a file, at most.
const COPIES_MAX: usize = 100;

/// Replaces `file` by `text`, whole or not at all; returns where the file before is. `before` is what it is replaced in the
/// knowledge of. Links stay, and so do mode and owner; a new file is its user's alone.
pub(super) fn replace(file: &Path, before: Option<&str>, text: &str) -> Result<Option<PathBuf>> {
    let changed = || {
        let message = format!("{} has changed meanwhile, and was left alone", file.display());
        SetupError::failed(message, "run the set-up again")
    };
    let target = Target::read(file).map_err(refused)?;
    if target.before.as_deref() != before {
        return Err(changed().into());
    }
    let copy = before.map(|before| keep_copy(&target.file, before)).transpose()?;
    let written = target.write(text);
    if let (Some(copy), Err(_) | Ok(Written::Changed)) = (&copy, &written) {
        // A copy of what is still there.
        let _ = std::fs::remove_file(copy);
    }
    match written.map_err(refused)? {
        Written::Done => Ok(copy),
        Written::Changed => Err(changed().into()),
    }
}

/// The file's text; `None` if it is not there.
pub(super) fn read_if_there(file: &Path) -> Result<Option<String>> {
    Ok(Target::read(file).map_err(refused)?.before)
}

/// A file that cannot be read or replaced safely.
fn refused(error: ClientError) -> SetupError {
    const STEP: &str = "make it a file of your own that you can read and write, or name another one with SNOWGATE_CONFIG; then run \
                        the set-up again";
    let step = if matches!(error, ClientError::Io { .. }) { error.next_step() } else { STEP.to_owned() };
    SetupError::failed(format!("{:#}", anyhow::Error::new(error)), step)
}

/// Keeps `before` beside `file`, under the first name that is free.
fn keep_copy(file: &Path, before: &str) -> Result<PathBuf> {
    for number in 1..=COPIES_MAX {
        let mut name = file.as_os_str().to_owned();
        name.push(if number == 1 { ".bak".to_owned() } else { format!(".bak{number}") });
        let copy = PathBuf::from(name);
        match create_file(&copy, before.as_bytes()) {
            Ok(()) => return Ok(copy),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let message =
                    format!("cannot write {}, the copy of the config before: {error}", copy.display());
                let step = "make room in its folder, and make sure that you may write there; then run the set-up again";
                return Err(SetupError::failed(message, step).into());
            }
        }
    }
    let message =
        format!("there are {COPIES_MAX} copies of {} beside it already; nothing was written", file.display());
    Err(SetupError::failed(message, "remove those that you do not need, then run the set-up again").into())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
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
    fn mode_links_and_read_only_files_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("config.toml"), folder.path().join("deep/real.toml"));
        symlink("deep/real.toml", &link).unwrap();
        assert_eq!(replace(&link, None, "1").unwrap(), None);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "1");
        let set = |mode| fs::set_permissions(&real, fs::Permissions::from_mode(mode)).unwrap();
        set(0o640);
        let copy = replace(&link, Some("1"), "2").unwrap().unwrap();
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        fs::remove_file(copy).unwrap();
        set(0o444);
        let refused = replace(&link, Some("2"), "3").unwrap_err();
        assert!(refused.to_string().contains("read-only"), "{refused:#}");
        let code = refused.downcast_ref::<SetupError>().map(SetupError::exit_code);
        assert_eq!(
            code,
            Some(crate::cli::exit::INTERNAL),
            "a fault of a file, and none of the configuration"
        );
        assert_eq!(fs::read_to_string(&real).unwrap(), "2");
        assert_eq!(names(real.parent().unwrap()), ["real.toml"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("config.toml");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(read_if_there(&pipe).is_err());
        assert!(replace(&pipe, None, "1").is_err());
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
