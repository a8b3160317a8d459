//! Whether a program can be run, and whether others can put another in its place.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::FileAccess;

/// The longest path that programs without long paths can use, in bytes.
const PATH_BYTES_MAX: usize = 259;

/// Where `path` leads, behind all links, in the form that people and configs use: without `\\?\`, where it is not needed.
///
/// # Errors
/// The system's; something on the way is not there.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize().map(plain)
}

/// `\\?\C:\x` as `C:\x` and `\\?\UNC\server\x` as `\\server\x`.
fn plain(path: PathBuf) -> PathBuf {
    let text = path.to_str().filter(|text| text.len() < PATH_BYTES_MAX);
    let plain =
        text.and_then(|text| text.strip_prefix(r"\\?\")).and_then(|rest| match rest.strip_prefix(r"UNC\") {
            Some(share) => Some(format!(r"\\{share}")),
            None => (rest.as_bytes().get(1) == Some(&b':')).then(|| rest.to_owned()),
        });
    plain.map_or(path, PathBuf::from)
}

/// Whether it can be run: a file with a name that says so.
pub fn is_executable(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("exe"))
}

/// There is no mode that says so.
pub fn is_program(_metadata: &Metadata) -> bool {
    true
}

/// There is no path through another process.
pub fn is_of_a_process(_path: &Path) -> bool {
    false
}

/// Whether another user than this one, the system and its administrators can change the file at `path`, or put another in its place. The
/// folders above that one are Windows' own or a user's.
pub fn others_may_write(path: &Path) -> bool {
    let is_open = |path: &Path| FileAccess::at(path).map_or(true, |found| found.is_writable_by_others());
    is_open(path) || path.parent().is_none_or(is_open)
}

/// Only macOS marks what was downloaded so that other programs cannot run it.
pub fn quarantine_of(_path: &Path) -> Option<String> {
    None
}

/// A new folder has the access list that it inherits: a client that runs in a container may need more than its user has.
///
/// # Errors
/// None.
pub fn set_folder_mode(_folder: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_that_people_and_configs_use() {
        for (path, expected) in [
            (r"\\?\C:\a\b.exe", r"C:\a\b.exe"),
            (r"\\?\UNC\server\share\x", r"\\server\share\x"),
            (r"\\?\Volume{1}\x", r"\\?\Volume{1}\x"),
            (r"C:\x", r"C:\x"),
        ] {
            assert_eq!(plain(path.into()), Path::new(expected));
        }
        let long = format!(r"\\?\C:\{}", "x".repeat(PATH_BYTES_MAX));
        assert_eq!(plain(long.clone().into()), Path::new(&long));
        assert!(is_executable(&std::env::current_exe().unwrap()));
    }
}
