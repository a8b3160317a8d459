//! The socket that shims connect to, and its connections.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use interprocess::local_socket::PeerCreds;
use interprocess::local_socket::tokio::Listener as SocketListener;
use interprocess::local_socket::traits::StreamCommon;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocketListener;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os::{self, User};

use super::PassedSocket;
use crate::os::kernel::may_listen;
use crate::os::{FileId, FileStamp, LinkPeer, ListenError, PRIVATE};

/// A connection of a shim; a reference reads and writes.
pub type LinkConnection = interprocess::local_socket::tokio::Stream;

/// Listens for shims.
pub struct ShimListener {
    socket: SocketListener,
    path: PathBuf,
    /// The socket's file.
    own: FileId,
    /// Whether the service manager has made it: then it is never renamed nor removed, and outlives this process.
    is_managers: bool,
}

impl ShimListener {
    /// Listens under a temporary name and moves the socket into place: every socket that is seen there
    /// answers.
    ///
    /// # Errors
    /// The system refuses.
    pub fn bind(endpoint: &Endpoint) -> Result<Self, ListenError> {
        let temporary = endpoint.dir().join(format!("g.{}", std::process::id()));
        let failed = |what| {
            let path = temporary.clone();
            move |source| ListenError { what, path, source }
        };
        // Left by a killed gateway that had our process id; the lock says that it is gone.
        let _ = std::fs::remove_file(&temporary);
        let name = temporary.as_path().to_fs_name::<GenericFilePath>().map_err(failed("name"))?;
        let mode = rustix::fs::RawMode::try_from(PRIVATE).unwrap_or(0o600);
        let options = ListenerOptions::new().name(name).mode(mode).reclaim_name(false);
        let socket = options.create_tokio().map_err(failed("listen on"))?;
        let own = FileStamp::of_entry(&temporary).map_err(failed("look at"))?.id;
        std::fs::rename(&temporary, &endpoint.socket).map_err(failed("move into place"))?;
        Ok(Self { socket, path: endpoint.socket.clone(), own, is_managers: false })
    }

    /// Listens on the socket that the service manager has passed.
    ///
    /// # Errors
    /// The system refuses.
    pub fn passed(endpoint: &Endpoint, socket: PassedSocket) -> Result<Self, ListenError> {
        let path = &endpoint.socket;
        let failed = |what| move |source| ListenError { what, path: path.clone(), source };
        let own = FileStamp::of_entry(path).map_err(failed("look at"))?.id;
        let socket = UnixSocketListener::try_from(socket).map_err(failed("listen on"))?;
        Ok(Self { socket: SocketListener::UdSocket(socket), path: path.clone(), own, is_managers: true })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub async fn accept(&self) -> io::Result<LinkConnection> {
        self.socket.accept().await
    }

    /// Whether the socket at its path is still this one: the directory may have been cleaned up, and then no new shim would find
    /// this gateway.
    pub fn is_in_place(&self) -> bool {
        FileStamp::of_entry(&self.path).is_ok_and(|found| found.id == self.own)
    }

    /// Removes the socket and hangs up on peers that are not accepted yet: they look for the next gateway. A socket of the
    /// service manager is left as it is: those peers wait for the next gateway, which may be the program that takes this
    /// one's place, so it is given back, too.
    ///
    /// # Errors
    /// The socket cannot be removed.
    pub fn close(self) -> io::Result<Option<PassedSocket>> {
        if self.is_managers {
            let SocketListener::UdSocket(socket) = self.socket;
            return Ok(OwnedFd::try_from(socket).ok());
        }
        if self.is_in_place() {
            std::fs::remove_file(&self.path)?;
        }
        Ok(None)
    }
}

/// Who is at the other end, if the system reports it.
pub fn peer_of(connection: &LinkConnection) -> Option<LinkPeer> {
    let credentials = connection.peer_creds().ok()?;
    let user = User(PeerCreds::euid(&credentials)?);
    let pid = PeerCreds::pid(&credentials).and_then(|pid| u32::try_from(pid).ok());
    // A peer outside our own process namespace has no id here.
    Some(LinkPeer { user, pid: pid.filter(|&pid| pid != 0) })
}

/// Whether the other end has hung up.
pub fn has_peer_gone(connection: &LinkConnection) -> bool {
    let LinkConnection::UdSocket(socket) = connection;
    os::has_hung_up(socket)
}

/// What `socket` is, which the service manager has passed, if it is not the one at `wanted`.
pub fn why_not_at(socket: &PassedSocket, wanted: &Path) -> Option<String> {
    // Made for the look alone; the descriptor stays its owner's.
    let listener = socket.try_clone().map(UnixListener::from);
    let Ok(address) = listener.and_then(|listener| listener.local_addr()) else {
        return Some("something that is no Unix socket".to_owned());
    };
    let Some(path) = address.as_pathname() else { return Some("a socket without a path".to_owned()) };
    if !is_same_place(path, wanted) {
        return Some(format!("the socket {}", path.display()));
    }
    (!may_listen(socket)).then(|| format!("the socket {}, on which nothing can connect", path.display()))
}

/// Whether both paths are one, however their folder is spelled (`/var/run` and `/run`).
fn is_same_place(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    a == b || (a.file_name() == b.file_name() && folder(a).is_some_and(|a| folder(b) == Some(a)))
}

/// Those who wait at `socket` to be accepted, one after the other, until none does.
pub fn waiting_at(socket: PassedSocket) -> impl Iterator<Item = UnixStream> {
    let listener = UnixListener::from(socket);
    // One that cannot be asked without waiting is not asked.
    let listener = listener.set_nonblocking(true).is_ok().then_some(listener);
    std::iter::from_fn(move || {
        loop {
            match listener.as_ref()?.accept() {
                Ok((stream, _)) => return stream.set_nonblocking(false).is_ok().then_some(stream),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    })
}
