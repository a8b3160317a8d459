//! The named pipe that shims connect to, and its connections.
//!
//! A pipe is a set of instances, each of which takes one client; one always waits for the next. A gateway makes the first one, or
//! joins a pipe that is this user's alone (see [`first_instance`]); all let in this user and the system alone, and nothing from
//! another machine. With tokio's pipes and not `interprocess`': whether an instance may be the first is decided here.

use std::io::{self, ErrorKind};
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::os::{
    Descriptor, Stream, look_into, private_pipe, rights_of_others, user, user_of_process,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use tokio::sync::Mutex;
use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED};
use windows_sys::Win32::System::Pipes::GetNamedPipeClientProcessId;

use super::PassedSocket;
use crate::os::{LinkPeer, ListenError};

/// Bytes that the system keeps for each direction of a connection.
const BUFFER_BYTES: u32 = 64 * 1024;

/// How long the pipe of a gateway that has let its lock go may be there still, and how often it is tried for.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_INTERVAL: Duration = Duration::from_millis(5);

/// The instance that a gateway has made before it had the lock of the one that it follows (see `successor`).
static RESERVED: StdMutex<Option<(PathBuf, NamedPipeServer)>> = StdMutex::new(None);

/// Listens for shims.
pub struct ShimListener {
    path: PathBuf,
    /// The instance that waits for the next client.
    next: Mutex<NamedPipeServer>,
}

/// A connection of a shim; a reference reads and writes.
#[derive(Debug)]
pub struct LinkConnection(NamedPipeServer);

impl ShimListener {
    /// Makes the pipe. One that is there already and cannot be joined is waited for a little.
    ///
    /// # Errors
    /// The system refuses.
    pub fn bind(endpoint: &Endpoint) -> Result<Self, ListenError> {
        let path = endpoint.socket.clone();
        let reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner).take();
        let first = match reserved.filter(|(reserved, _)| *reserved == path) {
            Some((_, first)) => Ok(first),
            None => first_instance(&path),
        };
        match first {
            Ok(first) => Ok(Self { path, next: Mutex::new(first) }),
            Err(source) => Err(ListenError { what: "listen on", path, source }),
        }
    }

    /// No service manager passes a pipe here.
    ///
    /// # Errors
    /// Always.
    pub fn passed(endpoint: &Endpoint, _socket: PassedSocket) -> Result<Self, ListenError> {
        let (path, source) = (endpoint.socket.clone(), ErrorKind::Unsupported.into());
        Err(ListenError { what: "listen on", path, source })
    }

    /// The next connection. The instance for the one after it is there before this returns.
    ///
    /// # Errors
    /// The system's.
    pub async fn accept(&self) -> io::Result<LinkConnection> {
        let mut next = self.next.lock().await;
        match next.connect().await {
            Ok(()) => {}
            // It came and went: this instance is of no more use.
            Err(error) if is_closed(&error) => {
                *next = instance(&self.path, false)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        let another = instance(&self.path, false)?;
        Ok(LinkConnection(std::mem::replace(&mut *next, another)))
    }

    /// A pipe has no file that could be removed.
    pub fn is_in_place(&self) -> bool {
        true
    }

    /// Ends the instance that waits: who looks for a gateway now finds none, and the lock says that one ends.
    ///
    /// # Errors
    /// None.
    pub fn close(self) -> io::Result<Option<PassedSocket>> {
        Ok(None)
    }
}

/// Makes the pipe of `endpoint` before this process has its lock.
///
/// # Errors
/// The system's.
pub(super) fn reserve(endpoint: &Endpoint) -> io::Result<()> {
    let first = first_instance(&endpoint.socket)?;
    *RESERVED.lock().unwrap_or_else(PoisonError::into_inner) = Some((endpoint.socket.clone(), first));
    Ok(())
}

/// Lets it go again.
pub(super) fn give_up_reserved() {
    *RESERVED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// An instance of a pipe that is this user's alone. Mostly it is the first one. Where a shim has not closed its end of a gateway's
/// that is gone, the pipe is there still, with that gateway's owner and list; another's is not joined.
fn first_instance(path: &Path) -> io::Result<NamedPipeServer> {
    let deadline = Instant::now() + FIRST_TIMEOUT;
    loop {
        match instance(path, true).or_else(|error| {
            // That is how the system says that it is not the first.
            let is_there = error.kind() == ErrorKind::PermissionDenied;
            if is_there { instance(path, false).and_then(own) } else { Err(error) }
        }) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied && Instant::now() < deadline => {
                std::thread::sleep(FIRST_INTERVAL);
            }
            other => return other,
        }
    }
}

/// `pipe` if it is this user's alone: owner and list are those that its first maker gave it.
fn own(pipe: NamedPipeServer) -> io::Result<NamedPipeServer> {
    let descriptor = Descriptor::of_pipe(&pipe)?;
    let is_ours = descriptor.owner()? == user().0 && rights_of_others(descriptor.grants()?.as_deref()).0 == 0;
    if is_ours { Ok(pipe) } else { Err(ErrorKind::PermissionDenied.into()) }
}

fn instance(path: &Path, is_first: bool) -> io::Result<NamedPipeServer> {
    let descriptor = private_pipe()?;
    let mut attributes = descriptor.attributes();
    let mut options = ServerOptions::new();
    options.first_pipe_instance(is_first).reject_remote_clients(true);
    options.in_buffer_size(BUFFER_BYTES).out_buffer_size(BUFFER_BYTES);
    // SAFETY: attributes that are valid and outlive the call.
    unsafe { options.create_with_security_attributes_raw(path, (&raw mut attributes).cast()) }
}

fn is_closed(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    matches!(code, Some(ERROR_BROKEN_PIPE | ERROR_NO_DATA | ERROR_PIPE_NOT_CONNECTED))
}

impl AsyncRead for &LinkConnection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.0.try_read(into.initialize_unfilled()) {
                Ok(read) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The other end is closed, and all that it has written is read.
                Err(error) if is_closed(&error) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.0.poll_read_ready(cx))?;
        }
    }
}

impl AsyncWrite for &LinkConnection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if is_closed(&error) => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
                other => return Poll::Ready(other),
            }
            ready!(self.0.poll_write_ready(cx))?;
        }
    }

    /// What was begun to be written is written also when this end is closed, but not when the process ends: what a shim has not
    /// read until then it asks the next gateway for.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Who is at the other end, if the system reports it.
pub fn peer_of(connection: &LinkConnection) -> Option<LinkPeer> {
    let mut pid = 0;
    // SAFETY: a pipe that is open, and room for a number.
    let done = unsafe { GetNamedPipeClientProcessId(connection.0.as_raw_handle(), &raw mut pid) };
    let user = user_of_process(pid).filter(|_| done != 0)?;
    Some(LinkPeer { user, pid: Some(pid) })
}

/// Whether the other end has hung up.
pub fn has_peer_gone(connection: &LinkConnection) -> bool {
    look_into(&connection.0).is_err_and(|error| is_closed(&error))
}

/// No service manager passes a pipe here.
pub fn why_not_at(_socket: &PassedSocket, _wanted: &Path) -> Option<String> {
    Some("something that is no pipe".to_owned())
}

/// See [`why_not_at`].
pub fn waiting_at(_socket: PassedSocket) -> impl Iterator<Item = Stream> {
    std::iter::empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance_of(path: &Path, list: &str) -> io::Result<NamedPipeServer> {
        let descriptor = Descriptor::parse(list)?;
        let mut attributes = descriptor.attributes();
        // SAFETY: attributes that are valid and outlive the call.
        unsafe {
            ServerOptions::new().create_with_security_attributes_raw(path, (&raw mut attributes).cast())
        }
    }

    #[tokio::test]
    async fn a_pipe_that_others_can_use_or_own_is_not_joined() {
        let user = user();
        let path =
            |name: &str| PathBuf::from(format!(r"\\.\pipe\snowgate-own-{}-{name}", std::process::id()));
        own(first_instance(&path("ours")).unwrap()).unwrap();
        let open = instance_of(&path("open"), &format!("O:{user}D:P(A;;GA;;;{user})(A;;GRGW;;;WD)")).unwrap();
        assert_eq!(own(open).unwrap_err().kind(), ErrorKind::PermissionDenied);
        // Windows lets a user without privileges make nothing that another owns; Wine does.
        if let Ok(foreign) = instance_of(&path("foreign"), &format!("O:SYD:P(A;;GA;;;{user})")) {
            assert_eq!(own(foreign).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    }

    #[tokio::test]
    async fn a_shim_is_known_by_its_user_and_what_it_says_is_read_to_its_end() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let path = PathBuf::from(format!(r"\\.\pipe\snowgate-shim-{}", std::process::id()));
        let listener = ShimListener { path: path.clone(), next: Mutex::new(first_instance(&path).unwrap()) };
        let shim = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let stream = snowgate_link::os::connect(&path, Duration::from_secs(60)).unwrap();
            (&stream).write_all(b"question").unwrap();
            let mut answer = [0; 6];
            (&stream).read_exact(&mut answer).unwrap();
            answer
        });
        let connection = listener.accept().await.unwrap();
        assert_eq!(peer_of(&connection).map(|peer| peer.user), Some(user()));
        let mut question = [0; 8];
        (&connection).read_exact(&mut question).await.unwrap();
        assert!(!has_peer_gone(&connection));
        (&connection).write_all(b"answer").await.unwrap();
        assert_eq!((&question, &shim.join().unwrap()), (b"question", b"answer"));
        let mut rest = Vec::new();
        (&connection).read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() && has_peer_gone(&connection));
    }
}
