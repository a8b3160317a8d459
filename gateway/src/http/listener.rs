//! The front's socket: opened where the configuration says, or taken over from the gateway before.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::path::PathBuf;

use tokio::net::{TcpListener, TcpStream};

use super::tls::TlsError;
use crate::config::{HttpConfig, HttpListen};
use crate::os::{PassedSocket, PathConnection, PathListenError, PathListener};

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
    Unix(PathListener),
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(PathConnection),
}

impl HttpListener {
    /// Listens where the configuration says: on the socket that the gateway before has passed on, where that is it.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) fn open(config: &HttpConfig, inherited: Option<PassedSocket>) -> Result<Self, HttpStartError> {
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
                Socket::Unix(PathListener::open(path, inherited).map_err(|error| match error {
                    PathListenError::Foreign(what) => HttpStartError::Foreign { path: path.clone(), what },
                    PathListenError::Io(source) => failed(source),
                })?)
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
            Socket::Unix(socket) => socket.path().display().to_string(),
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(socket) => socket.accept().await.map(|(stream, from)| Accepted::Tcp(stream, from)),
            Socket::Unix(socket) => socket.accept().await.map(Accepted::Unix),
        }
    }

    /// Lets the gateway that takes this one's place go on with the socket: who connects meanwhile waits for it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn pass_on(self) -> io::Result<PassedSocket> {
        match self.socket {
            Socket::Tcp(socket) => socket.into_std().map(PassedSocket::from),
            Socket::Unix(socket) => socket.pass_on(),
        }
    }

    /// Listens no more, and removes the socket's file.
    pub(super) fn close(self) {
        if let Socket::Unix(socket) = self.socket
            && let Err(error) = socket.close()
        {
            tracing::warn!(%error, "cannot remove the socket of the HTTP front");
        }
    }
}

/// The socket, if it listens where the configuration says now.
fn inherited_tcp(socket: PassedSocket, wanted: SocketAddr) -> Option<StdTcpListener> {
    let socket = StdTcpListener::from(socket);
    let address = socket.local_addr().ok()?;
    let is_wanted = address.ip() == wanted.ip() && (wanted.port() == 0 || address.port() == wanted.port());
    is_wanted.then_some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

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
