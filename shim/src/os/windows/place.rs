//! Where a gateway listens: a named pipe, which is in no folder. Its name has the user in it, so that two users have two, and
//! what belongs to a home of its own also has that. The locks are files of the run directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::user;

/// The longest name of a pipe, with what stands before it (CreateNamedPipeW).
pub const SOCKET_PATH_BYTES_MAX: usize = 256;

/// What to do about a pipe that cannot be used.
pub const OTHER_SOCKET: &str =
    r"set SNOWGATE_SOCKET (or --socket) to the name of another pipe, `\\.\pipe\NAME`";

/// The same, for one whose name is too long.
pub const SHORTER_SOCKET: &str =
    r"set SNOWGATE_SOCKET (or --socket) to a shorter name of a pipe, `\\.\pipe\NAME`";

/// The same, for locks in a folder that cannot be trusted: a home has a folder of its own.
pub const OWN_SOCKET: &str = "set SNOWGATE_HOME to a folder that only you can write to";

/// What to do where there is no home directory.
pub const NO_HOME_STEP: &str = "set LOCALAPPDATA or SNOWGATE_HOME";

/// What the name of every pipe of this machine begins with.
const PIPES: &str = r"\\.\pipe\";

/// FNV-1a, 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Whether `path` is the name of a pipe of this machine.
pub(super) fn is_pipe(path: &Path) -> bool {
    name_of(path).is_some()
}

/// A pipe's own name, if that is one.
fn name_of(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (start, name) = text.split_at_checked(PIPES.len())?;
    let is_name = !name.is_empty() && !name.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|']);
    (start.eq_ignore_ascii_case(PIPES) && is_name).then_some(name)
}

/// The pipe of the run directory `dir`; `is_home`: it is in a home of its own.
pub fn socket_in(dir: &Path, is_home: bool) -> PathBuf {
    let name = format!("{PIPES}snowgate-{}", user());
    if !is_home {
        return name.into();
    }
    // However its letters are written, it is one folder. Links and short names are not followed: the folder may not be there yet,
    // and what it leads to then may be written in another way.
    let folder = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).to_string_lossy().to_lowercase();
    let hash = folder.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{name}-{hash:016x}").into()
}

/// A pipe that the user has named, and what the names of its locks begin with; `None`: it is no pipe's name.
pub fn named_place(socket: &Path, home: Option<&Path>) -> Option<(PathBuf, PathBuf)> {
    let name = name_of(socket)?;
    let dir = home.map_or_else(run_dir, |home| Some(home.join("run")))?;
    // Beside those of the user's own pipe.
    Some((socket.to_owned(), dir.join(format!("pipe-{name}"))))
}

/// The run directory of this user.
pub fn run_dir() -> Option<PathBuf> {
    let local = std::env::var_os("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    let local = local.or_else(|| Some(std::env::home_dir()?.join(OsStr::new("AppData")).join("Local")))?;
    Some(local.join("snowgate").join("run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pipe_of_this_machine_is_one() {
        for name in [r"\\.\pipe\x", r"\\.\PIPE\snowgate-S-1-5", r"\\.\pipe\a b"] {
            assert!(is_pipe(Path::new(name)), "{name}");
        }
        for name in [r"\\.\pipe\", r"\\server\pipe\x", r"C:\x", "x", r"\\.\pipe\a\b", "", r"\\.\pipe\..\x"] {
            assert!(!is_pipe(Path::new(name)), "{name}");
        }
        let (socket, locks) = named_place(Path::new(r"\\.\pipe\x"), Some(Path::new(r"C:\h"))).unwrap();
        assert_eq!((socket.to_str(), locks.to_str()), (Some(r"\\.\pipe\x"), Some(r"C:\h\run\pipe-x")));
    }

    #[test]
    fn two_homes_have_two_pipes_and_one_has_one_however_it_is_written() {
        let pipe = |dir: &str| socket_in(Path::new(dir), true);
        assert_eq!(pipe(r"C:\Nowhere\run"), pipe(r"c:\nowhere/run"));
        assert_ne!(pipe(r"C:\nowhere\run"), pipe(r"C:\nowhere2\run"));
        assert_ne!(pipe(r"C:\nowhere\run"), socket_in(Path::new(r"C:\nowhere\run"), false));
        assert!(is_pipe(&pipe(r"C:\nowhere\run")));
    }
}
