//! The socket and the lock that makes its owner the only gateway.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use interprocess::local_socket::tokio::Listener as SocketListener;
use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocketListener;
use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::hello::{ClientHello, Role};
use snowgate_link::os;
use snowgate_link::start::{Attempt, StartError, connect};

use super::inherited_fd;
use crate::state::ShimProcess;

/// How long the lock may be held by a process that only looks whether there is a gateway, which programs of
/// earlier builds do by taking it: a gateway marks it.
const LOOK_TIMEOUT: Duration = Duration::from_millis(300);

/// The same for a lock that is marked: its holder may be about to let it go.
const GATEWAY_TIMEOUT: Duration = Duration::from_millis(30);

/// How long a process that listens in the socket's place has to show that it is a gateway, and how often it is
/// asked.
const LISTENER_TIMEOUT: Duration = Duration::from_secs(1);
const LISTENER_CHECK: Duration = Duration::from_millis(20);

/// Why a gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another gateway holds the lock.
    #[error("another gateway holds {}", .0.display())]
    Taken(PathBuf),
    /// The place is not to be trusted.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A process that is no gateway listens in the socket's place.
    #[error(transparent)]
    Foreign(StartError),
    /// What the service manager has passed is not this endpoint's socket.
    #[error("the service manager has passed {passed}, and this gateway is to listen on {}", socket.display())]
    NotOurSocket {
        /// What it has passed.
        passed: String,
        /// This endpoint's socket.
        socket: PathBuf,
    },
    /// The system refused.
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

impl BindError {
    /// What the user can do about it, where that is known.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => Some(error.next_step()),
            Self::Foreign(error) => error.next_step(),
            Self::Io { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(format!(
                "check the permissions of {}, and whether a sandbox denies sockets there (Claude Code: \
                 `sandbox.network.allowUnixSockets`, Codex: `network_access`)",
                path.parent().unwrap_or(path).display()
            )),
            Self::NotOurSocket { .. } => Some(
                "correct `ListenStream` of its socket unit, or have it written anew: `snowgate service install`"
                    .to_owned(),
            ),
            Self::Taken(_) | Self::Io { .. } => None,
        }
    }
}

/// The right to be this endpoint's gateway, for as long as this value lives.
pub struct GatewayLock {
    endpoint: Endpoint,
    /// The lock file's inode, to notice that it is no longer the one at its path.
    inode: u64,
    file: File,
}

impl GatewayLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another gateway has it, or the endpoint cannot be trusted.
    pub fn take(endpoint: &Endpoint) -> Result<Self, BindError> {
        Self::take_with(endpoint, false)
    }

    /// The same; `has_socket`: the socket in its place is one that the service manager has passed to this process, which
    /// no other program answers on.
    ///
    /// # Errors
    /// As [`GatewayLock::take`].
    pub fn take_with(endpoint: &Endpoint, has_socket: bool) -> Result<Self, BindError> {
        endpoint.prepare_dir()?;
        // Before anything is made beside it: fails if something is in the socket's place that is not ours.
        endpoint.socket_exists()?;
        let path = &endpoint.gateway_lock;
        let io_error = |what, source| BindError::Io { what, path: path.to_owned(), source };
        let file = os::open_private(path, false).map_err(|source| io_error("open", source))?;
        match try_lock(&file) {
            Ok(()) => {
                os::mark(&file);
                if !has_socket {
                    refuse_foreign_listener(endpoint)?;
                }
                let inode = file.metadata().map_err(|source| io_error("look at", source))?.ino();
                note_owner(&file);
                Ok(Self { endpoint: endpoint.clone(), inode, file })
            }
            Err(TryLockError::WouldBlock) => Err(BindError::Taken(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(io_error("lock", source)),
        }
    }
}

impl GatewayLock {
    /// Where its gateway listens.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Lets the program that takes this one's place take over the lock; returns the argument of
    /// [`GatewayLock::take_over`].
    ///
    /// # Errors
    /// The system's.
    pub fn pass_on(&self) -> io::Result<RawFd> {
        inherited_fd::keep_open(&self.file)
    }

    /// Goes on with the lock that the program before this one held. Where that is not the endpoint's lock any
    /// more, it is let go and taken anew.
    ///
    /// # Errors
    /// As [`GatewayLock::take`].
    pub fn take_over(endpoint: &Endpoint, number: RawFd, has_socket: bool) -> Result<Self, BindError> {
        endpoint.prepare_dir()?;
        let held = inherited_fd::take_over(number).and_then(|file| Ok((file.metadata()?.ino(), file)));
        match held {
            Ok((held, file)) if inode(&endpoint.gateway_lock).is_ok_and(|inode| inode == held) => {
                // An earlier build may not have.
                os::mark(&file);
                note_owner(&file);
                Ok(Self { endpoint: endpoint.clone(), inode: held, file })
            }
            _ => Self::take_with(endpoint, has_socket),
        }
    }
}

/// Writes into the lock whose it is, for `snowgate stop`: a gateway that hangs cannot say so itself.
fn note_owner(mut file: &File) {
    let Some(own) = ShimProcess::running(std::process::id()) else { return };
    // One that cannot be written (a full disk) locks all the same.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(format!("{} {}\n", own.pid, own.born).as_bytes()));
}

/// The process that holds the endpoint's lock, as far as it is known and runs.
pub fn lock_owner(endpoint: &Endpoint) -> Option<ShimProcess> {
    let text = std::fs::read_to_string(&endpoint.gateway_lock).ok()?;
    let (pid, born) = text.trim().split_once(' ')?;
    let owner = ShimProcess { pid: pid.parse().ok()?, born: born.parse().ok()? };
    // One that has let it go may still run, on its way out.
    let holds = os::open_private(&endpoint.gateway_lock, false)
        .is_ok_and(|lock| matches!(os::holder_of_mark(&lock), Ok(Some(pid)) if pid == 0 || u32::try_from(pid) == Ok(owner.pid)));
    (holds && owner.is_alive()).then_some(owner)
}

/// Takes the lock, unless another gateway holds it.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            other => return other,
        }
        let is_marked = matches!(os::holder_of_mark(file), Ok(Some(_)));
        if since.elapsed() >= if is_marked { GATEWAY_TIMEOUT } else { LOOK_TIMEOUT } {
            return Err(TryLockError::WouldBlock);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Fails if a process listens on the socket that is no gateway: a socket that was named by mistake is not
/// replaced. (A gateway may listen whose lock was removed; it makes room.)
fn refuse_foreign_listener(endpoint: &Endpoint) -> Result<(), BindError> {
    let deadline = Instant::now() + LISTENER_TIMEOUT;
    loop {
        let why = match connect(endpoint, &ClientHello::new(Role::Control), deadline) {
            Ok(Attempt::Absent | Attempt::Connected(_)) | Err(StartError::Refused(_)) => return Ok(()),
            // Also a gateway that ends at this moment: the next look finds none.
            Ok(Attempt::Dying) if Instant::now() < deadline => {
                std::thread::sleep(LISTENER_CHECK);
                continue;
            }
            Ok(Attempt::Dying) => "it hangs up",
            Err(StartError::Deadline { .. }) => "it does not answer",
            Err(error) => return Err(BindError::Foreign(error)),
        };
        let (socket, why) = (endpoint.socket.clone(), why.to_owned());
        return Err(BindError::Foreign(StartError::NotGateway { socket, why }));
    }
}

/// A listening gateway: the only one that may touch the socket.
pub struct Listener {
    socket: SocketListener,
    /// The inode of the socket's file.
    inode: u64,
    /// Whether the service manager has made it: then it is never renamed nor removed, and outlives this process.
    is_managers: bool,
    lock: GatewayLock,
}

impl Listener {
    /// Listens under a temporary name and moves the socket into place: every socket that is seen there
    /// answers.
    ///
    /// # Errors
    /// The endpoint cannot be trusted, or the system refuses.
    pub fn bind(lock: GatewayLock) -> Result<Self, BindError> {
        let endpoint = &lock.endpoint;
        // Again: opening the backend took its time.
        endpoint.socket_exists()?;
        let temporary = endpoint.dir().join(format!("g.{}", std::process::id()));
        let failed = |what| {
            let path = temporary.clone();
            move |source| BindError::Io { what, path, source }
        };
        // Left by a killed gateway that had our process id; the lock says that it is gone.
        let _ = std::fs::remove_file(&temporary);
        let name = temporary.as_path().to_fs_name::<GenericFilePath>().map_err(failed("name"))?;
        let options = ListenerOptions::new().name(name).mode(0o600).reclaim_name(false);
        let socket = options.create_tokio().map_err(failed("listen on"))?;
        let inode = inode(&temporary).map_err(failed("look at"))?;
        std::fs::rename(&temporary, &endpoint.socket).map_err(failed("move into place"))?;
        Ok(Self { socket, inode, is_managers: false, lock })
    }

    /// Listens on the socket that the service manager has passed.
    ///
    /// # Errors
    /// It is not this endpoint's.
    pub fn passed(lock: GatewayLock, socket: OwnedFd) -> Result<Self, BindError> {
        check_passed(&lock.endpoint, &socket)?;
        let path = &lock.endpoint.socket;
        let failed = |what, source| BindError::Io { what, path: path.clone(), source };
        let inode = inode(path).map_err(|error| failed("look at", error))?;
        let socket = UnixSocketListener::try_from(socket).map_err(|error| failed("listen on", error))?;
        let socket = SocketListener::UdSocket(socket);
        Ok(Self { socket, inode, is_managers: true, lock })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.socket.accept().await
    }

    /// Whether socket and lock are still the ones at their paths: the directory may have been cleaned up, and
    /// then neither a new shim nor a second gateway would find this one.
    pub fn is_in_place(&self) -> bool {
        let endpoint = &self.lock.endpoint;
        let has = |path: &Path, ours: u64| inode(path).is_ok_and(|inode| inode == ours);
        has(&endpoint.socket, self.inode) && has(&endpoint.gateway_lock, self.lock.inode)
    }

    /// Removes the socket and hangs up on peers that are not accepted yet: they look for the next gateway. A socket of the
    /// service manager is left as it is: those peers wait for the next gateway, which may be the program that takes this
    /// one's place, so it is given back, too. The lock stays taken until it is dropped.
    pub fn close(self) -> (GatewayLock, Option<OwnedFd>) {
        if self.is_managers {
            let SocketListener::UdSocket(socket) = self.socket;
            return (self.lock, OwnedFd::try_from(socket).ok());
        }
        let path = &self.lock.endpoint.socket;
        if inode(path).is_ok_and(|inode| inode == self.inode)
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(%error, "cannot remove the socket");
        }
        (self.lock, None)
    }
}

/// Fails if `socket`, which the service manager has passed, is not this endpoint's.
pub(super) fn check_passed(endpoint: &Endpoint, socket: &OwnedFd) -> Result<(), BindError> {
    let not_ours = |passed: String| BindError::NotOurSocket { passed, socket: endpoint.socket.clone() };
    // Made for the look alone; the descriptor stays its owner's.
    let listener = socket.try_clone().map(UnixListener::from);
    let address = listener.and_then(|listener| listener.local_addr());
    let Ok(address) = address else { return Err(not_ours("something that is no Unix socket".to_owned())) };
    let Some(path) = address.as_pathname() else {
        return Err(not_ours("a socket without a path".to_owned()));
    };
    if !is_same_place(path, &endpoint.socket) {
        return Err(not_ours(format!("the socket {}", path.display())));
    }
    match rustix::net::sockopt::socket_acceptconn(socket.as_fd()) {
        Ok(false) => Err(not_ours(format!("the socket {}, on which nothing can connect", path.display()))),
        _ => Ok(()),
    }
}

/// Whether both paths are one, however their folder is spelled (`/var/run` and `/run`).
fn is_same_place(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    a == b || (a.file_name() == b.file_name() && folder(a).is_some_and(|a| folder(b) == Some(a)))
}

fn inode(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(home: &tempfile::TempDir) -> Endpoint {
        Endpoint::resolve(None, Some(home.path())).unwrap()
    }

    fn bind(endpoint: &Endpoint) -> Result<Listener, BindError> {
        Listener::bind(GatewayLock::take(endpoint)?)
    }

    #[tokio::test]
    async fn only_one_gateway_listens() {
        let home = tempfile::tempdir().unwrap();
        let first = bind(&endpoint(&home)).unwrap();
        assert!(matches!(bind(&endpoint(&home)), Err(BindError::Taken(_))));
        // Another process sees the mark, too; see the tests of `snowgate stop`.
        let own = ShimProcess::running(std::process::id()).unwrap();
        let written = std::fs::read_to_string(&endpoint(&home).gateway_lock).unwrap();
        assert_eq!(written, format!("{} {}\n", own.pid, own.born));
        drop(first.close());
        assert_eq!(lock_owner(&endpoint(&home)), None, "no process holds it");
        bind(&endpoint(&home)).unwrap();
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_foreign_file_is_not() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&home);
        drop(bind(&endpoint).unwrap());
        assert!(endpoint.socket_exists().unwrap());
        drop(bind(&endpoint).unwrap());
        std::fs::remove_file(&endpoint.socket).unwrap();
        std::fs::write(&endpoint.socket, "precious").unwrap();
        assert!(matches!(bind(&endpoint), Err(BindError::Endpoint(_))));
        assert_eq!(std::fs::read_to_string(&endpoint.socket).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_that_another_program_listens_on_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&home);
        endpoint.prepare_dir().unwrap();
        let foreign = std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap();
        let before = inode(&endpoint.socket).unwrap();
        // Silent, and one that hangs up.
        assert!(bind(&endpoint).err().unwrap().to_string().contains("is not a Snowgate gateway"));
        std::thread::spawn(move || foreign.incoming().for_each(drop));
        assert!(bind(&endpoint).err().unwrap().to_string().contains("is not a Snowgate gateway"));
        assert_eq!(inode(&endpoint.socket).unwrap(), before);
    }

    #[tokio::test]
    async fn a_lock_can_be_taken_while_others_look_at_it() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&home);
        endpoint.prepare_dir().unwrap();
        // As programs of earlier builds look: by taking it.
        let looker = os::open_private(&endpoint.gateway_lock, false).unwrap();
        looker.lock_shared().unwrap();
        let looking = std::thread::spawn(move || {
            std::thread::sleep(2 * GATEWAY_TIMEOUT);
            drop(looker);
        });
        bind(&endpoint).unwrap();
        looking.join().unwrap();
    }

    #[tokio::test]
    async fn a_socket_of_the_service_manager_is_used_and_left_where_it_is() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&home);
        endpoint.prepare_dir().unwrap();
        let managers = UnixListener::bind(&endpoint.socket).unwrap();
        let passed = || OwnedFd::from(managers.try_clone().unwrap());
        let listener = Listener::passed(GatewayLock::take_with(&endpoint, true).unwrap(), passed()).unwrap();
        assert!(listener.is_in_place());
        let client = std::os::unix::net::UnixStream::connect(&endpoint.socket).unwrap();
        listener.accept().await.unwrap();
        let (lock, socket) = listener.close();
        assert!(socket.is_some() && endpoint.socket_exists().unwrap());
        drop((client, lock));
        std::os::unix::net::UnixStream::connect(&endpoint.socket).unwrap();
    }

    #[tokio::test]
    async fn what_is_not_this_endpoint_s_socket_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&home);
        endpoint.prepare_dir().unwrap();
        let refused = |socket: OwnedFd| check_passed(&endpoint, &socket).unwrap_err().to_string();
        let other = UnixListener::bind(home.path().join("other.sock")).unwrap();
        assert!(refused(other.into()).contains("other.sock"));
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(refused(tcp.into()).contains("no Unix socket"));
        let (pair, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(refused(pair.into()).contains("without a path"));
        let deaf = std::os::unix::net::UnixDatagram::bind(&endpoint.socket).unwrap();
        assert!(refused(deaf.into()).contains("nothing can connect"));
    }

    #[tokio::test]
    async fn a_socket_that_was_replaced_is_not_removed() {
        let home = tempfile::tempdir().unwrap();
        let listener = bind(&endpoint(&home)).unwrap();
        std::fs::remove_file(&endpoint(&home).socket).unwrap();
        std::fs::write(&endpoint(&home).socket, "another's").unwrap();
        drop(listener.close());
        assert!(endpoint(&home).socket.exists());
    }
}
