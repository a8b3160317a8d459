//! The front's socket: opened where the configuration says, or taken over from the gateway before.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

use super::tls::TlsError;
use crate::config::{HttpConfig, HttpListen};

/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1_024;

/// Why the front cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum HttpStartError {
    /// The address cannot be used.
    #[error("cannot listen for HTTP on {address} (the setting `http.listen`)")]
    Listen {
        /// The address, or the socket's path.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A program listens on the socket, or what is there is none.
    #[error("cannot listen for HTTP on {} (the setting `http.listen`): {what}", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl HttpStartError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        const OTHER: &str = "set another address as `listen` under [http]";
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                format!(
                    "another program listens there: end it, or {OTHER} (port 0 is any free port, which `snowgate status` shows)"
                )
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have the address: {OTHER}")
            }
            Self::Listen { source, address } if source.kind() == io::ErrorKind::PermissionDenied => {
                if address.starts_with('/') {
                    format!("this user may not make a socket there: {OTHER}")
                } else {
                    format!("this user may not listen there (ports below 1024 are the system's): {OTHER}")
                }
            }
            Self::Listen { source, address }
                if source.kind() == io::ErrorKind::NotFound && address.starts_with('/') =>
            {
                format!("create the socket's folder, or {OTHER}")
            }
            Self::Listen { .. } => OTHER.to_owned(),
            Self::Foreign { .. } => format!("it is left alone; remove it yourself, or {OTHER}"),
            Self::Tls(error) => error.next_step(),
        }
    }
}

/// The front's socket.
#[derive(Debug)]
pub(super) struct HttpListener {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    /// With its path and inode, so that only our own file is ever removed.
    Unix(UnixListener, PathBuf, u64),
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl HttpListener {
    /// Listens where the configuration says: on the socket that the gateway before has passed on, where that is it.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) fn open(config: &HttpConfig, inherited: Option<OwnedFd>) -> Result<Self, HttpStartError> {
        let failed = |source| HttpStartError::Listen { address: config.listen.to_string(), source };
        let socket = match &config.listen {
            HttpListen::Tcp(address) => {
                let socket = match inherited.and_then(|socket| inherited_tcp(socket, *address)) {
                    Some(socket) => socket,
                    // Sets SO_REUSEADDR: connections of a gateway that was killed do not hold it up.
                    None => StdTcpListener::bind(address).map_err(failed)?,
                };
                socket.set_nonblocking(true).map_err(failed)?;
                Socket::Tcp(TcpListener::from_std(socket).map_err(failed)?)
            }
            HttpListen::Unix(path) => {
                let socket = match inherited.and_then(|socket| inherited_unix(socket, path)) {
                    Some(socket) => {
                        socket.set_nonblocking(true).map_err(failed)?;
                        UnixListener::from_std(socket).map_err(failed)?
                    }
                    None => {
                        remove_stale(path)?;
                        listen_private(path).map_err(failed)?
                    }
                };
                Socket::Unix(socket, path.clone(), inode(path).map_err(failed)?)
            }
        };
        Ok(Self { socket })
    }

    /// Where it listens: `ADDRESS:PORT` or a path.
    pub(super) fn address(&self) -> String {
        match &self.socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|error| error.to_string(), |at| at.to_string())
            }
            Socket::Unix(_, path, _) => path.display().to_string(),
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(socket) => socket.accept().await.map(|(stream, from)| Accepted::Tcp(stream, from)),
            Socket::Unix(socket, ..) => socket.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    /// Lets the gateway that takes this one's place go on with the socket: who connects meanwhile waits for it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn pass_on(self) -> io::Result<OwnedFd> {
        match self.socket {
            Socket::Tcp(socket) => socket.into_std().map(OwnedFd::from),
            Socket::Unix(socket, ..) => socket.into_std().map(OwnedFd::from),
        }
    }

    /// Listens no more, and removes the socket's file.
    pub(super) fn close(self) {
        if let Socket::Unix(socket, path, own) = self.socket {
            drop(socket);
            if inode(&path).is_ok_and(|inode| inode == own)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::warn!(%error, "cannot remove the socket of the HTTP front");
            }
        }
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.ino())
}

/// The socket, if it listens where the configuration says now.
fn inherited_tcp(socket: OwnedFd, wanted: SocketAddr) -> Option<StdTcpListener> {
    let socket = StdTcpListener::from(socket);
    let address = socket.local_addr().ok()?;
    let is_wanted = address.ip() == wanted.ip() && (wanted.port() == 0 || address.port() == wanted.port());
    is_wanted.then_some(socket)
}

fn inherited_unix(socket: OwnedFd, wanted: &Path) -> Option<StdUnixListener> {
    let socket = StdUnixListener::from(socket);
    let is_wanted = socket.local_addr().ok()?.as_pathname() == Some(wanted);
    let is_there = std::fs::symlink_metadata(wanted).is_ok_and(|file| file.file_type().is_socket());
    (is_wanted && is_there).then_some(socket)
}

/// Removes what a gateway left that was killed; fails where something else is in the socket's place.
fn remove_stale(path: &Path) -> Result<(), HttpStartError> {
    let foreign = |what| Err(HttpStartError::Foreign { path: path.to_owned(), what });
    let failed = |source| HttpStartError::Listen { address: path.display().to_string(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => return foreign("there is a file that is no socket"),
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => foreign("another program listens on it"),
        Err(_) => foreign("there is a socket that may be another program's"),
    }
}

/// Listens on a socket that this user alone may connect to, from the moment that it is there.
fn listen_private(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    // Linux takes the file's permissions from the socket; elsewhere they are set a moment later.
    let _ = rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    socket.bind(path)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn config(listen: HttpListen) -> HttpConfig {
        HttpConfig {
            listen,
            auth: crate::config::HttpAuth::None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            tls: None,
            request_bytes_max: 1_024,
            connections_max: 1,
            idle_timeout: std::time::Duration::ZERO,
            header_timeout: std::time::Duration::ZERO,
        }
    }

    fn at(path: &Path) -> HttpConfig {
        config(HttpListen::Unix(path.to_owned()))
    }

    #[tokio::test]
    async fn a_socket_is_private_a_stale_one_is_replaced_and_it_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        drop(HttpListener::open(&at(&path), None).unwrap());
        assert!(path.exists(), "as a gateway leaves it that is killed");
        let listener = HttpListener::open(&at(&path), None).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        listener.close();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_not_the_front_s_own_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        let other = StdUnixListener::bind(&path).unwrap();
        let error = HttpListener::open(&at(&path), None).unwrap_err();
        assert!(error.to_string().contains("another program listens on it"), "{error}");
        drop(other);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        let error = HttpListener::open(&at(&path), None).unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        // Replaced while it was in use.
        std::fs::remove_file(&path).unwrap();
        let listener = HttpListener::open(&at(&path), None).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another's").unwrap();
        listener.close();
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_is_passed_on_is_used_where_the_address_is_still_the_same() {
        let any = config(HttpListen::Tcp("127.0.0.1:0".parse().unwrap()));
        let first = HttpListener::open(&any, None).unwrap();
        let address = first.address();
        let second = HttpListener::open(&any, Some(first.pass_on().unwrap())).unwrap();
        assert_eq!(second.address(), address);
        let elsewhere = config(HttpListen::Tcp("127.0.0.2:0".parse().unwrap()));
        let third = HttpListener::open(&elsewhere, Some(second.pass_on().unwrap())).unwrap();
        assert!(third.address().starts_with("127.0.0.2:"), "{}", third.address());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        let first = HttpListener::open(&at(&path), None).unwrap();
        let own = inode(&path).unwrap();
        let second = HttpListener::open(&at(&path), Some(first.pass_on().unwrap())).unwrap();
        assert_eq!(inode(&path).unwrap(), own);
        second.close();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_an_error_that_names_the_setting() {
        let other = StdTcpListener::bind("127.0.0.1:0").unwrap();
        let taken = config(HttpListen::Tcp(other.local_addr().unwrap()));
        let error = HttpListener::open(&taken, None).unwrap_err();
        assert!(error.to_string().contains("`http.listen`"), "{error}");
        assert!(error.next_step().contains("another program listens there"), "{}", error.next_step());
    }
}
