//! Where the system has what.

use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::System::Com::CoTaskMemFree;
use windows_sys::Win32::UI::Shell::{FOLDERID_ProgramData, SHGetKnownFolderPath};

use snowgate_link::os::text_at;

/// The folder of the config file that holds for every user. No variable moves it, so the system is asked, and not
/// `%ProgramData%`. Any user may make files there: one that is no administrator's is an error.
pub fn system_config_folder() -> Option<PathBuf> {
    let mut text = ptr::null_mut();
    // SAFETY: an identifier, no user's token, and room for a pointer.
    let result = unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, ptr::null_mut(), &raw mut text) };
    let folder = (result == 0 && !text.is_null()).then(|| {
        // SAFETY: the call has succeeded, so it is a text that ends with NUL.
        PathBuf::from(unsafe { text_at(text) }).join("snowgate")
    });
    // SAFETY: of the call above, also where that has failed; null is allowed.
    unsafe { CoTaskMemFree(text.cast()) };
    folder
}

/// The variable that moves the user's places. The system tells those by a call, so there is but one.
pub fn home_variable(_home: Option<&Path>, _data_dir: &Path) -> &'static str {
    "SNOWGATE_HOME"
}

/// The system's place for the settings of Snowflake's own tools (`platformdirs`, which they use: `%LOCALAPPDATA%`).
pub fn snowflake_folder(home: &Path, _config_home: Option<PathBuf>) -> PathBuf {
    home.join("AppData").join("Local").join("snowflake")
}

/// The path of a `file:` address (<https://sqlite.org/uri.html>), of which each part is escaped already.
#[allow(clippy::needless_pass_by_value, reason = "elsewhere it is what is returned")]
pub fn sqlite_uri_path(escaped: String) -> String {
    // The form without a bound for its length: `%3f` is its question mark.
    let text = match escaped.strip_prefix(r"\\%3f\UNC\") {
        Some(rest) => format!(r"\\{rest}"),
        None => escaped.strip_prefix(r"\\%3f\").map_or(escaped.clone(), str::to_owned),
    };
    let text = text.replace('\\', "/");
    // A host's name would be taken for one of the address, of which SQLite knows none.
    if text.starts_with("//") { format!("//{text}") } else { format!("/{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_folder_is_on_a_drive() {
        let folder = system_config_folder().unwrap();
        assert!(folder.is_absolute() && folder.ends_with("snowgate"), "{folder:?}");
    }

    #[test]
    fn a_path_is_one_of_an_address() {
        for (path, address) in [
            (r"C:\a b\c.db", "/C:/a b/c.db"),
            (r"\\%3f\C:\c.db", "/C:/c.db"),
            (r"\\host\share\c.db", "////host/share/c.db"),
            (r"\\%3f\UNC\host\share\c.db", "////host/share/c.db"),
        ] {
            assert_eq!(sqlite_uri_path(path.to_owned()), address);
        }
    }
}
