//! The socket (or pipe) and the lock that makes its owner the only gateway.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::hello::{ClientHello, Role};
use snowgate_link::os;
use snowgate_link::start::{Attempt, StartError, connect};

use crate::os::{
    FileId, FileStamp, LinkConnection, ListenError, PassedNumber, PassedSocket, ShimListener, pass_lock_on,
    take_over_lock, why_not_at,
};
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

impl From<ListenError> for BindError {
    fn from(error: ListenError) -> Self {
        let ListenError { what, path, source } = error;
        Self::Io { what, path, source }
    }
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
    /// Which file the lock is, to notice that it is no longer the one at its path.
    id: FileId,
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
                let id = FileStamp::of(&file).map_err(|source| io_error("look at", source))?.id;
                note_owner(&file);
                Ok(Self { endpoint: endpoint.clone(), id, file })
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
    pub fn pass_on(&self) -> io::Result<PassedNumber> {
        pass_lock_on(&self.file)
    }

    /// Goes on with the lock that the program before this one held. Where that is not the endpoint's lock any
    /// more, it is let go and taken anew.
    ///
    /// # Errors
    /// As [`GatewayLock::take`].
    pub async fn take_over(
        endpoint: &Endpoint,
        number: PassedNumber,
        has_socket: bool,
    ) -> Result<Self, BindError> {
        endpoint.prepare_dir()?;
        let held = take_over_lock(endpoint, number).await;
        match held.and_then(|file| Ok((FileStamp::of(&file)?.id, file))) {
            Ok((id, file)) => {
                // An earlier build may not have.
                os::mark(&file);
                note_owner(&file);
                Ok(Self { endpoint: endpoint.clone(), id, file })
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take over the lock of the gateway before; taking it anew");
                Self::take_with(endpoint, has_socket)
            }
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
        match os::try_lock(file) {
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
    socket: ShimListener,
    lock: GatewayLock,
}

impl Listener {
    /// Listens at the endpoint.
    ///
    /// # Errors
    /// The endpoint cannot be trusted, or the system refuses.
    pub fn bind(lock: GatewayLock) -> Result<Self, BindError> {
        // Again: opening the backend took its time.
        lock.endpoint.socket_exists()?;
        Ok(Self { socket: ShimListener::bind(&lock.endpoint)?, lock })
    }

    /// Listens on the socket that the service manager has passed.
    ///
    /// # Errors
    /// It is not this endpoint's.
    pub fn passed(lock: GatewayLock, socket: PassedSocket) -> Result<Self, BindError> {
        check_passed(&lock.endpoint, &socket)?;
        Ok(Self { socket: ShimListener::passed(&lock.endpoint, socket)?, lock })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub async fn accept(&self) -> io::Result<LinkConnection> {
        self.socket.accept().await
    }

    /// Whether socket and lock are still the ones at their paths: the directory may have been cleaned up, and
    /// then neither a new shim nor a second gateway would find this one.
    pub fn is_in_place(&self) -> bool {
        let lock = FileStamp::of_entry(&self.lock.endpoint.gateway_lock);
        self.socket.is_in_place() && lock.is_ok_and(|found| found.id == self.lock.id)
    }

    /// Ends what shims connect to; one of the service manager's is given back, for the gateway that takes this one's place.
    /// The lock stays taken until it is dropped.
    pub fn close(self) -> (GatewayLock, Option<PassedSocket>) {
        let socket = self.socket.close().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot remove the socket");
            None
        });
        (self.lock, socket)
    }
}

/// Fails if `socket`, which the service manager has passed, is not this endpoint's.
pub(super) fn check_passed(endpoint: &Endpoint, socket: &PassedSocket) -> Result<(), BindError> {
    let socket_path = &endpoint.socket;
    match why_not_at(socket, socket_path) {
        None => Ok(()),
        Some(passed) => Err(BindError::NotOurSocket { passed, socket: socket_path.clone() }),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    fn inode(path: &Path) -> io::Result<FileId> {
        Ok(FileStamp::of_entry(path)?.id)
    }

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
