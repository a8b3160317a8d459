//! Reading the config file, with a distinct error for every way that can fail.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Paths;
use super::error::{ConfigError, Place};
use super::lines::Lines;
use super::paths::SystemFile;
use crate::os::{self, ADMINISTRATOR, FileAccess};

/// The largest config file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the config file; `None` if there is none and none was named.
pub(super) fn read(paths: &Paths) -> Result<Option<String>, ConfigError> {
    read_checked(&paths.config_file, paths.config_named, check_owner)
}

/// Reads the user's usual config file; `None` if there is none.
pub(super) fn read_usual(path: &Path) -> Result<Option<String>, ConfigError> {
    read_checked(path, false, check_owner)
}

/// Reads the system's config file; `None` if there is none. Only root may write it, or it would protect
/// nothing.
pub(super) fn read_system(file: &SystemFile) -> Result<Option<String>, ConfigError> {
    read_checked(&file.path, file.is_named, if file.is_named { check_owner } else { check_root })
}

type Check = fn(&Path, &FileAccess) -> Result<(), ConfigError>;

fn read_checked(path: &Path, must_exist: bool, check: Check) -> Result<Option<String>, ConfigError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absent(&error) && !must_exist => return Ok(None),
        Err(error) => return Err(read_error(path, &error)),
    };
    check_type(path, &metadata)?;
    let file = File::open(path).map_err(|error| read_error(path, &error))?;
    check(path, &FileAccess::of(&file).map_err(|error| read_error(path, &error))?)?;
    decode(path, read_bounded(path, file)?).map(Some)
}

/// Reads a file that may contain secrets; `None` if there is none. Only its user may have access, as
/// Snowflake's own tools require.
pub(super) fn read_private(path: &Path) -> Result<Option<String>, ConfigError> {
    read_checked(path, false, check_private)
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Called before the file is opened, because opening a named pipe blocks until another process writes to it.
fn check_type(path: &Path, metadata: &Metadata) -> Result<(), ConfigError> {
    if metadata.is_dir() {
        return Err(file_error(path, "is a folder, not a TOML file", None));
    }
    if !metadata.is_file() {
        return Err(file_error(path, "is not a regular file", None));
    }
    Ok(())
}

/// The config decides which files the gateway serves, so only its user or root may write it.
fn check_owner(path: &Path, access: &FileAccess) -> Result<(), ConfigError> {
    if !access.is_own && !access.is_administrators {
        let message =
            format!("is owned by {}, not by you ({}) or {ADMINISTRATOR}", access.owner, os::own_user());
        return Err(file_error(path, &message, Some("copy it to a file that you own".to_owned())));
    }
    if access.is_writable_by_all() {
        let hint = os::command_to_forbid_writing(path);
        return Err(file_error(path, "is world-writable", Some(hint)));
    }
    Ok(())
}

/// The system's file holds for every user, so only root may write it.
fn check_root(path: &Path, access: &FileAccess) -> Result<(), ConfigError> {
    if !access.is_administrators {
        let message =
            format!("is owned by {}, not by {ADMINISTRATOR}, but holds for every user", access.owner);
        return Err(file_error(path, &message, Some(os::command_to_give_to_administrators(path))));
    }
    if access.is_writable_by_others() {
        return Err(file_error(
            path,
            &format!("is writable by others than {ADMINISTRATOR}, but holds for every user"),
            Some(os::command_to_protect_from_users(path)),
        ));
    }
    Ok(())
}

/// Other users must not be able to read passwords.
fn check_private(path: &Path, access: &FileAccess) -> Result<(), ConfigError> {
    check_owner(path, access)?;
    if access.is_open_to_others() {
        let message = format!("is readable by other users ({}) and may contain secrets", access.others);
        return Err(file_error(path, &message, Some(os::command_to_forbid_others(path))));
    }
    Ok(())
}

fn read_bounded(path: &Path, file: File) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| read_error(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(file_error(path, &format!("is larger than the limit of {FILE_BYTES_MAX} bytes"), None));
    }
    Ok(bytes)
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    if is_utf16(&bytes) {
        let hint =
            "save the file in UTF-8, without a byte order mark; Windows Notepad: Save As, Encoding UTF-8";
        return Err(file_error(path, "is UTF-16, not UTF-8", Some(hint.to_owned())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let readable = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let (line, column) = Lines::new(&readable).at(readable.len());
        ConfigError {
            place: Place::Position { file: path.to_owned(), line, column },
            key: None,
            message: "is not valid UTF-8".to_owned(),
            hint: Some("save the file in UTF-8".to_owned()),
        }
    })
}

/// With a byte order mark, or without one: every second byte of ASCII text is zero then, and TOML allows none.
fn is_utf16(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    has_mark || bytes.iter().take(2).filter(|byte| **byte == 0).count() == 1
}

fn read_error(path: &Path, error: &std::io::Error) -> ConfigError {
    let hint = match error.kind() {
        ErrorKind::NotFound => Some("create the file, or specify another one".to_owned()),
        ErrorKind::PermissionDenied => {
            Some("give the user who runs the gateway read access to the file and its folders".to_owned())
        }
        _ => None,
    };
    file_error(path, &format!("cannot be read: {error}"), hint)
}

fn file_error(path: &Path, message: &str, hint: Option<String>) -> ConfigError {
    ConfigError { place: Place::File(path.to_owned()), key: None, message: message.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Option<String>, ConfigError> {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        std::fs::write(&paths.config_file, bytes).unwrap();
        read(&paths)
    }

    #[test]
    fn a_missing_file_is_an_error_only_if_it_was_named() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        assert_eq!(read(&paths), Ok(None));
        let named = paths.with_config_file(home.path().join("other.toml"));
        assert!(read(&named).unwrap_err().message.contains("cannot be read"));
    }

    #[test]
    fn text_that_is_not_utf8_is_reported_with_its_position() {
        let error = read_bytes(b"[gateway]\nx = \"\xff\"\n").unwrap_err();
        assert!(error.to_string().contains("config.toml:2:6: is not valid UTF-8"), "{error}");
    }

    #[test]
    fn text_in_utf16_is_named_with_and_without_its_mark() {
        let text = "[gateway]\n";
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [[&[0xff, 0xfe][..], &little].concat(), [&[0xfe, 0xff][..], &big].concat(), big, little]
        {
            let error = read_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains("is UTF-16") && error.contains("save the file in UTF-8"), "{error}");
        }
    }

    #[test]
    fn a_file_over_the_size_limit_is_refused() {
        let bytes = vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap()];
        assert!(read_bytes(&bytes).is_ok());
        let bytes = vec![b'#'; bytes.len() + 1];
        assert!(read_bytes(&bytes).unwrap_err().message.contains("larger than the limit"));
    }

    #[test]
    fn a_folder_in_place_of_the_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        std::fs::create_dir(&paths.config_file).unwrap();
        assert!(read(&paths).unwrap_err().message.starts_with("is a folder"));
    }

    #[test]
    fn a_world_writable_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        std::fs::write(&paths.config_file, "").unwrap();
        os::set_mode_at(&paths.config_file, 0o666).unwrap();
        let error = read(&paths).unwrap_err();
        assert_eq!(error.message, "is world-writable");
        assert_eq!(error.hint, Some(os::command_to_forbid_writing(&paths.config_file)));
    }
}
