//! Where the gateway listens, and whether that place can be trusted.
//!
//! The place is a function of the OS user alone: clients pass few variables on, and two clients that disagree
//! about one of them must not end up with two gateways. `SNOWGATE_HOME` and `SNOWGATE_SOCKET` are the stated
//! exceptions. Every check is made on the entry itself, never through a link, and before anything is
//! connected to or created.

use std::io;
use std::path::{Path, PathBuf};

pub use crate::os::SOCKET_PATH_BYTES_MAX;
use crate::os::{self, Entry, EntryKind, User};

/// Bits that let others into a directory.
const OTHERS: u32 = 0o077;
/// Bits that let others change a directory.
const OTHERS_WRITE: u32 = 0o022;

/// The files of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The socket the gateway listens on.
    pub socket: PathBuf,
    /// Held for life by the one gateway that may touch the socket.
    pub gateway_lock: PathBuf,
    /// Held by the shim that starts a gateway.
    pub start_lock: PathBuf,
    /// What a starting gateway wrote to stderr.
    pub stderr: PathBuf,
    dir: PathBuf,
    /// Whether the user named the socket: then its directory is theirs, and may be readable.
    named: bool,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No directory could be derived.
    #[error("user {0} has no home directory for the gateway's socket")]
    NoHome(User),
    /// The gateway, which runs in `/`, would look for it elsewhere.
    #[error("SNOWGATE_HOME is not an absolute path: {}", .0.display())]
    RelativeHome(PathBuf),
    /// The path does not fit into a socket address.
    #[error("socket path {} is {} bytes long; the limit is {SOCKET_PATH_BYTES_MAX}", .0.display(), .0.as_os_str().len())]
    TooLong(PathBuf),
    /// The directory is not a directory, or a link to one.
    #[error("{path} is {kind}, not a directory", path = .0.display(), kind = .1)]
    NotDirectory(PathBuf, &'static str),
    /// Another user owns an entry.
    #[error("{} belongs to user {owner}, not to user {ours}", path.display())]
    Foreign {
        /// The entry.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// This process's user.
        ours: User,
    },
    /// Other users have access.
    #[error("{} has mode {mode:o}: other users can {}", path.display(), if mode & OTHERS_WRITE != 0 { "write to it" } else { "read it" })]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whether the user named it: then it is not ours.
        named: bool,
    },
    /// What is at the socket's path is not a socket.
    #[error("{path} is {kind}, not a socket", path = .0.display(), kind = .1)]
    NotSocket(PathBuf, &'static str),
    /// A system call on the path failed.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl EndpointError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::NoHome(_) => os::NO_HOME_STEP.into(),
            Self::TooLong(_) => os::SHORTER_SOCKET.into(),
            Self::Open { path, named: false, .. } => os::make_private_step(path),
            // Whatever it is, it is not ours: nothing that changes or removes it is to be suggested.
            Self::NotSocket(..) => os::OTHER_SOCKET.into(),
            Self::NotDirectory(..) | Self::Foreign { .. } | Self::Open { .. } => os::OWN_SOCKET.into(),
            Self::RelativeHome(_) => "write the whole path; `~` and variables are not expanded".into(),
            // In a home: see `Endpoint::resolve`.
            Self::Io { path, .. } if path.ends_with("run") => {
                "set SNOWGATE_HOME or HOME to a folder that you can write to".into()
            }
            Self::Io { .. } => "check the path and its permissions, or set SNOWGATE_SOCKET".into(),
        }
    }
}

impl Endpoint {
    /// The endpoint of this user; `socket` and `home` are the values of `SNOWGATE_SOCKET` and
    /// `SNOWGATE_HOME`.
    ///
    /// # Errors
    /// The user has no home directory, `home` is relative, or the path is too long for a socket, or no name of one.
    pub fn resolve(socket: Option<&Path>, home: Option<&Path>) -> Result<Self, EndpointError> {
        if let Some(home) = home.filter(|home| home.is_relative()) {
            return Err(EndpointError::RelativeHome(home.to_owned()));
        }
        let endpoint = match (socket, home) {
            (Some(socket), _) => match os::named_place(socket, home) {
                Some((socket, locks)) => Self::named(socket, &locks),
                None => return Err(EndpointError::NotSocket(socket.to_owned(), "a file name")),
            },
            (None, Some(home)) => Self::in_dir(home.join("run"), true),
            (None, None) => {
                Self::in_dir(os::run_dir().ok_or_else(|| EndpointError::NoHome(os::user()))?, false)
            }
        };
        if endpoint.socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(EndpointError::TooLong(endpoint.socket));
        }
        Ok(endpoint)
    }

    fn in_dir(dir: PathBuf, is_home: bool) -> Self {
        Self {
            socket: os::socket_in(&dir, is_home),
            gateway_lock: dir.join("gateway.lock"),
            start_lock: dir.join("start.lock"),
            stderr: dir.join("gateway.stderr"),
            dir,
            named: false,
        }
    }

    fn named(socket: PathBuf, locks: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = locks.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            locks.with_file_name(name)
        };
        Self {
            socket,
            gateway_lock: beside(".lock"),
            start_lock: beside(".start.lock"),
            stderr: beside(".stderr"),
            dir: locks.parent().unwrap_or(Path::new("/")).to_owned(),
            named: true,
        }
    }

    /// Whether the user named the socket.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// The directory of the socket and the locks.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Creates the directory if it is missing, then checks that only this user can change what is in it.
    ///
    /// # Errors
    /// Other users have access to it, or it cannot be created.
    pub fn prepare_dir(&self) -> Result<(), EndpointError> {
        let io_error = |what, source| EndpointError::Io { what, path: self.dir.clone(), source };
        if os::look(&self.dir).map_err(|source| io_error("check", source))?.is_none() {
            if let Some(parent) = self.dir.parent().filter(|_| !self.named) {
                os::make_parents(parent).map_err(|source| io_error("create the parent of", source))?;
            }
            os::make_private_dir(&self.dir).map_err(|source| io_error("create", source))?;
        }
        let entry = os::look(&self.dir)
            .and_then(|entry| entry.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|source| io_error("check", source))?;
        self.check_dir(entry, os::user())
    }

    fn check_dir(&self, entry: Entry, ours: User) -> Result<(), EndpointError> {
        let path = self.dir.clone();
        if entry.kind != EntryKind::Directory {
            return Err(EndpointError::NotDirectory(path, describe(entry.kind)));
        }
        if entry.owner != ours {
            return Err(EndpointError::Foreign { path, owner: entry.owner, ours });
        }
        let forbidden = if self.named { OTHERS_WRITE } else { OTHERS };
        if entry.mode & forbidden != 0 {
            return Err(EndpointError::Open { path, mode: entry.mode, named: self.named });
        }
        Ok(())
    }

    /// Whether there is a socket at the path.
    ///
    /// # Errors
    /// The entry there is not a socket, or not ours: it is neither connected to nor replaced.
    pub fn socket_exists(&self) -> Result<bool, EndpointError> {
        let path = self.socket.clone();
        let entry = os::look(&path).map_err(|source| EndpointError::Io { what: "check", path, source })?;
        let Some(entry) = entry else { return Ok(false) };
        let (path, ours) = (self.socket.clone(), os::user());
        if entry.kind != EntryKind::Socket {
            return Err(EndpointError::NotSocket(path, describe(entry.kind)));
        }
        if entry.owner != ours {
            return Err(EndpointError::Foreign { path, owner: entry.owner, ours });
        }
        Ok(true)
    }
}

fn describe(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory => "a directory",
        EntryKind::Socket => "a socket",
        EntryKind::Link => "a symbolic link",
        EntryKind::File => "a file",
        EntryKind::Other => "a device or a pipe",
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn home() -> (tempfile::TempDir, Endpoint) {
        let home = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::resolve(None, Some(home.path())).unwrap();
        (home, endpoint)
    }

    #[test]
    fn a_missing_directory_is_created_with_mode_0700() {
        let (_home, endpoint) = home();
        endpoint.prepare_dir().unwrap();
        assert_eq!(os::look(endpoint.dir()).unwrap().unwrap().mode, 0o700);
        assert!(!endpoint.socket_exists().unwrap());
    }

    #[test]
    fn a_directory_that_other_users_can_read_is_refused() {
        let (_home, endpoint) = home();
        std::fs::create_dir(endpoint.dir()).unwrap();
        std::fs::set_permissions(endpoint.dir(), PermissionsExt::from_mode(0o755)).unwrap();
        let error = endpoint.prepare_dir().unwrap_err();
        assert!(error.to_string().contains("other users can read it"), "{error}");
        assert!(error.next_step().starts_with("chmod 700"));
    }

    #[test]
    fn a_symbolic_link_in_place_of_the_directory_is_not_followed() {
        let (home, endpoint) = home();
        let elsewhere = home.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, endpoint.dir()).unwrap();
        assert!(endpoint.prepare_dir().unwrap_err().to_string().contains("a symbolic link"));
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let (_home, endpoint) = home();
        let entry = Entry { kind: EntryKind::Directory, owner: User(4242), mode: 0o700 };
        assert!(matches!(
            endpoint.check_dir(entry, User(1000)),
            Err(EndpointError::Foreign { owner: User(4242), ours: User(1000), .. })
        ));
    }

    #[test]
    fn an_entry_that_is_not_a_socket_is_refused_and_kept() {
        let (_home, endpoint) = home();
        endpoint.prepare_dir().unwrap();
        std::fs::write(&endpoint.socket, "precious").unwrap();
        let error = endpoint.socket_exists().unwrap_err();
        assert!(matches!(error, EndpointError::NotSocket(_, "a file")), "{error}");
        assert_eq!(error.next_step(), "set SNOWGATE_SOCKET (or --socket) to another path");
        assert_eq!(std::fs::read_to_string(&endpoint.socket).unwrap(), "precious");
    }

    #[test]
    fn nothing_is_suggested_that_changes_what_is_not_ours() {
        let home = tempfile::tempdir().unwrap();
        let named = |path: &str| Endpoint::resolve(Some(Path::new(path)), None).unwrap();
        let inside = |name: &str| named(home.path().join(name).to_str().unwrap());
        std::fs::create_dir(home.path().join("folder")).unwrap();
        std::fs::set_permissions(home.path().join("folder"), PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::write(home.path().join("file"), "").unwrap();
        let errors = [
            inside("folder").socket_exists().unwrap_err(),
            inside("folder/socket").prepare_dir().unwrap_err(),
            inside("file").socket_exists().unwrap_err(),
            inside("file/socket").prepare_dir().unwrap_err(),
            named("/dev/null").socket_exists().unwrap_err(),
            EndpointError::Foreign { path: "/etc".into(), owner: User(0), ours: User(1000) },
        ];
        for error in errors {
            let next_step = error.next_step();
            assert!(next_step.starts_with("set SNOWGATE_SOCKET (or --socket) to"), "{error}: {next_step}");
        }
    }

    #[test]
    fn a_relative_home_is_refused_with_or_without_a_socket() {
        for socket in [None, Some(Path::new("/x/y.sock"))] {
            for home in ["here", "~/here", "./here"] {
                let error = Endpoint::resolve(socket, Some(Path::new(home))).unwrap_err();
                assert_eq!(error.to_string(), format!("SNOWGATE_HOME is not an absolute path: {home}"));
            }
        }
    }

    #[test]
    fn a_home_that_cannot_be_written_is_named_by_its_variable() {
        let (home, _) = home();
        std::fs::write(home.path().join("file"), "").unwrap();
        let endpoint = Endpoint::resolve(None, Some(&home.path().join("file"))).unwrap();
        let error = endpoint.prepare_dir().unwrap_err();
        assert!(error.next_step().contains("SNOWGATE_HOME"), "{error}");
    }

    #[test]
    fn the_error_for_a_socket_path_that_is_too_long_names_its_length() {
        let long = PathBuf::from(format!("/tmp/{}/g.sock", "x".repeat(100)));
        let error = Endpoint::resolve(Some(&long), None).unwrap_err();
        assert!(error.to_string().contains("112 bytes"), "{error}");
    }

    #[test]
    fn the_locks_of_a_named_socket_are_in_the_same_folder() {
        let endpoint = Endpoint::resolve(Some(Path::new("/x/y.sock")), Some(Path::new("/z"))).unwrap();
        assert_eq!(endpoint.gateway_lock, Path::new("/x/y.sock.lock"));
        assert_eq!(endpoint.start_lock, Path::new("/x/y.sock.start.lock"));
    }
}
